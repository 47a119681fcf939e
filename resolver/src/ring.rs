//! The way of events out of the data plane: bounded, lossy, never waited for.
//!
//! Every thread that answers has a shard of its own, with one writer and, under a lock that no
//! writer ever takes, one reader. A writer copies a fixed head and the name's octets and goes on; with the
//! shard full the event is dropped and counted. Until somebody [`drain`](EventRing::drain)s, nothing is written.
//! The heads hold numbers; the reader gives them back their ids.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use blocklists::name::NameRef;
use policy::{Client, Reason, Verdict};
use rtrb::{Consumer, Producer, RingBuffer};
use tokio::sync::Notify;

use crate::counters::add;
use crate::event::{Event, Path};
use crate::labels::{self, Labels};
use crate::peer::Transport;
use crate::tick::Tick;

/// Events that one thread can have waiting: at the highest rate of one core some thirty milliseconds.
pub const EVENTS_PER_THREAD: usize = 8192;
/// Octets of names that they can have together; a usual name has 25.
const NAME_OCTETS_PER_THREAD: usize = EVENTS_PER_THREAD * 32;
/// The reader is woken once for so many events of one thread.
const WAKE_EVERY: u64 = 1024;
/// Tables of ids that are remembered; events of older ones have numbers without ids.
const LABELS_MAX: usize = 16;

/// All shards, and the one reading end.
#[derive(Debug, Default)]
pub struct EventRing {
    /// Somebody has drained: events are wanted.
    wanted: Arc<AtomicBool>,
    counts: Mutex<Vec<Arc<Counts>>>,
    readers: Mutex<Vec<Reader>>,
    labels: Mutex<VecDeque<(u32, Arc<Labels>)>>,
    many: Arc<Notify>,
}

/// One answered query, as the control plane sees it.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// When it was answered, in seconds since 1970, by the clock as it is set when it is read.
    pub unix: u64,
    /// The name asked for, lower-case.
    pub name: NameRef<'a>,
    /// The record type asked for.
    pub rtype: u16,
    /// The response code that went out; of extended ones the lower four bits.
    pub rcode: u8,
    /// What carried it.
    pub transport: Transport,
    /// How the answer came about.
    pub path: Path,
    /// The client's address, IPv4 unmapped. Personal data: keep it no longer than needed.
    pub address: IpAddr,
    /// Who that was, by numbers in `labels`.
    pub client: Client,
    /// What was decided in the end.
    pub verdict: Verdict,
    /// Why. Its category is a number in `labels`; rule and approved list are numbers of the
    /// snapshot that decided, which may be gone.
    pub reason: Reason,
    /// The ids behind the numbers.
    pub labels: &'a Labels,
}

impl<'a> Look<'a> {
    /// Network id; `None` for a client in no network.
    #[must_use]
    pub fn network(&self) -> Option<&'a str> {
        labels::id(&self.labels.networks, self.client.network)
    }

    /// Group id.
    #[must_use]
    pub fn group(&self) -> Option<&'a str> {
        labels::id(&self.labels.groups, self.client.group)
    }

    /// Device id.
    #[must_use]
    pub fn device(&self) -> Option<&'a str> {
        labels::id(&self.labels.devices, self.client.device)
    }

    /// Policy id.
    #[must_use]
    pub fn policy(&self) -> Option<&'a str> {
        labels::id(&self.labels.policies, Some(self.client.policy))
    }

    /// Id of the deciding category.
    #[must_use]
    pub fn category(&self) -> Option<&'a str> {
        labels::id(&self.labels.categories, self.reason.category)
    }
}

/// How full the ring is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingLoad {
    /// Events in it.
    pub depth: usize,
    /// Events that can be in it.
    pub limit: usize,
    /// Events that did not fit since the start.
    pub dropped: u64,
}

/// The fixed part of an event.
#[derive(Debug, Clone, Copy)]
struct Head {
    at: Tick,
    labels: u32,
    rtype: u16,
    rcode: u8,
    name_octets: u8,
    transport: Transport,
    path: Path,
    address: IpAddr,
    client: Client,
    verdict: Verdict,
    reason: Reason,
}

/// What passed through one shard; each written by one side only.
#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    read: AtomicU64,
}

/// The writing end of one thread.
#[derive(Debug)]
pub(crate) struct Shard {
    wanted: Arc<AtomicBool>,
    heads: Producer<Head>,
    names: Producer<u8>,
    counts: Arc<Counts>,
    many: Arc<Notify>,
}

#[derive(Debug)]
struct Reader {
    heads: Consumer<Head>,
    names: Consumer<u8>,
    counts: Arc<Counts>,
}

impl Shard {
    /// Writes one event, or drops it; `labels` is the number of the table that its numbers mean.
    #[inline]
    pub(crate) fn write(&mut self, event: &Event<'_>, labels: u32, now: Tick) {
        if !self.wanted.load(Relaxed) {
            return;
        }
        let name = event.query.name.wire();
        let head = Head {
            at: now,
            labels,
            rtype: event.query.rtype,
            rcode: event.reply.get(3).map_or(0, |flags| flags & 0xf),
            name_octets: u8::try_from(name.len()).unwrap_or(u8::MAX),
            transport: event.peer.transport,
            path: event.path,
            address: event.peer.source.ip().to_canonical(),
            client: *event.client,
            verdict: event.decision.verdict,
            reason: event.decision.reason,
        };
        // The name first: whoever sees the head finds the name.
        if self.heads.is_full() || self.names.push_entire_slice(name).is_err() {
            add(&self.counts.dropped, 1);
            return;
        }
        if self.heads.push(head).is_ok() && add(&self.counts.written, 1).is_multiple_of(WAKE_EVERY) {
            self.many.notify_one();
        }
    }
}

impl EventRing {
    /// A shard for one more thread.
    pub(crate) fn shard(&self) -> Shard {
        let (heads, read_heads) = RingBuffer::new(EVENTS_PER_THREAD);
        let (names, read_names) = RingBuffer::new(NAME_OCTETS_PER_THREAD);
        let counts = Arc::new(Counts::default());
        lock(&self.counts).push(Arc::clone(&counts));
        let reader = Reader { heads: read_heads, names: read_names, counts: Arc::clone(&counts) };
        lock(&self.readers).push(reader);
        let (wanted, many) = (Arc::clone(&self.wanted), Arc::clone(&self.many));
        Shard { wanted, heads, names, counts, many }
    }

    /// Remembers a table of ids under a number that events of its time carry.
    pub(crate) fn remember(&self, number: u32, labels: &Arc<Labels>) {
        let mut known = lock(&self.labels);
        if known.iter().all(|(known, _)| *known != number) {
            known.truncate(LABELS_MAX - 1);
            known.push_front((number, Arc::clone(labels)));
        }
    }

    /// Takes out everything that is there, thread by thread; each thread's events in their order.
    /// Returns how many. The first call turns the writing of events on. Made for one reader: a
    /// second one at the same time waits for the first.
    pub fn drain(&self, look: &mut dyn FnMut(&Look<'_>)) -> usize {
        self.wanted.store(true, Relaxed);
        let clock = Clock::read();
        let mut ids = Ids { ring: self, last: None };
        let mut count = 0;
        for reader in lock(&self.readers).iter_mut() {
            // What is there now and not what comes meanwhile, so that a busy thread cannot hold
            // the others' events up.
            for _ in 0..reader.heads.slots() {
                count += usize::from(reader.next(&clock, &mut ids, look));
            }
        }
        count
    }

    /// Waits until some thread has written a good part of its shard; cancel-safe. Whoever drains
    /// waits for this or for a second, whichever is sooner.
    pub async fn filling(&self) {
        self.many.notified().await;
    }

    /// How full it is.
    #[must_use]
    pub fn load(&self) -> RingLoad {
        let counts = lock(&self.counts);
        let waiting = counts.iter().map(|shard| {
            // Read before written: never more read than written.
            let read = shard.read.load(Relaxed);
            usize::try_from(shard.written.load(Relaxed).saturating_sub(read)).unwrap_or(usize::MAX)
        });
        RingLoad {
            depth: waiting.sum(),
            limit: counts.len() * EVENTS_PER_THREAD,
            dropped: counts.iter().map(|shard| shard.dropped.load(Relaxed)).sum(),
        }
    }
}

impl Reader {
    /// Takes one event out; false when it made no sense.
    fn next(&mut self, clock: &Clock, ids: &mut Ids<'_>, look: &mut dyn FnMut(&Look<'_>)) -> bool {
        let Ok(head) = self.heads.pop() else { return false };
        add(&self.counts.read, 1);
        let mut buffer = [0; u8::MAX as usize];
        let Some(octets) = buffer.get_mut(..usize::from(head.name_octets)) else { return false };
        if self.names.pop_entire_slice(octets).is_err() {
            return false;
        }
        let Ok(name) = NameRef::from_lower_wire(octets) else { return false };
        look(&Look {
            unix: clock.unix(head.at),
            name,
            rtype: head.rtype,
            rcode: head.rcode,
            transport: head.transport,
            path: head.path,
            address: head.address,
            client: head.client,
            verdict: head.verdict,
            reason: head.reason,
            labels: ids.of(head.labels),
        });
        true
    }
}

/// The wall clock and the data plane's, read together: a box whose clock is set after the start
/// gives earlier events their right time.
struct Clock {
    unix: Duration,
    tick: Tick,
}

impl Clock {
    fn read() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { unix, tick: Tick::now() }
    }

    fn unix(&self, at: Tick) -> u64 {
        let ago = Duration::from_millis(self.tick.0.saturating_sub(at.0));
        self.unix.saturating_sub(ago).as_secs()
    }
}

/// The table of ids that was used last.
struct Ids<'a> {
    ring: &'a EventRing,
    last: Option<(u32, Arc<Labels>)>,
}

impl Ids<'_> {
    fn of(&mut self, number: u32) -> &Labels {
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            let known = lock(&self.ring.labels).iter().find(|(known, _)| *known == number).cloned();
            self.last = Some(known.unwrap_or_else(|| (number, Arc::default())));
        }
        let (_, labels) = self.last.get_or_insert_with(Default::default);
        labels
    }
}

/// What these locks guard is whole at every instant.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
