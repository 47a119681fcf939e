//! What the lists said of a name on a day that lies behind.
//!
//! Exactly: the sources in force now are scanned for entries that speak of the name, as this program
//! reads lists; from there the journal is walked back, newest step first, and what a step added is taken
//! out, what it removed is put back, until the moment asked for. What each source said then is resolved
//! as the compiler does (each source alone, its most specific entry wins), and united.
//!
//! Not told: addresses in answers, the other names of an answer, and what school-made corrections
//! were in force. A gap in the journal is said, with the source and the time.

mod resolve;
mod walk;

use std::collections::BTreeMap;

use blocklists::category::CategoryId;
use blocklists::compile::{CompileError, Input, compile};
use blocklists::index::{Index, IndexError};
use blocklists::name::{Name, NameRef};
use blocklists::parse::Reach;
use blocklists::read::ReadError;
use blocklists::source::{Actions, Format, Location, Source, Span, Trust};
use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

use crate::Lists;
use crate::held::Held;
use crate::journal::Journal;
use crate::listed::{About, Entry};
use resolve::Winner;

/// Why nothing can be said of that moment.
#[derive(Debug, Error)]
pub enum AsOfError {
    /// It has not come yet.
    #[error("{0} has not come yet")]
    Future(Timestamp),
    /// Nothing was written down so early.
    #[error("the list journal begins at {0}; what the lists said before is not known")]
    BeforeJournal(Timestamp),
    /// Nothing was ever written down.
    #[error("there is no list journal yet; it begins with the next update of the lists")]
    NoJournal,
    /// A kept copy cannot be read.
    #[error("the kept copy of source `{id}`: {error}")]
    Copy {
        /// The source.
        id: String,
        /// What is wrong with it.
        error: ReadError,
    },
    /// What was found cannot be made an index: a bug, or no room for temporary files.
    #[error("{0}")]
    Unusable(String),
}

impl From<std::io::Error> for AsOfError {
    fn from(error: std::io::Error) -> Self {
        Self::Unusable(format!("no temporary file could be made: {error}"))
    }
}

impl From<CompileError> for AsOfError {
    fn from(error: CompileError) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl From<IndexError> for AsOfError {
    fn from(error: IndexError) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// What the lists said then.
#[derive(Debug)]
pub struct Then {
    /// The moment.
    pub at: Timestamp,
    /// Every source that said anything of the name, locked ones left out.
    pub listings: Vec<Listing>,
    /// The winning entry of each category that the name was in, locked ones left out.
    pub matched: BTreeMap<CategoryId, Listing>,
    /// An index that says of this name, and of nothing else, what was said then.
    pub index: Index,
    /// What could not be found out, as sentences.
    pub gaps: Vec<String>,
}

/// One source's entry for a name, on that day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The source.
    pub source: String,
    /// What the entry feeds.
    pub category: CategoryId,
    /// The entry: `||x` is x and all below, `|x` x alone, `|*.x` what is below, `@@` takes out.
    pub entry: String,
    /// The name in it; the entry itself for a pattern.
    pub matched: String,
    /// It took the name out of the list.
    pub exception: bool,
    /// The source says the same now.
    pub still: bool,
    /// It was being held back from the school then.
    pub held_back: bool,
}

impl Lists {
    /// What the lists said of a name, for questions of a type, at a moment; `index` is in force now.
    ///
    /// Scans the kept copies and the journal since: about a second for millions of names.
    ///
    /// # Errors
    /// [`AsOfError`].
    pub fn as_of(
        &self,
        index: &Index,
        name: NameRef<'_>,
        rtype: u16,
        at: Timestamp,
    ) -> Result<Then, AsOfError> {
        if at > Timestamp::now() {
            return Err(AsOfError::Future(at));
        }
        let places = Journal::of(self.root()).places();
        let begins = places.first().ok_or(AsOfError::NoJournal)?.at;
        if at < begins {
            return Err(AsOfError::BeforeJournal(begins));
        }
        let asked = walk::Asked { name, rtype };
        let now = walk::now(index, self.copies(), asked)?;
        let (then, gaps) = walk::back(&now, &places, asked, at);
        let held = Held::of(self);
        let (mut listings, mut winners) = (Vec::new(), Vec::new());
        for said in &then {
            let mut categories: Vec<&CategoryId> =
                said.entries.iter().map(|(category, _)| category).collect();
            categories.dedup();
            for category in categories {
                let of_it = said.entries.iter().filter(|(fed, _)| fed == category).map(|(_, entry)| entry);
                winners.extend(resolve::winner(said, category, of_it, name));
            }
            let shown = said.entries.iter().filter(|(category, _)| !said.is_locked(category));
            listings.extend(shown.map(|(category, entry)| {
                let still = now
                    .iter()
                    .any(|now| now.id == said.id && now.entries.contains(&(category.clone(), entry.clone())));
                listing(&said.id, category, entry, still, held.was_held(name, category, at))
            }));
        }
        let united = resolve::unite(&winners);
        let index = index_of(name, &united)?;
        let matched =
            united.iter().filter(|(_, winner)| !winner.is_locked).filter_map(|(category, winner)| {
                let is_it = |listing: &&Listing| {
                    listing.source == winner.source
                        && listing.category == winner.category
                        && listing.entry == winner.entry.to_string()
                };
                Some((category.clone(), listings.iter().find(is_it)?.clone()))
            });
        Ok(Then { at, matched: matched.collect(), listings, index, gaps })
    }
}

fn listing(source: &str, category: &CategoryId, entry: &Entry, still: bool, held_back: bool) -> Listing {
    Listing {
        source: source.to_owned(),
        category: category.clone(),
        matched: match &entry.about {
            About::Name(name, _) => name.to_string(),
            _ => entry.to_string(),
        },
        entry: entry.to_string(),
        exception: entry.exception,
        still,
        held_back,
    }
}

/// An index that holds one name's categories: each fed by one source with the winning entry alone.
fn index_of(name: NameRef<'_>, united: &BTreeMap<CategoryId, &Winner>) -> Result<Index, AsOfError> {
    let folder = tempfile::tempdir()?;
    let mut inputs = Vec::new();
    for (number, (category, winner)) in united.iter().enumerate() {
        let (listed, reach) = match &winner.entry.about {
            About::Name(listed, reach) => (listed.clone(), *reach),
            _ => (name.to_owned(), Reach::Exact),
        };
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, line(&listed, reach))?;
        inputs.push(Input {
            source: Source {
                id: winner.source.clone(),
                category: Some(category.confirmed().unwrap_or_else(|| category.clone())),
                format: if reach == Reach::Below { Format::Hosts } else { Format::Domains },
                location: Location::Path(path.clone()),
                span: Some(if reach == Reach::Exact { Span::Exact } else { Span::Subtree }),
                // Alone, a core source fills a strict category, any other its waiting room.
                actions: Actions::Policy,
                trust: if category.confirmed().is_some() { Trust::Normal } else { Trust::Core },
                map: BTreeMap::new(),
                licence: None,
                locked: winner.is_locked,
            },
            copy: path,
            copy_name: number.to_string(),
        });
    }
    Ok(Index::from_bytes(&compile(&inputs)?.bytes)?)
}

fn line(listed: &Name, reach: Reach) -> String {
    if reach == Reach::Below { format!("0.0.0.0 *.{listed}\n") } else { format!("{listed}\n") }
}

/// A day as people write it, or a moment: a day means its end, in a time zone.
///
/// # Errors
/// A sentence when it is neither.
pub fn moment(text: &str, zone: &jiff::tz::TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let end = text.parse::<jiff::civil::Date>().ok().and_then(|day| {
        let next = day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
        Some(next.timestamp())
    });
    // Of today, what is known until now.
    end.map(|end| if end > now && end.duration_since(now).as_hours() < 25 { now } else { end }).ok_or_else(
        || format!("`{text}` is not a day or a time; write it like 2026-09-02 or 2026-09-02T12:30:00Z"),
    )
}

#[cfg(test)]
mod tests;
