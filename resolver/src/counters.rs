//! Everything that the data plane counts, and reading it.
//!
//! Every recording thread has a [`Sheet`] of its own, and cells of its own in the
//! [`tallies`](crate::tallies): it adds with a plain load and store, and whoever reads adds the
//! threads up. Who that is, and in which format it goes on, is unknown here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use policy::{ReasonId, Snapshot, Verdict};

use crate::event::{Event, Path};
use crate::labels::Labels;
use crate::peer::Transport;
use crate::tallies::{Book, Sums, Tallies, VERDICTS};

/// Label of what has none: the network of a broken packet, the category of a blocked rule.
pub(crate) const NONE: &str = "none";
/// Names by which devices ask whether they may go round the filter; each is counted.
const SPECIAL: [&str; 4] =
    ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com", "resolver.arpa"];

/// Upper bounds of the duration buckets, in microseconds; the last bucket has none.
pub const BUCKETS_MICROS: [u64; 16] = [
    5, 10, 25, 50, 100, 250, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_800_000,
    4_000_000,
];

/// Everything the data plane counts.
#[derive(Debug, Default)]
pub struct Counters {
    sheets: Mutex<Vec<Arc<Sheet>>>,
    book: Mutex<Book>,
    /// Of all threads together, as it is rare.
    contended: AtomicU64,
    stale: AtomicU64,
}

/// What one thread counts that belongs to no set of ids. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Sheet {
    rejected: [AtomicU64; Transport::ALL.len()],
    special: [AtomicU64; SPECIAL.len()],
    durations: [Histogram; Path::ALL.len()],
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS_MICROS.len() + 1],
    nanos: AtomicU64,
}

/// Look-ups of the cache, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheLook {
    /// Found and fresh.
    Hit,
    /// Not there, or too old.
    Miss,
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
    /// Answers given past their time.
    pub cache_stale: u64,
}

/// Adds to a cell that only the calling thread writes, so without a locked instruction. Returns
/// the sum.
#[inline]
pub(crate) fn add(cell: &AtomicU64, more: u64) -> u64 {
    let sum = cell.load(Relaxed).wrapping_add(more);
    cell.store(sum, Relaxed);
    sum
}

impl Counters {
    /// A sheet for one more thread, and the thread's number.
    pub(crate) fn sheet(&self) -> (usize, Arc<Sheet>) {
        let mut sheets = lock(&self.sheets);
        let sheet = Arc::new(Sheet::default());
        sheets.push(Arc::clone(&sheet));
        (sheets.len() - 1, sheet)
    }

    /// The table for a snapshot: the one in use where the ids are the same.
    pub(crate) fn tallies(&self, snapshot: &Snapshot) -> Arc<Tallies> {
        let threads = lock(&self.sheets).len();
        lock(&self.book).table(Labels::of(snapshot), threads)
    }

    /// Files an answer past its time.
    pub(crate) fn stale(&self) {
        self.stale.fetch_add(1, Relaxed);
    }

    /// Files a look into the cache that would have had to wait.
    pub(crate) fn contended(&self) {
        self.contended.fetch_add(1, Relaxed);
    }

    /// Reads everything; counts go on while it does.
    #[must_use]
    pub fn read(&self) -> Reading {
        let Sums { networks, blocked } = lock(&self.book).read();
        let sheets = lock(&self.sheets);
        let sum = |cell: &dyn Fn(&Sheet) -> u64| sheets.iter().map(|sheet| cell(sheet)).sum::<u64>();
        let mut queries: Vec<QueryCount> = networks.iter().flat_map(|(id, row)| read_row(id, row)).collect();
        let rejected = Transport::ALL.iter().map(|&from| QueryCount {
            network: NONE.to_owned(),
            transport: from.as_str(),
            verdict: "error",
            count: sum(&|sheet| sheet.rejected[transport(from)].load(Relaxed)),
        });
        queries.extend(rejected.filter(|query| query.count > 0));
        let durations = Path::ALL.map(|path| Durations {
            path,
            buckets: std::array::from_fn(|bucket| {
                sum(&|sheet| sheet.durations[path as usize].buckets[bucket].load(Relaxed))
            }),
            sum: Duration::from_nanos(sum(&|sheet| sheet.durations[path as usize].nanos.load(Relaxed))),
        });
        let special = SPECIAL.iter().enumerate();
        let special = special.map(|(slot, &name)| (name, sum(&|sheet| sheet.special[slot].load(Relaxed))));
        Reading {
            queries,
            blocked: blocked
                .into_iter()
                .map(|((policy, category), count)| BlockCount { policy, category, count })
                .collect(),
            durations: durations.into(),
            special: special.collect(),
            cache_hits: sum(&|sheet| sheet.cache_hits.load(Relaxed)),
            cache_misses: sum(&|sheet| sheet.cache_misses.load(Relaxed)),
            cache_contended: self.contended.load(Relaxed),
            cache_stale: self.stale.load(Relaxed),
        }
    }
}

/// Written by the thread that it belongs to, or by threads that take turns behind a lock.
impl Sheet {
    /// Files one answered query, as far as its ids do not matter.
    pub(crate) fn record(&self, event: &Event<'_>) {
        if event.decision.reason.id == ReasonId::Canary && matches!(event.decision.verdict, Verdict::Block(_))
        {
            let special = |name: &str| event.query.name.suffixes().any(|suffix| is(suffix.labels(), name));
            if let Some(slot) = SPECIAL.iter().position(|name| special(name)) {
                add(&self.special[slot], 1);
            }
        }
    }

    /// Files a packet that was no good query.
    pub(crate) fn reject(&self, from: Transport) {
        add(&self.rejected[transport(from)], 1);
    }

    /// Files `count` answers that took `each` along one path.
    pub(crate) fn took(&self, path: Path, each: Duration, count: u64) {
        if count == 0 {
            return;
        }
        let histogram = &self.durations[path as usize];
        let micros = each.as_micros();
        let bucket = BUCKETS_MICROS.partition_point(|&bound| u128::from(bound) < micros);
        add(&histogram.buckets[bucket], count);
        let nanos = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX).saturating_mul(count);
        add(&histogram.nanos, nanos);
    }

    /// Files a look into the cache.
    pub(crate) fn looked(&self, look: CacheLook) {
        let cell = match look {
            CacheLook::Hit => &self.cache_hits,
            CacheLook::Miss => &self.cache_misses,
        };
        add(cell, 1);
    }
}

/// Place of a transport in arrays of counters.
pub(crate) fn transport(transport: Transport) -> usize {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
    }
}

fn read_row<'a>(id: &'a str, row: &'a [u64]) -> impl Iterator<Item = QueryCount> + 'a {
    Transport::ALL.iter().zip(row.chunks(VERDICTS.len())).flat_map(move |(transport, row)| {
        let counts = VERDICTS.iter().zip(row).map(move |(&verdict, &count)| QueryCount {
            network: id.to_owned(),
            transport: transport.as_str(),
            verdict,
            count,
        });
        counts.filter(|query| query.count > 0)
    })
}

/// Whether these labels spell this dotted name.
fn is<'a>(labels: impl Iterator<Item = &'a [u8]>, name: &str) -> bool {
    labels.eq(name.split('.').map(str::as_bytes))
}

/// What these locks guard is whole at every instant.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
