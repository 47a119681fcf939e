//! The cache over a restart: its answers as bytes, safe to lose.
//!
//! What is not exactly what was written is dropped whole, and so is what other upstreams said. Policy
//! is judged again on everything that comes out of the cache, so nothing here can open a name.

use std::sync::Arc;
use std::time::Duration;

use blocklists::name::Name;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Asked, Cache, Entry, Kept, Key};
use crate::body::Body;
use crate::tick::Tick;

/// What the bytes begin with: the format, and its version.
const MAGIC: &[u8; 16] = b"schoolgate cache";
/// Changes with the form of what is saved.
const VERSION: u8 = 2;
/// Octets of the checksum that follows.
const CHECKSUM: usize = 32;

/// Why saved answers are not used. The cache then starts empty, nothing else is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SavedError {
    /// Not the bytes that were written.
    #[error("it is damaged")]
    Damaged,
    /// Written by another version of the program.
    #[error("another version of this program wrote it")]
    OtherVersion,
    /// Other upstreams gave these answers.
    #[error("its answers came from other upstream servers")]
    OtherUpstreams,
}

/// Everything that is saved.
#[derive(Serialize, Deserialize)]
struct Saved {
    /// Which upstreams said it.
    upstreams: [u8; 32],
    /// When it was saved, in seconds since 1970.
    unix: u64,
    entries: Vec<SavedEntry>,
}

#[derive(Serialize, Deserialize)]
struct SavedEntry {
    name: Vec<u8>,
    asked: Asked,
    /// Seconds for which it had been kept.
    age: u32,
    body: Body,
}

impl Cache {
    /// All answers of the configuration with this generation, as bytes. `upstreams` tells the
    /// upstreams from others, `unix` is the time in seconds since 1970.
    #[must_use]
    pub fn save(&self, generation: u32, upstreams: [u8; 32], unix: u64, now: Tick) -> Vec<u8> {
        let entries = self.shards.iter().filter(|(key, _)| key.asked.generation == generation);
        let entries = entries.filter_map(|(key, entry)| {
            let entry = match &entry.kept {
                Kept::Answer(_) => entry,
                Kept::Failure { before, .. } => before.clone()?,
            };
            let Kept::Answer(body) = &entry.kept else { return None };
            Some(SavedEntry {
                name: key.name.as_ref().wire().to_vec(),
                asked: key.asked,
                age: now.seconds_since(entry.stored),
                body: body.clone(),
            })
        });
        let saved = Saved { upstreams, unix, entries: entries.collect() };
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        // Only a type that cannot be told to serde fails here, and then there is nothing to save.
        let content = postcard::to_stdvec(&saved).unwrap_or_default();
        bytes.extend_from_slice(&Sha256::digest(&content));
        bytes.extend_from_slice(&content);
        bytes
    }

    /// Takes saved answers up, as answers of the configuration with this generation; says how many.
    /// Time went on while they lay there.
    ///
    /// # Errors
    /// [`SavedError`]; nothing was taken up then.
    pub fn restore(
        &self,
        bytes: &[u8],
        generation: u32,
        upstreams: [u8; 32],
        unix: u64,
        now: Tick,
    ) -> Result<usize, SavedError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SavedError::Damaged)?;
        let (&version, rest) = rest.split_first().ok_or(SavedError::Damaged)?;
        if version != VERSION {
            return Err(SavedError::OtherVersion);
        }
        let (checksum, content) = rest.split_at_checked(CHECKSUM).ok_or(SavedError::Damaged)?;
        if Sha256::digest(content).as_slice() != checksum {
            return Err(SavedError::Damaged);
        }
        let saved: Saved = postcard::from_bytes(content).map_err(|_| SavedError::Damaged)?;
        if saved.upstreams != upstreams {
            return Err(SavedError::OtherUpstreams);
        }
        // A clock that was set back makes nothing younger than it was.
        let lay = unix.saturating_sub(saved.unix);
        let mut taken = 0;
        for SavedEntry { name, asked, age, body } in saved.entries {
            let stored = now.earlier(u64::from(age).saturating_add(lay));
            let (Ok(name), Some(stored)) = (Name::from_wire(&name), stored) else { continue };
            let entry = Entry::new(Kept::Answer(body), stored);
            if entry.may_stand_in(now, self.stale.max(Duration::from_secs(1))) {
                let key = Key { name, asked: Asked { generation, ..asked } };
                self.shards.insert(key, Arc::new(entry));
                taken += 1;
            }
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Builder;
    use crate::cache::{KeyRef, Look};
    use crate::reply::Section;

    const DAY: Duration = Duration::from_secs(86_400);
    const ASKED: Asked =
        Asked { rtype: 1, dnssec_ok: false, checking_disabled: false, group: 0, generation: 0 };
    const THEN: u64 = 1_700_000_000;

    fn filled(now: Tick) -> Cache {
        let cache = Cache::new(1 << 20, DAY);
        for number in 0..100_u8 {
            let name = Name::parse(&format!("n{number}.example")).unwrap();
            let mut builder = Builder::new(name.as_ref());
            builder.push(Section::Answer, (None, b"\x01x\x00"), 1, 600, &[192, 0, 2, number]);
            cache.keep(Key { name, asked: ASKED }, builder.finish(0, None), now);
        }
        cache
    }

    fn look(cache: &Cache, name: &str, generation: u32, now: Tick) -> Look {
        let name = Name::parse(name).unwrap();
        cache.find(KeyRef { name: name.as_ref(), asked: Asked { generation, ..ASKED } }, now)
    }

    #[test]
    fn answers_come_back_as_old_as_they_are() {
        let now = Tick::now();
        let bytes = filled(now).save(0, [7; 32], THEN, now.plus(Duration::from_secs(100)));
        let (cache, now) = (Cache::new(1 << 20, DAY), Tick::now());
        assert_eq!(cache.restore(&bytes, 3, [7; 32], THEN + 300, now), Ok(100));
        let Look::Fresh(entry) = look(&cache, "n42.example", 3, now) else { panic!("it is fresh") };
        assert!((399..=401).contains(&now.seconds_since(entry.stored)));
        assert!(matches!(look(&cache, "n42.example", 3, now.plus(Duration::from_secs(210))), Look::Old(_)));
        assert!(matches!(look(&cache, "n42.example", 0, now), Look::Nothing), "it has the new generation");
    }

    #[test]
    fn what_is_too_old_or_of_others_is_left() {
        let now = Tick::now();
        let bytes = filled(now).save(0, [7; 32], THEN, now);
        let cache = Cache::new(1 << 20, DAY);
        assert_eq!(cache.restore(&bytes, 0, [8; 32], THEN, now), Err(SavedError::OtherUpstreams));
        assert_eq!(cache.restore(&bytes, 0, [7; 32], THEN + 90_000, now), Ok(0));
        assert_eq!(
            filled(now).save(1, [7; 32], THEN, now).len(),
            Cache::new(1, DAY).save(0, [7; 32], THEN, now).len()
        );
        assert_eq!(cache.size().entries, 0);
    }

    #[test]
    fn damaged_bytes_are_dropped_whole() {
        let now = Tick::now();
        let bytes = filled(now).save(0, [7; 32], THEN, now);
        let cache = Cache::new(1 << 20, DAY);
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x20;
            assert!(cache.restore(&damaged, 0, [7; 32], THEN, now).is_err(), "{place}");
            assert!(cache.restore(&bytes[..place], 0, [7; 32], THEN, now).is_err(), "{place}");
        }
        assert_eq!(cache.size().entries, 0);
    }
}
