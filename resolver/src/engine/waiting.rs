//! The way of a query that has to wait for somebody: an upstream, or the school's own zones.
//!
//! It goes through the steps of [`Engine::fast`] again, as the cache may know by now, and then waits: no
//! longer than a client does, and less long where an old answer can stand in (RFC 8767).

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use blocklists::name::Name;
use policy::{Decision, Question, Verdict};
use tokio::time::timeout;

use super::{Engine, Fast, Live, is_dropped};
use crate::cache::{Entry, KeyRef, Look};
use crate::case::{Age, Case};
use crate::counters::CacheLook;
use crate::event::Path;
use crate::limits::{CHAIN_MAX, CLIENT_DEADLINE, STALE_AFTER};
use crate::peer::Peer;
use crate::recorder::Recorder;
use crate::reply::ede;
use crate::tick::Tick;
use crate::wire::NameBuffer;

impl Engine {
    /// Answers any packet, waiting for others where it has to; `None` when no reply is due. Needs a
    /// tokio runtime.
    pub async fn answer(&self, packet: Vec<u8>, peer: Peer) -> Option<Vec<u8>> {
        let started = Instant::now();
        let live = self.live();
        let (mut buffer, mut out) = (NameBuffer::default(), Vec::new());
        match self.open(&packet, &peer, &live, &mut buffer, &mut out) {
            Err(Fast::Reply(path)) => {
                let mut recorder = self.recording();
                recorder.reject(peer.transport);
                recorder.took(path, started.elapsed(), 1);
            }
            Err(Fast::Slow | Fast::Drop) => return None,
            Ok(case) => {
                let (decision, path) = match self.at_once(&case, Tick::now(), &mut out) {
                    Some(done) => done,
                    None => self.in_time(&case, &mut out).await,
                };
                let event = case.event(&peer, &decision, path, &out);
                let (now, took) = (Tick::now(), started.elapsed());
                let mut recorder = self.recording();
                if path == Path::Cache {
                    recorder.looked(CacheLook::Hit);
                }
                self.record(&case, &event, now, &mut recorder);
                if is_dropped(&decision) {
                    return None;
                }
                recorder.took(path, took, 1);
            }
        }
        Some(out)
    }

    /// Verdict -> answer, waiting for others, but no longer than a client does, and less long where
    /// an old answer can stand in.
    async fn in_time(&self, case: &Case<'_>, out: &mut Vec<u8>) -> (Decision, Path) {
        if case.decision.verdict == Verdict::Local {
            let decision = timeout(CLIENT_DEADLINE, self.wait_for_zones(case, out)).await;
            return (decision.unwrap_or_else(|_| case.fail(ede::NETWORK_ERROR, out)), Path::Local);
        }
        let found = self.cache.find(case.key(), Tick::now());
        let old = match &found {
            Look::Old(old) => Some(Arc::clone(old)),
            _ => None,
        };
        let patience = if old.is_some() { STALE_AFTER } else { CLIENT_DEADLINE };
        let fetched = timeout(patience, self.ask_unless(found, case.key(), case.live)).await;
        let now = Tick::now();
        let page = self.settings.block_page;
        let decision = match (fetched.as_deref(), old) {
            (Ok(entry), _) if entry.failure().is_none() => {
                case.respond(&[entry], (now, Age::Fresh), page, out)
            }
            (Ok(entry), _) if entry.failure().is_some_and(ede::is_forged) => {
                case.fail(entry.failure().unwrap_or(ede::NETWORK_ERROR), out)
            }
            (_, Some(old)) => self.stand_in(case, &old, now, out),
            (Ok(entry), None) => case.fail(entry.failure().unwrap_or(ede::NETWORK_ERROR), out),
            (Err(_), None) => case.fail(ede::NO_REACHABLE_AUTHORITY, out),
        };
        (decision, Path::Upstream)
    }

    /// Verdict -> answer, from the school's own zones and whatever they lead to.
    async fn wait_for_zones(&self, case: &Case<'_>, out: &mut Vec<u8>) -> Decision {
        let parts = self.local(case).await;
        match parts.iter().find_map(|entry| entry.failure()) {
            Some(code) => case.fail(code, out),
            None => {
                let parts: Vec<&Entry> = parts.iter().map(Arc::as_ref).collect();
                case.respond(&parts, (Tick::now(), Age::Fresh), self.settings.block_page, out)
            }
        }
    }

    /// The cache's answer or failure, or the upstream's.
    async fn fetch(&self, key: KeyRef<'_>, live: &Live) -> Arc<Entry> {
        self.ask_unless(self.cache.find(key, Tick::now()), key, live).await
    }

    /// What the cache was found to have, or else the upstream's answer or failure.
    async fn ask_unless(&self, found: Look, key: KeyRef<'_>, live: &Live) -> Arc<Entry> {
        if let Look::Fresh(entry) | Look::Failing(entry, _) = found {
            self.recording().looked(CacheLook::Hit);
            return entry;
        }
        self.recording().looked(CacheLook::Miss);
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
                    Ok(body) => Entry::answer(body, now),
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

    /// The slow way's recorder: counters are whole at every instant.
    fn recording(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
