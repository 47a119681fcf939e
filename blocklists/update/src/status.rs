//! What is known of the index and of each source (design section 9, `lists status`).

use std::collections::BTreeMap;

use blocklists::category::CategoryId;
use blocklists::index::Index;
use blocklists::report::Sample;
use blocklists::source::{Format, Location, Trust};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::{Record, SourceRecord};

/// The lists as people and the API see them.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The current index; `None` before the first update.
    pub index: Option<IndexStatus>,
    /// Every source of the last update, in its order.
    pub items: Vec<SourceStatus>,
}

/// The current index.
#[derive(Debug, Clone, Serialize)]
pub struct IndexStatus {
    /// SHA-256 of its bytes, in hex.
    pub id: String,
    /// When it was compiled; `None` when the note of it is lost.
    pub compiled_at: Option<Timestamp>,
    /// Different names listed.
    pub entries: u64,
    /// Bytes in memory.
    pub bytes: u64,
    /// Counts up with every new index of this directory.
    pub generation: u64,
}

/// How fresh a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Read at the last update.
    Ok,
    /// Could not be had; the copy before is in force.
    Stale,
    /// Could be had, but is not fit to use; the copy before is in force.
    Refused,
    /// Never had: nothing of it is in force.
    Missing,
}

impl State {
    /// The word for it in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Refused => "refused",
            Self::Missing => "missing",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One source.
#[derive(Debug, Clone, Serialize)]
pub struct SourceStatus {
    /// The source's id.
    pub id: String,
    /// What it feeds; `None` for `ut1`.
    pub category: Option<CategoryId>,
    /// How it is written.
    pub format: Format,
    /// Where it is.
    pub location: String,
    /// Its terms.
    pub licence: Option<String>,
    /// How far it is believed alone.
    pub trust: Trust,
    /// How fresh it is.
    pub state: State,
    /// Rules taken from the copy in force.
    pub entries: u64,
    /// Its lines in no known form.
    pub rejected_lines: u64,
    /// Its lines that DNS cannot enforce.
    pub not_enforceable: u64,
    /// Lines of a known form that are ignored, by kind.
    pub unsupported: BTreeMap<String, u64>,
    /// Entries that hold for more than they say: more kinds than one index tells apart.
    pub widened: u64,
    /// Folders of `ut1` that no map knows.
    pub unmapped: Vec<String>,
    /// How many of the entries are addresses.
    pub addresses: u64,
    /// Its entries that the guard dropped: names that a school must have, shared hosting.
    pub dropped: u64,
    /// When an update last tried it.
    pub checked_at: Option<Timestamp>,
    /// When its content last changed.
    pub changed_at: Option<Timestamp>,
    /// Seconds since it was last had whole; `None` when never, and for built-in lists.
    pub age_seconds: Option<u64>,
    /// When it is looked at next; `None` for what is on this machine.
    pub next_at: Option<Timestamp>,
    /// Attempts that failed since it was last had.
    pub failures: u32,
    /// New content that is fit to use and not in force yet.
    pub waiting: Option<WaitingStatus>,
    /// Why it is not `ok`.
    pub error: Option<String>,
    /// Bad lines and dropped entries; empty for locked categories.
    pub samples: Vec<Sample>,
}

/// New content that waits for its hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingStatus {
    /// When it came.
    pub since: Timestamp,
    /// When it goes live.
    pub until: Timestamp,
    /// Lines that it has and the content in force has not.
    pub added: u64,
    /// Lines that the content in force has and it has not.
    pub removed: u64,
}

/// What a record and the index given say at a time.
pub(crate) fn of(record: &Record, index: Option<&Index>, now: Timestamp) -> Status {
    let index = index.map(|index| IndexStatus {
        id: index.id().to_owned(),
        compiled_at: record.compiled_at,
        entries: index.entries(),
        bytes: index.bytes(),
        generation: record.generation,
    });
    Status { index, items: record.sources.iter().map(|known| item(known, now)).collect() }
}

fn item(known: &SourceRecord, now: Timestamp) -> SourceStatus {
    let SourceRecord { source, report, .. } = known;
    // What came with the program does not grow old by itself, and must not look like a feed that stopped.
    let had_at = known.had_at.filter(|_| !matches!(source.location, Location::BuiltIn(_)));
    let age = had_at.map(|had_at| now.duration_since(had_at).as_secs());
    SourceStatus {
        id: source.id.clone(),
        category: source.category.clone(),
        format: source.format,
        location: source.location.to_string(),
        licence: source.licence.clone(),
        trust: source.trust,
        state: known.state,
        entries: report.entries,
        rejected_lines: report.rejected_lines,
        not_enforceable: report.not_enforceable,
        unsupported: report.unsupported.clone(),
        widened: report.widened,
        unmapped: report.unmapped.clone(),
        addresses: report.addresses,
        dropped: report.dropped,
        checked_at: known.checked_at,
        changed_at: known.changed_at,
        age_seconds: age.map(|age| u64::try_from(age).unwrap_or(0)),
        next_at: known.next_at.filter(|_| matches!(source.location, Location::Url(_))),
        failures: known.failures,
        waiting: known.waiting.as_ref().map(|waiting| WaitingStatus {
            since: waiting.since,
            until: waiting.until,
            added: waiting.added,
            removed: waiting.removed,
        }),
        error: known.error.clone(),
        samples: if known.is_locked(report) { Vec::new() } else { report.samples.clone() },
    }
}
