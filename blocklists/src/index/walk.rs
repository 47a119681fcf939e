//! The walk over one name's suffixes, from the right, through the layers of an index.
//!
//! A layer is what one compiled file says. Several layers are walked at once, so that the hashes of
//! a name are computed once; each comes to a result of its own, and who called unites them.

use super::effect::{Asked, Effect};
use super::hash::prepend;
use super::table::{Effects, Entry, Tables};
use crate::category::CategorySet;
use crate::name::NameRef;

/// Suffixes of which a [`Probe`] remembers the hashes; few names of the real world have more labels.
const PROBED: usize = 4;

/// The hashes of a name's rightmost suffixes under one index's key, computed once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probe {
    key: u64,
    count: u8,
    hashes: [u64; PROBED],
}

impl Probe {
    /// Hashes a name under a key.
    pub(super) fn of(name: NameRef<'_>, key: u64) -> Self {
        let mut probe = Self { key, count: 0, hashes: [0; PROBED] };
        let mut hash = key;
        let starts = name.label_starts();
        for (&start, slot) in starts.iter().rev().zip(&mut probe.hashes) {
            hash = prepend(hash, label_at(name.wire(), start));
            *slot = hash;
            probe.count += 1;
        }
        probe
    }

    /// Nothing computed yet.
    pub(super) fn none(key: u64) -> Self {
        Self { key, ..Self::default() }
    }

    /// The hashes, that of the top label first; none under another key.
    #[inline]
    pub(super) fn hashes(&self, key: u64) -> &[u64] {
        let count = if self.key == key { usize::from(self.count) } else { 0 };
        self.hashes.get(..count).unwrap_or(&[])
    }
}

/// The label at an offset of a wire name.
#[inline]
fn label_at(wire: &[u8], start: u8) -> &[u8] {
    let start = usize::from(start);
    let length = usize::from(wire.get(start).copied().unwrap_or(0));
    wire.get(start + 1..start + 1 + length).unwrap_or(&[])
}

/// The way through one layer so far.
pub(super) struct Walk<'a> {
    tables: &'a Tables,
    effects: &'a Effects,
    /// What the last entry met inherits.
    inherited: CategorySet,
    /// That entry, and the number of labels left of it.
    last: Option<(Effect<'a>, usize)>,
    /// Whether something may be listed at or below the suffix reached.
    open: bool,
}

/// What one layer says of a name.
pub(super) struct Said {
    pub(super) here: CategorySet,
    pub(super) below: CategorySet,
    pub(super) opens_below: bool,
}

impl<'a> Walk<'a> {
    /// Starts at the root.
    #[inline]
    pub(super) fn new(tables: &'a Tables, effects: &'a Effects) -> Self {
        Self { tables, effects, inherited: CategorySet::EMPTY, last: None, open: true }
    }

    /// One label to the left; whether it may be worth going on.
    #[inline]
    fn step(&mut self, hash: u64, labels_left: usize) -> bool {
        if !self.open {
            return false;
        }
        match self.tables.look_up(hash) {
            Entry::Nothing => self.open = false,
            Entry::Passed => {}
            Entry::Effect(number) => {
                if let Some(effect) = self.effects.get(number)
                    && let Some((above, _)) = self.last.replace((effect, labels_left))
                {
                    above.apply(Asked::Below, &mut self.inherited);
                }
            }
        }
        self.open
    }

    /// What was found of the name; `None` when it and all above it are on no list.
    #[inline]
    pub(super) fn said(&self, wire: &[u8], starts: &[u8]) -> Option<Said> {
        let (effect, labels_left) = self.last?;
        let asked = match labels_left {
            0 => Asked::Here,
            _ if is_service_prefix(wire, starts, labels_left) => Asked::Service,
            _ => Asked::Below,
        };
        let (mut here, mut below) = (self.inherited, self.inherited);
        effect.apply(asked, &mut here);
        effect.apply(Asked::Below, &mut below);
        Some(Said { here, below, opens_below: labels_left == 0 && effect.opens_below() })
    }
}

/// Walks a name through one or two layers that share a key; `starts` are its labels'.
#[inline]
pub(super) fn walk(
    name: NameRef<'_>,
    starts: &[u8],
    key: u64,
    probe: &Probe,
    base: &mut Walk<'_>,
    mut overlay: Option<&mut Walk<'_>>,
) {
    let known = probe.hashes(key);
    let mut hash = key;
    for (place, (labels_left, &start)) in starts.iter().enumerate().rev().enumerate() {
        hash = match known.get(place) {
            Some(&known) => known,
            None => prepend(hash, label_at(name.wire(), start)),
        };
        let mut goes_on = base.step(hash, labels_left);
        if let Some(overlay) = &mut overlay {
            goes_on |= overlay.step(hash, labels_left);
        }
        if !goes_on {
            return;
        }
    }
}

/// Whether the leftmost `count` labels all start with an underscore.
fn is_service_prefix(wire: &[u8], starts: &[u8], count: usize) -> bool {
    starts.iter().take(count).all(|&start| wire.get(usize::from(start) + 1) == Some(&b'_'))
}
