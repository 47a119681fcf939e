//! `status.json`: what the last update knew of each source.
//!
//! It is a note, not a truth: when it is lost, the next update writes it anew from what it finds.

use std::path::Path;

use blocklists::category::CategoryId;
use blocklists::index::Index;
use blocklists::report::SourceReport;
use blocklists::source::Source;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::status::State;

/// What `status.json` holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The program that compiled: another one compiles anew.
    pub(crate) program: String,
    /// Counts up with every new index.
    pub(crate) generation: u64,
    /// When the index in force was compiled.
    pub(crate) compiled_at: Option<Timestamp>,
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
        }
    }
}

impl SourceRecord {
    /// Whether it feeds a locked category, by its declaration or by what it was found to hold.
    pub(crate) fn is_locked(&self, report: &SourceReport) -> bool {
        let fed = report.categories.iter().chain(&self.source.category);
        self.source.locked || fed.into_iter().any(CategoryId::is_locked)
    }
}

impl Record {
    /// Reads it; nothing known when it is missing or damaged.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// What is known of a source that was declared in this way: a copy in another format is of no
    /// use. Where the note is lost, the index in force still knows its copies.
    pub(crate) fn of(&self, source: &Source, in_force: Option<&Index>) -> SourceRecord {
        let is_it = |known: &Source| known.id == source.id && known.format == source.format;
        if let Some(known) = self.sources.iter().find(|known| is_it(&known.source)) {
            return SourceRecord { source: source.clone(), ..known.clone() };
        }
        let nothing = SourceRecord::new(source);
        let mut indexed = in_force.map_or(&[][..], Index::sources).iter();
        match indexed.find(|indexed| is_it(&indexed.source) && !indexed.copy_name.is_empty()) {
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
