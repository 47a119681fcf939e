//! Answers and failures kept by question, bounded in bytes.
//!
//! The key holds everything that can make two answers differ: name, type, DO, CD, and the group of
//! upstreams that was asked (with the generation of its configuration, so that a reload forgets
//! what earlier servers said). Policy is no part of it: policy is decided before the cache and
//! judged again on what comes out of it, so one entry serves every network.

use std::time::Duration;

use blocklists::name::{Name, NameRef};
use quick_cache::sync::Cache as Shards;
use quick_cache::{Equivalent, Weighter};

use std::sync::Arc;

use crate::body::Body;
use crate::limits::{FAILURE_FIRST, FAILURE_MAX};
use crate::tick::Tick;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// What came of asking, and when.
#[derive(Debug)]
pub struct Entry {
    /// When it was stored.
    pub stored: Tick,
    /// What it was.
    pub kept: Kept,
}

/// What came of asking.
#[derive(Debug)]
pub enum Kept {
    /// An answer.
    Answer(Body),
    /// No answer. Kept for a while, so that a dead server is not asked by everybody (RFC 9520).
    Failure {
        /// The EDE code that says why.
        code: u16,
        /// For how long it is kept.
        wait: Duration,
    },
}

impl Entry {
    /// A failure that is told but not kept.
    #[must_use]
    pub fn failed(code: u16, now: Tick) -> Self {
        Self { stored: now, kept: Kept::Failure { code, wait: Duration::ZERO } }
    }

    /// The EDE code of a failure.
    #[must_use]
    pub fn failure(&self) -> Option<u16> {
        match self.kept {
            Kept::Answer(_) => None,
            Kept::Failure { code, .. } => Some(code),
        }
    }

    /// The name at which an alias chain ends without the records asked for.
    #[must_use]
    pub fn dangling(&self, rtype: u16) -> Option<Name> {
        match &self.kept {
            Kept::Answer(body) => Name::from_wire(body.dangling(rtype)?).ok(),
            Kept::Failure { .. } => None,
        }
    }

    /// Whether it may be used at this time.
    #[must_use]
    pub fn is_fresh(&self, now: Tick) -> bool {
        let lifetime = match &self.kept {
            Kept::Answer(body) => Duration::from_secs(u64::from(body.lifetime())),
            Kept::Failure { wait, .. } => *wait,
        };
        now < self.stored.plus(lifetime)
    }

    fn size(&self) -> usize {
        match &self.kept {
            Kept::Answer(body) => size_of::<Self>() + body.size(),
            Kept::Failure { .. } => size_of::<Self>(),
        }
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
}

/// The shard is in use by another thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contended;

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, Arc<Entry>> for Weight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        let octets = size_of::<Key>() + key.name.as_ref().wire().len() + entry.size();
        u64::try_from(octets).unwrap_or(u64::MAX)
    }
}

impl Cache {
    /// Octets that a usual entry takes: what the tables are first sized for.
    const USUAL_ENTRY: u64 = 512;

    /// An empty cache of at most `bytes` octets.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let entries = usize::try_from(bytes / Self::USUAL_ENTRY).unwrap_or(usize::MAX);
        Self { shards: Shards::with_weighter(entries, bytes, Weight) }
    }

    /// Looks without waiting.
    ///
    /// # Errors
    /// [`Contended`] when it would have to wait.
    pub fn look(&self, key: KeyRef<'_>, now: Tick) -> Result<Option<Arc<Entry>>, Contended> {
        let found = self.shards.try_get(&key).map_err(|_| Contended)?;
        Ok(found.filter(|entry| entry.is_fresh(now)))
    }

    /// Looks, waiting for another thread if need be.
    #[must_use]
    pub fn find(&self, key: KeyRef<'_>, now: Tick) -> Option<Arc<Entry>> {
        self.shards.get(&key).filter(|entry| entry.is_fresh(now))
    }

    /// Keeps an answer.
    pub fn keep(&self, key: Key, body: Body, now: Tick) -> Arc<Entry> {
        self.insert(key, Entry { stored: now, kept: Kept::Answer(body) })
    }

    /// Keeps a failure: longer each time in a row, up to a limit. A failure counts as one in a row
    /// while the one before it is not older than that limit.
    pub fn keep_failure(&self, key: Key, code: u16, now: Tick) -> Arc<Entry> {
        let before = self.shards.peek(&key);
        let wait = match before.as_deref() {
            Some(Entry { stored, kept: Kept::Failure { wait, .. } })
                if now < stored.plus(*wait + FAILURE_MAX) =>
            {
                (*wait * 2).min(FAILURE_MAX)
            }
            _ => FAILURE_FIRST,
        };
        self.insert(key, Entry { stored: now, kept: Kept::Failure { code, wait } })
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
    use crate::reply::{Section, ede};

    const ASKED: Asked =
        Asked { rtype: 1, dnssec_ok: false, checking_disabled: false, group: 0, generation: 0 };

    fn key(name: &str) -> Key {
        Key { name: Name::parse(name).unwrap(), asked: ASKED }
    }

    fn body(ttl: u32) -> Body {
        let mut builder = Builder::default();
        builder.push(Section::Answer, Err(b"\x01x\x00"), 1, ttl, &[192, 0, 2, 1]);
        builder.finish(0, None)
    }

    #[test]
    fn an_answer_is_found_until_its_smallest_ttl_is_over() {
        let cache = Cache::new(1 << 20);
        let key = key("a.example");
        cache.keep(key.clone(), body(10), Tick(5_000));
        let question = KeyRef { name: key.name.as_ref(), asked: ASKED };
        assert!(cache.look(question, Tick(14_999)).unwrap().is_some());
        assert!(cache.look(question, Tick(15_000)).unwrap().is_none());
        let other = [
            KeyRef { asked: Asked { rtype: 28, ..ASKED }, ..question },
            KeyRef { asked: Asked { dnssec_ok: true, ..ASKED }, ..question },
            KeyRef { asked: Asked { checking_disabled: true, ..ASKED }, ..question },
            KeyRef { asked: Asked { group: 1, ..ASKED }, ..question },
            KeyRef { asked: Asked { generation: 1, ..ASKED }, ..question },
        ];
        assert!(other.iter().all(|question| cache.find(*question, Tick(5_000)).is_none()));
    }

    #[test]
    fn failures_are_kept_longer_and_longer_then_forgiven() {
        let cache = Cache::new(1 << 20);
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
        let bound = 64 * 1024;
        let cache = Cache::new(bound);
        for number in 0..5_000 {
            cache.keep(key(&format!("n{number}.example")), body(60), Tick(0));
        }
        let size = cache.size();
        assert!(size.bytes <= bound && size.entries > 50, "{size:?}");
    }
}
