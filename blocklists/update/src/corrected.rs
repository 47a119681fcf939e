//! What the last change of the policy's corrections was, for people who read what changed.
//!
//! The journal is about lists; corrections are the school's own words and stand in its policy. What
//! is told is the last change that came into force: which were added, which are gone.

use std::collections::BTreeSet;

use blocklists::category::CategoryId;
use blocklists::overlay::Correction;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Page;

/// What the page of corrections is called among the sources.
pub(crate) const PAGE: &str = "corrections";

/// A word for the corrections of a policy that changes when they do.
pub(crate) fn corrections_word(corrections: &[Correction]) -> String {
    let mut words = String::new();
    for Correction { name, exact, category, into } in corrections {
        words += &format!("{name} {exact} {category} {into};");
    }
    words
}

/// When other corrections came into force, and the word of those before them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Corrected {
    pub(crate) at: Timestamp,
    pub(crate) before: String,
}

impl Corrected {
    /// The page that says what changed, down to the corrections `now` in force.
    pub(crate) fn page(&self, now: &str, entries_max: usize) -> Page {
        let (before, after) = (parted(&self.before), parted(now));
        let added: Vec<&str> = after.difference(&before).copied().collect();
        let removed: Vec<&str> = before.difference(&after).copied().collect();
        let entries = added.iter().map(|word| ('+', *word)).chain(removed.iter().map(|word| ('-', *word)));
        Page {
            source: PAGE.to_owned(),
            at: self.at,
            added: added.len() as u64,
            removed: removed.len() as u64,
            entries: entries.filter_map(|(sign, word)| told(sign, word)).take(entries_max).collect(),
            error: None,
        }
    }
}

fn parted(words: &str) -> BTreeSet<&str> {
    words.split(';').filter(|word| !word.is_empty()).collect()
}

/// `+gambling takes out bet7.example`; nothing of a locked category.
fn told(sign: char, word: &str) -> Option<String> {
    let mut parts = word.split(' ');
    let (name, exact, category, into) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let does = if into == "true" { "takes in" } else { "takes out" };
    let alone = if exact == "true" { " alone" } else { "" };
    let is_shown = CategoryId::new(category).is_some_and(|category| !category.is_locked());
    is_shown.then(|| format!("{sign}{category} {does} {name}{alone}"))
}
