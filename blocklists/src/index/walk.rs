//! The walk over one name's suffixes, from the right, through one compiled file.
//!
//! An index and its overlay are walked one after the other with the same hashes; who called unites
//! what they say.

use super::Found;
use super::effect::{Asked, Effect};
use super::hash::prepend;
use super::table::{Entry, Tables};
use crate::name::NameRef;

/// Suffixes of which a [`Probe`] remembers the hashes; few names of the real world have more labels.
const PROBED: usize = 3;

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

/// The hash of a whole name, where the file may say something of it or of names below it.
pub(super) type WholeHash = Option<u64>;

/// Walks a name from the right, to its first suffix at and below which nothing is listed. Fills
/// `found`, which says nothing yet, and tells whether the name or any above it is listed.
///
/// Sets are large to move about: they are worked on where the caller wants them.
#[inline]
pub(super) fn walk(
    tables: &Tables,
    name: NameRef<'_>,
    probe: &Probe,
    found: &mut Found,
) -> (bool, WholeHash) {
    let starts = name.label_starts();
    let known = probe.hashes(tables.key);
    let mut hash = tables.key;
    // The last entry met, with the number of labels left of it; `below` holds what it inherits.
    let mut last: Option<(Effect<'_>, usize)> = None;
    let mut whole = None;
    for (place, (labels_left, &start)) in starts.iter().enumerate().rev().enumerate() {
        hash = match known.get(place) {
            Some(&known) => known,
            None => prepend(hash, label_at(name.wire(), start)),
        };
        match tables.look_up(hash) {
            Entry::Nothing => break,
            Entry::Passed => {}
            Entry::Effect(number) => {
                if let Some(effect) = tables.effects.get(number)
                    && let Some((above, _)) = last.replace((effect, labels_left))
                {
                    above.apply(Asked::Below, &mut found.below);
                }
            }
        }
        if labels_left == 0 {
            whole = Some(hash);
        }
    }
    let Some((effect, labels_left)) = last else { return (false, whole) };
    let asked = match labels_left {
        0 => Asked::Here,
        _ if is_service_prefix(name.wire(), &starts, labels_left) => Asked::Service,
        _ => Asked::Below,
    };
    found.here = found.below;
    effect.apply(asked, &mut found.here);
    effect.apply(Asked::Below, &mut found.below);
    found.opens_below = labels_left == 0 && effect.opens_below();
    (true, whole)
}

/// Whether the leftmost `count` labels all start with an underscore.
fn is_service_prefix(wire: &[u8], starts: &[u8], count: usize) -> bool {
    starts.iter().take(count).all(|&start| wire.get(usize::from(start) + 1) == Some(&b'_'))
}
