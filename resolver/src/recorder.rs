//! What one thread records of its answers: its own counters and its own end of the event ring.
//!
//! Nobody else writes there, so that recording takes no lock, no locked instruction and no cache
//! line from another core. Threads of the slow way share one recorder behind a lock that is held for some
//! nanoseconds and never over anything that waits.

use std::sync::Arc;
use std::time::Duration;

use crate::counters::{CacheLook, Counters, Sheet};
use crate::event::{Event, Path};
use crate::peer::Transport;
use crate::ring::{EventRing, Shard};
use crate::tallies::Tallies;
use crate::tick::Tick;

/// One thread's records.
#[derive(Debug)]
pub struct Recorder {
    /// Which of the cells in each [`Tallies`] are ours.
    number: usize,
    sheet: Arc<Sheet>,
    shard: Shard,
}

impl Recorder {
    pub(crate) fn new(counters: &Counters, ring: &EventRing) -> Self {
        let (number, sheet) = counters.sheet();
        Self { number, sheet, shard: ring.shard() }
    }

    /// Files one answered query. `tallies` belongs to the snapshot that decided.
    pub(crate) fn record(&mut self, event: &Event<'_>, tallies: &Tallies, now: Tick) {
        tallies.record(self.number, event);
        self.sheet.record(event);
        self.shard.write(event, tallies.number(), now);
    }

    /// Files a packet that was no good query.
    pub(crate) fn reject(&mut self, from: Transport) {
        self.sheet.reject(from);
    }

    /// Files `count` answers that took `each` along one path.
    pub fn took(&mut self, path: Path, each: Duration, count: u64) {
        self.sheet.took(path, each, count);
    }

    /// Files a look into the cache.
    pub(crate) fn looked(&mut self, look: CacheLook) {
        self.sheet.looked(look);
    }
}
