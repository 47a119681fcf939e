//! The index as bytes: which sections there are, how they are written, what must hold of them.
//!
//! All numbers are little-endian. Reading trusts nothing: each offset is checked against the table
//! it points into before an index exists.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use sha2::{Digest, Sha256};

use super::IndexError;
use super::extras::{self, Extras};
use super::sections::{SectionWriter, Sections, Tag, numbers};
use super::table::{Effects, Parts, RECORD, Tables, free_bits, start};
use crate::category::{CATEGORIES_MAX, CategoryId};

/// What an index file starts with.
const MAGIC: Tag = *b"SGINDEX\n";

/// Key, and number of names.
const HEAD: Tag = *b"head    ";
/// One record a bucket.
const BUCKETS: Tag = *b"buckets ";
/// The entries.
const ENTRIES: Tag = *b"entries ";
/// Where each effect starts.
const STARTS: Tag = *b"starts  ";
/// The effects.
const EFFECTS: Tag = *b"effects ";
/// Category ids, JSON.
const CATEGORIES: Tag = *b"categors";
/// What it was compiled from, JSON.
const SOURCES: Tag = *b"sources ";

/// Every tag that an index may have.
const KNOWN: [Tag; 11] = {
    let [meaning, patterns, answers, clients] = extras::TAGS;
    [HEAD, BUCKETS, ENTRIES, STARTS, EFFECTS, CATEGORIES, SOURCES, meaning, patterns, answers, clients]
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
pub(crate) fn load(path: &Path) -> io::Result<(Vec<u8>, String)> {
    let mut file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes an index; the same parts give the same bytes.
///
/// # Errors
/// When the sources cannot be written as JSON.
pub(crate) fn write(parts: &Parts) -> Result<Vec<u8>, serde_json::Error> {
    let categories = serde_json::to_vec(&parts.categories)?;
    let sources = serde_json::to_vec(&parts.sources)?;
    let room = parts.records.len() * RECORD + parts.entries.len() * 8 + sources.len();
    let mut writer = SectionWriter::new(MAGIC, room + parts.effect_words.len() * 8 + categories.len() + 4096);
    writer.section(HEAD, |out| {
        out.extend_from_slice(&parts.key.to_le_bytes());
        out.extend_from_slice(&parts.names.to_le_bytes());
    });
    writer.section(BUCKETS, |out| out.extend_from_slice(parts.records.as_flattened()));
    writer.section(ENTRIES, |out| parts.entries.iter().for_each(|entry| out.extend(entry.to_le_bytes())));
    writer.section(STARTS, |out| parts.effect_starts.iter().for_each(|at| out.extend(at.to_le_bytes())));
    writer.section(EFFECTS, |out| parts.effect_words.iter().for_each(|word| out.extend(word.to_le_bytes())));
    writer.section(CATEGORIES, |out| out.extend(categories));
    writer.section(SOURCES, |out| out.extend(sources));
    parts.extras.write(&mut writer)?;
    Ok(writer.finish())
}

/// Reads tables and checks that everything in them points inside them.
///
/// # Errors
/// [`IndexError`] for anything that [`write`] would not have written.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Tables, IndexError> {
    let sections = Sections::read(bytes, MAGIC, &KNOWN)?;
    let tables = Tables {
        effects: Effects {
            starts: numbers(sections.need(STARTS)?, u32::from_le_bytes)?,
            words: numbers(sections.need(EFFECTS)?, u16::from_le_bytes)?,
        },
        categories: serde_json::from_slice(sections.need(CATEGORIES)?)
            .map_err(|_| IndexError::Damaged("its categories cannot be read"))?,
        sources: serde_json::from_slice(sections.need(SOURCES)?)
            .map_err(|_| IndexError::Damaged("its sources cannot be read"))?,
        ..head(&sections)?
    };
    let tables = Tables {
        records: sections.place(BUCKETS).unwrap_or_default(),
        entries: sections.place(ENTRIES).unwrap_or_default(),
        extras: Extras::read(&sections, tables.categories.len())?,
        sections,
        ..tables
    };
    check(&tables)?;
    Ok(tables)
}

/// What the head says, in tables that hold nothing else yet.
fn head(sections: &Sections) -> Result<Tables, IndexError> {
    let (Some(([key, names], [])), records) =
        (sections.need(HEAD)?.as_chunks().0.split_first_chunk(), sections.need(BUCKETS)?.len() / RECORD)
    else {
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
    let sound = |holds: bool, why: &'static str| if holds { Ok(()) } else { Err(IndexError::Damaged(why)) };
    let (records, entries) = (tables.records(), tables.entries());
    let whole = tables.records.len().is_multiple_of(RECORD) && tables.entries.len().is_multiple_of(8);
    sound(whole, "a table ends inside a number")?;
    sound(covers(records.iter().map(start), entries.len()), "its buckets point outside the entries")?;
    let effects = &tables.effects;
    let starts = effects.starts.iter().map(|&start| start as usize);
    sound(covers(starts, effects.words.len()), "its effects are not whole")?;
    sound(tables.categories.len() <= CATEGORIES_MAX, "it has too many categories")?;
    sound(tables.categories.is_sorted_by(|a: &CategoryId, b| a < b), "its categories are not in order")?;
    let numbers = tables.categories.len() + tables.extras.marks();
    let known = |effect: usize| effects.get(effect).is_some_and(|effect| effect.is_sound(numbers));
    sound((0..effects.len()).all(known), "an effect is broken")?;
    let low = free_bits(tables.buckets);
    // All of them, without an early end: many at a time.
    let highest = entries.iter().map(|entry| u64::from_le_bytes(*entry) & low).max();
    sound(highest.is_none_or(|highest| highest < effects.len() as u64), "an entry has no effect")
}

/// Whether these are rising offsets from 0 to exactly `end`.
fn covers(mut starts: impl Iterator<Item = usize>, end: usize) -> bool {
    let mut last = 0;
    starts.next() == Some(0)
        && starts.all(|start| std::mem::replace(&mut last, start) <= start)
        && last == end
}
