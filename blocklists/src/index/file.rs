//! The index as bytes: magic, version, counts, then every table in turn, and nothing behind.
//!
//! All numbers are little-endian. Reading trusts nothing: each table's length is checked against
//! the bytes that are there, each offset against the table it points into, before an index exists.

use sha2::{Digest, Sha256};

use super::IndexError;
use super::gate::Gate;
use super::table::{BITS, Tables};
use crate::category::{CATEGORIES_MAX, CategoryId};

/// What an index file starts with.
const MAGIC: &[u8; 8] = b"SGINDEX\n";
/// The form of the tables behind it.
pub(crate) const VERSION: u32 = 1;

/// SHA-256 of bytes, in hex.
pub(crate) fn id_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes tables; the same tables give the same bytes.
///
/// # Errors
/// When the sources cannot be written as JSON.
pub(crate) fn write(tables: &Tables) -> Result<Vec<u8>, serde_json::Error> {
    let categories = serde_json::to_vec(&tables.categories)?;
    let sources = serde_json::to_vec(&tables.sources)?;
    let gate = tables.gate.as_bytes();
    let mut out = Vec::with_capacity(usize::try_from(tables.bytes()).unwrap_or(0) + 4096);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&tables.bits.to_le_bytes());
    out.extend_from_slice(&tables.key.to_le_bytes());
    out.extend_from_slice(&tables.names.to_le_bytes());
    for length in [
        tables.directory.len(),
        tables.entries.len(),
        tables.effect_starts.len(),
        tables.effect_words.len(),
        categories.len(),
        sources.len(),
        gate.len(),
    ] {
        out.extend_from_slice(&(length as u64).to_le_bytes());
    }
    tables.directory.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    tables.entries.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    tables.effect_starts.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    tables.effect_words.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    out.extend_from_slice(&categories);
    out.extend_from_slice(&sources);
    out.extend_from_slice(gate);
    Ok(out)
}

/// Reads tables and checks that everything in them points inside them.
///
/// # Errors
/// [`IndexError`] for anything that [`write`] would not have written.
pub(crate) fn read(bytes: &[u8]) -> Result<Tables, IndexError> {
    let mut rest = Rest(bytes);
    if rest.take(MAGIC.len() as u64)? != MAGIC {
        return Err(IndexError::Damaged("it does not start as an index does"));
    }
    let version = u32::from_le_bytes(rest.array()?);
    if version != VERSION {
        return Err(IndexError::OtherVersion(version));
    }
    let bits = u32::from_le_bytes(rest.array()?);
    let key = u64::from_le_bytes(rest.array()?);
    let names = u64::from_le_bytes(rest.array()?);
    let mut lengths = [0; 7];
    for length in &mut lengths {
        *length = u64::from_le_bytes(rest.array()?);
    }
    let [directory, entries, effect_starts, effect_words, categories, sources, gate] = lengths;
    let tables = Tables {
        key,
        names,
        bits,
        directory: rest.table(directory, u32::from_le_bytes)?,
        entries: rest.table(entries, u64::from_le_bytes)?,
        effect_starts: rest.table(effect_starts, u32::from_le_bytes)?,
        effect_words: rest.table(effect_words, u16::from_le_bytes)?,
        categories: serde_json::from_slice(rest.take(categories)?)
            .map_err(|_| IndexError::Damaged("its categories cannot be read"))?,
        sources: serde_json::from_slice(rest.take(sources)?)
            .map_err(|_| IndexError::Damaged("its sources cannot be read"))?,
        gate: Gate::from_bytes(rest.take(gate)?).ok_or(IndexError::Damaged("its gate cannot be read"))?,
    };
    if !rest.0.is_empty() {
        return Err(IndexError::Damaged("there is something behind its end"));
    }
    check(&tables)?;
    Ok(tables)
}

fn check(tables: &Tables) -> Result<(), IndexError> {
    let sound = |holds: bool, why: &'static str| if holds { Ok(()) } else { Err(IndexError::Damaged(why)) };
    sound(BITS.contains(&tables.bits), "its directory has an impossible width")?;
    sound(tables.directory.len() as u64 == (1 << tables.bits) + 1, "its directory is not whole")?;
    sound(covers(&tables.directory, tables.entries.len()), "its directory points outside the entries")?;
    sound(covers(&tables.effect_starts, tables.effect_words.len()), "its effects are not whole")?;
    sound(tables.categories.len() <= CATEGORIES_MAX, "it has too many categories")?;
    sound(tables.categories.is_sorted_by(|a: &CategoryId, b| a < b), "its categories are not in order")?;
    let effects = tables.effect_starts.len() - 1;
    let known =
        |effect: usize| tables.effect(effect).is_some_and(|effect| effect.is_sound(tables.categories.len()));
    sound((0..effects).all(known), "an effect is broken")?;
    let low = (1_u64 << tables.bits) - 1;
    sound(tables.entries.iter().all(|entry| entry & low < effects as u64), "an entry has no effect")
}

/// Whether these are rising offsets from 0 to exactly `end`.
fn covers(starts: &[u32], end: usize) -> bool {
    starts.first() == Some(&0)
        && starts.last().is_some_and(|&last| last as usize == end)
        && starts.is_sorted()
}

/// The bytes not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], IndexError> {
        let (head, tail) = usize::try_from(count)
            .ok()
            .and_then(|count| self.0.split_at_checked(count))
            .ok_or(IndexError::Damaged("it ends too early"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(IndexError::Damaged("it ends too early"))?;
        self.0 = tail;
        Ok(*head)
    }

    fn table<T, const N: usize>(&mut self, count: u64, read: fn([u8; N]) -> T) -> Result<Vec<T>, IndexError> {
        let bytes = count.checked_mul(N as u64).ok_or(IndexError::Damaged("a table is too long"))?;
        let (chunks, _) = self.take(bytes)?.as_chunks::<N>();
        Ok(chunks.iter().map(|chunk| read(*chunk)).collect())
    }
}
