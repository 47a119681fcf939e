//! All that `lists status` and the API show of the lists, put together once.

use blocklists::index::Index;
use jiff::Timestamp;
use serde::Serialize;

use crate::Lists;
use crate::coverage::{self, Coverage};
use crate::held::{Held, HeldBack, Opened};
use crate::locked::{self, LockedFeed};
use crate::status::Status;

/// The lists as people and the API see them.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// The index and every source.
    #[serde(flatten)]
    pub status: Status,
    /// The slots of illegal content.
    pub locked_feeds: Vec<LockedFeed>,
    /// Names that lists newly block and lessons use: not in force yet.
    pub held: Vec<HeldBack>,
    /// Names in use that an update opened, of the last thirty days.
    pub opened: Vec<Opened>,
    /// Names that the last update would have held back, had there been room.
    pub not_held: u64,
    /// Patterns that the last update brought: nothing that they block is held back.
    pub patterns_not_held: u64,
}

impl Lists {
    /// What is known of the index given (the one in force, when there is one), of every source, of the
    /// locked feeds and of what is held back.
    #[must_use]
    pub fn overview(&self, index: Option<&Index>) -> Overview {
        let now = Timestamp::now();
        let held = Held::of(self);
        Overview {
            status: self.status(index),
            locked_feeds: locked::of(&self.record(), now),
            held: held.active(now).cloned().collect(),
            opened: held.opened,
            not_held: held.not_held,
            patterns_not_held: held.patterns,
        }
    }

    /// How well each category is covered by the lists of the last update.
    #[must_use]
    pub fn coverage(&self) -> Vec<Coverage> {
        coverage::of(&self.record(), Timestamp::now())
    }
}
