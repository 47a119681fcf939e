//! The index as bytes: which sections there are, how they are written, what must hold of them.
//!
//! All numbers are little-endian. Reading trusts nothing: each offset is checked against the table
//! it points into before an index exists.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use sha2::{Digest, Sha256};

use super::IndexError;
use super::buffer::Buffer;
use super::extras::{self, Extras};
use super::sections::{SectionWriter, Sections, Tag, numbers};
use super::table::{Effects, Parts, RECORD, Tables, free_bits, start};
use crate::category::{CATEGORIES_MAX, CategoryId};

/// What an index file starts with.
pub(crate) const INDEX: Tag = *b"SGINDEX\n";
/// What an overlay's file starts with.
pub(crate) const OVERLAY: Tag = *b"SGOVERL\n";

/// Key, and number of names.
const HEAD: Tag = *b"head    ";
/// One record a bucket.
pub(super) const BUCKETS: Tag = *b"buckets ";
/// The entries.
pub(super) const ENTRIES: Tag = *b"entries ";
/// Where each effect starts.
const STARTS: Tag = *b"starts  ";
/// The effects.
const EFFECTS: Tag = *b"effects ";
/// Category ids, JSON.
const CATEGORIES: Tag = *b"categors";
/// What it was compiled from, JSON.
const SOURCES: Tag = *b"sources ";
/// Of an overlay: the id of the index that it lies over.
pub(crate) const BASE: Tag = *b"base    ";
/// Of an overlay: hashes of names below which it opens a part again, sorted.
pub(crate) const OPENERS: Tag = *b"openers ";

/// Every tag that a file may have.
const KNOWN: [Tag; 13] = {
    let [meaning, patterns, answers, clients] = extras::TAGS;
    [
        HEAD, BUCKETS, ENTRIES, STARTS, EFFECTS, CATEGORIES, SOURCES, meaning, patterns, answers, clients,
        BASE, OPENERS,
    ]
};

/// Bytes that are read before they are hashed.
const CHUNK: usize = 1 << 20;

/// SHA-256 of bytes, in hex.
pub(crate) fn id_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A whole file and the SHA-256 of it, in hex. One thread reads into the buffer that the index will
/// stand in, another hashes what is there already.
///
/// # Errors
/// What the system says.
pub(crate) fn load(path: &Path) -> io::Result<(Buffer, String)> {
    let mut file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = Buffer::zeros(length)?;
    let digest = {
        let (send, receive) = mpsc::channel::<&[u8]>();
        let chunks = bytes.chunks_mut(CHUNK);
        thread::scope(|scope| {
            let reader = scope.spawn(move || {
                for chunk in chunks {
                    file.read_exact(chunk)?;
                    if send.send(chunk).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let mut hasher = Sha256::new();
            receive.iter().for_each(|chunk| hasher.update(chunk));
            reader.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread ended")))?;
            Ok::<_, io::Error>(hasher.finalize())
        })?
    };
    Ok((bytes, hex(&digest)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes an index, or an overlay with what only overlays have; the same parts give the same bytes.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(parts: &Parts, magic: Tag, more: &[(Tag, Vec<u8>)], out: impl Write) -> io::Result<()> {
    let mut writer = SectionWriter::new(magic, out)?;
    writer.section(HEAD, [parts.key, parts.names].map(u64::to_le_bytes).as_flattened())?;
    for (tag, table) in [(BUCKETS, &parts.records), (ENTRIES, &parts.entries)] {
        writer.streamed(tag, table.len(), |out| table.copy_to(out))?;
    }
    let starts: Vec<_> = parts.effect_starts.iter().map(|at| at.to_le_bytes()).collect();
    writer.section(STARTS, starts.as_flattened())?;
    let words: Vec<_> = parts.effect_words.iter().map(|word| word.to_le_bytes()).collect();
    writer.section(EFFECTS, words.as_flattened())?;
    writer.section(CATEGORIES, &serde_json::to_vec(&parts.categories)?)?;
    writer.section(SOURCES, &serde_json::to_vec(&parts.sources)?)?;
    parts.extras.write(&mut writer)?;
    for (tag, bytes) in more {
        writer.section(*tag, bytes)?;
    }
    writer.finish().flush()
}

/// Hashes what goes by.
pub(crate) struct Hashing<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Hashing<W> {
    /// Nothing went by yet.
    pub(crate) fn new(out: W) -> Self {
        Self { out, hasher: Sha256::new() }
    }

    /// SHA-256 of all that was written, in hex.
    pub(crate) fn id(self) -> String {
        hex(&self.hasher.finalize())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or(bytes));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads tables and checks that everything in them points inside them.
///
/// # Errors
/// [`IndexError`] for anything that [`write`] would not have written.
pub(crate) fn read(bytes: impl Into<Buffer>, magic: Tag) -> Result<Tables, IndexError> {
    let sections = Sections::read(bytes, magic, &KNOWN)?;
    let (records, entries) = (sections.place(BUCKETS), sections.place(ENTRIES));
    let (Some(records), Some(entries)) = (records, entries) else {
        return Err(IndexError::Damaged("a part of it is missing"));
    };
    let tables = Tables { records: records.clone(), entries, ..small_tables(sections, records.len())? };
    check(&tables)?;
    Ok(tables)
}

/// The same from all sections but those of records and entries; how many bytes the records have.
///
/// # Errors
/// As [`read`].
pub(super) fn tables(bytes: impl Into<Buffer>, magic: Tag, records: usize) -> Result<Tables, IndexError> {
    let tables = small_tables(Sections::read(bytes, magic, &KNOWN)?, records)?;
    check_small(&tables)?;
    Ok(tables)
}

fn small_tables(sections: Sections, records: usize) -> Result<Tables, IndexError> {
    let tables = Tables {
        effects: Effects {
            starts: numbers(sections.need(STARTS)?, u32::from_le_bytes)?,
            words: numbers(sections.need(EFFECTS)?, u16::from_le_bytes)?,
        },
        categories: serde_json::from_slice(sections.need(CATEGORIES)?)
            .map_err(|_| IndexError::Damaged("its categories cannot be read"))?,
        sources: serde_json::from_slice(sections.need(SOURCES)?)
            .map_err(|_| IndexError::Damaged("its sources cannot be read"))?,
        ..head(&sections, records / RECORD)?
    };
    Ok(Tables { extras: Extras::read(&sections, tables.categories.len())?, sections, ..tables })
}

/// What the head says, in tables that hold nothing else yet.
fn head(sections: &Sections, records: usize) -> Result<Tables, IndexError> {
    let Some(([key, names], [])) = sections.need(HEAD)?.as_chunks().0.split_first_chunk() else {
        return Err(IndexError::Damaged("its head is not whole"));
    };
    let buckets = u32::try_from(records).ok().and_then(|records| records.checked_sub(1));
    let buckets = buckets.filter(|&buckets| buckets > 0);
    Ok(Tables {
        key: u64::from_le_bytes(*key),
        names: u64::from_le_bytes(*names),
        buckets: buckets.ok_or(IndexError::Damaged("it has no buckets"))?,
        ..Tables::empty()
    })
}

fn check(tables: &Tables) -> Result<(), IndexError> {
    let (records, entries) = (tables.records(), tables.entries());
    let whole = tables.records.len().is_multiple_of(RECORD) && tables.entries.len().is_multiple_of(8);
    sound(whole, "a table ends inside a number")?;
    sound(covers(records.iter().map(start), entries.len()), "its buckets point outside the entries")?;
    check_small(tables)?;
    let low = free_bits(tables.buckets);
    // All of them, without an early end: many at a time.
    let highest = entries.iter().map(|entry| u64::from_le_bytes(*entry) & low).max();
    sound(highest.is_none_or(|highest| highest < tables.effects.len() as u64), "an entry has no effect")
}

/// What can be said without records and entries.
fn check_small(tables: &Tables) -> Result<(), IndexError> {
    let effects = &tables.effects;
    let starts = effects.starts.iter().map(|&start| start as usize);
    sound(covers(starts, effects.words.len()), "its effects are not whole")?;
    sound(tables.categories.len() <= CATEGORIES_MAX, "it has too many categories")?;
    sound(tables.categories.is_sorted_by(|a: &CategoryId, b| a < b), "its categories are not in order")?;
    let numbers = tables.categories.len() + tables.extras.marks();
    let known = |effect: usize| effects.get(effect).is_some_and(|effect| effect.is_sound(numbers));
    sound((0..effects.len()).all(known), "an effect is broken")
}

fn sound(holds: bool, why: &'static str) -> Result<(), IndexError> {
    if holds { Ok(()) } else { Err(IndexError::Damaged(why)) }
}

/// Whether these are rising offsets from 0 to exactly `end`.
fn covers(mut starts: impl Iterator<Item = usize>, end: usize) -> bool {
    let mut last = 0;
    starts.next() == Some(0)
        && starts.all(|start| std::mem::replace(&mut last, start) <= start)
        && last == end
}
