//! Format `adblock`: rules of content blockers, as far as they speak of hosts.
//!
//! `||x^` speaks of x and all below, `|x^` and a bare name of that name (a bare name's span can be
//! set), `@@` in front makes an exception; wildcards and regular expressions are patterns over names.
//! A rule with a modifier that is not known here does not mean "this host, always", so it is counted
//! by kind and ignored. Cosmetic rules work inside pages: nothing for DNS.

mod modifiers;
mod regex;
mod shape;

use super::{Bad, Marks, Parser};
use modifiers::{Modifiers, Odd};
use shape::Shape;

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
    let (exception, rule) = text.strip_prefix(b"@@").map_or((false, text), |rest| (true, rest));
    // A regular expression may hold anything, `#` and `$` too.
    let (pattern, modifiers) = if let Some((pattern, modifiers)) = split_regex(rule) {
        (Pattern::Regex(pattern), modifiers)
    } else {
        if memchr::memchr(b'#', rule).is_some() {
            return count_hash(parser, rule);
        }
        let (pattern, modifiers) = split_plain(rule);
        (Pattern::Plain(pattern), modifiers)
    };
    let modifiers = match Modifiers::read(modifiers) {
        Ok(modifiers) => modifiers,
        Err(Odd::Unsupported(kind)) => return parser.ignore(kind),
        Err(Odd::Wrong(why)) => return parser.reject(why),
    };
    let Modifiers { important, cancels, ref types, ref spared } = modifiers;
    if (exception || cancels) && parser.file.locked {
        return parser.reject("a locked category has no exceptions");
    }
    let (types, spared) = (types.as_ref(), spared.as_slice());
    let marks = Marks { exception, important, cancels, types, spared, ..Marks::default() };
    match pattern {
        Pattern::Regex(pattern) => read_regex(parser, pattern, marks),
        Pattern::Plain(pattern) => read_plain(parser, pattern, marks),
    }
}

/// What stands before the modifiers.
enum Pattern<'t> {
    /// Between two slashes.
    Regex(&'t [u8]),
    Plain(&'t [u8]),
}

fn read_regex(parser: &mut Parser<'_>, pattern: &[u8], marks: Marks<'_>) {
    match regex::translated(pattern) {
        Some(pattern) => take_pattern(parser, &pattern, marks),
        None => parser.reject("the pattern holds what no name does"),
    }
}

fn read_plain(parser: &mut Parser<'_>, pattern: &[u8], marks: Marks<'_>) {
    match shape::of(pattern, parser.file.reach) {
        Shape::Host(host, reach) => match parser.take(host, reach, marks) {
            Ok(()) => {}
            Err(Bad::Name(_)) if host.contains(&b'^') || host.contains(&b'|') => parser.ignore("pattern"),
            Err(bad) => parser.count(bad),
        },
        Shape::Pattern(pattern) => take_pattern(parser, &pattern, marks),
        Shape::InsideUrl => parser.count(Bad::NotEnforceable),
        Shape::FitsNone => parser.ignore("pattern"),
        Shape::Wrong(why) => parser.reject(why),
    }
}

fn take_pattern(parser: &mut Parser<'_>, pattern: &str, marks: Marks<'_>) {
    if let Err(why) = parser.take_pattern(pattern, marks) {
        parser.reject(why);
    }
}

fn count_hash(parser: &mut Parser<'_>, rule: &[u8]) {
    if COSMETIC.iter().any(|mark| memchr::memmem::find(rule, mark).is_some()) {
        parser.count(Bad::NotEnforceable);
    } else {
        parser.reject("a `#` that starts neither a comment nor a cosmetic rule");
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

/// The inside of `/regex/` or `/regex/$modifiers`, and the modifiers.
fn split_regex(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let inner = text.strip_prefix(b"/")?;
    if let Some(pattern) = inner.strip_suffix(b"/") {
        return Some((pattern, None));
    }
    let at = memchr::memmem::rfind(inner, b"/$")?;
    Some((inner.get(..at)?, inner.get(at + 2..)))
}

/// A pattern and its modifiers.
fn split_plain(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let at = memchr::memrchr(b'$', text);
    at.map_or((text, None), |at| (text.get(..at).unwrap_or(text), text.get(at + 1..)))
}
