//! How much of a scarce thing each client address holds, so that one client cannot hold it all.
//!
//! [`Shares`] counts exactly, behind a lock; [`Places`] counts in a fixed table without one, for the
//! UDP threads.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counters of [`Places`]: twice as many as there can be holders, so that few share one.
const PLACES: usize = 2 * super::WAITING_MAX;

/// Counts what each client holds.
#[derive(Debug)]
pub(super) struct Shares {
    held: Mutex<HashMap<IpAddr, usize>>,
    each: usize,
}

impl Shares {
    /// At most `each` for one client.
    pub(super) fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), each })
    }

    /// Takes one for a client; `None` when it holds its share already. Given back on drop.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Share> {
        let client = client.to_canonical();
        let mut held = self.lock();
        let count = held.entry(client).or_insert(0);
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Share { of: Arc::clone(self), client })
    }

    /// The map is whole at every instant, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One unit that a client holds.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Shares>,
    client: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.lock();
        if let Some(count) = held.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.client);
            }
        }
    }
}

/// Counts what each client holds, by a keyed hash of its address: two that meet in one place share
/// what one may hold. Never grows, never locks.
#[derive(Debug)]
pub(super) struct Places {
    held: Box<[AtomicUsize]>,
    key: RandomState,
}

impl Places {
    /// Nobody holds anything.
    pub(super) fn new() -> Arc<Self> {
        let held = std::iter::repeat_with(AtomicUsize::default).take(PLACES).collect();
        Arc::new(Self { held, key: RandomState::new() })
    }

    /// Takes one for a client; `None` when it holds `most` already. Given back on drop.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr, most: usize) -> Option<Place> {
        let at = self.at(client);
        let more = |held: usize| (held < most).then_some(held + 1);
        self.held.get(at)?.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Place { of: Arc::clone(self), at })
    }

    fn at(&self, client: IpAddr) -> usize {
        let hash = self.key.hash_one(client.to_canonical());
        usize::try_from(hash % self.held.len() as u64).unwrap_or(0)
    }

    /// How many a client holds.
    #[cfg(test)]
    pub(super) fn held(&self, client: IpAddr) -> usize {
        self.held[self.at(client)].load(Relaxed)
    }
}

/// One unit that a client holds.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Places>,
    at: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(held) = self.of.held.get(self.at) {
            held.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_holds_as_many_places_as_it_may() {
        let places = Places::new();
        let one = IpAddr::from([127, 0, 0, 1]);
        let held = [places.take(one, 2).unwrap(), places.take(one, 2).unwrap()];
        assert!(places.take(one, 2).is_none());
        assert!(places.take("::ffff:127.0.0.1".parse().unwrap(), 2).is_none());
        assert_eq!(places.held(one), 2);
        // One of 8192 hosts may meet it in its place, not many.
        let others = (2..=250).filter(|host| places.take(IpAddr::from([127, 0, 0, *host]), 1).is_some());
        assert!(others.count() > 240);
        drop(held);
        assert_eq!(places.held(one), 0);
    }

    #[test]
    fn a_client_gets_its_share_and_no_more() {
        let shares = Shares::new(2);
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let held = [shares.take(one).unwrap(), shares.take(one).unwrap()];
        assert!(shares.take(one).is_none());
        assert!(shares.take("::ffff:127.0.0.1".parse().unwrap()).is_none());
        assert!(shares.take(other).is_some());
        drop(held);
        assert!(shares.take(one).is_some());
        assert!(shares.lock().is_empty());
    }
}
