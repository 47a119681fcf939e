//! Answers and failures kept by question, bounded in bytes.
//!
//! The key holds everything that can make two answers differ: name, type, DO, CD, and the group of
//! upstreams that was asked (with the generation of its configuration, so that a reload forgets
//! what earlier servers said). Policy is no part of it: policy is decided before the cache and
//! judged again on what comes out of it, so one entry serves every network.
//!
//! An answer past its time is not forgotten at once: it stands in while upstreams are slow or fail (RFC
//! 8767), and a failure that is kept holds on to the answer before it.

mod entry;
mod saved;

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use blocklists::name::{Name, NameRef};
use quick_cache::sync::Cache as Shards;
use quick_cache::{Equivalent, Weighter};
use serde::{Deserialize, Serialize};

use std::sync::Arc;

use crate::body::{Body, allocated};
use crate::limits::{FAILURE_FIRST, FAILURE_MAX};
use crate::reply::ede;
use crate::tick::Tick;

pub use entry::{Entry, Finding, Kept, Passage};
pub use saved::SavedError;

/// A question as the cache knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    name: Name,
    asked: Asked,
}

/// The same, borrowed, so that looking does not allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRef<'a> {
    /// The name, lower-case.
    pub name: NameRef<'a>,
    /// The rest of the question.
    pub asked: Asked,
}

/// All of a question but its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The type.
    pub rtype: u16,
    /// DO: signatures are wanted.
    pub dnssec_ok: bool,
    /// CD: wanted even if it does not validate.
    pub checking_disabled: bool,
    /// Number of the upstream group.
    pub group: u16,
    /// Generation of the upstream configuration.
    pub generation: u32,
}

impl Hash for Asked {
    /// In two pieces instead of five: it is hashed for every look.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { rtype, dnssec_ok, checking_disabled, group, generation } = *self;
        state.write_u64(u64::from(generation) << 32 | u64::from(group) << 16 | u64::from(rtype));
        state.write_u8(u8::from(dnssec_ok) << 1 | u8::from(checking_disabled));
    }
}

impl KeyRef<'_> {
    /// The owned key.
    #[must_use]
    pub fn to_owned(self) -> Key {
        Key { name: self.name.to_owned(), asked: self.asked }
    }
}

impl Key {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The rest of the question.
    #[must_use]
    pub fn asked(&self) -> Asked {
        self.asked
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.name == key.name.as_ref() && self.asked == key.asked
    }
}

/// How many things are kept and what they weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSize {
    /// Entries.
    pub entries: u64,
    /// Octets.
    pub bytes: u64,
}

/// The cache.
#[derive(Debug)]
pub struct Cache {
    shards: Shards<Key, Arc<Entry>, Weight>,
    /// For how long behind its end an answer may stand in.
    stale: Duration,
}

/// What the cache has for a question.
#[derive(Debug, Clone)]
pub enum Look {
    /// An answer whose time is not over.
    Fresh(Arc<Entry>),
    /// Asking failed a moment ago and is not tried again yet; the answer from before may stand in.
    Failing(Arc<Entry>, Option<Arc<Entry>>),
    /// An answer past its time: to be asked for again, and used if that brings nothing in time.
    Old(Arc<Entry>),
    /// Nothing of use.
    Nothing,
}

/// The shard is in use by another thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contended;

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, Arc<Entry>> for Weight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        let octets = Cache::PLACE + allocated(key.name.as_ref().wire().len()) + entry.allocated();
        u64::try_from(octets).unwrap_or(u64::MAX)
    }
}

impl Cache {
    /// Octets that a usual entry takes: what is remembered of evicted ones is sized by it.
    const USUAL_ENTRY: u64 = 512;
    /// Octets of an entry's place in a shard: what it holds with its state and links, and two for one of the
    /// hash table's five, which is never fuller than that for long.
    const PLACE: usize = size_of::<(Key, Arc<Entry>, [u64; 2])>() + 10;

    /// An empty cache of at most `bytes` octets, whose answers may stand in for `stale` behind the end
    /// of their time.
    #[must_use]
    pub fn new(bytes: u64, stale: Duration) -> Self {
        let entries = bytes / Self::USUAL_ENTRY;
        // Half as many evicted ones keep their places for a while, so that what comes back is known.
        let evicted = entries / 2 * u64::try_from(Self::PLACE).unwrap_or(0);
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        Self { shards: Shards::with_weighter(entries, bytes - evicted, Weight), stale }
    }

    /// Looks without waiting.
    ///
    /// # Errors
    /// [`Contended`] when it would have to wait.
    pub fn look(&self, key: KeyRef<'_>, now: Tick) -> Result<Look, Contended> {
        let found = self.shards.try_get(&key).map_err(|_| Contended)?;
        Ok(found.map_or(Look::Nothing, |entry| self.judge(entry, now)))
    }

    /// Looks, waiting for another thread if need be.
    #[must_use]
    pub fn find(&self, key: KeyRef<'_>, now: Tick) -> Look {
        self.shards.get(&key).map_or(Look::Nothing, |entry| self.judge(entry, now))
    }

    fn judge(&self, entry: Arc<Entry>, now: Tick) -> Look {
        match (&entry.kept, entry.is_fresh(now)) {
            (Kept::Answer(_), true) => Look::Fresh(entry),
            (Kept::Answer(_), false) if entry.may_stand_in(now, self.stale) => Look::Old(entry),
            (Kept::Answer(_), false) => Look::Nothing,
            (Kept::Failure { before, .. }, is_fresh) => {
                let before = before.clone().filter(|before| before.may_stand_in(now, self.stale));
                match (is_fresh, before) {
                    (true, before) => Look::Failing(entry, before),
                    (false, Some(before)) => Look::Old(before),
                    (false, None) => Look::Nothing,
                }
            }
        }
    }

    /// Keeps an answer.
    pub fn keep(&self, key: Key, body: Body, now: Tick) -> Arc<Entry> {
        self.insert(key, Entry::answer(body, now))
    }

    /// Keeps a failure: longer each time in a row, up to a limit. A failure counts as one in a row
    /// while the one before it is not older than that limit. The answer that it takes the place of
    /// may go on standing in, but for one that an upstream has found to be forged.
    pub fn keep_failure(&self, key: Key, code: u16, now: Tick) -> Arc<Entry> {
        let found = self.shards.peek(&key);
        let (wait, before) = match found.as_ref().map(|entry| &entry.kept) {
            Some(Kept::Answer(_)) => (FAILURE_FIRST, found.clone()),
            Some(Kept::Failure { wait, before, .. }) => {
                let in_a_row =
                    found.as_ref().is_some_and(|entry| now < entry.stored.plus(*wait + FAILURE_MAX));
                let wait = if in_a_row { (*wait * 2).min(FAILURE_MAX) } else { FAILURE_FIRST };
                (wait, before.clone())
            }
            None => (FAILURE_FIRST, None),
        };
        let before = before.filter(|before| before.may_stand_in(now, self.stale) && !ede::is_forged(code));
        self.insert(key, Entry::new(Kept::Failure { code, wait, before }, now))
    }

    /// Forgets everything about a name, or about it and all below it; says how many entries.
    pub fn flush(&self, name: NameRef<'_>, subtree: bool) -> usize {
        let forgotten = Cell::new(0);
        self.shards.retain(|key, _| {
            let goes = match subtree {
                true => key.name.as_ref().is_at_or_below(name),
                false => key.name.as_ref() == name,
            };
            forgotten.set(forgotten.get() + usize::from(goes));
            !goes
        });
        forgotten.get()
    }

    /// How full it is.
    #[must_use]
    pub fn size(&self) -> CacheSize {
        CacheSize {
            entries: u64::try_from(self.shards.len()).unwrap_or(u64::MAX),
            bytes: self.shards.weight(),
        }
    }

    fn insert(&self, key: Key, entry: Entry) -> Arc<Entry> {
        let entry = Arc::new(entry);
        self.shards.insert(key, Arc::clone(&entry));
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Builder;
    use crate::reply::Section;

    const ASKED: Asked =
        Asked { rtype: 1, dnssec_ok: false, checking_disabled: false, group: 0, generation: 0 };

    const DAY: Duration = Duration::from_secs(86_400);

    fn key(name: &str) -> Key {
        Key { name: Name::parse(name).unwrap(), asked: ASKED }
    }

    fn body(ttl: u32) -> Body {
        let mut builder = Builder::new(Name::root().as_ref());
        builder.push(Section::Answer, (None, b"\x01x\x00"), 1, ttl, &[192, 0, 2, 1]);
        builder.finish(0, None)
    }

    #[test]
    fn an_answer_is_found_until_its_smallest_ttl_is_over() {
        let cache = Cache::new(1 << 20, DAY);
        let key = key("a.example");
        cache.keep(key.clone(), body(10), Tick(5_000));
        let question = KeyRef { name: key.name.as_ref(), asked: ASKED };
        assert!(matches!(cache.look(question, Tick(14_999)).unwrap(), Look::Fresh(_)));
        assert!(matches!(cache.look(question, Tick(15_000)).unwrap(), Look::Old(_)));
        let end = Tick(15_000).plus(DAY);
        assert!(matches!(cache.look(question, end).unwrap(), Look::Nothing));
        let other = [
            KeyRef { asked: Asked { rtype: 28, ..ASKED }, ..question },
            KeyRef { asked: Asked { dnssec_ok: true, ..ASKED }, ..question },
            KeyRef { asked: Asked { checking_disabled: true, ..ASKED }, ..question },
            KeyRef { asked: Asked { group: 1, ..ASKED }, ..question },
            KeyRef { asked: Asked { generation: 1, ..ASKED }, ..question },
        ];
        assert!(other.iter().all(|question| matches!(cache.find(*question, Tick(5_000)), Look::Nothing)));
    }

    #[test]
    fn failures_are_kept_longer_and_longer_then_forgiven() {
        let cache = Cache::new(1 << 20, DAY);
        let mut now = Tick(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let entry = cache.keep_failure(key("dead.example"), ede::NO_REACHABLE_AUTHORITY, now);
            let Kept::Failure { wait, .. } = entry.kept else { panic!("a failure was kept") };
            waits.push(wait.as_secs());
            now = now.plus(wait);
            assert!(!entry.is_fresh(now));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        let later = now.plus(FAILURE_MAX * 2);
        let entry = cache.keep_failure(key("dead.example"), ede::NO_REACHABLE_AUTHORITY, later);
        assert!(matches!(entry.kept, Kept::Failure { wait, .. } if wait == FAILURE_FIRST));
    }

    #[test]
    fn the_bytes_are_bounded() {
        let bound = 1 << 20;
        let mut sizes = Vec::new();
        let allocated = allocation_counter::measure(|| {
            let cache = std::mem::ManuallyDrop::new(Cache::new(bound, DAY));
            for number in 0..20_000 {
                cache.keep(key(&format!("n{number}.example")), body(60), Tick(0));
            }
            sizes.push(cache.size());
        });
        let CacheSize { entries, bytes } = sizes[0];
        assert!((bound / 2..bound).contains(&bytes) && entries > 2_000, "{sizes:?}");
        // What was asked of the allocator, tables with room to grow into included.
        let allocated = allocated.bytes_current.unsigned_abs();
        assert!((bytes / 2..bound + bound / 4).contains(&allocated), "{allocated} for {sizes:?}");
    }

    #[test]
    fn a_failure_holds_on_to_the_answer_before_it() {
        let cache = Cache::new(1 << 20, DAY);
        let key = key("a.example");
        let question = KeyRef { name: key.name.as_ref(), asked: ASKED };
        cache.keep(key.clone(), body(10), Tick(0));
        let mut now = Tick(20_000);
        for _ in 0..3 {
            let failure = cache.keep_failure(key.clone(), ede::NO_REACHABLE_AUTHORITY, now);
            assert!(matches!(cache.find(question, now), Look::Failing(_, Some(_))));
            let Kept::Failure { wait, .. } = failure.kept else { panic!("a failure was kept") };
            now = now.plus(wait);
            assert!(matches!(cache.find(question, now), Look::Old(_)), "it is asked again");
        }
        now = Tick(10_000).plus(DAY);
        cache.keep_failure(key.clone(), ede::NO_REACHABLE_AUTHORITY, now);
        assert!(matches!(cache.find(question, now), Look::Failing(_, None)), "too old to stand in");
    }

    #[test]
    fn an_answer_wants_renewal_once_in_the_last_part_of_its_life() {
        let entry = Entry::answer(body(100), Tick(0));
        assert!(!entry.wants_renewal(Tick(90_000)));
        assert!(entry.wants_renewal(Tick(91_000)));
        assert!(!entry.wants_renewal(Tick(95_000)), "only the first who asks renews it");
        assert!(
            !Entry::answer(body(5), Tick(0)).wants_renewal(Tick(4_000)),
            "too short a life to be worth it"
        );
    }

    #[test]
    fn a_name_or_a_subtree_is_forgotten() {
        let cache = Cache::new(1 << 20, DAY);
        let fill = || {
            for name in ["a.example", "b.a.example", "xa.example", "example"] {
                cache.keep(key(name), body(60), Tick(0));
            }
        };
        let apex = Name::parse("a.example").unwrap();
        for (subtree, forgotten) in [(false, 1), (true, 2)] {
            fill();
            assert_eq!(cache.flush(apex.as_ref(), subtree), forgotten);
            assert_eq!(cache.size().entries, 4 - forgotten as u64);
        }
        assert_eq!(cache.flush(Name::root().as_ref(), true), 2, "below the root is everything");
    }
}
