//! Room beside memory for what a compile has in its hands: written once, read by place.
//!
//! A list of millions of names takes far more bytes than an index of it, and the box that compiles it
//! answers questions meanwhile. So what was read waits in files without a name, which the system
//! takes back however the process ends. Small compiles (tests, an overlay) do without files.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are copied at once.
const STEP: usize = 64 << 10;

/// Where a compile may put what it need not have at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<'f> {
    folder: Option<&'f Path>,
    /// Bytes that all sorting together may take in memory.
    pub(crate) sorting: usize,
}

impl<'f> Room<'f> {
    /// Memory alone.
    pub(crate) const MEMORY: Self = Self { folder: None, sorting: SORTING };

    /// Files without a name in a folder.
    pub(crate) const fn folder(folder: &'f Path) -> Self {
        Self { folder: Some(folder), sorting: SORTING }
    }

    /// Room of its own for one kind of thing.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn scratch(self) -> io::Result<Scratch> {
        Ok(Scratch(match self.folder {
            None => Held::Memory(Mutex::default()),
            Some(folder) => Held::File(tempfile::tempfile_in(folder)?, Mutex::default()),
        }))
    }
}

/// Names of a few hundred thousand lines: what is longer is sorted in several runs.
const SORTING: usize = 12 << 20;

/// Bytes that are appended, and read from where they were put.
pub(crate) struct Scratch(Held);

enum Held {
    Memory(Mutex<Vec<u8>>),
    /// And how long it is.
    File(File, Mutex<u64>),
}

impl Scratch {
    /// Takes room for so many bytes; gives where it starts.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn reserve(&self, bytes: usize) -> io::Result<u64> {
        match &self.0 {
            Held::Memory(all) => {
                let mut all = locked(all);
                let at = all.len();
                all.resize(at + bytes, 0);
                Ok(at as u64)
            }
            Held::File(_, end) => {
                let mut end = locked(end);
                let at = *end;
                *end += bytes as u64;
                Ok(at)
            }
        }
    }

    /// Writes into room that was taken.
    ///
    /// # Errors
    /// When the disk is full, or fails.
    pub(crate) fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        match &self.0 {
            Held::Memory(all) => match slice(&mut locked(all), at, bytes.len()) {
                Some(room) => {
                    room.copy_from_slice(bytes);
                    Ok(())
                }
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            },
            Held::File(file, _) => file.write_all_at(bytes, at),
        }
    }

    /// Adds bytes at the end; gives where they start.
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    pub(crate) fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.reserve(bytes.len())?;
        self.write_at(at, bytes)?;
        Ok(at)
    }

    /// Reads what stands somewhere.
    ///
    /// # Errors
    /// What the system says, and where there is not so much.
    pub(crate) fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        match &self.0 {
            Held::Memory(all) => match slice(&mut locked(all), at, into.len()) {
                Some(bytes) => {
                    into.copy_from_slice(bytes);
                    Ok(())
                }
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            },
            Held::File(file, _) => file.read_exact_at(into, at),
        }
    }

    /// How many bytes.
    pub(crate) fn len(&self) -> u64 {
        match &self.0 {
            Held::Memory(all) => locked(all).len() as u64,
            Held::File(_, end) => *locked(end),
        }
    }

    /// Writes all of it elsewhere.
    ///
    /// # Errors
    /// What either side says.
    pub(crate) fn copy_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let (mut at, end) = (0, self.len());
        let mut bytes = vec![0; STEP];
        while at < end {
            let count = usize::try_from(end - at).unwrap_or(STEP).min(STEP);
            let bytes = bytes.get_mut(..count).unwrap_or_default();
            self.read_at(at, bytes)?;
            out.write_all(bytes)?;
            at += count as u64;
        }
        Ok(())
    }
}

/// Appends; for one writer at a time.
impl Write for &Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map(|_| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn slice(all: &mut [u8], at: u64, length: usize) -> Option<&mut [u8]> {
    all.get_mut(usize::try_from(at).ok()?..)?.get_mut(..length)
}

/// Nobody panics while it holds the lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_somewhere_is_found_there() {
        let folder = tempfile::tempdir().unwrap();
        for room in [Room::MEMORY, Room::folder(folder.path())] {
            let scratch = room.scratch().unwrap();
            let early = scratch.reserve(3).unwrap();
            let late = scratch.append(b"late").unwrap();
            scratch.write_at(early, b"one").unwrap();
            let mut bytes = [0; 4];
            scratch.read_at(late, &mut bytes).unwrap();
            assert_eq!(&bytes, b"late");
            assert!(scratch.read_at(late + 1, &mut bytes).is_err());
            let mut all = Vec::new();
            scratch.copy_to(&mut all).unwrap();
            assert_eq!((all.as_slice(), scratch.len()), (&b"onelate"[..], 7));
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
