//! What is recorded about one answered query, and the counters that it moves.
//!
//! An [`Event`] borrows everything, so that recording costs no allocation. Counters are plain
//! atomics behind a [`Tallies`] table that is made with each snapshot: a number in a decision is an
//! index into the table of the very snapshot that decided, and rows are shared between tables, so
//! that a reload loses no count and needs no lock on the way of a query. Who reads them, and in
//! which format, is unknown here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use policy::{Client, Decision, ReasonId, Snapshot, Standing, Verdict};

use crate::peer::{Peer, Transport};
use crate::wire::Query;

/// One answered query.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The question.
    pub query: &'a Query<'a>,
    /// Where it came from.
    pub peer: &'a Peer,
    /// Who that is.
    pub client: &'a Client,
    /// What was decided in the end, inspection of the answer included.
    pub decision: &'a Decision,
    /// The reply as it goes out.
    pub reply: &'a [u8],
}

/// Which way an answer came about; label `path` of the durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Written at once: blocks, refusals, errors.
    Fast,
    /// From the cache.
    Cache,
    /// An upstream was asked.
    Upstream,
    /// From the school's own zones.
    Local,
}

impl Path {
    /// Every path, in the order of the counters.
    pub const ALL: [Self; 4] = [Self::Fast, Self::Cache, Self::Upstream, Self::Local];

    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Cache => "cache",
            Self::Upstream => "upstream",
            Self::Local => "local",
        }
    }
}

/// Verdicts as they are counted.
const VERDICTS: [&str; 6] = ["allow", "watch", "rewrite", "local", "block", "refuse"];
/// Network label of private addresses that are in no network.
const UNKNOWN: &str = "unknown";
/// Network label of everybody else.
const STRANGER: &str = "stranger";
/// Label of what has none: the network of a broken packet, the category of a blocked rule.
const NONE: &str = "none";
/// Names by which devices ask whether they may go round the filter; each is counted.
const SPECIAL: [&str; 4] =
    ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com", "resolver.arpa"];

/// Upper bounds of the duration buckets, in microseconds; the last bucket has none.
pub const BUCKETS_MICROS: [u64; 16] = [
    5, 10, 25, 50, 100, 250, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_800_000,
    4_000_000,
];

type Cell = Arc<AtomicU64>;
type NetworkRow = [[AtomicU64; VERDICTS.len()]; Transport::ALL.len()];

/// Everything the data plane counts.
#[derive(Debug, Default)]
pub struct Counters {
    networks: Mutex<BTreeMap<String, Arc<NetworkRow>>>,
    blocked: Mutex<BTreeMap<(String, String), Cell>>,
    rejected: [AtomicU64; Transport::ALL.len()],
    special: [AtomicU64; SPECIAL.len()],
    durations: [Histogram; Path::ALL.len()],
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    cache_contended: AtomicU64,
}

/// The cells that decisions of one snapshot move.
#[derive(Debug)]
pub struct Tallies {
    networks: Box<[Arc<NetworkRow>]>,
    unknown: Arc<NetworkRow>,
    stranger: Arc<NetworkRow>,
    /// By policy, then by category; one more at the end for blocks without a category.
    blocked: Box<[Box<[Cell]>]>,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS_MICROS.len() + 1],
    nanos: AtomicU64,
}

/// Look-ups of the cache, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLook {
    /// Found and fresh.
    Hit,
    /// Not there, or too old.
    Miss,
    /// The shard was taken: the slow way was gone.
    Contended,
}

/// Queries of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryCount {
    /// Network id, or `unknown`, `stranger`, `none`.
    pub network: String,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// `allow`, `watch`, `rewrite`, `local`, `block`, `refuse`, or `error` for broken packets.
    pub verdict: &'static str,
    /// How many.
    pub count: u64,
}

/// Blocks of one category in one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockCount {
    /// Policy id.
    pub policy: String,
    /// Category id, or `none`.
    pub category: String,
    /// How many.
    pub count: u64,
}

/// Durations of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    /// The path.
    pub path: Path,
    /// Observations in each bucket (not cumulative) of [`BUCKETS_MICROS`], and above the last.
    pub buckets: [u64; BUCKETS_MICROS.len() + 1],
    /// Sum of all.
    pub sum: Duration,
}

/// One reading of all counters. Zero counts are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// By network, transport and verdict.
    pub queries: Vec<QueryCount>,
    /// By policy and category.
    pub blocked: Vec<BlockCount>,
    /// By path.
    pub durations: Vec<Durations>,
    /// By special name; every one, zero or not.
    pub special: Vec<(&'static str, u64)>,
    /// Answers that the cache had.
    pub cache_hits: u64,
    /// Questions that the cache could not answer.
    pub cache_misses: u64,
    /// Looks into the cache that would have had to wait for another thread.
    pub cache_contended: u64,
}

impl Counters {
    /// The table for a new snapshot; cells that were there before go on counting.
    #[must_use]
    pub fn tallies(&self, snapshot: &Snapshot) -> Tallies {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut row = |id: &str| Arc::clone(networks.entry(id.to_owned()).or_default());
        let mut cells = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let categories: Vec<&str> =
            snapshot.categories().iter().map(|id| id.as_str()).chain(std::iter::once(NONE)).collect();
        let blocked = snapshot.policies().iter().map(|policy| {
            let cell = |category: &&str| {
                Arc::clone(cells.entry((policy.clone(), (*category).to_owned())).or_default())
            };
            categories.iter().map(cell).collect()
        });
        Tallies {
            networks: snapshot.networks().iter().map(|id| row(id)).collect(),
            unknown: row(UNKNOWN),
            stranger: row(STRANGER),
            blocked: blocked.collect(),
        }
    }

    /// Files one answered query. `tallies` belongs to the snapshot that decided.
    pub fn record(&self, event: &Event<'_>, tallies: &Tallies) {
        let row = match (event.client.standing, event.client.network) {
            (Standing::Stranger, _) => &tallies.stranger,
            (_, Some(network)) => tallies.networks.get(usize::from(network)).unwrap_or(&tallies.unknown),
            (_, None) => &tallies.unknown,
        };
        let verdict = match event.decision.verdict {
            Verdict::Allow => 0,
            Verdict::Watch => 1,
            Verdict::Rewrite(_) => 2,
            Verdict::Local | Verdict::Loopback => 3,
            Verdict::Block(_) => 4,
            Verdict::Refuse => 5,
        };
        row[transport(event.peer.transport)][verdict].fetch_add(1, Relaxed);
        if let Verdict::Block(_) = event.decision.verdict {
            self.record_block(event, tallies);
        }
    }

    fn record_block(&self, event: &Event<'_>, tallies: &Tallies) {
        if let Some(cells) = tallies.blocked.get(usize::from(event.client.policy)) {
            let category = event.decision.reason.category.map(usize::from);
            if let Some(cell) = category.and_then(|number| cells.get(number)).or(cells.last()) {
                cell.fetch_add(1, Relaxed);
            }
        }
        if event.decision.reason.id == ReasonId::Canary {
            let special = |name: &str| event.query.name.suffixes().any(|suffix| is(suffix.labels(), name));
            if let Some(slot) = SPECIAL.iter().position(|name| special(name)) {
                self.special[slot].fetch_add(1, Relaxed);
            }
        }
    }

    /// Files a packet that was no good query.
    pub fn reject(&self, from: Transport) {
        self.rejected[transport(from)].fetch_add(1, Relaxed);
    }

    /// Files `count` answers that took `each` along one path.
    pub fn took(&self, path: Path, each: Duration, count: u64) {
        if count == 0 {
            return;
        }
        let histogram = &self.durations[path as usize];
        let micros = each.as_micros();
        let bucket = BUCKETS_MICROS.partition_point(|&bound| u128::from(bound) < micros);
        histogram.buckets[bucket].fetch_add(count, Relaxed);
        let nanos = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX).saturating_mul(count);
        histogram.nanos.fetch_add(nanos, Relaxed);
    }

    /// Files a look into the cache.
    pub fn looked(&self, look: CacheLook) {
        let counter = match look {
            CacheLook::Hit => &self.cache_hits,
            CacheLook::Miss => &self.cache_misses,
            CacheLook::Contended => &self.cache_contended,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Reads everything; counts go on while it does.
    #[must_use]
    pub fn read(&self) -> Reading {
        let networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queries: Vec<QueryCount> = networks.iter().flat_map(|(id, row)| read_row(id, row)).collect();
        let rejected = Transport::ALL.iter().zip(&self.rejected).map(|(transport, count)| QueryCount {
            network: NONE.to_owned(),
            transport: transport.as_str(),
            verdict: "error",
            count: count.load(Relaxed),
        });
        queries.extend(rejected.filter(|query| query.count > 0));
        let cells = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let blocked = cells.iter().map(|((policy, category), count)| BlockCount {
            policy: policy.clone(),
            category: category.clone(),
            count: count.load(Relaxed),
        });
        let durations = Path::ALL.iter().zip(&self.durations).map(|(&path, histogram)| Durations {
            path,
            buckets: std::array::from_fn(|bucket| histogram.buckets[bucket].load(Relaxed)),
            sum: Duration::from_nanos(histogram.nanos.load(Relaxed)),
        });
        Reading {
            queries,
            blocked: blocked.filter(|block| block.count > 0).collect(),
            durations: durations.collect(),
            special: SPECIAL
                .iter()
                .zip(&self.special)
                .map(|(&name, count)| (name, count.load(Relaxed)))
                .collect(),
            cache_hits: self.cache_hits.load(Relaxed),
            cache_misses: self.cache_misses.load(Relaxed),
            cache_contended: self.cache_contended.load(Relaxed),
        }
    }
}

fn transport(transport: Transport) -> usize {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
    }
}

fn read_row<'a>(id: &'a str, row: &'a NetworkRow) -> impl Iterator<Item = QueryCount> + 'a {
    Transport::ALL.iter().zip(row).flat_map(move |(transport, row)| {
        let counts = VERDICTS.iter().zip(row).map(move |(&verdict, count)| QueryCount {
            network: id.to_owned(),
            transport: transport.as_str(),
            verdict,
            count: count.load(Relaxed),
        });
        counts.filter(|query| query.count > 0)
    })
}

/// Whether these labels spell this dotted name.
fn is<'a>(labels: impl Iterator<Item = &'a [u8]>, name: &str) -> bool {
    labels.eq(name.split('.').map(str::as_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Batch;

    #[test]
    fn durations_go_into_the_bucket_that_holds_them() {
        let counters = Counters::default();
        for (micros, bucket) in [(0, 0), (5, 0), (6, 1), (1_000, 6), (4_000_000, 15), (9_000_000, 16)] {
            counters.took(Path::Upstream, Duration::from_micros(micros), 2);
            let read = &counters.read().durations[2];
            assert_eq!(
                (read.path, read.buckets[bucket]),
                (Path::Upstream, if bucket == 0 && micros == 5 { 4 } else { 2 })
            );
        }
        assert_eq!(counters.read().durations[2].sum, Duration::from_micros(2 * 13_001_011));
    }

    #[test]
    fn a_batch_shares_its_time_over_its_replies() {
        let counters = Counters::default();
        Batch::start().end(&counters);
        let mut batch = Batch::start();
        for path in [Path::Fast, Path::Fast, Path::Cache] {
            batch.replied(path);
        }
        batch.end(&counters);
        let read = counters.read().durations;
        let counted: Vec<u64> = read.iter().map(|durations| durations.buckets.iter().sum()).collect();
        assert_eq!(counted, [2, 1, 0, 0]);
    }
}
