//! Who is answered when more comes than can be answered: everybody a little, before anybody much.
//!
//! While a socket's queue is about to overflow, its clients are counted, and who has had its share of
//! the moment is not answered. Taking a datagram and dropping it costs a fraction of an answer, so that room
//! is left in the queue although the flood goes on, and whoever asks a little finds it. The share shrinks while
//! the queue stays full and grows back when it is not. With room in the queue nothing is counted and nobody is
//! dropped: a classroom behind one address, or a forwarder, may ask as much as the box can answer.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use crate::tick::Tick;

/// A share is for so long, in milliseconds.
const MOMENT: u64 = 20;
/// The largest share: more than one client can send in a moment that is not a flood.
const SHARE_MAX: u16 = 1024;
/// The smallest: 50 answers a second for each address, whoever else asks.
const SHARE_MIN: u16 = 1;
/// The share is halved after so many batches of a moment that found the queue full.
const HALVED_AFTER: u32 = 8;
/// Places for clients; two that meet in one share what one may have.
const PLACES: usize = 4096;

/// What one worker knows of its clients' shares.
pub(super) struct Fair {
    had: Box<[u16; PLACES]>,
    key: RandomState,
    moment: u64,
    share: u16,
    /// Batches of this moment that found their queue full.
    pressed: u32,
}

impl Fair {
    pub(super) fn new() -> Self {
        let had = Box::new([0; PLACES]);
        Self { had, key: RandomState::new(), moment: 0, share: SHARE_MAX, pressed: 0 }
    }

    /// A batch begins, out of a queue that is about to overflow (its clients are counted then), or is not.
    pub(super) fn begins(&mut self, pressed: bool, now: Tick) {
        let moment = now.0 / MOMENT;
        if moment != self.moment {
            self.moment = moment;
            if std::mem::take(&mut self.pressed) > 0 {
                self.had.fill(0);
            } else {
                self.share = self.share.saturating_mul(2).min(SHARE_MAX);
            }
        }
        if pressed {
            self.pressed += 1;
            if self.pressed.is_multiple_of(HALVED_AFTER) {
                self.share = (self.share / 2).max(SHARE_MIN);
            }
        }
    }

    /// Whether this client has something left of its share; takes it.
    pub(super) fn admits(&mut self, client: IpAddr) -> bool {
        let place = usize::try_from(self.key.hash_one(client) % PLACES as u64).unwrap_or(0);
        let Some(had) = self.had.get_mut(place) else { return true };
        let admitted = *had < self.share;
        *had = had.saturating_add(u16::from(admitted));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOODER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
    const QUIET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn a_flood_gets_its_share_and_a_quiet_client_is_always_answered() {
        let mut fair = Fair::new();
        let mut answered = 0;
        // A second of batches that are full of one client, a hundred each moment.
        for number in 0..5000_u64 {
            fair.begins(true, Tick(number / 5));
            answered += (0..32).filter(|_| fair.admits(FLOODER)).count();
            if number % 100 == 99 {
                assert!(fair.admits(QUIET), "in batch {number}");
            }
        }
        assert_eq!(fair.share, SHARE_MIN);
        assert!((50..5000).contains(&answered), "{answered} of 160,000");
    }

    #[test]
    fn the_share_comes_back_when_the_queue_has_room() {
        let mut fair = Fair::new();
        for _ in 0..500 {
            fair.begins(true, Tick(1));
        }
        assert_eq!(fair.share, SHARE_MIN);
        for moment in 0..12 {
            fair.begins(false, Tick(MOMENT * (moment + 1)));
        }
        assert_eq!(fair.share, SHARE_MAX);
    }
}
