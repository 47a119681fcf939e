//! Wildcards of content blockers, matched the slow way: at every place, with every length; and regular
//! expressions, by a library.

use regex_automata::meta::Regex;

use super::Said;
use super::formats::Line;

/// One line that means names by how they are spelt.
#[derive(Debug)]
pub struct Glob {
    /// Which source and category it feeds.
    pub feed: u16,
    /// What it says of the names that it fits.
    pub said: Said,
    text: String,
    /// Every name that it fits has these letters.
    letters: String,
    regex: Option<Regex>,
}

impl Glob {
    /// What a line means that is about no name.
    pub fn of(line: Line, feed: u16, said: Said) -> Option<Self> {
        match line {
            Line::Glob(text) => Self::new(feed, said, &text),
            Line::Regex(text) => Self::regex(feed, said, &text),
            Line::Name(_) => None,
        }
    }

    /// A regular expression without its slashes; `None` where the library cannot read it.
    fn regex(feed: u16, said: Said, text: &str) -> Option<Self> {
        let regex = Some(Regex::new(text).ok()?);
        Some(Self { feed, said, text: String::new(), letters: String::new(), regex })
    }

    /// A pattern without `@@` and modifiers; `None` where it is more than letters, `*`, `^` and `|`.
    fn new(feed: u16, said: Said, text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let is_known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.*^|".contains(&byte);
        if !text.bytes().all(is_known) {
            return None;
        }
        let letters = text.split(['*', '^', '|']).max_by_key(|run| run.len())?.to_owned();
        (!letters.is_empty()).then_some(Self { feed, said, text, letters, regex: None })
    }

    /// Whether a name in lower case fits.
    pub fn fits(&self, name: &str) -> bool {
        if let Some(regex) = &self.regex {
            return regex.is_match(name);
        }
        if !name.contains(&self.letters) {
            return false;
        }
        let name = name.as_bytes();
        let fits_from =
            |pattern: &str, place: usize| fits(pattern.as_bytes(), name.get(place..).unwrap_or(&[]));
        if let Some(pattern) = self.text.strip_prefix("||") {
            let after_dot = |place: &usize| *place == 0 || name.get(place - 1) == Some(&b'.');
            return (0..name.len()).filter(after_dot).any(|place| fits_from(pattern, place));
        }
        match self.text.strip_prefix('|') {
            Some(pattern) => fits_from(pattern, 0),
            None => (0..name.len()).any(|place| fits_from(&self.text, place)),
        }
    }
}

/// Whether a text begins with what a pattern means; `^` and a last `|` mean its end, names have no
/// other separator.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => true,
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| fits(rest, text.get(skipped..).unwrap_or(&[]))),
        Some((b'^' | b'|', rest)) => text.is_empty() && fits(rest, text),
        Some((letter, rest)) => text.first() == Some(letter) && fits(rest, text.get(1..).unwrap_or(&[])),
    }
}
