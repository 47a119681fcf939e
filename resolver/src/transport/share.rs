//! How much of a scarce thing each client address holds, so that one client cannot hold it all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

    /// How many a client holds.
    #[cfg(test)]
    pub(super) fn held(&self, client: IpAddr) -> usize {
        self.lock().get(&client).copied().unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;

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
