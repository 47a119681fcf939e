//! An index whose two large tables stay in their file, for who asks it seldom.
//!
//! The process that makes an index asks the one in force, and the new one, a few thousand names at the
//! most. Beside a server that holds its index in memory it need not hold two more. The file is read
//! once to prove its hash and its form, and from then on sixteen bytes at a time. (Questions of the
//! network are never answered so: see [`index`](super).)

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::IndexError;
use super::file::{BUCKETS, ENTRIES, INDEX, hex, tables};
use super::sections::{STEP, Sections};
use super::table::{Entry, Place, RECORD, Tables, find, free_bits, lets_pass, start};

/// Bytes that are read at once.
const CHUNK: usize = 64 * RECORD * 64;

/// Records and entries in a file.
pub(crate) struct Away {
    file: File,
    records: Stretch,
    entries: Stretch,
}

/// A stretch of a file.
#[derive(Clone, Copy)]
struct Stretch {
    at: u64,
    length: u64,
}

/// Opens an index: its tables, and the SHA-256 of the file in hex.
///
/// # Errors
/// [`IndexError`] as for an index that is read whole.
pub(super) fn open(path: &Path, file: File) -> Result<(Tables, String), IndexError> {
    let unreadable = |error| IndexError::Unreadable { path: path.to_owned(), error };
    let whole = Stretch { at: 0, length: file.metadata().map_err(unreadable)?.len() };
    let mut hasher = Sha256::new();
    whole.visit(&file, |bytes| hasher.update(bytes)).map_err(unreadable)?;
    let (near, away) = part(path, file, whole.length)?;
    let tables = tables(near, INDEX, usize::try_from(away.records.length).unwrap_or(usize::MAX))?;
    away.check(&tables).map_err(unreadable)?.then_some(()).ok_or(IndexError::Damaged("a table is broken"))?;
    Ok((Tables { away: Some(away), ..tables }, hex(&hasher.finalize())))
}

/// All sections but the two large ones, as a file of their own, and where those two are.
fn part(path: &Path, file: File, end: u64) -> Result<(Vec<u8>, Away), IndexError> {
    let unreadable = |error| IndexError::Unreadable { path: path.to_owned(), error };
    let too_early = || IndexError::Damaged("it ends too early");
    let step = STEP as u64;
    let mut near = vec![0; usize::try_from(end.min(step)).unwrap_or(0)];
    file.read_exact_at(&mut near, 0).map_err(unreadable)?;
    Sections::read(near.clone(), INDEX, &[])?;
    let (mut large, mut at) = ([(BUCKETS, None), (ENTRIES, None)], step);
    while at != end {
        let mut head = [[0; 8]; 2];
        file.read_exact_at(head.as_flattened_mut(), at).map_err(|_| too_early())?;
        let [tag, length] = head;
        let length = u64::from_le_bytes(length);
        let after = at.checked_add(step).and_then(|start| start.checked_add(length));
        let after =
            after.and_then(|after| after.checked_next_multiple_of(step)).filter(|&after| after <= end);
        let after = after.ok_or_else(too_early)?;
        match large.iter_mut().find(|(known, _)| *known == tag) {
            Some((_, place)) => {
                if place.replace(Stretch { at: at + step, length }).is_some() {
                    return Err(IndexError::Damaged("a part of it is there twice"));
                }
            }
            None => {
                let (from, count) = (near.len(), usize::try_from(after - at).unwrap_or(0));
                near.resize(from + count, 0);
                file.read_exact_at(near.get_mut(from..).unwrap_or_default(), at).map_err(unreadable)?;
            }
        }
        at = after;
    }
    match large {
        [(_, Some(records)), (_, Some(entries))] => Ok((near, Away { file, records, entries })),
        _ => Err(IndexError::Damaged("a part of it is missing")),
    }
}

impl Away {
    /// What is said of a place. A disk that fails says nothing.
    #[cold]
    pub(super) fn look_up(&self, place: Place, buckets: u32) -> Entry {
        self.read(place, buckets).unwrap_or(Entry::Nothing)
    }

    fn read(&self, place: Place, buckets: u32) -> io::Result<Entry> {
        let mut records = [[0; RECORD]; 2];
        let at = self.records.at + (place.bucket * RECORD) as u64;
        self.file.read_exact_at(records.as_flattened_mut(), at)?;
        let [record, next] = &records;
        if !lets_pass(record, place) {
            return Ok(Entry::Nothing);
        }
        let mut bucket = vec![[0; 8]; start(next).saturating_sub(start(record))];
        let at = self.entries.at + (start(record) * 8) as u64;
        self.file.read_exact_at(bucket.as_flattened_mut(), at)?;
        Ok(find(&bucket, place, buckets))
    }

    /// Whether all records point into the entries, and all entries at an effect.
    fn check(&self, tables: &Tables) -> io::Result<bool> {
        let (mut last, mut sound) = (0, true);
        self.records.visit(&self.file, |bytes| {
            for record in bytes.as_chunks().0 {
                sound &= std::mem::replace(&mut last, start(record)) <= start(record);
            }
        })?;
        let (low, effects) = (free_bits(tables.buckets), tables.effects.len() as u64);
        self.entries.visit(&self.file, |bytes| {
            let entries = bytes.as_chunks().0.iter().map(|entry| u64::from_le_bytes(*entry) & low);
            sound &= entries.max().is_none_or(|highest| highest < effects);
        })?;
        let whole = self.records.length.is_multiple_of(RECORD as u64);
        Ok(sound && whole && (last * 8) as u64 == self.entries.length)
    }
}

impl Stretch {
    /// Hands over all of it, a piece at a time.
    fn visit(self, file: &File, mut sink: impl FnMut(&[u8])) -> io::Result<()> {
        let mut bytes = vec![0; CHUNK];
        let (mut at, end) = (self.at, self.at + self.length);
        while at < end {
            let count = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let bytes = bytes.get_mut(..count).unwrap_or_default();
            file.read_exact_at(bytes, at)?;
            sink(bytes);
            at += count as u64;
        }
        Ok(())
    }
}
