//! What can go wrong with the lists directory itself. (What is wrong with one source never stops
//! an update: it stands in the source's status.)

use std::io;
use std::path::{Path, PathBuf};

use blocklists::compile::CompileError;
use blocklists::index::IndexError;
use thiserror::Error;

/// Why an update, or a look at the lists directory, did not come about.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// The file system refused: full, read-only, no permission.
    #[error(
        "cannot {doing} {path}: {error}; what was in force stays. Check free space, and that this user may write there"
    )]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There is nothing to go back to.
    #[error("{0}")]
    NoWayBack(&'static str),
    /// The copies are there, but no index could be made of them.
    #[error("the lists could not be compiled, what was in force stays: {0}")]
    Compile(#[from] CompileError),
    /// The new index did not read back as it was written: the disk or the memory is failing.
    #[error("the new index did not read back from {path}, what was in force stays; check the disk: {error}")]
    NotKept {
        /// The new index.
        path: PathBuf,
        /// What is wrong with it.
        error: IndexError,
    },
}

/// Says what was being done where when the disk failed.
pub(crate) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UpdateError {
    let path = path.to_owned();
    move |error| UpdateError::Disk { doing, path, error }
}

/// Why there is no fresh copy.
pub(crate) enum NoCopy {
    /// The source could not be had; the copy before stays.
    Source {
        /// For people.
        why: String,
        /// Seconds for which its provider asks to be left alone.
        retry_after: Option<u64>,
    },
    /// It could be had, and is no list; the copy before stays.
    Unfit(String),
    /// The lists directory is to blame; the update ends.
    Directory(UpdateError),
}

impl NoCopy {
    /// The source could not be had.
    pub(crate) fn source(why: impl Into<String>) -> Self {
        Self::Source { why: why.into(), retry_after: None }
    }
}

impl From<UpdateError> for NoCopy {
    fn from(error: UpdateError) -> Self {
        Self::Directory(error)
    }
}
