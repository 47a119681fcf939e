//! Modifiers: what stands behind the `$` of a rule.

use crate::name::Name;
use crate::parse::Types;
use crate::parse::rtype;

/// Most names that one rule may spare.
const SPARED_MAX: usize = 1000;

/// The modifiers of one rule.
#[derive(Debug, Default)]
pub(super) struct Modifiers {
    pub(super) important: bool,
    pub(super) cancels: bool,
    pub(super) types: Option<Types>,
    pub(super) spared: Vec<Name>,
}

/// Why a rule's modifiers are not taken.
pub(super) enum Odd {
    /// One of this kind narrows or changes the rule in a way that is not known here.
    Unsupported(&'static str),
    /// One cannot be read.
    Wrong(&'static str),
}

impl Modifiers {
    /// Reads what stands behind the `$`, if there is one. A modifier that is not known decides, so
    /// that a rule is of the same kind wherever its modifiers stand.
    pub(super) fn read(text: Option<&[u8]>) -> Result<Self, Odd> {
        let mut all = Self::default();
        let mut wrong = None;
        for modifier in text.into_iter().flat_map(|text| text.split(|&byte| byte == b',')) {
            let modifier = modifier.trim_ascii();
            let (word, value) = match memchr::memchr(b'=', modifier) {
                Some(at) => modifier.split_at(at),
                None => (modifier, &[][..]),
            };
            let value = value.get(1..).unwrap_or_default();
            match word {
                b"important" if modifier == word => all.important = true,
                b"badfilter" if modifier == word => all.cancels = true,
                b"dnstype" => match types(value) {
                    Some(types) => all.types = Some(types),
                    None => wrong = Some("a record type that is not known"),
                },
                b"denyallow" => match spared(value) {
                    Some(names) => all.spared = names,
                    None => wrong = Some("`denyallow` takes names, divided by `|`"),
                },
                _ => return Err(Odd::Unsupported(kind_of(modifier))),
            }
        }
        wrong.map_or(Ok(all), |why| Err(Odd::Wrong(why)))
    }
}

/// `A|AAAA`: only these; `~A|~AAAA`: all but these; both: these without those.
fn types(value: &[u8]) -> Option<Types> {
    let (mut only, mut but) = (Vec::new(), Vec::new());
    for word in value.split(|&byte| byte == b'|') {
        match word.trim_ascii().strip_prefix(b"~") {
            Some(word) => but.push(rtype::number(word.trim_ascii())?),
            None => only.push(rtype::number(word.trim_ascii())?),
        }
    }
    let is_only = !only.is_empty();
    only.retain(|rtype| !but.contains(rtype));
    let mut types = if is_only { only } else { but };
    types.sort_unstable();
    types.dedup();
    // `A|~A` speaks of nothing, which nobody means.
    (!types.is_empty()).then_some(if is_only { Types::Only(types) } else { Types::But(types) })
}

fn spared(value: &[u8]) -> Option<Vec<Name>> {
    let words = value.split(|&byte| byte == b'|');
    let names: Option<Vec<Name>> = words
        .take(SPARED_MAX + 1)
        .map(|word| Name::parse(std::str::from_utf8(word.trim_ascii()).ok()?).ok())
        .collect();
    let mut names = names.filter(|names| names.len() <= SPARED_MAX)?;
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// `~third-party` is of kind `third-party`, `ctag=os_ios` of kind `ctag`. Anything that is not a
/// word, which a hostile list could fill a report with, is of kind `unknown`.
fn kind_of(modifier: &[u8]) -> &'static str {
    let word = modifier.strip_prefix(b"~").unwrap_or(modifier);
    let word = word.split(|&byte| byte == b'=').next().unwrap_or(&[]);
    MODIFIERS.iter().find(|known| known.as_bytes() == word).unwrap_or(&"unknown")
}

/// Modifiers that rules in the wild carry and that mean nothing here, or not this.
const MODIFIERS: [&str; 38] = [
    "1p",
    "3p",
    "all",
    "app",
    "badfilter",
    "client",
    "cname",
    "content",
    "cookie",
    "csp",
    "ctag",
    "dnsrewrite",
    "doc",
    "document",
    "domain",
    "elemhide",
    "font",
    "frame",
    "generichide",
    "ghide",
    "image",
    "important",
    "inline-script",
    "match-case",
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
    "xmlhttprequest",
];
