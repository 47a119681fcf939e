//! The index as bytes: which sections there are, how they are written, what must hold of them.
//!
//! All numbers are little-endian. Reading trusts nothing: each offset is checked against the table
//! it points into before an index exists.

use sha2::{Digest, Sha256};

use super::IndexError;
use super::gate::Gate;
use super::sections::{SectionWriter, Sections, Tag, numbers};
use super::table::{BITS, Parts, Tables};
use crate::category::{CATEGORIES_MAX, CategoryId};

/// What an index file starts with.
const MAGIC: Tag = *b"SGINDEX\n";

/// Key, number of names, bits of the directory.
const HEAD: Tag = *b"head    ";
/// Where each bucket starts among the entries.
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
/// The gate.
const GATE: Tag = *b"gate    ";

/// Every tag that an index may have.
const KNOWN: [Tag; 8] = [HEAD, BUCKETS, ENTRIES, STARTS, EFFECTS, CATEGORIES, SOURCES, GATE];

/// SHA-256 of bytes, in hex.
pub(crate) fn id_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes an index; the same parts give the same bytes.
///
/// # Errors
/// When the sources cannot be written as JSON.
pub(crate) fn write(parts: &Parts) -> Result<Vec<u8>, serde_json::Error> {
    let categories = serde_json::to_vec(&parts.categories)?;
    let sources = serde_json::to_vec(&parts.sources)?;
    let gate = parts.gate.as_bytes();
    let room = parts.directory.len() * 4 + parts.entries.len() * 8 + gate.len() + sources.len();
    let mut writer = SectionWriter::new(MAGIC, room + parts.effect_words.len() * 8 + categories.len() + 4096);
    writer.section(HEAD, |out| {
        out.extend_from_slice(&parts.key.to_le_bytes());
        out.extend_from_slice(&parts.names.to_le_bytes());
        out.extend_from_slice(&parts.bits.to_le_bytes());
    });
    writer.section(BUCKETS, |out| out.extend(parts.directory.iter().flat_map(|number| number.to_le_bytes())));
    writer.section(ENTRIES, |out| out.extend(parts.entries.iter().flat_map(|number| number.to_le_bytes())));
    writer.section(STARTS, |out| out.extend(parts.effect_starts.iter().flat_map(|at| at.to_le_bytes())));
    writer.section(EFFECTS, |out| out.extend(parts.effect_words.iter().flat_map(|word| word.to_le_bytes())));
    writer.section(CATEGORIES, |out| out.extend(categories));
    writer.section(SOURCES, |out| out.extend(sources));
    writer.section(GATE, |out| out.extend_from_slice(gate));
    Ok(writer.finish())
}

/// Reads tables and checks that everything in them points inside them.
///
/// # Errors
/// [`IndexError`] for anything that [`write`] would not have written.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Tables, IndexError> {
    let sections = Sections::read(bytes, MAGIC, &KNOWN)?;
    let tables = Tables {
        effect_starts: numbers(sections.need(STARTS)?, u32::from_le_bytes)?,
        effect_words: numbers(sections.need(EFFECTS)?, u16::from_le_bytes)?,
        categories: serde_json::from_slice(sections.need(CATEGORIES)?)
            .map_err(|_| IndexError::Damaged("its categories cannot be read"))?,
        sources: serde_json::from_slice(sections.need(SOURCES)?)
            .map_err(|_| IndexError::Damaged("its sources cannot be read"))?,
        gate: Gate::from_bytes(sections.need(GATE)?).ok_or(IndexError::Damaged("its gate cannot be read"))?,
        ..head(&sections)?
    };
    let tables = Tables {
        directory: sections.place(BUCKETS).unwrap_or_default(),
        entries: sections.place(ENTRIES).unwrap_or_default(),
        sections,
        ..tables
    };
    check(&tables)?;
    Ok(tables)
}

/// What the head says, in tables that hold nothing else yet.
fn head(sections: &Sections) -> Result<Tables, IndexError> {
    let short = IndexError::Damaged("its head is not whole");
    let head = sections.need(HEAD)?;
    let Some((key, rest)) = head.split_first_chunk() else { return Err(short) };
    let Some((names, rest)) = rest.split_first_chunk() else { return Err(short) };
    let (Some(bits), true) = (rest.first_chunk(), rest.len() == 4) else { return Err(short) };
    Ok(Tables {
        key: u64::from_le_bytes(*key),
        names: u64::from_le_bytes(*names),
        bits: u32::from_le_bytes(*bits),
        ..Tables::empty()
    })
}

fn check(tables: &Tables) -> Result<(), IndexError> {
    let sound = |holds: bool, why: &'static str| if holds { Ok(()) } else { Err(IndexError::Damaged(why)) };
    sound(BITS.contains(&tables.bits), "its directory has an impossible width")?;
    let (directory, entries) = (tables.directory(), tables.entries());
    let whole = tables.directory.len() % 4 == 0 && tables.entries.len() % 8 == 0;
    sound(whole && directory.len() as u64 == (1 << tables.bits) + 1, "its directory is not whole")?;
    let starts = directory.iter().map(|start| u32::from_le_bytes(*start));
    sound(covers(starts, entries.len()), "its directory points outside the entries")?;
    let starts = tables.effect_starts.iter().copied();
    sound(covers(starts, tables.effect_words.len()), "its effects are not whole")?;
    sound(tables.categories.len() <= CATEGORIES_MAX, "it has too many categories")?;
    sound(tables.categories.is_sorted_by(|a: &CategoryId, b| a < b), "its categories are not in order")?;
    let effects = tables.effect_starts.len().saturating_sub(1);
    let known =
        |effect: usize| tables.effect(effect).is_some_and(|effect| effect.is_sound(tables.categories.len()));
    sound((0..effects).all(known), "an effect is broken")?;
    let low = (1_u64 << tables.bits) - 1;
    let has_effect = |entry: &[u8; 8]| u64::from_le_bytes(*entry) & low < effects as u64;
    sound(entries.iter().all(has_effect), "an entry has no effect")
}

/// Whether these are rising offsets from 0 to exactly `end`.
fn covers(mut starts: impl Iterator<Item = u32>, end: usize) -> bool {
    let mut last = 0;
    starts.next() == Some(0)
        && starts.all(|start| std::mem::replace(&mut last, start) <= start)
        && last as usize == end
}
