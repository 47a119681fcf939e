//! A name's suffixes with their hashes, computed once for everybody who looks the name up: the maps
//! of the policy, the index, its overlay.

use super::hash::prepend;
use crate::name::{LabelStarts, NameRef};

/// Suffixes of which a [`Probe`] remembers the hashes; few names of the real world have more labels.
const PROBED: usize = 3;

/// The rightmost suffixes of one name, hashed under one index's key.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probe {
    key: u64,
    hashes: [u64; PROBED],
    starts: [u8; PROBED],
    labels: u8,
}

impl Probe {
    /// Hashes a name under a key.
    #[must_use]
    pub fn of(name: NameRef<'_>, key: u64) -> Self {
        let wire = name.wire();
        let mut probe = Self { key, ..Self::default() };
        let mut at = 0_u8;
        while let Some(&length) = wire.get(usize::from(at))
            && length != 0
        {
            // The last few starts, the rightmost first.
            probe.starts = [at, probe.starts[0], probe.starts[1]];
            probe.labels += 1;
            at = at.saturating_add(length).saturating_add(1);
        }
        let mut hash = key;
        for (slot, &start) in probe.hashes.iter_mut().zip(&probe.starts).take(usize::from(probe.labels)) {
            hash = prepend(hash, label_at(wire, start));
            *slot = hash;
        }
        probe
    }

    /// The key that the name was hashed under.
    #[must_use]
    #[inline]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// How many labels the name has.
    #[inline]
    pub(super) fn labels(&self) -> usize {
        usize::from(self.labels)
    }

    /// The hashes that are known, that of the top label first.
    #[inline]
    pub(super) fn hashes(&self) -> &[u64] {
        self.hashes.get(..self.labels()).unwrap_or(&self.hashes)
    }

    /// Where each suffix of the name starts, with its hash: first the top label, last the name itself.
    /// `name` is the one that was hashed.
    #[inline]
    pub fn suffixes<'a>(&'a self, name: NameRef<'a>) -> Suffixes<'a> {
        Suffixes { probe: self, name, place: 0, hash: self.key, starts: None }
    }
}

/// The suffixes of a name from the right; those that the probe does not remember are hashed on the way.
pub struct Suffixes<'a> {
    probe: &'a Probe,
    name: NameRef<'a>,
    place: usize,
    hash: u64,
    /// Of a name with many labels.
    starts: Option<LabelStarts>,
}

impl Iterator for Suffixes<'_> {
    type Item = (u8, u64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.place >= self.probe.labels() {
            return None;
        }
        let known = self.probe.starts.get(self.place).zip(self.probe.hashes.get(self.place));
        self.place += 1;
        match known {
            Some((&start, &hash)) => {
                self.hash = hash;
                Some((start, hash))
            }
            None => self.far(),
        }
    }
}

impl Suffixes<'_> {
    /// The suffix of [`place`](Self::place) labels.
    #[cold]
    fn far(&mut self) -> Option<(u8, u64)> {
        let starts = self.starts.get_or_insert_with(|| self.name.label_starts());
        let &start = starts.get(starts.len().checked_sub(self.place)?)?;
        self.hash = prepend(self.hash, label_at(self.name.wire(), start));
        Some((start, self.hash))
    }
}

/// The label at an offset of a wire name.
#[inline]
fn label_at(wire: &[u8], start: u8) -> &[u8] {
    let start = usize::from(start);
    let length = usize::from(wire.get(start).copied().unwrap_or(0));
    wire.get(start + 1..start + 1 + length).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::super::hash::SuffixHashes;
    use super::*;
    use crate::name::Name;

    #[test]
    fn a_probe_tells_every_suffix_of_a_name_of_any_depth() {
        let names = [".", "a", "b.a", "c.b.a", "d.c.b.a", "e.d.c.b.a"].map(Name::parse);
        let deep = Name::parse(&vec!["x"; 127].join(".")).unwrap();
        for name in names.into_iter().flatten().chain([Name::root(), deep]) {
            let name = name.as_ref();
            let probe = Probe::of(name, 7);
            let told: Vec<_> = probe.suffixes(name).collect();
            let hashes = SuffixHashes::of(name, 7);
            let known: Vec<_> =
                name.label_starts().iter().copied().zip(hashes.iter().copied()).rev().collect();
            assert_eq!(told, known, "{name}");
            assert_eq!(probe.labels(), name.label_count());
        }
    }
}
