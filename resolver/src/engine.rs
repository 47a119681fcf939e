//! How one query is answered: query -> client -> policy -> verdict -> answer -> event.
//!
//! There are two ways through the same steps. [`Engine::fast`], here, is synchronous, allocates nothing
//! and never waits: errors, blocks, refusals, rewrites and whatever the cache has. What it cannot
//! do it leaves to [`Engine::answer`] (`engine/waiting.rs`), which may ask an upstream or the school's own
//! zones. What answers are made from, and how that is swapped, is in `engine/live.rs`. Policy
//! is decided before the cache is looked at, and every answer that came from outside is inspected under
//! the live snapshot when it is given (step 15), so a change of policy is live on the next query.

mod live;
mod waiting;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use blocklists::name::NameRef;
use policy::{BlockStyle, Decision, Snapshot, Target, Verdict};

use crate::answer;
use crate::cache::{Cache, CacheSize, Contended, Entry, Look, SavedError};
use crate::case::{Age, Case};
use crate::counters::{CacheLook, Counters};
use crate::event::{Event, Path};
use crate::flight::Flights;
use crate::local::LocalZones;
use crate::peer::Peer;
use crate::recorder::Recorder;
use crate::renewal::Renewals;
use crate::reply::ede;
use crate::ring::EventRing;
use crate::sightings::{Seen, Sightings};
use crate::tick::Tick;
use crate::upstream::Upstreams;
use crate::wire::{self, NameBuffer, Parsed, rcode, rtype};

pub use live::Live;

/// What of the configuration the engine needs.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Most octets that the cache may hold.
    pub cache_bytes: u64,
    /// For how long behind the end of its time an answer may stand in; zero never lets one.
    pub stale: Duration,
    /// Where the block page is; without an address that style answers "no such record".
    pub block_page: answer::BlockPage,
}

/// What became of a packet on the fast way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fast {
    /// The reply stands in the buffer; it came about this way.
    Reply(Path),
    /// It has to wait for somebody: hand it to [`Engine::answer`].
    Slow,
    /// No reply is due.
    Drop,
}

/// The data plane's heart; every transport calls the same one.
pub struct Engine {
    settings: Settings,
    live: ArcSwap<Live>,
    cache: Arc<Cache>,
    flights: Flights,
    renewals: Renewals,
    counters: Counters,
    events: EventRing,
    /// Of all threads of the slow way.
    recorder: Mutex<Recorder>,
    sightings: Sightings,
}

impl Engine {
    /// An engine that answers by this snapshot.
    #[must_use]
    pub fn new(
        settings: Settings,
        upstreams: Upstreams,
        local: LocalZones,
        snapshot: Arc<Snapshot>,
    ) -> Arc<Self> {
        let counters = Counters::default();
        let events = EventRing::default();
        let recorder = Mutex::new(Recorder::new(&counters, &events));
        let live = Live {
            tallies: live::tallies(&counters, &events, &snapshot),
            snapshot,
            upstreams,
            local: Arc::new(local),
            number: 1,
            generation: 0,
        };
        Arc::new(Self {
            cache: Arc::new(Cache::new(settings.cache_bytes, settings.stale)),
            renewals: Renewals::default(),
            settings,
            live: ArcSwap::from_pointee(live),
            flights: Flights::default(),
            counters,
            events,
            recorder,
            sightings: Sightings::default(),
        })
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Every answered query, for one reader in the control plane.
    #[must_use]
    pub fn events(&self) -> &EventRing {
        &self.events
    }

    /// Clients that a network manager should know of; see [`sightings`](crate::sightings).
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.sightings.seen(Tick::now())
    }

    /// How many clients in no network asked within the last hour, up to a bound.
    #[must_use]
    pub fn unknown_clients(&self) -> usize {
        self.sightings.unknown_clients(Tick::now())
    }

    /// How full the cache is.
    #[must_use]
    pub fn cache_size(&self) -> CacheSize {
        self.cache.size()
    }

    /// The cache as bytes, for the next start; see [`restore_cache`](Self::restore_cache).
    #[must_use]
    pub fn save_cache(&self, upstreams: [u8; 32]) -> Vec<u8> {
        self.cache.save(self.live().generation, upstreams, unix(), Tick::now())
    }

    /// Takes up what an earlier run saved; says how many answers. `upstreams` tells the servers that
    /// are configured from others, whose answers are not taken.
    ///
    /// # Errors
    /// [`SavedError`]; the cache is as it was then.
    pub fn restore_cache(&self, bytes: &[u8], upstreams: [u8; 32]) -> Result<usize, SavedError> {
        self.cache.restore(bytes, self.live().generation, upstreams, unix(), Tick::now())
    }

    pub(crate) fn renewals(&self) -> &Renewals {
        &self.renewals
    }

    pub(crate) fn flights(&self) -> &Flights {
        &self.flights
    }

    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Forgets what the cache has of a name, or of it and all below it; says how many answers.
    pub fn flush(&self, name: NameRef<'_>, subtree: bool) -> usize {
        self.cache.flush(name, subtree)
    }

    /// How many questions are on their way to upstreams.
    #[must_use]
    pub fn questions_in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Answers what can be answered at once. `out` then holds the reply.
    pub fn fast(
        &self,
        packet: &[u8],
        peer: &Peer,
        live: &Live,
        now: Tick,
        recorder: &mut Recorder,
        out: &mut Vec<u8>,
    ) -> Fast {
        let mut buffer = NameBuffer::default();
        let case = match self.open(packet, peer, live, &mut buffer, out) {
            Ok(case) => case,
            Err(done) => {
                if let Fast::Reply(_) = done {
                    recorder.reject(peer.transport);
                }
                return done;
            }
        };
        let Some((decision, path)) = self.at_once(&case, now, out) else { return Fast::Slow };
        if path == Path::Cache {
            recorder.looked(CacheLook::Hit);
        }
        self.record(&case, &case.event(peer, &decision, path, out), now, recorder);
        if is_dropped(&decision) { Fast::Drop } else { Fast::Reply(path) }
    }

    /// Answers a query that [`fast`](Self::fast) left, when there is no room to wait for anybody: what the
    /// cache has past its time, else SERVFAIL. That at once is better than silence, as the client can go
    /// to another resolver or try again.
    pub fn stale_or_fail(
        &self,
        packet: &[u8],
        peer: &Peer,
        live: &Live,
        now: Tick,
        recorder: &mut Recorder,
        out: &mut Vec<u8>,
    ) -> Fast {
        let mut buffer = NameBuffer::default();
        let Ok(case) = self.open(packet, peer, live, &mut buffer, out) else { return Fast::Drop };
        let local = case.decision.verdict == Verdict::Local;
        let (decision, path) = match self.cache.look(case.key(), now) {
            Ok(Look::Old(old) | Look::Failing(_, Some(old))) if !local => {
                (self.stand_in(&case, &old, now, out), Path::Cache)
            }
            _ => (case.fail(ede::NETWORK_ERROR, out), Path::Fast),
        };
        self.record(&case, &case.event(peer, &decision, path, out), now, recorder);
        if is_dropped(&decision) { Fast::Drop } else { Fast::Reply(path) }
    }

    /// Query -> client -> policy -> verdict. `Err` for a packet that earns an error or nothing.
    #[inline]
    fn open<'a>(
        &self,
        packet: &'a [u8],
        peer: &Peer,
        live: &'a Live,
        buffer: &'a mut NameBuffer,
        out: &mut Vec<u8>,
    ) -> Result<Case<'a>, Fast> {
        match wire::parse(packet, peer.transport, buffer) {
            Parsed::Query(query) => Ok(Case::open(query, peer, live)),
            Parsed::Drop => Err(Fast::Drop),
            Parsed::Reject(asked, rcode) => {
                answer::reject(asked, rcode, out);
                Err(Fast::Reply(Path::Fast))
            }
        }
    }

    /// Verdict -> answer, as far as nobody else is needed. `None` leaves it to [`wait`](Self::wait).
    fn at_once(&self, case: &Case<'_>, now: Tick, out: &mut Vec<u8>) -> Option<(Decision, Path)> {
        let Case { query, decision, live, .. } = case;
        let page = self.settings.block_page;
        match decision.verdict {
            Verdict::Block(_) if case.target().is_some() && query.recursion_desired => {
                return self.cached(case, now, out);
            }
            Verdict::Block(_) | Verdict::Refuse => {
                answer::deny(query, decision, &live.snapshot, page, out);
            }
            Verdict::Loopback => answer::loopback(query, decision, out),
            Verdict::Rewrite(Target::Address(address)) => {
                answer::safe_address(query, decision, address, out);
            }
            Verdict::Rewrite(Target::Cname(_)) if matches!(query.rtype, rtype::CNAME | rtype::ANY) => {
                return Some((case.respond(&[], (now, Age::Fresh), page, out), Path::Fast));
            }
            Verdict::Allow | Verdict::Watch if query.rtype == rtype::ANY => {
                answer::any(query, decision, out);
            }
            Verdict::Allow | Verdict::Watch | Verdict::Rewrite(Target::Cname(_)) => {
                return self.cached(case, now, out);
            }
            Verdict::Local => return None,
        }
        Some((*decision, Path::Fast))
    }

    /// An answer or failure that the cache has; without RD a refusal when it has none.
    fn cached(&self, case: &Case<'_>, now: Tick, out: &mut Vec<u8>) -> Option<(Decision, Path)> {
        let page = self.settings.block_page;
        let decision = match self.cache.look(case.key(), now) {
            Ok(Look::Fresh(entry)) => {
                if entry.wants_renewal(now) {
                    self.renewals.wish(case.key());
                }
                Some(case.respond(&[&entry], (now, Age::Fresh), page, out))
            }
            Ok(Look::Failing(_, Some(before))) => Some(self.stand_in(case, &before, now, out)),
            Ok(Look::Failing(_, None)) => Some(case.fail(ede::CACHED_ERROR, out)),
            Ok(Look::Old(_) | Look::Nothing) => None,
            Err(Contended) => {
                self.counters.contended();
                None
            }
        };
        if let Some(decision) = decision {
            return Some((decision, Path::Cache));
        }
        if case.query.recursion_desired {
            return None;
        }
        answer::code(&case.query, rcode::REFUSED, &[], out);
        Some((case.decision, Path::Fast))
    }

    /// Answers with what is past its time (RFC 8767).
    fn stand_in(&self, case: &Case<'_>, old: &Entry, now: Tick, out: &mut Vec<u8>) -> Decision {
        self.counters.stale();
        case.respond(&[old], (now, Age::Stale), self.settings.block_page, out)
    }

    fn record(&self, case: &Case<'_>, event: &Event<'_>, now: Tick, recorder: &mut Recorder) {
        recorder.record(event, case.live.tallies(), now);
        self.sightings.note(event, now);
    }
}

/// Seconds since 1970; 0 before it.
fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether a list's entry wants the question left without an answer. It was counted like any block.
fn is_dropped(decision: &Decision) -> bool {
    decision.verdict == Verdict::Block(BlockStyle::Drop)
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "engine_time_tests.rs"]
mod time_tests;
