//! The set of one day, and its file: mark, count, filter, checksum.

use std::path::Path;

use bloomfilter::Bloom;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::NAMES_PER_DAY_MAX;

const MARK: &[u8; 8] = b"sgused1\n";
const ENDING: &str = ".used";
/// Of names that were not used on a day, this share seems to have been, when the day is full.
const ERRORS: f64 = 0.001;
/// No set of ours has more hash functions: damaged bytes must not make a question slow.
const HASHES_MAX: u32 = 16;
/// No file of ours is larger.
const BYTES_MAX: u64 = 1 << 20;

/// The names of one day.
pub(super) struct Day {
    pub(super) date: Date,
    names: Bloom<u64>,
    /// Different names in it.
    count: u64,
    /// Not written down yet.
    pub(super) is_new: bool,
}

impl Day {
    /// An empty one; `None` never, but for what the filter's crate may refuse.
    pub(super) fn new(date: Date, seed: &[u8; 32]) -> Option<Self> {
        let items = usize::try_from(NAMES_PER_DAY_MAX).ok()?;
        let names = Bloom::new_for_fp_rate_with_seed(items, ERRORS, seed).ok()?;
        Some(Self { date, names, count: 0, is_new: false })
    }

    /// Adds a name while there is room for its kind.
    pub(super) fn add(&mut self, key: u64, is_registrable: bool) {
        let room = if is_registrable { NAMES_PER_DAY_MAX } else { NAMES_PER_DAY_MAX / 4 * 3 };
        if self.count < room && !self.names.check_and_set(&key) {
            self.count += 1;
            self.is_new = true;
        }
    }

    pub(super) fn holds(&self, key: u64) -> bool {
        self.names.check(&key)
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}{ENDING}", self.date)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.names.as_slice());
        let sum = Sha256::digest(&bytes);
        bytes.extend(sum);
        bytes
    }

    /// Reads a file; `None` when it is none of ours.
    pub(super) fn read(path: &Path) -> Option<Result<Self, String>> {
        let date = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
        let date: Date = date.parse().ok()?;
        let size = path.metadata().map_or(0, |file| file.len());
        if size > BYTES_MAX {
            return Some(Err("it is larger than any set".to_owned()));
        }
        let bytes = std::fs::read(path).map_err(|error| error.to_string());
        Some(bytes.and_then(|bytes| Self::from_bytes(date, &bytes).ok_or_else(|| "it is damaged".to_owned())))
    }

    fn from_bytes(date: Date, bytes: &[u8]) -> Option<Self> {
        let (signed, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if Sha256::digest(signed).as_slice() != sum {
            return None;
        }
        let (count, names) = signed.strip_prefix(MARK)?.split_first_chunk::<8>()?;
        let names = Bloom::from_slice(names).ok()?;
        let is_sane = !names.is_empty() && names.number_of_hash_functions() <= HASHES_MAX;
        is_sane.then(|| Self { date, names, count: u64::from_le_bytes(*count), is_new: false })
    }
}
