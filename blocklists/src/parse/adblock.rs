//! Format `adblock`: rules of content blockers, as far as they name hosts.
//!
//! `||x^` speaks of x and all below, `|x^` and a bare name of that name (a bare name's span can be
//! set), `@@` in front makes an exception. `$important` and `$badfilter` are known; a rule with any
//! other modifier does not mean "this host, always", so it is counted by kind and ignored, as are
//! patterns that are more than a name. Cosmetic rules work inside pages: nothing for DNS.

use super::{Marks, Parser, Reach};

/// Marks of cosmetic rules, as they stand between a page's host and a selector.
const COSMETIC: [&[u8]; 10] =
    [b"##", b"#@#", b"#?#", b"#@?#", b"#$#", b"#@$#", b"#$?#", b"#%#", b"#@%#", b"#+js("];

/// Reads one line that is not blank.
pub(super) fn read_line(parser: &mut Parser<'_>, text: &[u8]) {
    if is_comment(text) {
        return;
    }
    parser.report.lines += 1;
    let text = without_comment(text);
    if memchr::memchr(b'#', text).is_some() {
        return if COSMETIC.iter().any(|mark| memchr::memmem::find(text, mark).is_some()) {
            parser.report.not_enforceable += 1;
        } else {
            parser.reject("a `#` that starts neither a comment nor a cosmetic rule");
        };
    }
    let (exception, text) = text.strip_prefix(b"@@").map_or((false, text), |rest| (true, rest));
    if is_regex(text) {
        return parser.ignore("regex");
    }
    let (pattern, marks) = match split_modifiers(text, exception) {
        Ok(parts) => parts,
        Err(kind) => return parser.ignore(&kind),
    };
    if (marks.exception || marks.cancels) && parser.file.locked {
        return parser.reject("a locked category has no exceptions");
    }
    read_pattern(parser, pattern, marks);
}

fn read_pattern(parser: &mut Parser<'_>, pattern: &[u8], marks: Marks) {
    let (anchored, rest) = if let Some(rest) = pattern.strip_prefix(b"||") {
        (Some(Reach::Subtree), rest)
    } else if let Some(rest) = pattern.strip_prefix(b"|") {
        (Some(Reach::Exact), rest)
    } else {
        (None, pattern)
    };
    let host = rest.strip_suffix(b"|").unwrap_or(rest);
    let host = host.strip_suffix(b"^").unwrap_or(host);
    if host.contains(&b'*') {
        return parser.ignore("wildcard");
    }
    // Without an anchor in front, `x^` means any name that ends in these letters; with a dot at its
    // end, `||x.` means any name that begins so.
    if anchored.is_none() && host.len() != rest.len() || host.ends_with(b".") {
        return parser.ignore("pattern");
    }
    let reach = anchored.unwrap_or(parser.file.reach);
    match parser.take(host, reach, marks) {
        Ok(()) => {}
        Err(_) if host.contains(&b'^') || host.contains(&b'|') => parser.ignore("pattern"),
        Err(why) => parser.count_failed(host, why),
    }
}

fn is_comment(text: &[u8]) -> bool {
    match text {
        [b'!', ..] => true,
        [b'[', ..] => text.get(1..8).is_some_and(|word| word.eq_ignore_ascii_case(b"adblock")),
        // `##.advert` is a rule, `# text`, `## text` and `#####` are comments.
        [b'#', rest @ ..] => {
            let selector = COSMETIC.iter().find_map(|mark| text.strip_prefix(*mark));
            rest.is_empty() || selector.is_none_or(|text| matches!(text.first(), None | Some(b'#' | b' ')))
        }
        _ => false,
    }
}

/// A comment behind a rule has a blank before its `#`.
fn without_comment(text: &[u8]) -> &[u8] {
    memchr::memmem::find(text, b" #").and_then(|at| text.get(..at)).unwrap_or(text).trim_ascii_end()
}

fn is_regex(text: &[u8]) -> bool {
    text.len() > 1
        && text.starts_with(b"/")
        && (text.ends_with(b"/") || memchr::memmem::find(text, b"/$").is_some())
}

/// The pattern and its marks; an unknown modifier's kind when there is one.
fn split_modifiers(text: &[u8], exception: bool) -> Result<(&[u8], Marks), String> {
    let mut marks = Marks { exception, ..Marks::default() };
    let Some(at) = memchr::memrchr(b'$', text) else { return Ok((text, marks)) };
    let (pattern, modifiers) = (text.get(..at).unwrap_or(text), text.get(at + 1..).unwrap_or(&[]));
    for modifier in modifiers.split(|&byte| byte == b',') {
        match modifier.trim_ascii() {
            b"important" => marks.important = true,
            b"badfilter" => marks.cancels = true,
            other => return Err(kind_of(other)),
        }
    }
    Ok((pattern, marks))
}

/// `~third-party` is of kind `third-party`, `ctag=os_ios` of kind `ctag`. Anything that is not a
/// word, which a hostile list could fill a report with, is of kind `unknown`.
fn kind_of(modifier: &[u8]) -> String {
    let word = modifier.strip_prefix(b"~").unwrap_or(modifier);
    let word = word.split(|&byte| byte == b'=').next().unwrap_or(&[]);
    let known = MODIFIERS.iter().find(|known| known.as_bytes() == word);
    known.map_or_else(|| "unknown".to_owned(), |known| (*known).to_owned())
}

/// Modifiers that rules in the wild carry.
const MODIFIERS: [&str; 36] = [
    "1p",
    "3p",
    "all",
    "app",
    "client",
    "cname",
    "content",
    "cookie",
    "csp",
    "ctag",
    "denyallow",
    "dnsrewrite",
    "dnstype",
    "doc",
    "document",
    "domain",
    "elemhide",
    "font",
    "frame",
    "generichide",
    "ghide",
    "image",
    "inline-script",
    "media",
    "method",
    "network",
    "object",
    "other",
    "ping",
    "popup",
    "redirect",
    "removeparam",
    "script",
    "stylesheet",
    "subdocument",
    "third-party",
];
