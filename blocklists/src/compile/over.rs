//! Small sources and corrections compiled into an overlay.
//!
//! A correction takes the same way as a list: it becomes lines of a source of our own, in categories
//! that say something *about* a category ([`Stand`]). Taking a name out of a category voids what all
//! lists say of it and of those above it; what they say of names below stands, so those lines are
//! read from the copies once more and said again in the overlay, resolved as they ever are.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::{Fed, Line, gather};
use super::{Input, Stop, emit};
use crate::category::{CategoryId, Stand};
use crate::index::table::Parts;
use crate::index::{Index, IndexedSource};
use crate::name::{Name, NameRef};
use crate::overlay::Correction;
use crate::parse::Reach;
use crate::report::SourceReport;
use crate::scratch::Room;

/// What an overlay is written from.
pub(crate) struct Compiled {
    pub(crate) parts: Parts,
    /// What each source held, in the order of the inputs.
    pub(crate) reports: Vec<SourceReport>,
    /// Every name of which it says something.
    pub(crate) names: BTreeSet<Name>,
}

/// Names taken out of categories with all below, by category; each with how many others of them it
/// lies below.
#[derive(Default)]
pub(crate) struct Removals(BTreeMap<CategoryId, BTreeMap<Name, u8>>);

impl Removals {
    fn new(corrections: &[Correction]) -> Self {
        let mut removals = Self::default();
        let whole = |correction: &&Correction| !correction.into && !correction.exact;
        for Correction { name, category, .. } in corrections.iter().filter(whole) {
            removals.0.entry(category.clone()).or_default().insert(name.clone(), 0);
        }
        for names in removals.0.values_mut() {
            let all: BTreeSet<Name> = names.keys().cloned().collect();
            for (name, level) in names {
                let above = name.as_ref().suffixes().skip(1).filter(|suffix| all.contains(suffix.wire()));
                // A name has fewer than 128 labels.
                *level = u8::try_from(above.count()).unwrap_or(u8::MAX);
            }
        }
        removals
    }

    fn is_of(&self, category: &CategoryId) -> bool {
        self.0.contains_key(category)
    }

    /// The level of the nearest name above this one that is taken out of the category.
    pub(super) fn above(&self, category: &CategoryId, name: NameRef<'_>) -> Option<u8> {
        let names = self.0.get(category)?;
        name.suffixes().skip(1).find_map(|suffix| names.get(suffix.wire()).copied())
    }

    /// The levels that a category has.
    pub(super) fn levels(&self, category: &CategoryId) -> BTreeSet<u8> {
        self.0.get(category).into_iter().flat_map(BTreeMap::values).copied().collect()
    }
}

/// Compiles an overlay for an index. `again` are the index's own sources with their copies.
///
/// # Errors
/// [`Stop::Collision`] when two names share a hash under the index's key.
pub(crate) fn compile(
    base: &Index,
    inputs: &[Input],
    again: &[Input],
    corrections: &[Correction],
) -> Result<Compiled, Stop> {
    let removals = Removals::new(corrections);
    let lines = lines_of(corrections, &removals);
    let categories = corrections.iter().map(|correction| correction.category.clone()).collect();
    let mut fed: Vec<Fed<'_>> = inputs.iter().map(Fed::Copy).collect();
    if !removals.0.is_empty() {
        fed.extend(inputs.iter().chain(again).map(|input| Fed::Below(input, &removals)));
    }
    fed.push(Fed::Lines(lines, categories));
    let (gathered, mut reports) = gather(&fed, Room::MEMORY)?;
    reports.truncate(inputs.len());
    let mut names = BTreeSet::new();
    let parts = emit::tables(&gathered, base.key(), Room::MEMORY, &mut |name| _ = names.insert(name))?;
    let sources = inputs.iter().zip(&reports).map(|(input, report)| IndexedSource {
        source: input.source.clone(),
        copy_name: input.copy_name.clone(),
        report: report.clone(),
    });
    let sources = sources.collect();
    Ok(Compiled { parts: Parts { sources, ..parts }, reports, names })
}

/// The sources of an index that feed a category from which a name is taken with all below it.
pub(crate) fn feeding(base: &Index, corrections: &[Correction]) -> Vec<IndexedSource> {
    let removals = Removals::new(corrections);
    let feeds = |source: &&IndexedSource| source.report.categories.iter().any(|fed| removals.is_of(fed));
    base.sources().iter().filter(feeds).cloned().collect()
}

/// Corrections as lines; of lines for one name in one category the most specific reach wins, so each
/// correction takes back what others say of the names around it.
fn lines_of(corrections: &[Correction], removals: &Removals) -> Vec<Line> {
    let mut lines = Vec::new();
    for Correction { name, exact, category, into } in corrections {
        let reach = if *exact { Reach::Exact } else { Reach::Subtree };
        let mut say = |stand: Stand, exception: bool| {
            lines.push(Line { name: name.clone(), category: stand.id(category), reach, exception });
        };
        say(Stand::Add, !into);
        say(Stand::Take, *into || !exact);
        if !into && !exact {
            let level = removals.0.get(category).and_then(|names| names.get(name)).copied().unwrap_or(0);
            for other in removals.levels(category) {
                say(Stand::Void(other), other != level);
            }
        }
    }
    lines
}
