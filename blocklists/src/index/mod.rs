//! The index: the immutable compiled form of all sources, asked once for every question.
//!
//! A name is looked up from the right. Every suffix has a keyed 64-bit hash; behind the gate, a
//! table sorted by hash holds the names at which something changes, each pointing at an effect.
//! Everything stands in anonymous memory: no page of a file can be cold or cut short under DNS.

pub(crate) mod action;
mod away;
mod buffer;
pub(crate) mod effect;
pub(crate) mod extras;
mod file;
pub(crate) mod hash;
mod listing;
pub(crate) mod meaning;
mod over;
mod probe;
pub(crate) mod sections;
pub(crate) mod table;
mod walk;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::category::{CategoryId, CategorySet};
use crate::name::NameRef;
use crate::report::SourceReport;
use crate::source::Source;
pub use listing::Listing;
use over::Over;
pub use probe::{Probe, Suffixes};
use table::Tables;
use walk::walk;

pub use action::{Record, Stored as EntryAction};
pub(crate) use file::{BASE, Hashing, INDEX, OPENERS, OVERLAY, id_of, write};

const MISNAMED: &str = "its bytes do not have the checksum in its name";

/// Why bytes are not a usable index.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The file cannot be read.
    #[error("the index {path} cannot be read: {error}")]
    Unreadable {
        /// Where it should be.
        path: std::path::PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The bytes are not what was written: the caller falls back to an older index.
    #[error("the index is damaged: {0}")]
    Damaged(&'static str),
    /// Written by another version of the program: the caller compiles anew.
    #[error("the index has format {0}, this program reads another")]
    OtherVersion(u32),
}

/// What the index says of one name. Numbers are those of [`Index::categories`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Categories of this very name: exact entries (service labels in front included), subtree
    /// entries of itself and of all ancestors, minus what their own sources except.
    pub here: CategorySet,
    /// What a name below inherits where nothing more is said of it.
    pub below: CategorySet,
    /// Somewhere below, a source's exception opens a part of [`below`](Self::below) again.
    pub opens_below: bool,
}

impl Found {
    /// On no list.
    pub const NOTHING: Self =
        Self { here: CategorySet::EMPTY, below: CategorySet::EMPTY, opens_below: false };
}

/// A source as the index was compiled from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedSource {
    /// The source as declared then.
    pub source: Source,
    /// File name of its kept copy.
    pub copy_name: String,
    /// What it held.
    pub report: SourceReport,
}

/// The immutable compiled form of all sources: one file, and over it a small one or none.
#[derive(Clone)]
pub struct Index {
    id: String,
    tables: Arc<Tables>,
    over: Option<Arc<Over>>,
}

impl Index {
    /// Reads and checks an index file. Its name must be `<sha256 of its bytes>.idx`.
    ///
    /// # Errors
    /// [`IndexError`] when it cannot be read, is damaged, or is of another version.
    pub fn load(path: &Path) -> Result<Self, IndexError> {
        let (bytes, id) = load(path)?;
        Ok(Self { id, tables: Arc::new(file::read(bytes, INDEX)?), over: None })
    }

    /// The same with its large tables left in the file, for who asks it seldom and has little memory: a
    /// look-up reads from the disk, and finds nothing where that fails.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let index = Self::open_unnamed(path)?;
        let is_named = path.file_stem().and_then(|stem| stem.to_str()) == Some(&index.id);
        is_named.then_some(index).ok_or(IndexError::Damaged(MISNAMED))
    }

    /// The same for a file that is not at its place yet, whatever it is called.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_unnamed(path: &Path) -> Result<Self, IndexError> {
        let file = std::fs::File::open(path)
            .map_err(|error| IndexError::Unreadable { path: path.to_owned(), error })?;
        let (tables, id) = away::open(path, file)?;
        Ok(Self { id, tables: Arc::new(tables), over: None })
    }

    /// Reads an overlay's file, `<sha256 of its bytes>.ovl`, and lays it over this index. The big
    /// tables are shared, an overlay that was there is left behind.
    ///
    /// # Errors
    /// [`IndexError`] as for [`load`](Self::load), and when it was compiled for another index.
    pub fn load_overlay(&self, path: &Path) -> Result<Self, IndexError> {
        let (bytes, id) = load(path)?;
        self.lay_over(id, bytes)
    }

    /// Lays an overlay over this index, from the bytes of its file.
    ///
    /// # Errors
    /// [`IndexError`]; never a panic, whatever the bytes.
    pub fn with_overlay(&self, bytes: &[u8]) -> Result<Self, IndexError> {
        self.lay_over(id_of(bytes), bytes.to_vec())
    }

    fn lay_over(&self, id: String, bytes: impl Into<buffer::Buffer>) -> Result<Self, IndexError> {
        let over = Over::new(&self.tables, &self.id, id, file::read(bytes, OVERLAY)?)?;
        Ok(Self { over: Some(Arc::new(over)), ..self.clone() })
    }

    /// The index alone.
    #[must_use]
    pub fn without_overlay(&self) -> Self {
        Self { over: None, ..self.clone() }
    }

    /// SHA-256 of the overlay's bytes, in hex; `None` where there is none.
    #[must_use]
    pub fn overlay_id(&self) -> Option<&str> {
        self.over.as_ref().map(|over| over.id.as_str())
    }

    /// Reads an index from bytes, every table bounds-checked.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] or [`IndexError::OtherVersion`]; never a panic, whatever the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let tables = Arc::new(file::read(bytes.to_vec(), INDEX)?);
        Ok(Self { id: id_of(bytes), tables, over: None })
    }

    /// An index that lists nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { id: String::new(), tables: Arc::new(Tables::empty()), over: None }
    }

    /// SHA-256 of its bytes (without an overlay's), in hex; empty for [`empty`](Self::empty).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its categories, sorted by id; a category's number is its place here.
    #[must_use]
    pub fn categories(&self) -> &[CategoryId] {
        self.over.as_ref().map_or(&self.tables.categories, |over| &over.categories)
    }

    /// The number of a category; `None` when nothing feeds it.
    #[must_use]
    pub fn category_number(&self, category: &CategoryId) -> Option<u16> {
        let place = self.categories().binary_search(category).ok()?;
        u16::try_from(place).ok()
    }

    /// How many different names are listed; those that the overlay lists too count twice.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.tables.names + self.over.as_ref().map_or(0, |over| over.tables.names)
    }

    /// Bytes it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.bytes() + self.over.as_ref().map_or(0, |over| over.tables.bytes())
    }

    /// What it was compiled from: the sources of the index, then those of its overlay.
    #[must_use]
    pub fn sources(&self) -> &[IndexedSource] {
        self.over.as_ref().map_or(&self.tables.sources, |over| &over.sources)
    }

    /// The key under which names are hashed. It is no secret: whoever knows all lists knows it, and names
    /// that were made to collide under it are met by compiling under another one.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.tables.key
    }

    /// What is listed of a name, for questions of one type over UDP. No allocation; time grows with
    /// listed ancestors, not with labels.
    #[must_use]
    pub fn find(&self, name: NameRef<'_>, rtype: u16) -> Found {
        self.find_over(name, rtype, false)
    }

    /// The same over UDP, or over a stream (TCP).
    #[must_use]
    pub fn find_over(&self, name: NameRef<'_>, rtype: u16, stream: bool) -> Found {
        self.find_probed(name, rtype, stream, &self.probe(name))
    }

    /// A name's suffixes hashed under the key of this index: for [`warm`](Self::warm),
    /// [`find_probed`](Self::find_probed), and maps of names beside the index.
    #[must_use]
    pub fn probe(&self, name: NameRef<'_>) -> Probe {
        Probe::of(name, self.tables.key)
    }

    /// Whether a probe is one of this index.
    #[must_use]
    #[inline]
    pub fn has_probed(&self, probe: &Probe) -> bool {
        probe.key() == self.tables.key
    }

    /// Pulls into the processor's caches what looking these names up will touch. The loads depend on
    /// nothing but the hashes, so those of all names are under way at once, where look-ups one after
    /// the other would wait for each in turn.
    pub fn warm(&self, probes: &[Probe]) {
        let hashes = || probes.iter().flat_map(|probe| probe.hashes().iter().skip(1));
        let mut sum = 0;
        for &hash in hashes() {
            sum ^= self.tables.touch_record(hash);
        }
        std::hint::black_box(sum);
        // The overlay needs none of this: it is small and always near.
        for &hash in hashes() {
            sum ^= self.tables.touch_entries(hash);
        }
        // Without this, nobody would want the sum, and the loads would be left out.
        std::hint::black_box(sum);
    }

    /// As [`find`](Self::find), with hashes computed before, and over UDP or over a stream (TCP), where
    /// entries that want to be asked over TCP say nothing. A probe of another index is noticed and the
    /// name hashed anew; one of another name is the caller's mistake.
    #[must_use]
    #[inline]
    pub fn find_probed(&self, name: NameRef<'_>, rtype: u16, stream: bool, probe: &Probe) -> Found {
        if !self.has_probed(probe) {
            return self.find_over(name, rtype, stream);
        }
        let mut found = Found::NOTHING;
        let (listed, _) = walk(&self.tables, name, probe, &mut found);
        self.tables.extras.resolve(name, rtype, stream, &mut found);
        if let Some(over) = &self.over {
            over.add(name, probe, listed, &mut found);
        }
        found
    }

    /// What the big table says, marks and all.
    fn listed(&self, name: NameRef<'_>) -> Found {
        let mut found = Found::NOTHING;
        walk(&self.tables, name, &self.probe(name), &mut found);
        found
    }
}

/// Reads a file and its SHA-256, which its name must be.
fn load(path: &Path) -> Result<(buffer::Buffer, String), IndexError> {
    let (bytes, id) =
        file::load(path).map_err(|error| IndexError::Unreadable { path: path.to_owned(), error })?;
    if path.file_stem().and_then(|stem| stem.to_str()) != Some(&id) {
        return Err(IndexError::Damaged(MISNAMED));
    }
    Ok((bytes, id))
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("id", &self.id).field("entries", &self.entries()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn an_empty_index_lists_nothing() {
        let index = Index::empty();
        let name = Name::parse("a.b.example").unwrap();
        assert_eq!(index.find(name.as_ref(), 1), Found::NOTHING);
        assert_eq!(index.find(Name::root().as_ref(), 1), Found::NOTHING);
    }
}
