//! Questions on their way to an upstream: identical ones wait for one answer.
//!
//! Merging keeps a class that opens the same page from asking thirty times, and takes away the odds
//! of a birthday attack. The work runs in a task of its own, so that it fills the cache even when the
//! clients that asked have long been told SERVFAIL.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;
use tokio::sync::watch;

use crate::cache::{Cache, Entry, Key};
use crate::reply::ede;
use crate::scrub::{ScrubError, Wanted, scrub};
use crate::tick::Tick;
use crate::upstream::{UpAnswer, UpError, UpQuestion, Upstream, VALIDATION};

/// What a flight brings, once it is there.
pub type Landing = watch::Receiver<Option<Arc<Entry>>>;

/// Questions in flight. It holds no more than the upstreams let in: a question that they have no
/// room for fails, and leaves, at once.
#[derive(Debug, Default)]
pub struct Flights {
    waiting: Arc<DashMap<Key, Landing>>,
}

/// Takes the question out of the table when its work ends, however it ends.
struct Boarding {
    waiting: Arc<DashMap<Key, Landing>>,
    key: Key,
}

impl Drop for Boarding {
    fn drop(&mut self) {
        self.waiting.remove(&self.key);
    }
}

impl Flights {
    /// The answer or failure of an upstream, asked now or by somebody before. `None` when the work
    /// ended without either (the runtime is stopping).
    pub async fn fetch(
        &self,
        key: Key,
        upstream: &Arc<dyn Upstream>,
        cache: &Arc<Cache>,
    ) -> Option<Arc<Entry>> {
        let mut landing = self.board(key, upstream, cache);
        landing.wait_for(Option::is_some).await.ok().and_then(|entry| entry.clone())
    }

    /// Asks an upstream where nobody has, without waiting for what comes of it. Needs a tokio runtime.
    pub fn board(&self, key: Key, upstream: &Arc<dyn Upstream>, cache: &Arc<Cache>) -> Landing {
        match self.waiting.entry(key) {
            Slot::Occupied(slot) => slot.get().clone(),
            Slot::Vacant(slot) => {
                let (tell, landing) = watch::channel(None);
                let key = slot.key().clone();
                slot.insert(landing.clone());
                let boarding = Boarding { waiting: Arc::clone(&self.waiting), key };
                let (upstream, cache) = (Arc::clone(upstream), Arc::clone(cache));
                tokio::spawn(async move {
                    let entry = ask(&boarding.key, upstream.as_ref(), &cache).await;
                    // Whoever waits is told first; whoever comes after finds it in the cache.
                    tell.send_replace(Some(entry));
                    drop(boarding);
                });
                landing
            }
        }
    }

    /// How many questions are in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Asks, scrubs and keeps what comes of it.
async fn ask(key: &Key, upstream: &dyn Upstream, cache: &Cache) -> Arc<Entry> {
    let asked = key.asked();
    let question = UpQuestion {
        name: key.name().clone(),
        rtype: asked.rtype,
        dnssec_ok: asked.dnssec_ok,
        checking_disabled: asked.checking_disabled,
    };
    let wanted = Wanted { name: key.name().as_ref(), rtype: asked.rtype, dnssec_ok: asked.dnssec_ok };
    let code = match upstream.ask(&question).await {
        Ok(UpAnswer { bytes, server, .. }) => match scrub(&bytes, wanted) {
            Ok(body) => return cache.keep(key.clone(), body, Tick::now()),
            Err(error) => {
                tracing::debug!(name = %key.name(), rtype = asked.rtype, %server, %error, "answer refused");
                scrub_code(error)
            }
        },
        // Not the name's fault: the next one who asks may be luckier.
        Err(UpError::Busy) => {
            return Arc::new(Entry::failed(ede::NETWORK_ERROR, Tick::now()));
        }
        Err(error) => {
            tracing::debug!(name = %key.name(), rtype = asked.rtype, %error, "no answer");
            upstream_code(&error)
        }
    };
    cache.keep_failure(key.clone(), code, Tick::now())
}

fn scrub_code(error: ScrubError) -> u16 {
    match error {
        ScrubError::Failed(_) => ede::NO_REACHABLE_AUTHORITY,
        ScrubError::Broken | ScrubError::TooMuch => ede::NETWORK_ERROR,
    }
}

fn upstream_code(error: &UpError) -> u16 {
    match error {
        // The server validated and found the data bogus: that is the better reason.
        UpError::AllServersFailed { ede: Some(code), .. } if VALIDATION.contains(code) => *code,
        UpError::Timeout | UpError::AllServersFailed { .. } => ede::NO_REACHABLE_AUTHORITY,
        UpError::NoServers | UpError::Busy | UpError::Network => ede::NETWORK_ERROR,
    }
}
