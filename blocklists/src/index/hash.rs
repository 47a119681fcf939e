//! The keyed hash of name suffixes.
//!
//! A name is hashed label by label from the right, each label seeded with the hash of what stands
//! to its right: one pass over a question's name yields the hash of every suffix. The compiler
//! proves that no two listed names share a hash; an unlisted name meets a listed one by chance with
//! odds of about (listed names) / 2^64.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::name::{LABELS_MAX, NameRef};

/// The hash of `label` in front of a suffix whose hash is `parent`; the root's hash is the key.
#[inline]
#[must_use]
pub(crate) fn prepend(parent: u64, label: &[u8]) -> u64 {
    xxh3_64_with_seed(label, parent)
}

/// The hashes of every suffix of a name: first the name itself, last its top label.
pub(crate) struct SuffixHashes {
    hashes: [u64; LABELS_MAX],
    count: usize,
}

impl SuffixHashes {
    /// Hashes a name under a key.
    pub(crate) fn of(name: NameRef<'_>, key: u64) -> Self {
        let starts = name.label_starts();
        let mut suffixes = Self { hashes: [0; LABELS_MAX], count: starts.len() };
        let mut hash = key;
        for (place, &start) in starts.iter().enumerate().rev() {
            let label = name.suffix_at(start).labels().next().unwrap_or(&[]);
            hash = prepend(hash, label);
            if let Some(slot) = suffixes.hashes.get_mut(place) {
                *slot = hash;
            }
        }
        suffixes
    }
}

impl std::ops::Deref for SuffixHashes {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        self.hashes.get(..self.count).unwrap_or(&[])
    }
}
