//! An index with an overlay on it: one set of categories, and what both say of a name united.
//!
//! The overlay is a small index of its own, compiled under the key of the big one. What the two say
//! is united name by name: as all sources together would say it, a strict category that each has
//! from one ordinary source alone is confirmed. Then corrections apply, which the overlay tells as
//! [`Stand`]s about categories.

use super::file::{BASE, OPENERS};
use super::probe::Probe;
use super::sections::numbers;
use super::table::Tables;
use super::walk::{WholeHash, walk};
use super::{Found, IndexError, IndexedSource};
use crate::category::{CATEGORIES_MAX, CategoryId, CategorySet, Stand};
use crate::name::NameRef;

/// What an overlay's own category number stands for.
#[derive(Clone, Copy)]
enum Meaning {
    /// A category, by its number in both together.
    Category(u16),
    /// A correction about the category at this place of `corrected`.
    Void(u16, u8),
    Again(u16, u8, Confirmed),
    Take(u16),
    Add(u16),
}

/// Whether what lists say again is confirmed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Confirmed {
    Yes,
    No,
}

/// An overlay, ready to be asked together with its base.
pub(super) struct Over {
    pub(super) id: String,
    pub(super) tables: Tables,
    /// The sources of both, the base's first.
    pub(super) sources: Vec<IndexedSource>,
    /// The categories of both, sorted.
    pub(super) categories: Vec<CategoryId>,
    /// The number in both together of each of the base's categories; empty where all are the same.
    base_numbers: Vec<u16>,
    /// What each of the overlay's numbers means.
    meanings: Vec<Meaning>,
    /// Strict categories: confirmed, and where names wait that nothing confirms.
    strict: Vec<(u16, u16)>,
    openers: Vec<u64>,
}

impl Over {
    /// Lays an overlay's tables over an index.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] when it was made for another index or is not what was written.
    pub(super) fn new(base: &Tables, base_id: &str, id: String, tables: Tables) -> Result<Self, IndexError> {
        if tables.sections.need(BASE)? != base_id.as_bytes() || tables.key != base.key {
            return Err(IndexError::Damaged("this overlay belongs to another index"));
        }
        let openers = numbers(tables.sections.need(OPENERS)?, u64::from_le_bytes)?;
        let real = tables.categories.iter().filter(|id| Stand::of(id).is_none());
        let mut categories: Vec<_> = base.categories.iter().chain(real).cloned().collect();
        categories.sort();
        categories.dedup();
        if categories.len() > CATEGORIES_MAX || !openers.is_sorted() {
            return Err(IndexError::Damaged("the overlay has too many categories"));
        }
        let number = |id: &CategoryId| number_in(&categories, id);
        let meanings = tables.categories.iter().map(|id| meaning(id, &number)).collect::<Option<Vec<_>>>();
        let meanings = meanings.ok_or(IndexError::Damaged("a correction is of no known category"))?;
        let same = categories.len() == base.categories.len();
        let base_numbers =
            if same { Vec::new() } else { base.categories.iter().filter_map(number).collect() };
        let strict = categories.iter().filter_map(|id| number(id).zip(number(&id.unconfirmed()?)));
        let strict = strict.collect();
        let sources = base.sources.iter().chain(&tables.sources).cloned().collect();
        Ok(Self { id, tables, sources, strict, base_numbers, meanings, openers, categories })
    }

    /// Adds what the overlay says of a name to what its base says; `listed`: it, or any name above it,
    /// is in the base's table. An overlay holds neither marks nor patterns: what needs them is the base's.
    pub(super) fn add(&self, name: NameRef<'_>, probe: &Probe, listed: bool, base: &mut Found) {
        let mut own = Found::NOTHING;
        let (listed_over, whole) = walk(&self.tables, name, probe, &mut own);
        if listed || listed_over || !base.here.is_empty() {
            *base = self.unite(base, listed_over.then_some(&own), whole);
        }
    }

    /// What base and overlay say together; `own` is what the overlay says, if anything, and `whole`
    /// what its walk gave.
    fn unite(&self, base: &Found, own: Option<&Found>, whole: WholeHash) -> Found {
        let opens_below =
            base.opens_below || whole.is_some_and(|hash| self.openers.binary_search(&hash).is_ok());
        let (here, below) = (self.of_base(&base.here), self.of_base(&base.below));
        match own {
            None => Found { here, below, opens_below },
            Some(own) => {
                Found { here: self.join(here, &own.here), below: self.join(below, &own.below), opens_below }
            }
        }
    }

    /// A set of the base under the numbers of both.
    pub(super) fn of_base(&self, set: &CategorySet) -> CategorySet {
        if self.base_numbers.is_empty() || set.is_empty() {
            return *set;
        }
        set.iter().filter_map(|number| self.base_numbers.get(usize::from(number)).copied()).collect()
    }

    /// The base's number of a category; `None` where the base does not have it.
    pub(super) fn to_base(&self, number: u16) -> Option<u16> {
        if self.base_numbers.is_empty() {
            return Some(number);
        }
        // Both are sorted by id, so the numbers rise.
        self.base_numbers.binary_search(&number).ok().and_then(|place| u16::try_from(place).ok())
    }

    /// A set of the base, already under the numbers of both, with one of the overlay.
    fn join(&self, mut set: CategorySet, own: &CategorySet) -> CategorySet {
        let meanings = || own.iter().filter_map(|number| self.meanings.get(usize::from(number)).copied());
        for meaning in meanings() {
            if let Meaning::Category(number) = meaning {
                self.insert(&mut set, number);
            }
        }
        for meaning in meanings() {
            if let Meaning::Void(category, level) = meaning {
                self.remove(&mut set, category);
                for again in meanings() {
                    match again {
                        Meaning::Again(of, at, confirmed) if (of, at) == (category, level) => {
                            self.say_again(&mut set, category, confirmed);
                        }
                        _ => {}
                    }
                }
            }
        }
        for meaning in meanings() {
            match meaning {
                Meaning::Take(category) => self.remove(&mut set, category),
                Meaning::Add(category) => {
                    self.remove(&mut set, category);
                    set.insert(category);
                }
                _ => {}
            }
        }
        set
    }

    /// Adds what the overlay's sources say: two that agree confirm each other, and what is confirmed
    /// does not wait.
    fn insert(&self, set: &mut CategorySet, number: u16) {
        let pair = self.strict.iter().find(|(confirmed, waiting)| [*confirmed, *waiting].contains(&number));
        match pair {
            Some(&(confirmed, waiting)) if set.contains(confirmed) || set.contains(waiting) => {
                set.remove(waiting);
                set.insert(confirmed);
            }
            _ => set.insert(number),
        }
    }

    /// Takes a category out, and its waiting room with it.
    fn remove(&self, set: &mut CategorySet, category: u16) {
        set.remove(category);
        if let Some(waiting) = self.waiting(category) {
            set.remove(waiting);
        }
    }

    fn say_again(&self, set: &mut CategorySet, category: u16, confirmed: Confirmed) {
        match self.waiting(category) {
            Some(waiting) if confirmed == Confirmed::No => set.insert(waiting),
            _ => set.insert(category),
        }
    }

    fn waiting(&self, category: u16) -> Option<u16> {
        self.strict.iter().find(|(confirmed, _)| *confirmed == category).map(|(_, waiting)| *waiting)
    }
}

fn number_in(categories: &[CategoryId], id: &CategoryId) -> Option<u16> {
    categories.binary_search(id).ok().and_then(|place| u16::try_from(place).ok())
}

fn meaning(id: &CategoryId, number: &impl Fn(&CategoryId) -> Option<u16>) -> Option<Meaning> {
    let confirmed = id.as_str().strip_suffix(crate::category::UNCONFIRMED);
    let waiting = confirmed.and_then(CategoryId::new).as_ref().and_then(Stand::of);
    if let Some((Stand::Again(level), category)) = waiting {
        return Some(Meaning::Again(number(&category)?, level, Confirmed::No));
    }
    Some(match Stand::of(id) {
        None => Meaning::Category(number(id)?),
        Some((Stand::Void(level), category)) => Meaning::Void(number(&category)?, level),
        Some((Stand::Again(level), category)) => Meaning::Again(number(&category)?, level, Confirmed::Yes),
        Some((Stand::Take, category)) => Meaning::Take(number(&category)?),
        Some((Stand::Add, category)) => Meaning::Add(number(&category)?),
    })
}
