//! Which of an update's changes touch names that this school uses.

use std::collections::BTreeSet;
use std::path::PathBuf;

use blocklists::category::CategoryId;
use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::parse::{Reach, Rule, Subject};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Covered, DAYS_USED_MIN, Ended, HELD_FOR, HELD_MAX, Held, HeldBack, NEVER, OPENED_MAX, Opened};
use crate::used_here::UsedHere;

/// What an update must know of the school to leave its lessons undisturbed.
#[derive(Debug, Clone)]
pub struct Lessons {
    /// Categories that some policy in use does not simply allow (block, ask, times, seal).
    pub blocked: BTreeSet<CategoryId>,
    /// Categories that are locked, `illegal/*` counted in any case.
    pub locked: BTreeSet<CategoryId>,
    /// Where the names used here are kept.
    pub used_here: PathBuf,
    /// The school's local day.
    pub today: Date,
}

impl Lessons {
    /// Whether names that newly come into a category may be held back.
    pub(crate) fn guards(&self, category: &CategoryId) -> bool {
        let unconfirmed = category.unconfirmed();
        let is_blocked = self.blocked.contains(category)
            || unconfirmed.is_some_and(|waiting| self.blocked.contains(&waiting));
        is_blocked && !self.is_locked(category) && !NEVER.contains(&category.as_str())
    }

    fn is_locked(&self, category: &CategoryId) -> bool {
        category.is_locked() || self.locked.contains(category)
    }
}

/// An entry that came or went, of a name that is used here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub(crate) name: Name,
    pub(crate) reach: Reach,
    pub(crate) category: CategoryId,
    pub(crate) source: String,
    pub(crate) days_used: u32,
}

impl Candidate {
    fn covered(&self) -> Covered {
        Covered { name: self.name.to_string(), subtree: self.reach != Reach::Exact }
    }
}

/// Collects candidates while a source's changes go by.
pub(crate) struct Candidates<'l> {
    lessons: &'l Lessons,
    used: UsedHere,
    pub(crate) came: BTreeSet<Candidate>,
    pub(crate) went: BTreeSet<Candidate>,
    /// Patterns that came: which used names they spell, no set can tell.
    patterns: u64,
}

impl<'l> Candidates<'l> {
    /// None yet.
    pub(crate) fn new(lessons: &'l Lessons, used: UsedHere) -> Self {
        Self { lessons, used, came: BTreeSet::new(), went: BTreeSet::new(), patterns: 0 }
    }

    /// Looks at an entry that was added or removed. A removed exception blocks as an added entry does.
    pub(crate) fn look_at(&mut self, source: &str, category: &CategoryId, rule: &Rule<'_>, is_added: bool) {
        if rule.cancels || !self.lessons.guards(category) {
            return;
        }
        let Subject::Name(name, reach) = rule.subject else {
            let is_pattern = matches!(rule.subject, Subject::Pattern(_));
            self.patterns += u64::from(is_pattern && is_added != rule.exception);
            return;
        };
        let (blocks, days_min) = if is_added == rule.exception { (false, 1) } else { (true, DAYS_USED_MIN) };
        let days_used = self.used.days_used(name);
        if days_used < days_min {
            return;
        }
        let candidate = Candidate {
            name: name.to_owned(),
            reach,
            category: category.clone(),
            source: source.to_owned(),
            days_used,
        };
        let candidates = if blocks { &mut self.came } else { &mut self.went };
        candidates.insert(candidate);
    }

    /// Keeps what is really newly blocked or open, whatever other lists say of it.
    pub(crate) fn keep_real(&mut self, before: &Index, after: &Index) {
        let is = |one: &Candidate, index: &Index| is_listed(&one.covered(), &one.category, index);
        self.came.retain(|came| is(came, after) && !is(came, before));
        self.went.retain(|went| is(went, before) && !is(went, after));
    }
}

impl Held {
    /// Takes in what an update brought.
    pub(crate) fn take_in(&mut self, candidates: &Candidates<'_>, after: &Index, now: Timestamp) {
        self.end(now, Ended::Withdrawn, |held| !is_listed(&held.covered, &held.category, after));
        self.not_held = 0;
        self.patterns = candidates.patterns;
        for came in &candidates.came {
            let covered = came.covered();
            if self.held.iter().any(|held| held.covered == covered && held.category == came.category) {
                continue;
            }
            if self.held.len() >= HELD_MAX {
                self.not_held += 1;
                continue;
            }
            self.held.push(HeldBack {
                covered,
                category: came.category.clone(),
                source: came.source.clone(),
                since: now,
                until: now.checked_add(HELD_FOR).unwrap_or(Timestamp::MAX),
                days_used: came.days_used,
            });
        }
        self.opened.extend(candidates.went.iter().map(|went| Opened {
            covered: went.covered(),
            category: went.category.clone(),
            source: went.source.clone(),
            at: now,
            days_used: went.days_used,
        }));
        let too_many = self.opened.len().saturating_sub(OPENED_MAX);
        self.opened.drain(..too_many);
    }
}

/// The record type that sites are asked for: A (RFC 1035 section 3.2.2).
const ADDRESS: u16 = 1;

/// Whether a name, or all that is below it, is in a category or in its waiting room.
fn is_listed(covered: &Covered, category: &CategoryId, index: &Index) -> bool {
    let Some(name) = covered.wire() else { return false };
    // For addresses: an entry for other types alone takes no site away.
    let found = index.find(name.as_ref(), ADDRESS);
    let set = if covered.subtree { found.here.union(&found.below) } else { found.here };
    let is_in = |category: &CategoryId| index.category_number(category).is_some_and(|n| set.contains(n));
    is_in(category) || category.unconfirmed().is_some_and(|waiting| is_in(&waiting))
}
