//! What one source may hold, and what is said when it holds more.
//!
//! A source that passes one of these can be compiled with no other, so the error names it and the line:
//! it alone is given up. They are such that a source within them fits into an index of its own.

use std::io;

use super::CompileError;
use crate::category::CATEGORIES_MAX;

/// So many of something in one source, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    what: &'static str,
    /// How many there may be.
    pub(super) limit: usize,
}

/// Categories.
pub(super) const CATEGORIES: Bound = Bound { what: "categories", limit: CATEGORIES_MAX };
/// What lines can add to their names. Each may need a number for itself and one for its group, and
/// there are numbers up to `u16::MAX` for these and the categories together.
pub(super) const KINDS: Bound = Bound {
    what: "kinds of rules (answers, record types and spared names, each different way)",
    limit: (u16::MAX as usize - CATEGORIES_MAX) / 2,
};
/// Sets of record types.
pub(super) const TYPES: Bound = Bound { what: "sets of record types", limit: KINDS.limit };
/// Groups of names that `$denyallow` rules spare.
pub(super) const SPARED: Bound = Bound { what: "sets of spared names", limit: 4096 };
/// Lines that exceptions take in such groups.
pub(super) const CARRIED: Bound = Bound { what: "exceptions to rules that spare names", limit: 1 << 22 };
/// Patterns.
pub(super) const PATTERNS: Bound = Bound { what: "patterns", limit: 1 << 21 };
/// Addresses.
pub(super) const ADDRESSES: Bound = Bound { what: "addresses", limit: 1 << 21 };

impl Bound {
    /// That there is still room for the one at `place`, from 0.
    pub(super) fn holds(self, place: usize) -> Result<(), Self> {
        if place < self.limit { Ok(()) } else { Err(self) }
    }
}

/// Why a source could not be taken.
pub(super) enum Full {
    /// It has more of something than it may; where that was, as `file:line`.
    TooMany(Bound, String),
    /// What it says cannot be put away.
    Disk(io::Error),
}

impl From<Bound> for Full {
    fn from(bound: Bound) -> Self {
        Self::TooMany(bound, String::new())
    }
}

impl From<io::Error> for Full {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Full {
    /// On this line of this file, whose name is empty where it is the only one.
    pub(super) fn at(self, file: &str, line: u64) -> Self {
        match self {
            Self::TooMany(bound, _) if file.is_empty() => Self::TooMany(bound, format!(" at line {line}")),
            Self::TooMany(bound, _) => Self::TooMany(bound, format!(" at {file}:{line}")),
            Self::Disk(error) => Self::Disk(error),
        }
    }

    /// In this source.
    pub(super) fn of(self, id: &str) -> CompileError {
        match self {
            Self::TooMany(Bound { what, limit }, place) => {
                CompileError::TooManyIn { id: id.to_owned(), what, limit: limit as u64, place }
            }
            Self::Disk(error) => CompileError::Disk(error),
        }
    }
}
