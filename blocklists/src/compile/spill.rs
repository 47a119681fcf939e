//! Names as hashes on their way into the tables: put away by ranges of hashes as they come, read
//! again range by range in order.
//!
//! Every name of the tree comes by, those that no list names and those that are folded among them, so
//! two equal hashes in a range prove that two names collide, and none prove that no two do.

use std::io::{BufWriter, Write};

use rayon::prelude::*;

use super::Stop;
use crate::index::table::RecordBuilder;
use crate::scratch::{Room, Scratch};

/// Ranges of hashes; one of ten million names takes a few megabytes.
const RANGES: usize = 64;
/// Bytes of an item: the hash, what is said.
const ITEM: usize = 12;
/// Bytes of a range that are put away together.
const TOGETHER: usize = 1024 * ITEM;
/// Bytes of a table that are written together.
const WRITTEN: usize = 64 << 10;

/// What is said of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// The number of its effect.
    Effect(u32),
    /// Nothing, but something of a name below it.
    Passed,
    /// Nothing.
    Nothing,
}

impl Says {
    /// The highest number of an effect.
    pub(super) const EFFECT_MAX: u32 = u32::MAX - 2;

    fn number(self) -> u32 {
        match self {
            Self::Effect(number) => number,
            Self::Passed => u32::MAX - 1,
            Self::Nothing => u32::MAX,
        }
    }

    fn of(number: u32) -> Self {
        match number {
            u32::MAX => Self::Nothing,
            number if number > Self::EFFECT_MAX => Self::Passed,
            number => Self::Effect(number),
        }
    }
}

/// All names that were left.
pub(super) struct Spill {
    scratch: Scratch,
    ranges: Vec<Range>,
    entries: usize,
}

/// Names of one range of hashes.
#[derive(Default)]
struct Range {
    /// Not put away yet.
    items: Vec<u8>,
    /// Where the others start, [`TOGETHER`] bytes each.
    away: Vec<u64>,
}

impl Spill {
    /// None yet.
    ///
    /// # Errors
    /// When there is no room.
    pub(super) fn new(room: Room<'_>) -> std::io::Result<Self> {
        let ranges = (0..RANGES).map(|_| Range::default()).collect();
        Ok(Self { scratch: room.scratch()?, ranges, entries: 0 })
    }

    /// Takes one name.
    ///
    /// # Errors
    /// When it cannot be put away.
    pub(super) fn push(&mut self, hash: u64, says: Says) -> std::io::Result<()> {
        self.entries += usize::from(matches!(says, Says::Effect(_)));
        let place = usize::try_from(hash >> (u64::BITS - RANGES.ilog2())).unwrap_or(0);
        let Some(range) = self.ranges.get_mut(place) else { return Ok(()) };
        range.items.extend_from_slice(&hash.to_le_bytes());
        range.items.extend_from_slice(&says.number().to_le_bytes());
        if range.items.len() >= TOGETHER {
            range.away.push(self.scratch.append(&range.items)?);
            range.items.clear();
        }
        Ok(())
    }

    /// How many have an effect.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// The records and the entries of an index.
    ///
    /// # Errors
    /// [`Stop::Collision`] when two names have one hash.
    pub(super) fn build(self, buckets: u32, room: Room<'_>) -> Result<(Scratch, Scratch), Stop> {
        let (records, entries) = (room.scratch()?, room.scratch()?);
        let mut builder = RecordBuilder::new(
            buckets,
            BufWriter::with_capacity(WRITTEN, &records),
            BufWriter::with_capacity(WRITTEN, &entries),
        );
        for ranges in self.ranges.chunks(rayon::current_num_threads().clamp(1, 4)) {
            let sorted = ranges.par_iter().map(|range| range.sorted(&self.scratch));
            for range in sorted.collect::<Result<Vec<_>, Stop>>()? {
                for (hash, number) in range {
                    match Says::of(number) {
                        Says::Effect(effect) => builder.push(hash, effect)?,
                        Says::Passed => builder.open(hash)?,
                        Says::Nothing => {}
                    }
                }
            }
        }
        builder.finish()?.into_iter().try_for_each(|mut written| written.flush())?;
        Ok((records, entries))
    }
}

impl Range {
    /// Its names in the order of hashes.
    fn sorted(&self, scratch: &Scratch) -> Result<Vec<(u64, u32)>, Stop> {
        let mut items = Vec::with_capacity(self.away.len() * TOGETHER / ITEM + self.items.len() / ITEM);
        let mut bytes = vec![0; TOGETHER];
        let read = |bytes: &[u8]| -> Vec<(u64, u32)> {
            bytes
                .as_chunks::<ITEM>()
                .0
                .iter()
                .filter_map(|item| {
                    let (hash, says) = item.split_first_chunk::<8>()?;
                    Some((u64::from_le_bytes(*hash), u32::from_le_bytes(*says.first_chunk()?)))
                })
                .collect()
        };
        for &at in &self.away {
            scratch.read_at(at, &mut bytes)?;
            items.extend(read(&bytes));
        }
        items.extend(read(&self.items));
        items.sort_unstable();
        let collides = items.array_windows().any(|[one, two]| one.0 == two.0);
        if collides { Err(Stop::Collision) } else { Ok(items) }
    }
}
