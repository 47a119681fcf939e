//! The tables of an index: a directory of buckets over entries sorted by hash.
//!
//! The top `bits` bits of a hash choose a bucket of about eight entries; an entry keeps the other
//! bits, and in the freed low bits the number of its effect. So all 64 bits are compared and a name
//! costs eight bytes, plus half a byte of directory.

use std::ops::Range;

use super::IndexedSource;
use super::effect::Effect;
use super::gate::Gate;
use super::sections::Sections;
use crate::category::CategoryId;

/// Fewest and most bits of directory.
pub(crate) const BITS: std::ops::RangeInclusive<u32> = 16..=31;

/// What the compiler hands over to be written.
pub(crate) struct Parts {
    /// The hash of the root.
    pub(crate) key: u64,
    /// Different names listed, folded ones included.
    pub(crate) names: u64,
    /// Bits of a hash that choose the bucket, and bits of an entry that hold its effect's number.
    pub(crate) bits: u32,
    /// Where each bucket starts in `entries`; one more at the end.
    pub(crate) directory: Vec<u32>,
    /// `(hash << bits) | effect`, sorted by hash.
    pub(crate) entries: Vec<u64>,
    /// Where each effect starts in `effect_words`; one more at the end.
    pub(crate) effect_starts: Vec<u32>,
    /// The effects, one behind the other.
    pub(crate) effect_words: Vec<u16>,
    /// Category ids, sorted.
    pub(crate) categories: Vec<CategoryId>,
    /// What it was compiled from.
    pub(crate) sources: Vec<IndexedSource>,
    /// Hashes of all entries and their ancestors.
    pub(crate) gate: Gate,
}

/// Everything an index holds, as it stands in memory: the file, and what is read out of it once.
/// The fields mean what they mean in [`Parts`].
pub(crate) struct Tables {
    /// The file; new kinds of content keep their places in it.
    pub(crate) sections: Sections,
    pub(crate) key: u64,
    pub(crate) names: u64,
    pub(crate) bits: u32,
    /// Where the directory stands in the file.
    pub(crate) directory: Range<usize>,
    /// Where the entries stand in the file.
    pub(crate) entries: Range<usize>,
    pub(crate) effect_starts: Vec<u32>,
    pub(crate) effect_words: Vec<u16>,
    pub(crate) categories: Vec<CategoryId>,
    pub(crate) sources: Vec<IndexedSource>,
    pub(crate) gate: Gate,
}

impl Tables {
    /// Nothing listed.
    pub(crate) fn empty() -> Self {
        Self {
            sections: Sections::none(),
            key: 0,
            names: 0,
            bits: *BITS.start(),
            directory: 0..0,
            entries: 0..0,
            effect_starts: vec![0],
            effect_words: Vec::new(),
            categories: Vec::new(),
            sources: Vec::new(),
            gate: Gate::CLOSED,
        }
    }

    /// Where each bucket starts, little-endian.
    #[inline]
    pub(crate) fn directory(&self) -> &[[u8; 4]] {
        self.sections.bytes().get(self.directory.clone()).unwrap_or(&[]).as_chunks().0
    }

    /// The entries, little-endian.
    #[inline]
    pub(crate) fn entries(&self) -> &[[u8; 8]] {
        self.sections.bytes().get(self.entries.clone()).unwrap_or(&[]).as_chunks().0
    }

    /// The effect of the name with this hash.
    #[inline]
    pub(crate) fn effect_of(&self, hash: u64) -> Option<Effect<'_>> {
        let bucket = usize::try_from(hash >> (64 - self.bits)).ok()?;
        let [start, end] = *self.directory().get(bucket..)?.first_chunk::<2>()?;
        let (start, end) = (u32::from_le_bytes(start) as usize, u32::from_le_bytes(end) as usize);
        let wanted = hash << self.bits;
        let low = (1_u64 << self.bits) - 1;
        let mut bucket = self.entries().get(start..end)?.iter().map(|entry| u64::from_le_bytes(*entry));
        let entry = bucket.find(|entry| entry & !low == wanted)?;
        self.effect(usize::try_from(entry & low).ok()?)
    }

    /// The effect with this number.
    #[inline]
    pub(crate) fn effect(&self, number: usize) -> Option<Effect<'_>> {
        let [start, end] = *self.effect_starts.get(number..)?.first_chunk::<2>()?;
        self.effect_words.get(start as usize..end as usize).map(Effect::new)
    }

    /// Bytes in memory; the sources' reports are not counted, they are a few kilobytes.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = self.sections.bytes().len()
            + size_of_val(&*self.effect_starts)
            + size_of_val(&*self.effect_words)
            + self.gate.as_bytes().len();
        bytes as u64
    }
}

/// Places sorted hashes with their effects in buckets: `(directory, entries)`.
pub(crate) fn buckets(bits: u32, sorted: &[(u64, u32)]) -> (Vec<u32>, Vec<u64>) {
    let mut directory = Vec::with_capacity((1 << bits) + 1);
    let mut at = 0;
    for bucket in 0..1_u64 << bits {
        directory.push(at);
        let start = at as usize;
        let length = sorted
            .get(start..)
            .unwrap_or(&[])
            .iter()
            .take_while(|(hash, _)| hash >> (64 - bits) == bucket)
            .count();
        at += u32::try_from(length).unwrap_or(0);
    }
    directory.push(at);
    let entries = sorted.iter().map(|&(hash, effect)| (hash << bits) | u64::from(effect)).collect();
    (directory, entries)
}

/// Bits of directory for this many entries and effects; `None` when no width holds them.
pub(crate) fn bits_for(entries: usize, effects: usize) -> Option<u32> {
    let for_buckets = (entries / 8).max(1).ilog2();
    let for_effects = usize::BITS - effects.leading_zeros();
    let bits = for_buckets.max(for_effects).max(*BITS.start());
    BITS.contains(&bits).then_some(bits)
}
