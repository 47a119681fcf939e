//! Which source and which line say so.
//!
//! The index knows only that a name is listed; the proof is in the kept copies that it was compiled
//! from. They are scanned when somebody asks, which is seldom, instead of keeping every line in
//! memory, which would be always. Whole names are compared, not hashes: a name that the index
//! finds and no line covers is a hash that met another by chance.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use thiserror::Error;

use crate::category::CategoryId;
use crate::index::{Index, IndexedSource};
use crate::name::{Name, NameRef};
use crate::parse::{Line, ListFile, Reach, Subject};
use crate::read::{ReadError, read_files};
use crate::report::SourceReport;

/// Most lines shown for one question; more say nothing new.
pub const EVIDENCE_MAX: usize = 100;
/// Longest line shown, in bytes.
const TEXT_MAX: usize = 200;

/// One line of one list that speaks of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The source's id.
    pub source: String,
    /// The category that the line feeds (the strict one for `…/unconfirmed`).
    pub category: CategoryId,
    /// The listed name: the one asked, or one above it.
    pub matched: Name,
    /// File inside the source; empty when the source is a single file.
    pub file: String,
    /// Line number, from 1.
    pub line: u64,
    /// The line as written, shortened; empty for locked categories.
    pub text: String,
    /// The line takes the name out of this source.
    pub exception: bool,
}

/// Why there is no evidence to show.
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// A kept copy cannot be read.
    #[error("the kept copy of source `{id}`, {path}: {error}")]
    Copy {
        /// The source.
        id: String,
        /// Where its copy should be.
        path: PathBuf,
        /// What is wrong with it.
        error: ReadError,
    },
}

/// Finds the lines that cover a name in a category, most specific first, by scanning the copies of
/// the sources that feed it. `copies` is the folder that holds the index's kept copies.
///
/// # Errors
/// [`EvidenceError`] when a copy is missing or damaged.
pub fn evidence(
    index: &Index,
    copies: &Path,
    name: NameRef<'_>,
    category: &CategoryId,
) -> Result<Vec<Evidence>, EvidenceError> {
    let category = category.confirmed().unwrap_or_else(|| category.clone());
    let feeds = |source: &&IndexedSource| {
        !source.copy_name.is_empty() && source.report.categories.contains(&category)
    };
    let feeding: Vec<_> = index.sources().iter().filter(feeds).collect();
    let found = feeding.par_iter().map(|source| scan(source, copies, name, &category));
    let mut found: Vec<_> = found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    // Stable: sources stay in their order, lines in theirs.
    found.sort_by_key(|evidence| std::cmp::Reverse(evidence.matched.as_ref().label_count()));
    found.truncate(EVIDENCE_MAX);
    Ok(found)
}

fn scan(
    indexed: &IndexedSource,
    copies: &Path,
    name: NameRef<'_>,
    category: &CategoryId,
) -> Result<Vec<Evidence>, EvidenceError> {
    let mut found: Vec<(Evidence, Identity)> = Vec::new();
    let mut cancelled: Vec<(Name, Identity)> = Vec::new();
    let mut unused = SourceReport::default();
    let path = copies.join(&indexed.copy_name);
    let read = read_files(&path, &mut |inner, bytes| {
        let files = ListFile::all(&indexed.source, inner, bytes, &mut unused);
        for file in files.iter().filter(|file| file.category() == category) {
            file.parse(&mut unused, &mut |line, rule| {
                // Only lines that speak of names; those of patterns and addresses are not shown yet.
                let Subject::Name(listed, reach) = rule.subject else { return };
                if !covers(listed, reach, name) {
                    return;
                }
                let identity = (reach, rule.exception, rule.important);
                let matched = listed.to_owned();
                if rule.cancels {
                    cancelled.push((matched, identity));
                } else {
                    let exception = rule.exception;
                    let told = Evidence { matched, exception, ..told(indexed, category, inner, &line) };
                    found.push((told, identity));
                }
            });
        }
    });
    read.map_err(|error| EvidenceError::Copy { id: indexed.source.id.clone(), path, error })?;
    let holds = |(evidence, identity): &(Evidence, Identity)| {
        !cancelled.iter().any(|(matched, cancelled)| *matched == evidence.matched && cancelled == identity)
    };
    Ok(found.into_iter().filter(holds).map(|(evidence, _)| evidence).collect())
}

/// What makes two rules for one name identical.
type Identity = (Reach, bool, bool);

fn told(indexed: &IndexedSource, category: &CategoryId, file: &str, line: &Line<'_>) -> Evidence {
    let text = line.text.get(..TEXT_MAX).unwrap_or(line.text);
    Evidence {
        source: indexed.source.id.clone(),
        category: category.clone(),
        matched: Name::root(),
        file: file.to_owned(),
        line: line.number,
        text: if category.is_locked() { String::new() } else { String::from_utf8_lossy(text).into_owned() },
        exception: false,
    }
}

/// Whether a rule for `listed` speaks of a name.
fn covers(listed: NameRef<'_>, reach: Reach, name: NameRef<'_>) -> bool {
    if !name.wire().ends_with(listed.wire()) || !name.is_at_or_below(listed) {
        return false;
    }
    let more = name.label_count() - listed.label_count();
    match reach {
        Reach::Subtree => true,
        Reach::Below => more > 0,
        Reach::Exact => name.labels().take(more).all(|label| label.first() == Some(&b'_')),
    }
}
