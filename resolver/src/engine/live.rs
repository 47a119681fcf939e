//! What answers are made from, and how it is swapped: a change is live on the next query.

use std::sync::Arc;

use policy::Snapshot;

use super::Engine;
use crate::counters::Counters;
use crate::local::LocalZones;
use crate::recorder::Recorder;
use crate::ring::EventRing;
use crate::tallies::Tallies;
use crate::upstream::Upstreams;

/// Everything that one answer is made from, swapped whole.
#[derive(Clone)]
pub struct Live {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) tallies: Arc<Tallies>,
    pub(super) upstreams: Upstreams,
    pub(super) local: Arc<LocalZones>,
    /// Counts snapshots, from 1 on: what was found out under one of them holds under no other.
    pub(super) number: u64,
    /// Counts configurations of upstreams, so that answers of earlier ones are not found again.
    pub(super) generation: u32,
}

impl Live {
    /// The policies that decide.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Number of the snapshot.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How often the upstreams have been replaced.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The cells that its answers are counted in.
    pub(crate) fn tallies(&self) -> &Arc<Tallies> {
        &self.tallies
    }

    /// Who is asked.
    #[must_use]
    pub fn upstreams(&self) -> &Upstreams {
        &self.upstreams
    }
}

impl Engine {
    /// What one more thread records with on the [`fast`](Self::fast) way; for the life of the
    /// thread. What is [`live`](Self::live) is to be loaded after it.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        let recorder = Recorder::new(&self.counters, &self.events);
        self.live.rcu(|live| Live { tallies: self.tallies(&live.snapshot), ..Live::clone(live) });
        recorder
    }

    /// What answers are made from now: loaded once for a batch.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// The policies that decide now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.live.load().snapshot)
    }

    /// Makes other policies live: they decide the very next query.
    pub fn publish(&self, snapshot: &Arc<Snapshot>) {
        self.live.rcu(|live| Live {
            snapshot: Arc::clone(snapshot),
            tallies: self.tallies(snapshot),
            number: live.number + 1,
            ..Live::clone(live)
        });
        self.sightings.judge_again(snapshot);
    }

    /// Makes other policies live together with other upstreams and local data. Answers that the
    /// earlier upstreams gave are not used any more.
    pub fn reconfigure(&self, snapshot: &Arc<Snapshot>, upstreams: &Upstreams, local: LocalZones) {
        let local = Arc::new(local);
        self.live.rcu(|live| Live {
            snapshot: Arc::clone(snapshot),
            tallies: self.tallies(snapshot),
            upstreams: upstreams.clone(),
            local: Arc::clone(&local),
            number: live.number + 1,
            generation: live.generation.wrapping_add(1),
        });
        self.sightings.judge_again(snapshot);
    }

    fn tallies(&self, snapshot: &Snapshot) -> Arc<Tallies> {
        tallies(&self.counters, &self.events, snapshot)
    }
}

/// Where answers of a snapshot are counted; events of its time can be read from now on.
pub(super) fn tallies(counters: &Counters, events: &EventRing, snapshot: &Snapshot) -> Arc<Tallies> {
    let tallies = counters.tallies(snapshot);
    events.remember(tallies.number(), tallies.labels());
    tallies
}
