//! Names that the devices of this school were allowed, one set for each of the last days.
//!
//! When a list that arrives overnight would block a name that lessons have used all week, somebody
//! should look at it first (`held`); and a name that was never asked for here before deserves a
//! second look the other way round. Both need to know *that* a name was used, never by whom.
//!
//! **Privacy.** No client, group, network or time of day is ever given to this module, so none can
//! be stored; only names that were *allowed* are. A day is a bloom filter: it can say that a name was
//! (almost certainly) used on that day, it cannot be read as a list, and after [`DAYS`] days it is
//! removed. With a name are noted its ancestors, down to but without the public suffix, so that a list
//! entry `shop.example` meets what was used as `www.shop.example`.

mod day;

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use blocklists::name::NameRef;
use jiff::civil::Date;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::disk;
use crate::{UpdateError, files};
use day::Day;

/// Days kept, today counted.
pub const DAYS: u32 = 30;
/// Different names (ancestors too) noted for one day; a school of 600 children uses a tenth. Beyond
/// three quarters of it only names right below a public suffix are noted, so that one device that
/// makes names up cannot use the day up; beyond all of it nothing is.
pub const NAMES_PER_DAY_MAX: u64 = 200_000;
/// Files of days to come (the clock was wrong) that are left alone, beside those of [`DAYS`].
const STRAY_FILES_MAX: usize = 30;
/// Names noted a moment ago, by hash: most questions repeat, and then nothing more is done.
const RECENT: usize = 8192;

/// What this school used on the last days.
pub struct UsedHere {
    dir: PathBuf,
    today: Date,
    /// Newest first; today's is the first once something was noted today.
    days: Vec<Day>,
    recent: Vec<u64>,
}

impl UsedHere {
    /// Reads the sets of a directory, making it where it is not there. A damaged set is dropped: it
    /// costs its day only. `today` is the school's local day.
    ///
    /// # Errors
    /// [`UpdateError::Disk`] when the directory cannot be made or read.
    pub fn open(dir: &Path, today: Date) -> Result<Self, UpdateError> {
        if !dir.is_dir() {
            std::fs::create_dir_all(dir).map_err(disk("make", dir))?;
            if let (Some(above), Ok(made)) = (dir.parent(), std::fs::File::open(dir)) {
                files::give_to_owner_of(above, &made);
            }
        }
        let mut used = Self { dir: dir.to_owned(), today, days: Vec::new(), recent: vec![0; RECENT] };
        for entry in std::fs::read_dir(dir).map_err(disk("read", dir))?.flatten() {
            match Day::read(&entry.path()) {
                Some(Ok(day)) => used.days.push(day),
                Some(Err(why)) => {
                    tracing::warn!(file = ?entry.path(), "a day of names used here is lost: {why}");
                    _ = std::fs::remove_file(entry.path());
                }
                None => {}
            }
        }
        used.days.sort_by_key(|day| std::cmp::Reverse(day.date));
        Ok(used)
    }

    /// Notes that a device of this school asked for a name on a day, when it was allowed. Cheap where
    /// the name was noted a moment ago.
    pub fn note(&mut self, day: Date, name: NameRef<'_>, allowed: bool) {
        if !allowed || name.is_root() {
            return;
        }
        if day != self.today {
            self.today = day;
            self.recent.fill(0);
        }
        let hash = key(name);
        let slot = usize::try_from(hash).unwrap_or(usize::MAX) % RECENT;
        match self.recent.get_mut(slot) {
            Some(recent) if *recent == hash => return,
            Some(recent) => *recent = hash,
            None => {}
        }
        let registrable = labels_of_registrable(name);
        let labels = name.label_count();
        let Some(set) = self.set_of_today() else { return };
        for (count, suffix) in (0..).zip(name.suffixes()) {
            let left = labels - count;
            if left < registrable {
                break;
            }
            set.add(key(suffix), left == registrable);
        }
    }

    fn set_of_today(&mut self) -> Option<&mut Day> {
        let today = self.today;
        let place = match self.days.binary_search_by(|day| today.cmp(&day.date)) {
            Ok(place) => place,
            Err(place) => {
                self.days.insert(place, Day::new(today, &seed())?);
                place
            }
        };
        self.days.get_mut(place)
    }

    /// Writes what is new, whole or not at all, and removes days that are too old.
    ///
    /// # Errors
    /// [`UpdateError::Disk`]; what was noted stays in memory for the next try.
    pub fn save(&mut self) -> Result<(), UpdateError> {
        for day in &mut self.days {
            if day.is_new {
                files::write(&self.dir.join(day.file_name()), &day.to_bytes())?;
                day.is_new = false;
            }
        }
        let (today, dir) = (self.today, &self.dir);
        let mut strays = 0;
        self.days.retain(|day| {
            let is_stray = day.date > today;
            strays += usize::from(is_stray);
            let is_kept = if is_stray { strays <= STRAY_FILES_MAX } else { age(today, day.date) < DAYS };
            if !is_kept {
                _ = std::fs::remove_file(dir.join(day.file_name()));
            }
            is_kept
        });
        Ok(())
    }

    /// On how many of the last [`DAYS`] days a name, or one below it, was used. One in a thousand
    /// times a day is counted too much, never too little.
    #[must_use]
    pub fn days_used(&self, name: NameRef<'_>) -> u32 {
        let key = key(name);
        self.window().filter(|day| day.holds(key)).fold(0, |days, _| days + 1)
    }

    /// The last of those days.
    #[must_use]
    pub fn last_used(&self, name: NameRef<'_>) -> Option<Date> {
        let key = key(name);
        self.window().find(|day| day.holds(key)).map(|day| day.date)
    }

    /// Whether it was used on any of them.
    #[must_use]
    pub fn seen_before(&self, name: NameRef<'_>) -> bool {
        self.last_used(name).is_some()
    }

    fn window(&self) -> impl Iterator<Item = &Day> {
        self.days.iter().filter(|day| day.date <= self.today && age(self.today, day.date) < DAYS)
    }
}

/// Days from one to the other; far apart when the clock jumped back.
fn age(today: Date, day: Date) -> u32 {
    today.since(day).map_or(u32::MAX, |span| u32::try_from(span.get_days()).unwrap_or(u32::MAX))
}

fn key(name: NameRef<'_>) -> u64 {
    xxh3_64(name.wire())
}

/// How many labels the name right below the public suffix has; a suffix itself is noted whole.
fn labels_of_registrable(name: NameRef<'_>) -> usize {
    let labels = name.label_count();
    let text = name.to_string();
    let dots = |text: &[u8]| text.iter().filter(|&&byte| byte == b'.').count();
    let suffix = psl::suffix(text.as_bytes()).map_or(0, |suffix| 1 + dots(suffix.as_bytes()));
    (suffix + 1).min(labels)
}

/// Keys a day's filter, so that nobody outside can make names that collide in it.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for (part, word) in seed.chunks_exact_mut(8).zip(0_u8..) {
        part.copy_from_slice(&RandomState::new().hash_one(word).to_le_bytes());
    }
    seed
}

#[cfg(test)]
mod tests;
