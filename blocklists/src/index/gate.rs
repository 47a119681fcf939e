//! The gate before the exact table: most names that a school asks for are on no list.
//!
//! It holds every name of the table **and every ancestor of one**, top labels excepted, so the walk
//! from the right ends at its first miss: an unlisted name costs one or two probes however many
//! labels it has. Top labels skip it, they would always pass.

use bloomfilter::Bloom;

/// Bits for each name, two bytes.
const BITS_PER_NAME: usize = 16;
/// One hash function, so that a listed name pays for one cold cache line here and not for seven:
/// one probe in 17 passes by chance and costs a look into the table, which is where the truth is.
/// (The crate derives the number: `bits / items * ln 2`.)
const HASHES: f64 = 1.0;
/// More hash functions than any gate of ours has: damaged bytes must not make a probe slow.
const HASHES_MAX: u32 = 16;

/// A bloom filter over name hashes, or nothing when nothing is listed.
pub(crate) struct Gate(Option<Bloom<u64>>);

impl Gate {
    /// Lets nothing pass.
    pub(crate) const CLOSED: Self = Self(None);

    /// Lets these hashes pass, and few others. `seed` keys it.
    ///
    /// # Errors
    /// What the filter's crate says.
    pub(crate) fn over(hashes: &[u64], seed: &[u8; 32]) -> Result<Self, &'static str> {
        if hashes.is_empty() {
            return Ok(Self::CLOSED);
        }
        let bytes = (hashes.len() * BITS_PER_NAME).div_ceil(8).max(64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a positive size, and a rounding error only shifts the false-positive rate"
        )]
        let items = ((bytes * 8) as f64 * std::f64::consts::LN_2 / HASHES).max(1.0) as usize;
        let mut bloom = Bloom::new_with_seed(bytes, items, seed)?;
        for hash in hashes {
            bloom.set(hash);
        }
        Ok(Self(Some(bloom)))
    }

    /// Whether a hash may be listed. Never false for one that is.
    #[inline]
    pub(crate) fn lets_pass(&self, hash: u64) -> bool {
        self.0.as_ref().is_some_and(|bloom| bloom.check(&hash))
    }

    /// The bytes that [`from_bytes`](Self::from_bytes) reads; empty when closed.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bloom| bloom.as_slice())
    }

    /// Reads what [`as_bytes`](Self::as_bytes) gave; `None` when the bytes are damaged.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::CLOSED);
        }
        let bloom = Bloom::from_slice(bytes).ok()?;
        let sane = !bloom.is_empty() && bloom.number_of_hash_functions() <= HASHES_MAX;
        sane.then_some(Self(Some(bloom)))
    }
}
