//! The index: the immutable compiled form of all sources, asked once for every question.
//!
//! A name is looked up from the right. Every suffix has a keyed 64-bit hash; behind the gate, a
//! table sorted by hash holds the names at which something changes, each pointing at an effect.
//! Everything stands in anonymous memory: no page of a file can be cold or cut short under DNS.

pub(crate) mod action;
pub(crate) mod effect;
pub(crate) mod extras;
mod file;
pub(crate) mod hash;
pub(crate) mod meaning;
pub(crate) mod sections;
pub(crate) mod table;
mod walk;

use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::category::{CategoryId, CategorySet};
use crate::name::NameRef;
use crate::report::SourceReport;
use crate::source::Source;
use table::Tables;
pub use walk::Probe;
use walk::{Said, Walk, walk};

pub use action::{Record, Stored as EntryAction};
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

/// What an index has of one address; of most nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Listing(u32);

impl Listing {
    /// On no list.
    pub const NOTHING: Self = Self(0);

    /// Whether it is on any list.
    #[must_use]
    pub fn is_something(self) -> bool {
        self.0 != 0
    }
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
        let (bytes, id) =
            file::load(path).map_err(|error| IndexError::Unreadable { path: path.to_owned(), error })?;
        let index = Self { id, tables: file::read(bytes)? };
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
        Ok(Self { id: file::id_of(bytes), tables: file::read(bytes.to_vec())? })
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

    /// What is listed of a name, for questions of one type over UDP. No allocation; time grows with
    /// listed ancestors, not with labels.
    #[must_use]
    pub fn find(&self, name: NameRef<'_>, rtype: u16) -> Found {
        self.find_probed(name, rtype, false, &Probe::none(self.tables.key))
    }

    /// The same over UDP, or over a stream (TCP).
    #[must_use]
    pub fn find_over(&self, name: NameRef<'_>, rtype: u16, stream: bool) -> Found {
        self.find_probed(name, rtype, stream, &Probe::none(self.tables.key))
    }

    /// How the entries that put a name in a category want a block by it answered: a number for
    /// [`action`](Self::action). `None` when they leave it to the policy.
    #[must_use]
    pub fn action_of(&self, name: NameRef<'_>, rtype: u16, stream: bool, category: u16) -> Option<u16> {
        self.tables.extras.action(
            name,
            rtype,
            stream,
            &self.listed(name, &Probe::none(self.tables.key)),
            category,
        )
    }

    /// The action of a number.
    #[must_use]
    pub fn action(&self, number: u16) -> Option<&EntryAction> {
        self.tables.extras.meaning.actions.get(usize::from(number))
    }

    /// Whether some entry wants to be asked over TCP, and so says nothing there.
    #[must_use]
    pub fn has_tcp_only(&self) -> bool {
        self.tables.extras.meaning.actions.contains(&EntryAction::TcpOnly)
    }

    /// What lists have of an address of an answer.
    #[must_use]
    pub fn answer_listing(&self, address: IpAddr) -> Listing {
        Listing(self.tables.extras.answers.set_of(address))
    }

    /// What lists have of a client's address; the same for all its questions.
    #[must_use]
    pub fn client_listing(&self, address: IpAddr) -> Listing {
        Listing(self.tables.extras.clients.set_of(address))
    }

    /// The categories of an answer's address.
    #[must_use]
    pub fn addresses_of(&self, address: IpAddr) -> CategorySet {
        let answers = &self.tables.extras.answers;
        answers.categories(answers.set_of(address))
    }

    /// The categories that a client's address adds to whatever it asks for.
    #[must_use]
    pub fn clients_of(&self, address: IpAddr) -> CategorySet {
        self.client_categories(self.client_listing(address))
    }

    /// The categories of a client's listing.
    #[must_use]
    pub fn client_categories(&self, listing: Listing) -> CategorySet {
        self.tables.extras.clients.categories(listing.0)
    }

    /// The categories of an answer's listing.
    #[must_use]
    pub fn answer_categories(&self, listing: Listing) -> CategorySet {
        self.tables.extras.answers.categories(listing.0)
    }

    /// How a listed address wants a block by a category answered, as in
    /// [`action_of`](Self::action_of): `client` says of which kind the listing is.
    #[must_use]
    pub fn address_action(&self, listing: Listing, client: bool, category: u16) -> Option<u16> {
        let addresses = if client { &self.tables.extras.clients } else { &self.tables.extras.answers };
        let actions = &addresses.listed(listing.0)?.actions;
        actions.iter().find(|(of, _)| *of == category).map(|(_, action)| *action)
    }

    /// All addresses of answers, for exports.
    pub(crate) fn answers(&self) -> &crate::addresses::Addresses {
        &self.tables.extras.answers
    }

    /// The hashes that looking a name up needs, to be carried from [`warm`](Self::warm) to
    /// [`find_probed`](Self::find_probed).
    #[must_use]
    pub fn probe(&self, name: NameRef<'_>) -> Probe {
        Probe::of(name, self.tables.key)
    }

    /// Pulls into the processor's caches what looking these names up will touch. The loads depend on
    /// nothing but the hashes, so those of all names are under way at once, where look-ups one after
    /// the other would wait for each in turn.
    pub fn warm(&self, probes: &[Probe]) {
        let hashes = || probes.iter().flat_map(|probe| probe.hashes(self.tables.key).iter().skip(1).take(2));
        let mut sum = 0;
        for &hash in hashes() {
            sum ^= self.tables.touch_record(hash);
        }
        std::hint::black_box(sum);
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
    pub fn find_probed(&self, name: NameRef<'_>, rtype: u16, stream: bool, probe: &Probe) -> Found {
        let found = self.listed(name, probe);
        if self.tables.extras.may_change(&found) {
            return self.tables.extras.resolve(name, rtype, stream, &found);
        }
        found
    }

    /// What the table says, marks and all.
    #[inline]
    fn listed(&self, name: NameRef<'_>, probe: &Probe) -> Found {
        let starts = name.label_starts();
        let mut base = Walk::new(&self.tables, &self.tables.effects);
        walk(name, &starts, self.tables.key, probe, &mut base, None);
        match base.said(name.wire(), &starts) {
            Some(Said { here, below, opens_below }) => Found { here, below, opens_below },
            None => Found::NOTHING,
        }
    }
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
