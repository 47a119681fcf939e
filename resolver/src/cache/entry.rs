//! What is kept of one question: an answer, or the failure to get one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use blocklists::name::Name;

use crate::body::{Body, allocated};
use crate::limits::RENEW_IN_LAST;
use crate::tick::Tick;

/// What an [`Arc`] counts in.
const COUNTS: usize = 2 * size_of::<usize>();

/// What came of asking, and when.
#[derive(Debug)]
pub struct Entry {
    /// When it was stored.
    pub stored: Tick,
    /// What it was.
    pub kept: Kept,
    /// What is known of everything that the answer leads to.
    pub content: Finding,
    /// What is known of the name itself, for answers that lead to it.
    pub name: Finding,
    /// Somebody has asked for it to be renewed already.
    renewing: AtomicBool,
}

/// How something in an answer passes step 15, for everybody alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It depends on who asks: judged each time.
    Judged,
    /// Nobody minds it.
    Free,
    /// And nothing in it is ever left out or written otherwise.
    Whole,
}

/// What was found out under one snapshot, and is as good as forgotten under every other.
#[derive(Debug, Default)]
pub struct Finding(AtomicU64);

impl Finding {
    /// What is known under the snapshot with this number (from 1 on), or else is found out now.
    pub fn get(&self, snapshot: u64, find: impl FnOnce() -> Passage) -> Passage {
        let known = self.0.load(Relaxed);
        if known >> 2 == snapshot {
            return match known & 3 {
                2 => Passage::Whole,
                1 => Passage::Free,
                _ => Passage::Judged,
            };
        }
        let found = find();
        let bits = match found {
            Passage::Judged => 0,
            Passage::Free => 1,
            Passage::Whole => 2,
        };
        // A thread that still answers by the snapshot before may undo this; then it is found out again.
        self.0.store(snapshot << 2 | bits, Relaxed);
        found
    }
}

/// What came of asking.
#[derive(Debug)]
pub enum Kept {
    /// An answer.
    Answer(Body),
    /// No answer. Kept for a while, so that a dead server is not asked by everybody (RFC 9520).
    Failure {
        /// The EDE code that says why.
        code: u16,
        /// For how long it is kept.
        wait: Duration,
        /// The answer from before, which may stand in while it is not too old (RFC 8767).
        before: Option<Arc<Entry>>,
    },
}

impl Entry {
    /// An answer.
    #[must_use]
    pub fn answer(body: Body, now: Tick) -> Self {
        Self::new(Kept::Answer(body), now)
    }

    /// What was kept at a time.
    pub(super) fn new(kept: Kept, stored: Tick) -> Self {
        let (content, name) = Default::default();
        Self { stored, kept, content, name, renewing: AtomicBool::new(false) }
    }

    /// A failure that is told but not kept.
    #[must_use]
    pub fn failed(code: u16, now: Tick) -> Self {
        Self::new(Kept::Failure { code, wait: Duration::ZERO, before: None }, now)
    }

    /// The EDE code of a failure.
    #[must_use]
    pub fn failure(&self) -> Option<u16> {
        match self.kept {
            Kept::Answer(_) => None,
            Kept::Failure { code, .. } => Some(code),
        }
    }

    /// The name at which an alias chain ends without the records asked for.
    #[must_use]
    pub fn dangling(&self, rtype: u16) -> Option<Name> {
        match &self.kept {
            Kept::Answer(body) => Name::from_wire(body.dangling(rtype)?).ok(),
            Kept::Failure { .. } => None,
        }
    }

    /// Whether it may be used at this time.
    #[must_use]
    pub fn is_fresh(&self, now: Tick) -> bool {
        now < self.stored.plus(self.lifetime())
    }

    /// Whether it is an answer that may stand in although its time is over: for no longer than
    /// `stale` behind its end.
    #[must_use]
    pub fn may_stand_in(&self, now: Tick, stale: Duration) -> bool {
        matches!(self.kept, Kept::Answer(_)) && now < self.stored.plus(self.lifetime() + stale)
    }

    /// Whether it should be asked for again before its time is over: the last part of its life has
    /// begun. True for one caller only.
    #[must_use]
    pub fn wants_renewal(&self, now: Tick) -> bool {
        let Kept::Answer(body) = &self.kept else { return false };
        let lifetime = body.lifetime();
        let left = lifetime.saturating_sub(now.seconds_since(self.stored));
        left < lifetime / RENEW_IN_LAST && !self.renewing.load(Relaxed) && !self.renewing.swap(true, Relaxed)
    }

    /// Octets of memory that it takes behind an [`Arc`], what it holds on to included.
    pub(super) fn allocated(&self) -> usize {
        allocated(COUNTS + size_of::<Self>())
            + match &self.kept {
                Kept::Answer(body) => body.allocated(),
                Kept::Failure { before, .. } => before.as_ref().map_or(0, |before| before.allocated()),
            }
    }

    fn lifetime(&self) -> Duration {
        match &self.kept {
            Kept::Answer(body) => Duration::from_secs(u64::from(body.lifetime())),
            Kept::Failure { wait, .. } => *wait,
        }
    }
}
