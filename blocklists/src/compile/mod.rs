//! Sources in, index out.
//!
//! The way, one file a step: [`source`] reads and parses one source and [`gather`] puts all of them
//! under common numbers; [`subjects`] and [`spread`] make patterns and addresses ready; [`lines`]
//! hashes and sorts what is said of names, so that all lines of one name stand together; [`tree`] finds
//! each name's nearest listed ancestor; [`state`] resolves each source alone (its most specific line
//! wins, `$important` last) and [`unite`] puts them together; [`emit`] keeps the names at which
//! something changes. Everything that runs
//! in parallel is put back in order: the same inputs give the same bytes.

mod actions;
mod emit;
mod gather;
mod lines;
pub(crate) mod over;
mod source;
mod spread;
mod state;
mod subjects;
mod tree;
mod unite;

use std::path::PathBuf;

use thiserror::Error;

use crate::index::IndexedSource;
use crate::read::ReadError;
pub use crate::report::{Sample, SourceReport};
use crate::source::Source;

/// Tries with another key when two listed names collide; one is already a rare event.
const KEYS_MAX: u8 = 16;

/// A source and the copy of its content that is compiled.
#[derive(Debug, Clone)]
pub struct Input {
    /// The source as declared.
    pub source: Source,
    /// The kept copy: a file, a folder or an archive. Empty for a source that could not be had yet:
    /// the index knows of it and holds nothing from it. Not looked at for built-in sources, whose
    /// text is in the program.
    pub copy: PathBuf,
    /// File name of the kept copy, recorded in the index so that evidence finds it; empty when
    /// there is none.
    pub copy_name: String,
}

/// What [`compile`] made.
#[derive(Debug)]
pub struct Compiled {
    /// The index file.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`, in hex.
    pub id: String,
    /// Different names listed.
    pub entries: u64,
    /// What each source held, in the order of the inputs.
    pub reports: Vec<SourceReport>,
}

/// Why sources cannot be compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// A kept copy cannot be read.
    #[error("source `{id}`: {error}")]
    Read {
        /// The source.
        id: String,
        /// What is wrong with its copy.
        error: ReadError,
    },
    /// A bound of the index is passed.
    #[error("there are more than {limit} {what}; use fewer or smaller sources")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// What was gathered cannot be written down: a bug, or a path that is not text.
    #[error("the index cannot be written: {0}")]
    Unwritable(String),
}

/// Compiles sources into an index: parallel, and the same inputs always give the same bytes.
///
/// # Errors
/// [`CompileError`] when a copy cannot be read or a bound is passed.
pub fn compile(inputs: &[Input]) -> Result<Compiled, CompileError> {
    compile_from(inputs, 0)
}

/// The same under another key than those before `attempt`: for lists whose names collide with those
/// of an overlay.
///
/// # Errors
/// As [`compile`].
pub fn compile_from(inputs: &[Input], attempt: u8) -> Result<Compiled, CompileError> {
    let fed: Vec<_> = inputs.iter().map(gather::Fed::Copy).collect();
    for attempt in attempt..KEYS_MAX {
        let (mut gathered, mut reports) = gather::gather(&fed)?;
        let subjects = subjects::subjects(&mut gathered, &mut reports);
        let key = gathered.key(attempt);
        let parts = match emit::tables(&mut gathered, key) {
            Err(Stop::Collision) => continue,
            Err(Stop::Error(error)) => return Err(error),
            Ok(parts) => {
                let extras = subjects.extras(parts.extras.meaning);
                crate::index::table::Parts { extras, ..parts }
            }
        };
        drop(gathered);
        if parts.extras.meaning.is_full(parts.categories.len()) {
            reports.iter_mut().for_each(SourceReport::widen);
        }
        let sources = inputs.iter().zip(&reports).map(|(input, report)| IndexedSource {
            source: input.source.clone(),
            copy_name: input.copy_name.clone(),
            report: report.clone(),
        });
        let parts = crate::index::table::Parts { sources: sources.collect(), ..parts };
        let bytes = crate::index::write(&parts, crate::index::INDEX, &[])
            .map_err(|error| CompileError::Unwritable(error.to_string()))?;
        let id = crate::index::id_of(&bytes);
        return Ok(Compiled { bytes, id, entries: parts.names, reports });
    }
    Err(CompileError::Unwritable("every key made two names collide".to_owned()))
}

/// Whether a source holds nothing but names that are in or out, so that an overlay can hold it.
///
/// # Errors
/// [`CompileError`] when its copy cannot be read.
pub(crate) fn is_plain(input: &Input) -> Result<bool, CompileError> {
    source::is_plain(input)
}

/// Why an attempt with one key ended.
pub(crate) enum Stop {
    /// Two different names have one hash: try the next key.
    Collision,
    /// No key will help.
    Error(CompileError),
}

impl From<CompileError> for Stop {
    fn from(error: CompileError) -> Self {
        Self::Error(error)
    }
}
