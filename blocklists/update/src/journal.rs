//! The list journal: what each update added to and removed from each source, for 13 months.
//!
//! The lists are only ever kept as they are now (and as they were one update ago). The journal says
//! how they came to be so: one file for each source and update, whole or not there, written *before*
//! the new index is in force. From the lists as they are, `as_of` walks back file by file.
//!
//! A file names the copy it starts from and the copy it leads to, so the way back is a chain: what an
//! update wrote that was then interrupted leads nowhere and is passed by, and a file that is damaged or
//! missing is a gap that is seen and said, never a wrong answer.
//!
//! Bounds: [`DAYS`], [`FILES_MAX`], [`BYTES_MAX`]; beyond them the oldest files go.

mod file;

use std::path::{Path, PathBuf};

use blocklists::category::CategoryId;
use blocklists::source::{Format, Source, Span, Trust};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::disk;
use crate::{Lists, UpdateError, corrected, files};
pub(crate) use file::{Line, Sign, Writer, hashed};

/// Days kept: 13 months, so that the annual review sees a whole year.
pub const DAYS: i64 = 396;
/// Files kept: 120 lists that change every day fill it in 13 months.
pub const FILES_MAX: usize = 50_000;
/// Bytes kept, as packed on disk.
pub const BYTES_MAX: u64 = 512 << 20;

const ENDING: &str = ".step";

/// What one update did to one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The source.
    pub id: String,
    /// When, in whole seconds.
    pub at: Timestamp,
    /// What it was; `None` for a source that listed nothing yet.
    pub before: Option<Was>,
    /// What it became; `None` for a source that is no longer declared.
    pub after: Option<Was>,
    /// Entries that it gained. Those of a source's first content are counted, not written down.
    pub added: u64,
    /// Entries that it lost.
    pub removed: u64,
}

/// A source at one moment: its copy, and what decides how that is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Was {
    /// File name of the kept copy, a proof of its content.
    pub copy: String,
    /// What the source feeds; `None` where its folders or lines feed many.
    pub category: Option<CategoryId>,
    /// How it is written.
    pub format: Format,
    /// What a plain name covers.
    pub span: Span,
    /// How far it is believed alone.
    pub trust: Trust,
    /// Folder to category.
    pub map: std::collections::BTreeMap<String, CategoryId>,
    /// Declared as locked by the school.
    pub locked: bool,
}

impl Was {
    /// A source with the copy in force.
    #[must_use]
    pub fn of(source: &Source, copy: &str) -> Self {
        Self {
            copy: copy.to_owned(),
            category: source.category.clone(),
            format: source.format,
            span: source.span.unwrap_or(source.format.span()),
            trust: source.trust,
            map: source.map.clone(),
            locked: source.locked,
        }
    }

    /// Whether the other reads its copy in the same way.
    #[must_use]
    pub fn is_declared_as(&self, other: &Self) -> bool {
        Self { copy: String::new(), ..self.clone() } == Self { copy: String::new(), ..other.clone() }
    }
}

/// The journal of one lists directory.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
}

/// A page of the journal, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The source.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// Entries that it gained.
    pub added: u64,
    /// Entries that it lost.
    pub removed: u64,
    /// The first that it gained or lost, as many as were wanted: `+gambling ||bets.example`. None of a
    /// locked category.
    pub entries: Vec<String>,
    /// Why nothing is known of it, when it is damaged.
    pub error: Option<String>,
}

impl Lists {
    /// What every update since a moment did to a source (to all of them, when none is given), oldest
    /// first, with as many of the entries as are wanted; and as `corrections` the last change of the
    /// policy's corrections that is in force.
    #[must_use]
    pub fn changes(&self, since: Timestamp, source: Option<&str>, entries_max: usize) -> Vec<Page> {
        let wanted = source.map(crate::copies::file_name);
        let places = Journal::of(self.root()).places().into_iter();
        let places = places
            .filter(|place| place.at >= since && wanted.as_ref().is_none_or(|wanted| *wanted == place.id));
        let mut pages: Vec<Page> = places.map(|place| place.page(entries_max)).collect();
        let record = self.record();
        let is_asked = source.is_none_or(|source| source == corrected::PAGE);
        if let Some(corrected) = record.corrected.filter(|corrected| is_asked && corrected.at >= since) {
            let place = pages.partition_point(|page| page.at <= corrected.at);
            pages.insert(place, corrected.page(&record.corrections, entries_max));
        }
        pages
    }
}

/// A file of the journal, by its name alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// When the step was made.
    pub(crate) at: Timestamp,
    /// Which of this second.
    pub(crate) number: u32,
    /// The source's id, as far as file names can hold it.
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

impl Journal {
    /// The journal in a lists directory.
    pub(crate) fn of(root: &Path) -> Self {
        Self { dir: root.join("journal") }
    }

    /// All its files, oldest first.
    pub(crate) fn places(&self) -> Vec<Place> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut places: Vec<Place> = entries.filter_map(|entry| Place::of(&entry.path())).collect();
        places.sort();
        places
    }

    /// A new file for a step, not there until it is finished.
    ///
    /// # Errors
    /// [`UpdateError::Disk`].
    pub(crate) fn write(&self, step: &Step) -> Result<Writer, UpdateError> {
        if !self.dir.is_dir() {
            std::fs::create_dir_all(&self.dir).map_err(disk("make", &self.dir))?;
            if let (Some(above), Ok(made)) = (self.dir.parent(), std::fs::File::open(&self.dir)) {
                files::give_to_owner_of(above, &made);
            }
        }
        let at = step.at.strftime("%Y%m%dT%H%M%SZ");
        let id = crate::copies::file_name(&step.id);
        let path = |number: u32| self.dir.join(format!("{at}.{number:03}.{id}{ENDING}"));
        let free = (0..1000).map(path).find(|path| !path.exists()).unwrap_or_else(|| path(999));
        Writer::new(&self.dir, free, step)
    }

    /// Removes what is too old or too much, oldest first, and what was left unfinished.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.keep_within(now, FILES_MAX, BYTES_MAX);
    }

    fn keep_within(&self, now: Timestamp, files_max: usize, bytes_max: u64) {
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(files::UNFINISHED) {
                _ = std::fs::remove_file(entry.path());
            }
        }
        let (mut count, mut bytes) = (0, 0);
        for place in self.places().into_iter().rev() {
            count += 1;
            bytes += place.path.metadata().map_or(0, |file| file.len());
            let is_old = now.duration_since(place.at) > SignedDuration::from_hours(24 * DAYS);
            if is_old || count > files_max || bytes > bytes_max {
                _ = std::fs::remove_file(&place.path);
            }
        }
    }
}

impl Place {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
        let (at, rest) = name.split_once('.')?;
        let (number, id) = rest.split_once('.')?;
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", at).ok()?;
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        Some(Self { at, number: number.parse().ok()?, id: id.to_owned(), path: path.to_owned() })
    }

    fn page(&self, entries_max: usize) -> Page {
        let mut entries = Vec::new();
        let read = match entries_max {
            0 => self.head(),
            _ => self.read(&mut |line| {
                if entries.len() < entries_max && !line.entry.starts_with('#') {
                    let sign = if line.sign == Sign::Added { '+' } else { '-' };
                    entries.push(format!("{sign}{} {}", line.category, line.entry));
                }
            }),
        };
        let (at, id) = (self.at, self.id.clone());
        match read {
            Ok(step) => {
                Page { source: step.id, at, added: step.added, removed: step.removed, entries, error: None }
            }
            Err(error) => {
                let error = Some(format!("the page is damaged: {error}"));
                Page { source: id, at, added: 0, removed: 0, entries: Vec::new(), error }
            }
        }
    }

    /// The step in it.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn head(&self) -> std::io::Result<Step> {
        file::head(&self.path)
    }

    /// Hands over all its lines.
    ///
    /// # Errors
    /// When it is damaged; then what was handed over is not to be used.
    pub(crate) fn read(&self, sink: &mut dyn FnMut(Line<'_>)) -> std::io::Result<Step> {
        file::read(&self.path, sink)
    }
}

#[cfg(test)]
mod tests;
