//! What changed between two copies of a list.
//!
//! Millions of names differ in a few hundred from one day to the next. So each copy is first read
//! into hashes alone (8 bytes an entry), the two sorted rows are merged, and only then are the copies
//! read again to spell out the few entries that one of them has and the other has not. Nothing else is
//! held in memory, whatever the lists hold: 3 million names take 24 MB a copy.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use blocklists::category::CategoryId;
use blocklists::parse::{Action, Rule, Subject};
use blocklists::read::ReadError;
use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::listed::Content;

/// What two copies do not share, by hash.
pub(crate) struct Difference {
    seed: u64,
    /// Only the newer has them; sorted, each once.
    pub(crate) added: Vec<u64>,
    /// Only the older has them.
    pub(crate) removed: Vec<u64>,
}

/// Compares two copies. One that is not there lists nothing.
///
/// # Errors
/// [`ReadError`] when a copy is missing or damaged.
pub(crate) fn compare(
    before: Option<Content<'_>>,
    after: Option<Content<'_>>,
) -> Result<Difference, ReadError> {
    // Another one each time: nobody can write a list whose entries hide behind one another.
    let seed = RandomState::new().hash_one("schoolgate");
    let hashes =
        |content: Option<Content<'_>>| content.map_or(Ok(Vec::new()), |content| hashes(content, seed));
    let (before, after) = rayon::join(|| hashes(before), || hashes(after));
    let (before, after) = (before?, after?);
    Ok(Difference { seed, added: only_in(&after, &before), removed: only_in(&before, &after) })
}

fn hashes(content: Content<'_>, seed: u64) -> Result<Vec<u64>, ReadError> {
    let mut hashes = Vec::new();
    let mut keys = Keys::new(seed);
    content.visit(&mut |category, rule| hashes.push(keys.of(category, rule)))?;
    hashes.par_sort_unstable();
    hashes.dedup();
    Ok(hashes)
}

/// What the first sorted row has and the second has not.
fn only_in(row: &[u64], other: &[u64]) -> Vec<u64> {
    let mut other = other.iter().copied().peekable();
    let mut is_new = |hash: &u64| {
        while other.next_if(|known| known < hash).is_some() {}
        other.peek() != Some(hash)
    };
    row.iter().copied().filter(|hash| is_new(hash)).collect()
}

/// Reads a copy again and hands over the entries of these hashes, each once.
///
/// # Errors
/// [`ReadError`] when the copy is missing or damaged.
pub(crate) fn spell_out(
    content: Content<'_>,
    difference: &Difference,
    wanted: &[u64],
    sink: &mut dyn FnMut(&CategoryId, &Rule<'_>),
) -> Result<(), ReadError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let mut wanted: HashSet<u64> = wanted.iter().copied().collect();
    let mut keys = Keys::new(difference.seed);
    content.visit(&mut |category, rule| {
        if wanted.remove(&keys.of(category, rule)) {
            sink(category, rule);
        }
    })
}

/// Hashes of entries. The category is the same over long stretches, so its part is remembered.
struct Keys {
    seed: u64,
    category: Option<(CategoryId, u64)>,
}

impl Keys {
    fn new(seed: u64) -> Self {
        Self { seed, category: None }
    }

    fn of(&mut self, category: &CategoryId, rule: &Rule<'_>) -> u64 {
        let part = match &self.category {
            Some((known, part)) if known == category => *part,
            _ => {
                let part = xxh3_64_with_seed(category.as_str().as_bytes(), self.seed);
                self.category = Some((category.clone(), part));
                part
            }
        };
        let Rule { subject, exception, important, cancels, types, spared, action } = *rule;
        let flags =
            [exception, important, cancels].iter().fold(0, |flags, &flag| flags << 1 | u64::from(flag));
        match (subject, types, spared, action) {
            // Nearly all: one short run of the hash.
            (Subject::Name(name, reach), None, [], Action::Policy) => {
                xxh3_64_with_seed(name.wire(), part.wrapping_add(flags << 2 | reach as u64))
            }
            everything => {
                let mut hasher = Xxh3::with_seed(part.wrapping_add(flags << 2 | 3));
                everything.hash(&mut hasher);
                hasher.finish()
            }
        }
    }
}
