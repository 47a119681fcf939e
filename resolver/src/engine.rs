//! How one query is answered: query -> client -> policy -> verdict -> answer -> event.
//!
//! There are two ways through the same steps. [`Engine::fast`] is synchronous, allocates nothing
//! and never waits: errors, blocks, refusals, rewrites and whatever the cache has. What it cannot
//! do it leaves to [`Engine::answer`], which may ask an upstream or the school's own zones. Policy
//! is decided before the cache is looked at, and every answer that came from outside is inspected
//! again each time it is given (step 15), so a change of policy is live on the next query.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use blocklists::name::Name;
use policy::{BlockStyle, Decision, Question, Snapshot, Target, Verdict};
use tokio::time::timeout;

use crate::answer;
use crate::cache::{Cache, CacheSize, Contended, Entry, Kept, KeyRef};
use crate::case::Case;
use crate::event::{CacheLook, Counters, Event, Path, Tallies};
use crate::flight::Flights;
use crate::limits::{CHAIN_MAX, CLIENT_DEADLINE};
use crate::local::LocalZones;
use crate::peer::Peer;
use crate::reply::ede;
use crate::sightings::{Seen, Sightings};
use crate::tick::Tick;
use crate::upstream::Upstreams;
use crate::wire::{self, NameBuffer, Parsed, rcode, rtype};

/// What of the configuration the engine needs.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Most octets that the cache may hold.
    pub cache_bytes: u64,
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

/// Everything that one answer is made from, swapped whole.
pub struct Live {
    snapshot: Arc<Snapshot>,
    tallies: Tallies,
    upstreams: Upstreams,
    local: Arc<LocalZones>,
    /// Counts configurations of upstreams, so that answers of earlier ones are not found again.
    generation: u32,
}

impl Live {
    /// The policies that decide.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// How often the upstreams have been replaced.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Who is asked.
    #[must_use]
    pub fn upstreams(&self) -> &Upstreams {
        &self.upstreams
    }
}

/// The data plane's heart; every transport calls the same one.
pub struct Engine {
    settings: Settings,
    live: ArcSwap<Live>,
    cache: Arc<Cache>,
    flights: Flights,
    counters: Counters,
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
        let tallies = counters.tallies(&snapshot);
        let live = Live { snapshot, tallies, upstreams, local: Arc::new(local), generation: 0 };
        Arc::new(Self {
            cache: Arc::new(Cache::new(settings.cache_bytes)),
            settings,
            live: ArcSwap::from_pointee(live),
            flights: Flights::default(),
            counters,
            sightings: Sightings::default(),
        })
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
            tallies: self.counters.tallies(snapshot),
            upstreams: live.upstreams.clone(),
            local: Arc::clone(&live.local),
            generation: live.generation,
        });
        self.sightings.judge_again(snapshot);
    }

    /// Makes other policies live together with other upstreams and local data. Answers that the
    /// earlier upstreams gave are not used any more.
    pub fn reconfigure(&self, snapshot: &Arc<Snapshot>, upstreams: &Upstreams, local: LocalZones) {
        let local = Arc::new(local);
        self.live.rcu(|live| Live {
            snapshot: Arc::clone(snapshot),
            tallies: self.counters.tallies(snapshot),
            upstreams: upstreams.clone(),
            local: Arc::clone(&local),
            generation: live.generation.wrapping_add(1),
        });
        self.sightings.judge_again(snapshot);
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
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

    /// How many questions are on their way to upstreams.
    #[must_use]
    pub fn questions_in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Answers what can be answered at once. `out` then holds the reply.
    pub fn fast(&self, packet: &[u8], peer: &Peer, live: &Live, now: Tick, out: &mut Vec<u8>) -> Fast {
        let mut buffer = NameBuffer::default();
        let case = match self.open(packet, peer, live, &mut buffer, out) {
            Ok(case) => case,
            Err(done) => return done,
        };
        let Some((decision, path)) = self.at_once(&case, now, out) else { return Fast::Slow };
        self.record(&case, peer, &decision, now, out);
        if is_dropped(&decision) { Fast::Drop } else { Fast::Reply(path) }
    }

    /// Answers any packet, waiting for others where it has to; `None` when no reply is due. Needs a
    /// tokio runtime.
    pub async fn answer(&self, packet: Vec<u8>, peer: Peer) -> Option<Vec<u8>> {
        let started = Instant::now();
        let live = self.live();
        let (mut buffer, mut out) = (NameBuffer::default(), Vec::new());
        let path = match self.open(&packet, &peer, &live, &mut buffer, &mut out) {
            Err(Fast::Reply(path)) => path,
            Err(Fast::Slow | Fast::Drop) => return None,
            Ok(case) => {
                let (decision, path) = match self.at_once(&case, Tick::now(), &mut out) {
                    Some(done) => done,
                    None => self.in_time(&case, &mut out).await,
                };
                self.record(&case, &peer, &decision, Tick::now(), &out);
                if is_dropped(&decision) {
                    return None;
                }
                path
            }
        };
        self.counters.took(path, started.elapsed(), 1);
        Some(out)
    }

    /// Query -> client -> policy -> verdict. `Err` for a packet that earns an error or nothing.
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
                self.counters.reject(peer.transport);
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
                return self.cached(case, now, out).map(|decision| (decision, Path::Cache));
            }
            Verdict::Block(_) | Verdict::Refuse => {
                answer::deny(query, decision, &live.snapshot, page, out);
            }
            Verdict::Loopback => answer::loopback(query, decision, out),
            Verdict::Rewrite(Target::Address(address)) => {
                answer::safe_address(query, decision, address, out);
            }
            Verdict::Rewrite(Target::Cname(_)) if matches!(query.rtype, rtype::CNAME | rtype::ANY) => {
                return Some((case.respond(&[], now, page, out), Path::Fast));
            }
            Verdict::Allow | Verdict::Watch if query.rtype == rtype::ANY => {
                answer::any(query, decision, out);
            }
            Verdict::Allow | Verdict::Watch | Verdict::Rewrite(Target::Cname(_)) => {
                return self.cached(case, now, out).map(|decision| (decision, Path::Cache));
            }
            Verdict::Local => return None,
        }
        Some((*decision, Path::Fast))
    }

    /// An answer or failure that the cache has; without RD a refusal when it has none.
    fn cached(&self, case: &Case<'_>, now: Tick, out: &mut Vec<u8>) -> Option<Decision> {
        let look = self.cache.look(case.key(), now);
        match look.as_ref().map(Option::as_deref) {
            Ok(Some(entry)) => {
                self.counters.looked(CacheLook::Hit);
                return Some(match entry.kept {
                    Kept::Answer(_) => case.respond(&[entry], now, self.settings.block_page, out),
                    Kept::Failure { .. } => case.fail(ede::CACHED_ERROR, out),
                });
            }
            Err(Contended) => self.counters.looked(CacheLook::Contended),
            Ok(None) => {}
        }
        if case.query.recursion_desired {
            return None;
        }
        answer::code(&case.query, rcode::REFUSED, &[], out);
        Some(case.decision)
    }

    /// Verdict -> answer, waiting for others, but no longer than a client does.
    async fn in_time(&self, case: &Case<'_>, out: &mut Vec<u8>) -> (Decision, Path) {
        let path = if case.decision.verdict == Verdict::Local { Path::Local } else { Path::Upstream };
        let decision = match timeout(CLIENT_DEADLINE, self.wait(case, out)).await {
            Ok(decision) => decision,
            Err(_) => case.fail(ede::NO_REACHABLE_AUTHORITY, out),
        };
        (decision, path)
    }

    /// Verdict -> answer, waiting for the school's own zones or an upstream.
    async fn wait(&self, case: &Case<'_>, out: &mut Vec<u8>) -> Decision {
        let parts = match case.decision.verdict {
            Verdict::Local => self.local(case).await,
            _ => vec![self.fetch(case.key(), case.live).await],
        };
        match parts.iter().find_map(|entry| entry.failure()) {
            Some(code) => case.fail(code, out),
            None => {
                let parts: Vec<&Entry> = parts.iter().map(Arc::as_ref).collect();
                case.respond(&parts, Tick::now(), self.settings.block_page, out)
            }
        }
    }

    /// The cache's answer, or the upstream's.
    async fn fetch(&self, key: KeyRef<'_>, live: &Live) -> Arc<Entry> {
        if let Some(entry) = self.cache.find(key, Tick::now()) {
            self.counters.looked(CacheLook::Hit);
            return entry;
        }
        self.counters.looked(CacheLook::Miss);
        let fetched = match live.upstreams.group(key.asked.group) {
            Some(upstream) => self.flights.fetch(key.to_owned(), upstream, &self.cache).await,
            None => None,
        };
        fetched.unwrap_or_else(|| Arc::new(Entry::failed(ede::NETWORK_ERROR, Tick::now())))
    }

    /// The answer of the school's own zones. Where an alias of theirs leads out of them, what it
    /// leads to is resolved like any name.
    async fn local(&self, case: &Case<'_>) -> Vec<Arc<Entry>> {
        let rtype = case.query.rtype;
        let mut parts: Vec<Arc<Entry>> = Vec::new();
        let mut name: Name = case.query.name.to_owned();
        let mut decision = case.decision;
        loop {
            let now = Tick::now();
            let own = decision.verdict == Verdict::Local;
            let entry = if own {
                Arc::new(match case.live.local.ask(name.as_ref(), rtype).await {
                    Ok(body) => Entry { stored: now, kept: Kept::Answer(body) },
                    Err(_) => Entry::failed(ede::NETWORK_ERROR, now),
                })
            } else {
                let mut key = case.key();
                (key.name, key.asked.group) = (name.as_ref(), decision.upstream);
                self.fetch(key, case.live).await
            };
            let next = entry.dangling(rtype).filter(|_| own && parts.len() + 1 < CHAIN_MAX);
            parts.push(entry);
            let Some(next) = next else { return parts };
            name = next;
            decision = case.live.snapshot.decide(&case.client, &Question { name: name.as_ref(), rtype });
        }
    }

    fn record(&self, case: &Case<'_>, peer: &Peer, decision: &Decision, now: Tick, reply: &[u8]) {
        let event = Event { query: &case.query, peer, client: &case.client, decision, reply };
        self.counters.record(&event, &case.live.tallies);
        self.sightings.note(&event, now);
    }
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
