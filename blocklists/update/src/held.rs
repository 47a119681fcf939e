//! Lessons undisturbed: names that an update would newly block although this school uses them.
//!
//! A list that arrives at five in the morning must not take away at nine what a class has worked with
//! all week. So a name that was used here on two of the last thirty days, and that a list newly puts
//! into a category which some policy of the school does not allow, is *held back*: for three days it
//! counts as wrongly listed (a correction, out of that category), and the coordinator sees it. Accepted
//! or not looked at, it is then in force like the rest of its list.
//!
//! Never held back: threats ([`NEVER`]), what is locked, and what a list has already been blocking. What
//! is listed in its own right *below* a held name stays blocked, as below any correction.

mod file;
mod guard;

use blocklists::category::CategoryId;
use blocklists::name::{Name, NameRef};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use file::change;
pub(crate) use guard::Candidates;
pub use guard::Lessons;

/// Categories of threats: their names are blocked at once, used or not.
pub const NEVER: [&str; 3] = ["malware", "malware/unconfirmed", "scams"];
/// Days of the last thirty on which a name must have been used.
pub const DAYS_USED_MIN: u32 = 2;
/// How long a name is held back.
pub const HELD_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Names held back at once; what is beyond is in force at once, and counted.
pub const HELD_MAX: usize = 5_000;
/// Names that opened and were used, shown.
pub const OPENED_MAX: usize = 1_000;
/// How long those are shown.
pub const OPENED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Names whose time came, remembered.
pub const SETTLED_MAX: usize = 20_000;

/// A name and what around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Covered {
    /// The name, as people write it.
    pub name: String,
    /// With everything below.
    pub subtree: bool,
}

impl Covered {
    /// The name in wire form; `None` when the file was tampered with.
    #[must_use]
    pub fn wire(&self) -> Option<Name> {
        Name::parse(&self.name).ok()
    }
}

/// A name that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The name.
    #[serde(flatten)]
    pub covered: Covered,
    /// The category that it stays out of (with its `…/unconfirmed`).
    pub category: CategoryId,
    /// The source that lists it.
    pub source: String,
    /// Since when.
    pub since: Timestamp,
    /// Then it is in force.
    pub until: Timestamp,
    /// On how many of the last thirty days it was used.
    pub days_used: u32,
}

/// A name that an update opened and that is used here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The name.
    #[serde(flatten)]
    pub covered: Covered,
    /// The category that it left.
    pub category: CategoryId,
    /// The source that listed it.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// On how many of the last thirty days it was used.
    pub days_used: u32,
}

/// How holding back ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Somebody accepted it.
    Accepted,
    /// Its time was over.
    Over,
    /// The list took it back by itself.
    Withdrawn,
}

/// A name that was held back once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The name.
    #[serde(flatten)]
    pub covered: Covered,
    /// The category.
    pub category: CategoryId,
    /// The source that listed it.
    pub source: String,
    /// Since when it was held back.
    pub since: Timestamp,
    /// When that ended.
    pub at: Timestamp,
    /// How.
    pub how: Ended,
}

/// All of it, as `held.json` has it. Nothing here is ever of a locked category.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What is held back.
    pub held: Vec<HeldBack>,
    /// What opened.
    pub opened: Vec<Opened>,
    /// What was held back, oldest first.
    pub settled: Vec<Settled>,
    /// Names that would have been held back had there been room, at the last update.
    #[serde(default)]
    pub not_held: u64,
    /// Patterns that the last update brought. The names used here are kept as sets that can be asked and
    /// not read, so what of them a pattern spells cannot be held back.
    #[serde(default)]
    pub patterns: u64,
}

impl Held {
    /// Reads `held.json`; nothing is held back when it is missing or damaged.
    #[must_use]
    pub fn of(lists: &crate::Lists) -> Self {
        file::read(lists.root())
    }

    /// What is held back at a moment: what is in the file, and not over.
    pub fn active(&self, now: Timestamp) -> impl Iterator<Item = &HeldBack> {
        self.held.iter().filter(move |held| held.until > now)
    }

    /// When the next of them is over.
    #[must_use]
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.active(now).map(|held| held.until).min()
    }

    /// Puts in force what is over; gives how many that were.
    pub fn settle(&mut self, now: Timestamp) -> usize {
        self.opened.retain(|opened| now.duration_since(opened.at) < OPENED_FOR);
        self.end(now, Ended::Over, |held| held.until <= now)
    }

    /// Accepts the listing of a name and of what is held back below it, or of all names; gives how many.
    pub fn accept(&mut self, name: Option<NameRef<'_>>, now: Timestamp) -> usize {
        let is_meant = |held: &HeldBack| match (name, held.covered.wire()) {
            (Some(name), Some(held)) => held.as_ref().is_at_or_below(name),
            (Some(_), None) => false,
            (None, _) => true,
        };
        self.end(now, Ended::Accepted, is_meant)
    }

    /// Moves what a condition picks to what is settled.
    fn end(&mut self, now: Timestamp, how: Ended, is_meant: impl Fn(&HeldBack) -> bool) -> usize {
        let (ended, held): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held).into_iter().partition(|held| is_meant(held));
        self.held = held;
        let count = ended.len();
        self.settled.extend(ended.into_iter().map(|held| Settled {
            at: if how == Ended::Over { held.until } else { now },
            covered: held.covered,
            category: held.category,
            source: held.source,
            since: held.since,
            how,
        }));
        let too_many = self.settled.len().saturating_sub(SETTLED_MAX);
        self.settled.drain(..too_many);
        count
    }

    /// What was held back at a moment that lies behind.
    #[must_use]
    pub fn was_held(&self, name: NameRef<'_>, category: &CategoryId, at: Timestamp) -> bool {
        let is_it = |covered: &Covered, of: &CategoryId| {
            of == category
                && covered.wire().is_some_and(|held| match covered.subtree {
                    true => name.is_at_or_below(held.as_ref()),
                    false => name == held.as_ref(),
                })
        };
        self.settled.iter().any(|was| is_it(&was.covered, &was.category) && was.since <= at && at < was.at)
            || self.active(at).any(|held| is_it(&held.covered, &held.category) && held.since <= at)
    }
}

#[cfg(test)]
mod tests;
