//! The index: the immutable compiled form of all sources, asked once for every question.
//!
//! A name is looked up from the right. Every suffix has a keyed 64-bit hash; behind the gate, a
//! table sorted by hash holds the names at which something changes, each pointing at an effect.
//! Everything stands in anonymous memory: no page of a file can be cold or cut short under DNS.

pub(crate) mod effect;
mod file;
pub(crate) mod gate;
pub(crate) mod hash;
pub(crate) mod sections;
pub(crate) mod table;

use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::category::{CategoryId, CategorySet};
use crate::name::NameRef;
use crate::report::SourceReport;
use crate::source::Source;
use effect::Asked;
use table::Tables;

pub(crate) use file::write;

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

/// The immutable compiled form of all sources.
pub struct Index {
    id: String,
    tables: Tables,
}

impl Index {
    /// Reads and checks an index file. Its name must be `<sha256 of its bytes>.idx`.
    ///
    /// # Errors
    /// [`IndexError`] when it cannot be read, is damaged, or is of another version.
    pub fn load(path: &Path) -> Result<Self, IndexError> {
        let bytes =
            std::fs::read(path).map_err(|error| IndexError::Unreadable { path: path.to_owned(), error })?;
        let index = Self::from_vec(bytes)?;
        if path.file_stem().and_then(|stem| stem.to_str()) != Some(&index.id) {
            return Err(IndexError::Damaged("its bytes do not have the checksum in its name"));
        }
        Ok(index)
    }

    /// Reads an index from bytes, every table bounds-checked.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] or [`IndexError::OtherVersion`]; never a panic, whatever the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        Self::from_vec(bytes.to_vec())
    }

    fn from_vec(bytes: Vec<u8>) -> Result<Self, IndexError> {
        Ok(Self { id: file::id_of(&bytes), tables: file::read(bytes)? })
    }

    /// An index that lists nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { id: String::new(), tables: Tables::empty() }
    }

    /// SHA-256 of its bytes, in hex; empty for [`empty`](Self::empty).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its categories, sorted by id; a category's number is its place here.
    #[must_use]
    pub fn categories(&self) -> &[CategoryId] {
        &self.tables.categories
    }

    /// The number of a category; `None` when nothing feeds it.
    #[must_use]
    pub fn category_number(&self, category: &CategoryId) -> Option<u16> {
        let place = self.tables.categories.binary_search(category).ok()?;
        u16::try_from(place).ok()
    }

    /// How many different names are listed.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.tables.names
    }

    /// Bytes it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.bytes()
    }

    /// What it was compiled from.
    #[must_use]
    pub fn sources(&self) -> &[IndexedSource] {
        &self.tables.sources
    }

    /// What is listed of a name. No allocation; time grows with listed ancestors, not with labels.
    #[must_use]
    pub fn find(&self, name: NameRef<'_>) -> Found {
        let wire = name.wire();
        let starts = name.label_starts();
        let mut hash = self.tables.key;
        // What the last entry met inherits, and that entry with the number of labels left of it.
        let mut inherited = CategorySet::EMPTY;
        let mut last = None;
        for (labels_left, &start) in starts.iter().enumerate().rev() {
            let start = usize::from(start);
            let length = usize::from(wire.get(start).copied().unwrap_or(0));
            let Some(label) = wire.get(start + 1..start + 1 + length) else { break };
            hash = hash::prepend(hash, label);
            let is_top = labels_left + 1 == starts.len();
            if !is_top && !self.tables.gate.lets_pass(hash) {
                break;
            }
            let Some(effect) = self.tables.effect_of(hash) else { continue };
            if let Some((above, _)) = last.replace((effect, labels_left)) {
                effect::Effect::apply(above, Asked::Below, &mut inherited);
            }
        }
        let Some((effect, labels_left)) = last else { return Found::NOTHING };
        let asked = match labels_left {
            0 => Asked::Here,
            _ if is_service_prefix(wire, &starts, labels_left) => Asked::Service,
            _ => Asked::Below,
        };
        let (mut here, mut below) = (inherited, inherited);
        effect.apply(asked, &mut here);
        effect.apply(Asked::Below, &mut below);
        Found { here, below, opens_below: labels_left == 0 && effect.opens_below() }
    }
}

/// Whether the leftmost `count` labels all start with an underscore.
fn is_service_prefix(wire: &[u8], starts: &[u8], count: usize) -> bool {
    starts.iter().take(count).all(|&start| wire.get(usize::from(start) + 1) == Some(&b'_'))
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
        assert_eq!(index.find(name.as_ref()), Found::NOTHING);
        assert_eq!(index.find(Name::root().as_ref()), Found::NOTHING);
    }
}
