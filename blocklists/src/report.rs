//! What a source turned out to hold: counts, and samples of what could not be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::category::CategoryId;

/// Most samples of bad lines, and of dropped entries, kept for one source.
pub const SAMPLES_MAX: u64 = 20;

/// What one source held when it was compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source's id.
    pub id: String,
    /// Lines that say something (neither blank nor comment).
    pub lines: u64,
    /// Rules taken from them; one line of a hosts file may hold many.
    pub entries: u64,
    /// Lines in no known form, or refused (an exception in a locked category).
    pub rejected_lines: u64,
    /// Lines that are right but that DNS cannot enforce: URLs, ports, cosmetic rules.
    pub not_enforceable: u64,
    /// How many of the `entries` speak of an address, of answers or of clients.
    #[serde(default)]
    pub addresses: u64,
    /// Lines of known form that are ignored, by kind: adblock modifiers, `pattern` for those that no
    /// name fits, dnsmasq options, record types and triggers of zones; `not-a-block` for an ordinary
    /// address in a hosts file or behind a dnsmasq name.
    pub unsupported: BTreeMap<String, u64>,
    /// Entries that say for which types they hold, or how they are answered.
    #[serde(default)]
    pub particular: Option<Particular>,
    /// How many of those may hold for every type, or be answered as the policy answers, because all lists
    /// together say more different things than one index tells apart.
    #[serde(default)]
    pub widened: u64,
    /// Entries that the guard dropped: names that a school must have, shared hosting. They are not
    /// counted among `entries`.
    #[serde(default)]
    pub dropped: u64,
    /// The first bad lines, and the first dropped entries, [`SAMPLES_MAX`] of each; empty for locked categories.
    pub samples: Vec<Sample>,
    /// `ut1` folders that no map knows.
    pub unmapped: Vec<String>,
    /// Categories that it feeds.
    pub categories: Vec<CategoryId>,
}

/// Entries that say more than a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Particular {
    /// File of the first, inside the source.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
    /// How many there are.
    pub count: u64,
}

impl SourceReport {
    /// Takes note of an entry that says more than a name.
    pub(crate) fn note_particular(&mut self, file: &str, line: u64) {
        let first = || Particular { file: file.to_owned(), line, count: 0 };
        self.particular.get_or_insert_with(first).count += 1;
    }

    /// Says that there are more kinds of such entries than an index holds.
    pub(crate) fn widen(&mut self) {
        let Some(particular) = &self.particular else { return };
        self.widened = particular.count;
        self.sample_particular(
            "one index tells no more kinds of entries apart: some like this one hold for every type, or are \
             answered as the policy answers",
        );
    }

    /// Says that so many entries are ignored, as they name more record types than an index tells apart.
    pub(crate) fn ignore_types(&mut self, entries: u64, types_max: usize) {
        self.entries = self.entries.saturating_sub(entries);
        *self.unsupported.entry(format!("dnstype beyond {types_max}")).or_default() += entries;
        self.sample_particular(&format!(
            "one index tells {types_max} record types apart and the lists name more: some entries like this one are ignored"
        ));
    }

    fn sample_particular(&mut self, why: &str) {
        // Of what is always blocked no line is shown.
        let is_locked = self.categories.iter().any(CategoryId::is_locked);
        if let Some(Particular { file, line, .. }) = self.particular.as_ref().filter(|_| !is_locked) {
            self.samples.push(Sample { file: file.clone(), line: *line, why: why.to_owned() });
        }
    }
}

/// One line that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// File inside the source; empty when the source is a single file.
    pub file: String,
    /// Line number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}
