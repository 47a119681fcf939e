//! What changed between two copies of a list.
//!
//! Millions of names differ in a few hundred from one day to the next. So each copy is first read
//! into hashes alone (8 bytes an entry), the two sorted rows are merged, and only then are the copies
//! read again to spell out the few entries that one of them has and the other has not. Where there are
//! more than half a million hashes, they are taken a range at a time, and the copies are read once for each:
//! what is held grows with what changed, not with the lists.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use blocklists::category::CategoryId;
use blocklists::parse::{Action, Rule, Subject};
use blocklists::read::ReadError;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::listed::Content;

/// Most hashes of one copy that are held at once: 4 MB.
const AT_ONCE: usize = 1 << 19;

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
    let mut difference = Difference { seed, added: Vec::new(), removed: Vec::new() };
    let mut from = Some(0);
    while let Some(start) = from {
        let hashes = |content| Hashes::from(content, seed, start, AT_ONCE);
        let (before, after) = rayon::join(|| hashes(before), || hashes(after));
        let (before, after) = (before?, after?);
        let end = before.end.min(after.end);
        let (before, after) = (before.until(end), after.until(end));
        difference.added.extend(only_in(after, before));
        difference.removed.extend(only_in(before, after));
        from = end.checked_add(1);
    }
    Ok(difference)
}

/// The hashes of a copy's entries in a range, sorted, each once.
struct Hashes {
    sorted: Vec<u64>,
    /// The last hash of the range.
    end: u64,
}

impl Hashes {
    /// From one hash on, about as many as may be held.
    fn from(content: Option<Content<'_>>, seed: u64, start: u64, most: usize) -> Result<Self, ReadError> {
        let mut hashes = Self { sorted: Vec::new(), end: u64::MAX };
        let Some(content) = content else { return Ok(hashes) };
        let mut keys = Keys::new(seed);
        content.visit(&mut |category, rule| {
            let hash = keys.of(category, rule);
            if (start..=hashes.end).contains(&hash) {
                hashes.sorted.push(hash);
                if hashes.sorted.len() >= most {
                    hashes.shrink(start, most);
                }
            }
        })?;
        hashes.sort();
        Ok(hashes)
    }

    fn sort(&mut self) {
        self.sorted.sort_unstable();
        self.sorted.dedup();
    }

    /// Makes room, by a shorter range where entries are not only said again and again.
    fn shrink(&mut self, start: u64, most: usize) {
        self.sort();
        while self.sorted.len() > most / 2 && self.end > start {
            self.end = start + (self.end - start) / 2;
            let left = self.until(self.end).len();
            self.sorted.truncate(left);
        }
    }

    fn until(&self, end: u64) -> &[u64] {
        self.sorted.get(..self.sorted.partition_point(|&hash| hash <= end)).unwrap_or(&[])
    }
}

/// What the first sorted row has and the second has not.
fn only_in(row: &[u64], other: &[u64]) -> impl Iterator<Item = u64> {
    let mut other = other.iter().copied().peekable();
    let is_new = move |hash: &u64| {
        while other.next_if(|known| known < hash).is_some() {}
        other.peek() != Some(hash)
    };
    row.iter().copied().filter(is_new)
}

/// Reads a copy again and hands over the entries of these hashes (sorted), each once.
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
    let mut told = vec![false; wanted.len()];
    let mut keys = Keys::new(difference.seed);
    content.visit(&mut |category, rule| {
        let place = wanted.binary_search(&keys.of(category, rule)).ok();
        let told = place.and_then(|place| told.get_mut(place));
        if told.is_some_and(|told| !std::mem::replace(told, true)) {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use blocklists::source::{Actions, Format, Location, Source, Trust};

    use super::*;

    #[test]
    fn a_range_at_a_time_gives_every_hash_once() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let lines: String = (0..500).map(|number| format!("n{}.example\n", number % 300)).collect();
        std::fs::write(&copy, lines).unwrap();
        let source = Source {
            id: "bets".to_owned(),
            category: CategoryId::new("gambling"),
            format: Format::Domains,
            location: Location::Path(copy.clone()),
            span: None,
            trust: Trust::Normal,
            map: std::collections::BTreeMap::new(),
            licence: None,
            locked: false,
            actions: Actions::Entry,
        };
        let content = || Some(Content { source: &source, copy: Path::new(&copy) });
        let whole = Hashes::from(content(), 1, 0, usize::MAX).unwrap();
        assert_eq!((whole.sorted.len(), whole.end), (300, u64::MAX));
        let (mut from, mut parts, mut turns) = (Some(0), Vec::new(), 0);
        while let Some(start) = from {
            let part = Hashes::from(content(), 1, start, 40).unwrap();
            assert!(part.sorted.len() <= 40, "{}", part.sorted.len());
            from = part.end.checked_add(1);
            parts.extend(part.sorted);
            turns += 1;
        }
        assert_eq!(parts, whole.sorted);
        assert!(turns > 7, "{turns}");
    }
}
