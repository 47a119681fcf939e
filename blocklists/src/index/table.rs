//! The tables of an index: buckets, each with a gate of its own, over entries sorted by hash.
//!
//! Most names that a school asks for are on no list, and a look at memory that no cache holds costs
//! more than all computing. So what tells that a name is not listed and what tells where it would
//! stand are one record of sixteen bytes: where the bucket's entries start, and three words of a
//! Bloom filter over all that fell into the bucket. An unlisted name costs one such look; a listed
//! one that, and the bucket's eight or so entries behind it.
//!
//! The filter holds every listed name **and every ancestor of one**, so the walk from the right ends
//! at its first miss: an unlisted name costs one or two looks however many labels it has.
//!
//! An entry keeps of its hash what its bucket does not say, and in the bits thus freed the number of
//! its effect. So all 64 bits are compared, and a name costs eight bytes and its share of a record.

use std::io::{self, Write};
use std::ops::Range;

use super::IndexedSource;
use super::away::Away;
use super::effect::Effect;
use super::extras::Extras;
use super::sections::Sections;
use crate::category::CategoryId;
use crate::scratch::Scratch;

/// Entries that a bucket holds on average.
const ENTRIES_PER_BUCKET: usize = 8;
/// Words of a bucket's filter; a name has one bit in each.
const WORDS: usize = 3;
/// Bytes of a bucket's record: where its entries start, then the filter.
pub(crate) const RECORD: usize = 4 + 4 * WORDS;

/// Where a hash belongs: its bucket, and what tells it from the others there.
///
/// The product of hash and number of buckets, as a fraction of 2^64: its whole part is the bucket.
/// Two hashes in one bucket differ by at least the number of buckets in what is left, so its lowest
/// `ilog2(buckets)` bits tell nothing and are free for the effect's number.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) bucket: usize,
    rest: u64,
}

impl Place {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
    pub(crate) fn of(hash: u64, buckets: u32) -> Self {
        let product = u128::from(hash) * u128::from(buckets);
        Self { bucket: (product >> 64) as usize, rest: product as u64 }
    }

    /// The bit in each of the filter's words.
    #[inline]
    fn filter(self) -> [u32; WORDS] {
        std::array::from_fn(|word| 1 << (self.rest >> (59 - 5 * word) & 31))
    }
}

/// What the compiler hands over to be written.
pub(crate) struct Parts {
    /// The hash of the root.
    pub(crate) key: u64,
    /// Different names listed, folded ones included.
    pub(crate) names: u64,
    /// One record a bucket, and one more that ends the last.
    pub(crate) records: Scratch,
    /// Sorted by hash: what the bucket leaves of the hash, and in its free bits the effect.
    pub(crate) entries: Scratch,
    /// Where each effect starts in `effect_words`; one more at the end.
    pub(crate) effect_starts: Vec<u32>,
    /// The effects, one behind the other.
    pub(crate) effect_words: Vec<u16>,
    /// Category ids, sorted.
    pub(crate) categories: Vec<CategoryId>,
    /// What it was compiled from.
    pub(crate) sources: Vec<IndexedSource>,
    /// Marks, patterns, addresses.
    pub(crate) extras: Extras,
}

/// Everything an index holds, as it stands in memory: the file, and what is read out of it once.
pub(crate) struct Tables {
    /// The file; new kinds of content keep their places in it.
    pub(crate) sections: Sections,
    pub(crate) key: u64,
    pub(crate) names: u64,
    /// How many buckets; at least one.
    pub(crate) buckets: u32,
    /// Where the records stand in the file.
    pub(crate) records: Range<usize>,
    /// Where the entries stand in the file.
    pub(crate) entries: Range<usize>,
    /// Records and entries that stay in their file; then the two above are empty.
    pub(crate) away: Option<Away>,
    pub(crate) effects: Effects,
    pub(crate) categories: Vec<CategoryId>,
    pub(crate) sources: Vec<IndexedSource>,
    pub(crate) extras: Extras,
}

/// Effects by number.
#[derive(Clone)]
pub(crate) struct Effects {
    pub(crate) starts: Vec<u32>,
    pub(crate) words: Vec<u16>,
}

impl Effects {
    /// The effect with this number.
    #[inline]
    pub(crate) fn get(&self, number: usize) -> Option<Effect<'_>> {
        let [start, end] = *self.starts.get(number..)?.first_chunk::<2>()?;
        self.words.get(start as usize..end as usize).map(Effect::new)
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}

/// What the tables say of one hash.
pub(crate) enum Entry {
    /// Neither it nor anything below it is listed.
    Nothing,
    /// Something below it may be listed; of itself nothing is said.
    Passed,
    /// The number of its effect.
    Effect(usize),
}

impl Tables {
    /// Nothing listed.
    pub(crate) fn empty() -> Self {
        Self {
            sections: Sections::none(),
            key: 0,
            names: 0,
            buckets: 1,
            records: 0..0,
            entries: 0..0,
            away: None,
            effects: Effects { starts: vec![0], words: Vec::new() },
            categories: Vec::new(),
            sources: Vec::new(),
            extras: Extras::default(),
        }
    }

    /// The records.
    #[inline]
    pub(crate) fn records(&self) -> &[[u8; RECORD]] {
        self.sections.bytes().get(self.records.clone()).unwrap_or(&[]).as_chunks().0
    }

    /// The entries, little-endian.
    #[inline]
    pub(crate) fn entries(&self) -> &[[u8; 8]] {
        self.sections.bytes().get(self.entries.clone()).unwrap_or(&[]).as_chunks().0
    }

    /// For look-ups one after the other.
    #[inline]
    pub(crate) fn look(&self) -> Look<'_> {
        Look {
            buckets: self.buckets,
            records: self.records(),
            entries: self.entries(),
            away: self.away.as_ref(),
        }
    }

    /// A number that stands in the record of a hash: touched, not understood.
    #[inline]
    pub(crate) fn touch_record(&self, hash: u64) -> u32 {
        let place = Place::of(hash, self.buckets);
        self.records().get(place.bucket).map_or(0, |record| u32::from(record[0]))
    }

    /// The same for the bucket's entries, where the filter lets the hash pass. A bucket takes one
    /// cache line or a little more, so the first and the last are touched.
    #[inline]
    pub(crate) fn touch_entries(&self, hash: u64) -> u32 {
        let place = Place::of(hash, self.buckets);
        let Some([record, next]) = self.records().get(place.bucket..).and_then(<[_]>::first_chunk) else {
            return 0;
        };
        if !lets_pass(record, place) {
            return 0;
        }
        let entry = |at: usize| self.entries().get(at).map_or(0, |entry| u32::from(entry[0]));
        entry(start(record)) ^ entry(start(next))
    }

    /// Bytes in memory; the sources' reports are not counted, they are a few kilobytes.
    pub(crate) fn bytes(&self) -> u64 {
        let effects = size_of_val(&*self.effects.starts) + size_of_val(&*self.effects.words);
        (self.sections.bytes().len() + effects) as u64 + self.extras.bytes()
    }
}

/// Records and entries, found in the file once for all suffixes of a name.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    buckets: u32,
    records: &'a [[u8; RECORD]],
    entries: &'a [[u8; 8]],
    away: Option<&'a Away>,
}

impl Look<'_> {
    /// What is said of the name with this hash.
    #[inline]
    pub(crate) fn up(self, hash: u64) -> Entry {
        let place = Place::of(hash, self.buckets);
        let Some([record, next]) = self.records.get(place.bucket..).and_then(<[_]>::first_chunk) else {
            return self.away.map_or(Entry::Nothing, |away| away.look_up(place, self.buckets));
        };
        if !lets_pass(record, place) {
            return Entry::Nothing;
        }
        find(self.entries.get(start(record)..start(next)).unwrap_or(&[]), place, self.buckets)
    }
}

/// The entry of a place among those of its bucket.
#[inline]
pub(super) fn find(bucket: &[[u8; 8]], place: Place, buckets: u32) -> Entry {
    let low = free_bits(buckets);
    let wanted = place.rest & !low;
    let mut bucket = bucket.iter().map(|entry| u64::from_le_bytes(*entry));
    match bucket.find(|entry| entry & !low == wanted) {
        // The free bits are fewer than 32.
        Some(entry) => Entry::Effect(usize::try_from(entry & low).unwrap_or(usize::MAX)),
        None => Entry::Passed,
    }
}

/// Where a bucket's entries start.
#[inline]
pub(crate) fn start(record: &[u8; RECORD]) -> usize {
    record.first_chunk().map_or(0, |start| u32::from_le_bytes(*start) as usize)
}

/// Whether a name at this place, or one below it, may be listed. Never false for one that is.
#[inline]
pub(super) fn lets_pass(record: &[u8; RECORD], place: Place) -> bool {
    let words = record.as_chunks::<4>().0.iter().skip(1);
    words.zip(place.filter()).all(|(word, bit)| u32::from_le_bytes(*word) & bit != 0)
}

/// The bits of an entry that hold its effect's number.
#[inline]
pub(crate) fn free_bits(buckets: u32) -> u64 {
    (1 << buckets.max(1).ilog2()) - 1
}

/// How many buckets hold so many entries and effects; `None` when there are too many.
pub(crate) fn buckets_for(entries: usize, effects: usize) -> Option<u32> {
    let buckets = entries.div_ceil(ENTRIES_PER_BUCKET).max(effects.checked_next_power_of_two()?).max(1);
    u32::try_from(buckets).ok().filter(|_| u32::try_from(entries).is_ok())
}

/// Writes records and entries, as names come in the order of their hashes.
pub(crate) struct RecordBuilder<W> {
    buckets: u32,
    records: W,
    entries: W,
    /// How many entries were written.
    count: u32,
    /// How many buckets have begun; the last of them has this record.
    begun: usize,
    record: [u8; RECORD],
}

impl<W: Write> RecordBuilder<W> {
    /// Nothing written yet.
    pub(crate) fn new(buckets: u32, records: W, entries: W) -> Self {
        Self { buckets, records, entries, count: 0, begun: 0, record: [0; RECORD] }
    }

    /// Adds an entry, and lets its hash pass.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn push(&mut self, hash: u64, effect: u32) -> io::Result<()> {
        self.open(hash)?;
        let place = Place::of(hash, self.buckets);
        let entry = place.rest & !free_bits(self.buckets) | u64::from(effect);
        // There are at most as many entries as `buckets_for` allows.
        self.count = self.count.saturating_add(1);
        self.entries.write_all(&entry.to_le_bytes())
    }

    /// Lets a hash pass.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn open(&mut self, hash: u64) -> io::Result<()> {
        let place = Place::of(hash, self.buckets);
        self.begin(place.bucket)?;
        let words = self.record.as_chunks_mut::<4>().0.iter_mut().skip(1);
        for (word, bit) in words.zip(place.filter()) {
            *word = (u32::from_le_bytes(*word) | bit).to_le_bytes();
        }
        Ok(())
    }

    /// Goes on to a bucket: its entries start here, and so do those of all that were passed over.
    fn begin(&mut self, bucket: usize) -> io::Result<()> {
        while self.begun <= bucket {
            if self.begun > 0 {
                self.records.write_all(&self.record)?;
            }
            self.record = [0; RECORD];
            if let Some(start) = self.record.first_chunk_mut() {
                *start = self.count.to_le_bytes();
            }
            self.begun += 1;
        }
        Ok(())
    }

    /// Where records and entries were written, all of them now.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn finish(mut self) -> io::Result<[W; 2]> {
        self.begin(self.buckets as usize)?;
        self.records.write_all(&self.record)?;
        Ok([self.records, self.entries])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_a_bucket_leaves_of_a_hash_tells_it_from_its_neighbours() {
        for buckets in [1, 2, 3, 7, 1000, 1 << 20, u32::MAX] {
            let low = free_bits(buckets);
            let near = [0, 1, 2, u64::from(buckets), 1 << 40, (1 << 40) + 1, u64::MAX - 1, u64::MAX];
            let hashes = BTreeSet::from(near);
            let places: BTreeSet<_> = hashes
                .iter()
                .map(|&hash| {
                    let place = Place::of(hash, buckets);
                    assert!(place.bucket < buckets as usize);
                    (place.bucket, place.rest & !low)
                })
                .collect();
            assert_eq!(places.len(), hashes.len(), "{buckets}");
        }
    }
}
