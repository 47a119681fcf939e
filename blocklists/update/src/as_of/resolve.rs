//! What each source says once its most specific entry has won: the compiler's own rules
//! (`blocklists::compile`), for one name and the handful of entries that speak of it. A property test
//! holds the two together.

use std::collections::BTreeMap;

use blocklists::category::CategoryId;
use blocklists::name::NameRef;
use blocklists::parse::Reach;
use blocklists::source::Trust;

use super::walk::Said;
use crate::listed::{About, Entry};

/// A source that puts the name into a category, and the entry by which it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Winner {
    pub(super) source: String,
    pub(super) category: CategoryId,
    pub(super) entry: Entry,
    pub(super) is_core: bool,
    pub(super) is_locked: bool,
}

/// What a source says of a name for one category; `None` when it is not in it.
pub(super) fn winner<'e>(
    said: &Said,
    category: &CategoryId,
    entries: impl Iterator<Item = &'e Entry>,
    name: NameRef<'_>,
) -> Option<Winner> {
    let mut levels: BTreeMap<usize, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        // A pattern is less specific than any name.
        let depth = match &entry.about {
            About::Name(listed, _) => listed.as_ref().label_count(),
            _ => 0,
        };
        levels.entry(depth).or_default().push(entry);
    }
    let (mut ordinary, mut important) = (None, None);
    for (depth, level) in levels {
        let reaches = reaches(name, depth);
        let is_cancelled = |entry: &Entry| {
            level.iter().any(|other| other.cancels && *entry == Entry { cancels: false, ..(*other).clone() })
        };
        let standing = || level.iter().copied().filter(|entry| !entry.cancels && !is_cancelled(entry));
        let best = |is_important: bool| {
            let mine = standing().filter(|entry| entry.important == is_important);
            mine.filter(|entry| reach(entry).is_none_or(|reach| reaches.contains(&reach)))
                .max_by_key(|entry| (reach(entry), entry.exception))
        };
        ordinary = best(false).or(ordinary);
        important = best(true).or(important);
    }
    let entry = important.or(ordinary).filter(|entry| !entry.exception)?;
    Some(Winner {
        source: said.id.clone(),
        category: category.clone(),
        entry: entry.clone(),
        is_core: said.was.as_ref().is_some_and(|was| was.trust == Trust::Core),
        is_locked: said.is_locked(category),
    })
}

fn reach(entry: &Entry) -> Option<Reach> {
    match entry.about {
        About::Name(_, reach) => Some(reach),
        _ => None,
    }
}

/// Which entries of an ancestor of this depth (or of the name itself) speak of the name.
fn reaches(name: NameRef<'_>, depth: usize) -> &'static [Reach] {
    match name.label_count().saturating_sub(depth) {
        0 => &[Reach::Subtree, Reach::Exact],
        more if name.labels().take(more).all(|label| label.first() == Some(&b'_')) => {
            &[Reach::Subtree, Reach::Below, Reach::Exact]
        }
        _ => &[Reach::Subtree, Reach::Below],
    }
}

/// The categories of the name, each with the source to name first. A strict category needs a core
/// source or two sources; what one says alone waits in `…/unconfirmed`.
pub(super) fn unite(winners: &[Winner]) -> BTreeMap<CategoryId, &Winner> {
    let mut united = BTreeMap::new();
    for winner in winners {
        let mut agreeing = winners.iter().filter(|other| other.category == winner.category);
        let is_confirmed = agreeing.any(|other| other.is_core || other.source != winner.source);
        let category = match winner.category.unconfirmed() {
            Some(waiting) if !is_confirmed => waiting,
            _ => winner.category.clone(),
        };
        united.entry(category).or_insert(winner);
    }
    united
}
