//! What is said of names, sorted: everything said of one name together, a name right behind the one
//! above it.
//!
//! A name is turned round (`com.example.www`, each label behind its length), so the order of bytes is
//! that of the tree: all names below a name follow it, whatever their number. Each source sorts what
//! fits into its share of memory into a *run* and puts it away; in the end all runs are merged, a few
//! kilobytes of each at a time. How much fits changes nothing of what comes out.

use std::cmp::Ordering;
use std::io;

use super::gather::Marks;
use crate::name::NameRef;
use crate::scratch::Scratch;

/// Bytes that the merge holds of all runs together, and least of one: more than any record.
const MERGING: usize = 4 << 20;
const MERGING_EACH: usize = 4 << 10;
/// Bytes behind a record's name: the feed, the marks.
const TAIL: usize = 3;

/// What a source said in one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    at: u64,
    length: usize,
}

/// Sorts what one source says.
pub(super) struct Sorter<'s> {
    scratch: &'s Scratch,
    /// Bytes of memory from which on a run is put away.
    room: usize,
    /// Records: the length of the turned name, the name, the feed, the marks.
    records: Vec<u8>,
    order: Vec<Key>,
    runs: Vec<Run>,
}

/// Where a record starts, and what nearly always tells its place: the first bytes of its name.
#[derive(Clone, Copy)]
struct Key {
    head: [u64; 2],
    at: u32,
}

impl<'s> Sorter<'s> {
    /// Nothing said yet.
    pub(super) fn new(scratch: &'s Scratch, room: usize) -> Self {
        Self { scratch, room, records: Vec::new(), order: Vec::new(), runs: Vec::new() }
    }

    /// Takes one line: a name, which of the source's voices speaks, the marks.
    ///
    /// # Errors
    /// When a run cannot be put away.
    pub(super) fn push(&mut self, name: NameRef<'_>, feed: u16, marks: Marks) -> io::Result<()> {
        let held = self.records.len() + self.order.len() * size_of::<Key>();
        if held >= self.room && !self.order.is_empty() {
            self.put_away()?;
        }
        let at = self.records.len();
        // The root's label is left out.
        self.records.push(u8::try_from(name.wire().len().saturating_sub(1)).unwrap_or(u8::MAX));
        let mut end = name.wire().len().saturating_sub(1);
        for &start in name.label_starts().iter().rev() {
            let start = usize::from(start);
            self.records.extend_from_slice(name.wire().get(start..end).unwrap_or(&[]));
            end = start;
        }
        let head = head(self.records.get(at + 1..).unwrap_or(&[]));
        self.records.extend_from_slice(&feed.to_le_bytes());
        self.records.push(marks.byte());
        let at = u32::try_from(at).map_err(io::Error::other)?;
        self.order.push(Key { head, at });
        Ok(())
    }

    /// Sorts what there is and writes it down; a line that is there already says nothing more.
    fn put_away(&mut self) -> io::Result<()> {
        let records = &self.records;
        let record = |key: &Key| Record::first(records.get(key.at as usize..).unwrap_or(&[]));
        self.order
            .sort_unstable_by(|one, two| one.head.cmp(&two.head).then_with(|| record(one).cmp(&record(two))));
        let at = self.scratch.reserve(records.len())?;
        let mut out = Vec::with_capacity(MERGING_EACH * 16);
        let (mut length, mut last) = (0, None);
        for key in &self.order {
            let record = record(key);
            if last.replace(record) == Some(record) {
                continue;
            }
            if out.len() + record.0.len() > out.capacity() {
                self.scratch.write_at(at + length as u64, &out)?;
                length += out.len();
                out.clear();
            }
            out.extend_from_slice(record.0);
        }
        self.scratch.write_at(at + length as u64, &out)?;
        self.runs.push(Run { at, length: length + out.len() });
        self.records.clear();
        self.order.clear();
        Ok(())
    }

    /// All runs.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(super) fn finish(mut self) -> io::Result<Vec<Run>> {
        if !self.order.is_empty() {
            self.put_away()?;
        }
        Ok(self.runs)
    }
}

/// A record's bytes, its length first.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Record<'r>(&'r [u8]);

impl<'r> Record<'r> {
    /// The one at the start of these bytes; an empty one where there is none whole.
    fn first(bytes: &'r [u8]) -> Self {
        let length = bytes.first().map_or(0, |&length| 1 + usize::from(length) + TAIL);
        Self(bytes.get(..length).unwrap_or(&[]))
    }

    fn name(self) -> &'r [u8] {
        self.0.get(1..self.0.len().saturating_sub(TAIL)).unwrap_or(&[])
    }

    fn tail(self) -> [u8; TAIL] {
        self.0.last_chunk().copied().unwrap_or_default()
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name()).then_with(|| self.tail().cmp(&other.tail()))
    }
}

/// The first bytes of a turned name as numbers that compare as they do.
fn head(name: &[u8]) -> [u64; 2] {
    let mut bytes = [0; 16];
    let count = name.len().min(bytes.len());
    if let (Some(to), Some(from)) = (bytes.get_mut(..count), name.get(..count)) {
        to.copy_from_slice(from);
    }
    let number = u128::from_be_bytes(bytes);
    #[expect(clippy::cast_possible_truncation, reason = "its two halves")]
    [(number >> 64) as u64, number as u64]
}

/// All that is said of one name.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The name, turned round: its labels from the right, each behind its length.
    pub(super) name: Vec<u8>,
    /// Source, its voice, the marks; in no order.
    pub(super) lines: Vec<(usize, u16, Marks)>,
}

/// All runs of all sources as one.
pub(super) struct Merge<'s> {
    cursors: Vec<Cursor<'s>>,
    /// Of those that are not at their end the one with the lowest name first: a heap.
    heap: Vec<usize>,
}

/// A place in a run.
struct Cursor<'s> {
    scratch: &'s Scratch,
    source: usize,
    left: Run,
    /// What was read, and where in it the record stands.
    bytes: Vec<u8>,
    at: usize,
    room: usize,
    head: [u64; 2],
}

impl<'s> Merge<'s> {
    /// Starts with every run of every source.
    ///
    /// # Errors
    /// When what was put away cannot be read.
    pub(super) fn new(scratch: &'s Scratch, runs: &[Vec<Run>]) -> io::Result<Self> {
        let count: usize = runs.iter().map(Vec::len).sum();
        let room = (MERGING / count.max(1)).clamp(MERGING_EACH, MERGING / 16);
        let mut cursors = Vec::with_capacity(count);
        for (source, runs) in runs.iter().enumerate() {
            for &left in runs {
                let mut cursor =
                    Cursor { scratch, source, left, bytes: Vec::new(), at: 0, room, head: [0; 2] };
                cursor.read()?;
                cursors.push(cursor);
            }
        }
        let mut merge = Self { heap: (0..cursors.len()).collect(), cursors };
        (0..merge.heap.len()).rev().for_each(|place| merge.sink(place));
        Ok(merge)
    }

    /// All that is said of the next name; false at the end.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn next(&mut self, said: &mut Said) -> io::Result<bool> {
        said.lines.clear();
        said.name.clear();
        while let Some(cursor) = self.heap.first().and_then(|&first| self.cursors.get_mut(first)) {
            let record = cursor.record();
            if said.lines.is_empty() {
                said.name.extend_from_slice(record.name());
            } else if record.name() != said.name {
                break;
            }
            let [low, high, marks] = record.tail();
            let feed = u16::from_le_bytes([low, high]);
            said.lines.push((cursor.source, feed, Marks::from_byte(marks)));
            if !cursor.advance()? {
                self.heap.swap_remove(0);
            }
            self.sink(0);
        }
        Ok(!said.lines.is_empty())
    }

    /// Moves the run at a place of the heap to where it belongs.
    fn sink(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let Some(mut lower) = self.heap.get(left).map(|_| left) else { return };
            if self.is_before(left + 1, left) {
                lower = left + 1;
            }
            if !self.is_before(lower, place) {
                return;
            }
            self.heap.swap(lower, place);
            place = lower;
        }
    }

    fn is_before(&self, one: usize, two: usize) -> bool {
        let cursor = |place: usize| self.heap.get(place).and_then(|&cursor| self.cursors.get(cursor));
        let (Some(one), Some(two)) = (cursor(one), cursor(two)) else { return false };
        let order = one.head.cmp(&two.head).then_with(|| one.record().name().cmp(two.record().name()));
        order == Ordering::Less
    }
}

impl Cursor<'_> {
    fn record(&self) -> Record<'_> {
        Record::first(self.bytes.get(self.at..).unwrap_or(&[]))
    }

    /// Goes to the next record; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.at += self.record().0.len();
        self.read()
    }

    /// Makes the record whole that stands here; false where there is none.
    fn read(&mut self) -> io::Result<bool> {
        if self.record().0.is_empty() {
            self.bytes.drain(..self.at.min(self.bytes.len()));
            self.at = 0;
            let held = self.bytes.len();
            let more = self.left.length.min(self.room);
            self.bytes.resize(held + more, 0);
            self.scratch.read_at(self.left.at, self.bytes.get_mut(held..).unwrap_or_default())?;
            self.left = Run { at: self.left.at + more as u64, length: self.left.length - more };
        }
        self.head = head(self.record().name());
        Ok(!self.record().0.is_empty())
    }
}
