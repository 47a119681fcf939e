//! How many questions may be on their way at one time: in all, and for one zone.
//!
//! A flood of names that nobody answers (water torture) must not take every slot. Each zone may hold
//! no more than half of what is still free: one dead zone stops at a third of all slots, and each
//! further one at less, so that something is left for the zones that are well.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering::Relaxed};

use blocklists::name::NameRef;

/// Counters of zones; two zones that share one share its bound.
const ZONES: usize = 4096;
/// Octets of a label up to which a second-level name counts as a registry's own (`co.uk`, `sch.uk`).
const REGISTRY_LABEL: usize = 3;

/// The slots that all groups of servers share.
#[derive(Debug)]
pub(super) struct Slots {
    bound: usize,
    taken: AtomicUsize,
    zones: Box<[AtomicU16]>,
    key: RandomState,
}

/// One slot; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    zone: usize,
}

impl Slots {
    pub(super) fn new(bound: usize) -> Arc<Self> {
        let zones = (0..ZONES).map(|_| AtomicU16::new(0)).collect();
        Arc::new(Self { bound, taken: AtomicUsize::new(0), zones, key: RandomState::new() })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// A slot for a question about this name, if one is left for its zone.
    pub(super) fn take(self: &Arc<Self>, name: NameRef<'_>) -> Option<Slot> {
        let zone = usize::try_from(self.key.hash_one(zone(name.wire()))).unwrap_or(0) % ZONES;
        let taken = self.taken.fetch_add(1, Relaxed);
        let in_zone = self.zones.get(zone)?.fetch_add(1, Relaxed);
        let slot = Slot { slots: Arc::clone(self), zone };
        let free = self.bound.saturating_sub(taken);
        // One slot is there for whoever asks, as long as any is.
        (free > 0 && usize::from(in_zone) < free.div_ceil(2)).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.taken.fetch_sub(1, Relaxed);
        if let Some(zone) = self.slots.zones.get(self.zone) {
            zone.fetch_sub(1, Relaxed);
        }
    }
}

/// About what one owner registered: the last two labels, or three where the second is short.
fn zone(wire: &[u8]) -> &[u8] {
    let mut starts = [0; 3];
    let mut at = 0;
    while let Some(&length) = wire.get(at).filter(|&&length| length > 0) {
        starts = [at, starts[0], starts[1]];
        at += 1 + usize::from(length);
    }
    let [_, second, third] = starts;
    let short = wire.get(second).is_some_and(|&length| usize::from(length) <= REGISTRY_LABEL);
    wire.get(if short { third } else { second }..).unwrap_or(wire)
}

#[cfg(test)]
mod tests {
    use blocklists::name::Name;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_zone_is_what_somebody_registered() {
        for (text, expected) in [
            ("a.b.dead.example", "dead.example"),
            ("dead.example", "dead.example"),
            ("www.bbc.co.uk", "bbc.co.uk"),
            ("www.hill.leeds.sch.uk", "leeds.sch.uk"),
            ("co.uk", "co.uk"),
            ("com", "com"),
        ] {
            assert_eq!(zone(name(text).as_ref().wire()), name(expected).as_ref().wire(), "{text}");
        }
        assert_eq!(zone(Name::root().as_ref().wire()), [0]);
    }

    #[test]
    fn one_dead_zone_takes_a_third_and_many_leave_something() {
        let slots = Slots::new(4096);
        let mut held = Vec::new();
        for zone in 0..12 {
            let before = held.len();
            held.extend(
                (0..1500).filter_map(|n| slots.take(name(&format!("n{n}.dead{zone}.example")).as_ref())),
            );
            let got = held.len() - before;
            assert!(got > 0, "zone {zone}");
            assert!(zone > 0 || (1300..1400).contains(&got), "{got}");
            assert!(slots.take(name(&format!("www.alive{zone}.example")).as_ref()).is_some(), "{zone}");
        }
        assert_eq!(slots.taken(), held.len());
        drop(held);
        assert_eq!(slots.taken(), 0);
        assert!(slots.zones.iter().all(|zone| zone.load(Relaxed) == 0));
    }

    #[test]
    fn the_last_slot_is_given_and_no_more() {
        let slots = Slots::new(1);
        let last = slots.take(name("a.example").as_ref());
        assert!(last.is_some());
        assert!(slots.take(name("b.example").as_ref()).is_none());
        drop(last);
        assert!(slots.take(name("b.example").as_ref()).is_some());
    }
}
