//! Lines: what is said, hashed and sorted, so that everything said of one name stands together.

use rayon::prelude::*;

use super::gather::{Gathered, Marks};
use super::{CompileError, Stop};
use crate::index::hash::SuffixHashes;
use crate::name::NameRef;

/// Most lines, all sources together: node numbers keep a bit for other use.
const LINES_MAX: usize = 1 << 31;
/// Most labels, all names together. Real lists have about three a name; the gate holds a hash for
/// each in the worst case.
const LABELS_MAX: u64 = 1 << 26;

/// One line of one source: 16 bytes, in the order in which they are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) hash: u64,
    pub(super) feed: u16,
    pub(super) marks: Marks,
    /// Labels of the name; at most 127.
    pub(super) depth: u8,
    pub(super) offset: u32,
}

impl Line {
    /// The name that the line speaks of.
    pub(super) fn name<'g>(&self, gathered: &'g Gathered) -> NameRef<'g> {
        gathered.name(self.feed, self.offset)
    }
}

/// Hashes and sorts all lines. What was said is let go on the way: it stands in the lines.
///
/// # Errors
/// [`Stop::Error`] when there are too many.
pub(super) fn sorted(gathered: &mut Gathered, key: u64) -> Result<Vec<Line>, Stop> {
    let count: usize = gathered.said.iter().map(Vec::len).sum();
    if count >= LINES_MAX {
        return Err(CompileError::TooMany { what: "lines", limit: LINES_MAX as u64 }.into());
    }
    let mut lines = Vec::with_capacity(count);
    for said in std::mem::take(&mut gathered.said) {
        lines.par_extend(said.par_iter().map(|said| {
            let hashes = SuffixHashes::of(gathered.name(said.feed, said.offset), key);
            Line {
                hash: hashes.first().copied().unwrap_or(key),
                feed: said.feed,
                marks: said.marks,
                depth: u8::try_from(hashes.len()).unwrap_or(u8::MAX),
                offset: said.offset,
            }
        }));
    }
    if lines.par_iter().map(|line| u64::from(line.depth)).sum::<u64>() > LABELS_MAX {
        return Err(CompileError::TooMany { what: "labels in listed names", limit: LABELS_MAX }.into());
    }
    lines.par_sort_unstable();
    Ok(lines)
}
