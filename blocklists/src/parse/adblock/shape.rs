//! Patterns of rules: which are a name after all, and what the others are as regular expressions.
//!
//! The signs mean of a name: `||` the start of the name or of any label, `|` its start in front and
//! its end behind, `^` its end (nothing in a name separates but its end), `*` anything. Without a
//! sign on a side the pattern is open on that side, with one reading that every list relies on: a
//! whole host is that host (`||ads.example` is meant as `||ads.example^`).

use std::net::IpAddr;

use crate::parse::Reach;

/// What a pattern is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape<'t> {
    /// A host, if it is one, and what around it.
    Host(&'t [u8], Reach),
    /// A regular expression over names.
    Pattern(String),
    /// It fits only addresses of pages.
    InsideUrl,
    /// No name ever fits it.
    FitsNone,
    /// It says nothing, or too much.
    Wrong(&'static str),
}

/// Where in a name the body of a pattern starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    /// At the start of a label: `||`.
    Label,
    /// At the start of the name: `|`.
    Name,
    /// Anywhere.
    Any,
}

/// Reads a pattern; `plain` is what bare names speak of.
pub(super) fn of(pattern: &[u8], plain: Reach) -> Shape<'_> {
    let (front, rest) = if let Some(rest) = pattern.strip_prefix(b"||") {
        (Front::Label, rest)
    } else if let Some(rest) = pattern.strip_prefix(b"|") {
        (Front::Name, rest)
    } else {
        (Front::Any, pattern)
    };
    let Some((body, end)) = without_end(rest) else { return Shape::FitsNone };
    let closed = end == End::Closed;
    let body_from_star = body.iter().position(|&byte| byte != b'*').unwrap_or(body.len());
    let floating = body_from_star > 0;
    let front = if floating { Front::Any } else { front };
    let body = body.get(body_from_star..).unwrap_or_default();
    match body {
        [] if pattern.contains(&b'*') => return Shape::Wrong("the pattern fits every name"),
        [] => return Shape::Wrong("there is no name in it"),
        _ if memchr::memchr2(b'^', b'|', body).is_some() && !body.contains(&b'/') => return Shape::FitsNone,
        _ => {}
    }
    if !floating && is_address(body) {
        return Shape::Host(body, plain);
    }
    let is_spelt = body.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte));
    let has_star = body.contains(&b'*');
    if !is_spelt && (has_star || floating || (closed && front == Front::Any)) {
        let is_url = body.iter().any(|byte| b"/:?=&%".contains(byte));
        return if is_url { Shape::InsideUrl } else { Shape::Wrong("the pattern holds what no name does") };
    }
    let goes_on = end == End::Starred || (body.ends_with(b".") && !closed);
    let is_host = !(has_star || is_spelt && goes_on);
    let is_word = is_spelt && !body.contains(&b'.');
    match (front, body.strip_prefix(b".")) {
        (Front::Any, Some(host)) if is_host => Shape::Host(host, Reach::Below),
        (Front::Label, None) if is_host && (closed || !is_word) => Shape::Host(body, Reach::Subtree),
        (Front::Name, None) if is_host && (closed || !is_word) => Shape::Host(body, Reach::Exact),
        (Front::Any, None) if is_host && !floating && !closed => Shape::Host(body, plain),
        // Not even an address or a URL starts with a dot.
        (Front::Label | Front::Name, Some(_)) if !has_star => Shape::Wrong("the name has an empty label"),
        _ if is_spelt => Shape::Pattern(regex(front, body, closed)),
        _ => Shape::Host(body, plain),
    }
}

fn is_address(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

/// How a pattern ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// With `^` or `|`: there the name ends.
    Closed,
    /// With `*`: the name goes on or not.
    Starred,
    /// With nothing.
    Open,
}

/// What stands before the signs at the end; `None` where something would have to come behind the end
/// of a name.
fn without_end(text: &[u8]) -> Option<(&[u8], End)> {
    let trim = |text: &[u8], sign: u8| text.iter().rposition(|&byte| byte != sign).map_or(0, |at| at + 1);
    let stars = trim(text, b'*');
    let mut body = text.get(..stars)?;
    let mut end = if stars < text.len() { End::Starred } else { End::Open };
    if let Some(rest) = body.strip_suffix(b"|") {
        if end == End::Starred {
            return None;
        }
        (body, end) = (rest, End::Closed);
    }
    let carets = trim(body, b'^');
    if carets < body.len() {
        (body, end) = (body.get(..carets)?, End::Closed);
    }
    // `x*^` and `x*|`: anything, then the end.
    let stars = trim(body, b'*');
    if stars < body.len() {
        end = End::Starred;
    }
    Some((body.get(..stars)?, end))
}

fn regex(front: Front, body: &[u8], closed: bool) -> String {
    let mut out = String::with_capacity(body.len() + 16);
    out.push_str(match front {
        Front::Label => "(?:^|\\.)",
        Front::Name => "^",
        Front::Any => "",
    });
    let mut last = 0;
    for &byte in body {
        match byte {
            b'*' if last == b'*' => {}
            b'*' => out.push_str(".*"),
            b'.' => out.push_str("\\."),
            _ => out.push(char::from(byte.to_ascii_lowercase())),
        }
        last = byte;
    }
    if closed {
        out.push('$');
    }
    out
}
