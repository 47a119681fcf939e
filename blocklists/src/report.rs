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
