//! `status.json`: what the last update knew of each source.
//!
//! It is a note, not a truth: when it is lost, or is of another index than the one in force (the
//! update was killed between the two), the index says which copies count.

use std::path::Path;
use std::sync::LazyLock;

use blocklists::category::CategoryId;
use blocklists::index::{Index, IndexedSource};
use blocklists::report::SourceReport;
use blocklists::source::{Location, Source, Trust};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::corrected::Corrected;
use crate::fetch::Edition;
use crate::status::State;

/// Categories that hurt by the hour: what is new there goes live at once.
const THREATS: [&str; 2] = ["malware", "scams"];
/// Most editions of one source that a rollback set aside and that are remembered.
const SET_ASIDE_MAX: usize = 8;

/// The program that compiles, with its built-in tables: another one compiles anew.
pub(crate) fn program() -> &'static str {
    static PROGRAM: LazyLock<String> =
        LazyLock::new(|| format!("{} {}", env!("CARGO_PKG_VERSION"), blocklists::tables::fingerprint()));
    &PROGRAM
}

/// What `status.json` holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The program that compiled: another one compiles anew.
    pub(crate) program: String,
    /// The index that it was written for.
    #[serde(default)]
    pub(crate) index: Option<String>,
    /// The overlay that it was written for.
    #[serde(default)]
    pub(crate) overlay: Option<String>,
    /// Counts up with every new index.
    pub(crate) generation: u64,
    /// When the index in force was compiled.
    pub(crate) compiled_at: Option<Timestamp>,
    /// The index that a person went back from, until another one is in force.
    #[serde(default)]
    pub(crate) rolled_back_from: Option<String>,
    /// Corrections of the policy that are in the overlay in force.
    #[serde(default)]
    pub(crate) corrections: String,
    /// When they became what they are.
    #[serde(default)]
    pub(crate) corrected: Option<Corrected>,
    /// What the file of names that are held back looked like.
    #[serde(default)]
    pub(crate) held_seen: Option<String>,
    /// When the first of the names that are held back is over.
    #[serde(default)]
    pub(crate) held_until: Option<Timestamp>,
    /// The sources of the last update, in its order.
    pub(crate) sources: Vec<SourceRecord>,
}

/// What is known of one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SourceRecord {
    pub(crate) source: Source,
    pub(crate) state: State,
    /// File name of the copy in force.
    pub(crate) copy: Option<String>,
    /// When it was last tried.
    pub(crate) checked_at: Option<Timestamp>,
    /// When it was last had whole and fit to use.
    pub(crate) had_at: Option<Timestamp>,
    /// When its content last changed.
    pub(crate) changed_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
    /// Of the copy in force.
    pub(crate) report: SourceReport,
    /// When it is looked at next.
    #[serde(default)]
    pub(crate) next_at: Option<Timestamp>,
    /// Failures in a row.
    #[serde(default)]
    pub(crate) failures: u32,
    /// What a `path` looked like when it was read.
    #[serde(default)]
    pub(crate) seen: Option<String>,
    /// What its provider said of the newest content that was fit to use.
    #[serde(default)]
    pub(crate) fetched: Option<Fetched>,
    /// Content that is fit to use and waits for its hour.
    #[serde(default)]
    pub(crate) waiting: Option<Waiting>,
    /// Copies that a person went back from.
    #[serde(default)]
    pub(crate) set_aside: Vec<String>,
}

/// A copy and what its provider said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fetched {
    pub(crate) copy: String,
    pub(crate) url: String,
    /// The proof that was asked of it.
    pub(crate) proof: Option<String>,
    pub(crate) edition: Edition,
}

/// Content that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) copy: String,
    pub(crate) report: SourceReport,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// Lines that it has and the copy in force has not.
    pub(crate) added: u64,
    /// The other way round.
    pub(crate) removed: u64,
}

impl SourceRecord {
    /// Nothing known yet.
    pub(crate) fn new(source: &Source) -> Self {
        Self {
            source: source.clone(),
            state: State::Missing,
            copy: None,
            checked_at: None,
            had_at: None,
            changed_at: None,
            error: Some("it was not fetched yet".to_owned()),
            report: SourceReport { id: source.id.clone(), ..SourceReport::default() },
            next_at: None,
            failures: 0,
            seen: None,
            fetched: None,
            waiting: None,
            set_aside: Vec::new(),
        }
    }

    /// Whether it feeds a locked category, by its declaration or by what it was found to hold.
    pub(crate) fn is_locked(&self, report: &SourceReport) -> bool {
        let fed = report.categories.iter().chain(&self.source.category);
        self.source.locked || fed.into_iter().any(CategoryId::is_locked)
    }

    /// Whether its new content goes live at once: what is always blocked, what is a threat and
    /// nothing else, and what the school itself put on this machine.
    pub(crate) fn is_urgent(&self, report: &SourceReport) -> bool {
        let is_threat = |id: &CategoryId| THREATS.contains(&id.confirmed().as_ref().unwrap_or(id).as_str());
        let mut fed = report.categories.iter().chain(&self.source.category).peekable();
        let is_ours = !matches!(self.source.location, Location::Url(_));
        // A list that is only an extra is not worth a disturbed lesson.
        let is_trusted = self.source.trust != Trust::Extra;
        is_ours || self.is_locked(report) || is_trusted && fed.peek().is_some() && fed.all(is_threat)
    }

    /// Notes that a person went back from this copy.
    pub(crate) fn set_aside(&mut self, copy: String) {
        self.set_aside.retain(|known| *known != copy);
        self.set_aside.push(copy);
        let surplus = self.set_aside.len().saturating_sub(SET_ASIDE_MAX);
        self.set_aside.drain(..surplus);
    }

    /// Takes over what an index says of it.
    pub(crate) fn follow(&mut self, indexed: &IndexedSource) {
        if self.copy.as_deref().unwrap_or("") == indexed.copy_name {
            return;
        }
        self.copy = Some(indexed.copy_name.clone()).filter(|name| !name.is_empty());
        self.report.clone_from(&indexed.report);
        if self.waiting.as_ref().is_some_and(|waiting| waiting.copy == indexed.copy_name) {
            self.waiting = None;
        }
    }
}

impl Record {
    /// Reads it; nothing known when it is missing or damaged.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Brings it in line with the index in force, when it was written for another one.
    pub(crate) fn follow(&mut self, in_force: &Index) {
        let noted = (self.index.as_deref(), self.overlay.as_deref());
        if noted == (Some(in_force.id()), in_force.overlay_id()) {
            return;
        }
        for known in &mut self.sources {
            let mut indexed = in_force.sources().iter();
            if let Some(indexed) = indexed.find(|indexed| is_same_list(&indexed.source, &known.source)) {
                known.follow(indexed);
            }
        }
    }

    /// What was noted of a source, unless it was declared in another format then.
    pub(crate) fn known(&self, source: &Source) -> Option<&SourceRecord> {
        self.sources.iter().find(|known| is_same_list(&known.source, source))
    }

    /// What is known of a source that was declared in this way: a copy in another format is of no
    /// use. Where the note is lost, the index in force still knows its copies.
    pub(crate) fn of(&self, source: &Source, in_force: Option<&Index>) -> SourceRecord {
        if let Some(known) = self.known(source) {
            return SourceRecord { source: source.clone(), ..known.clone() };
        }
        let nothing = SourceRecord::new(source);
        let mut indexed = in_force.map_or(&[][..], Index::sources).iter();
        match indexed.find(|indexed| is_same_list(&indexed.source, source) && !indexed.copy_name.is_empty()) {
            Some(known) => SourceRecord {
                state: State::Stale,
                copy: Some(known.copy_name.clone()),
                report: known.report.clone(),
                ..nothing
            },
            None => nothing,
        }
    }
}

fn is_same_list(one: &Source, other: &Source) -> bool {
    one.id == other.id && one.format == other.format
}
