//! Sources in, index out.
//!
//! The way, one file a step: [`source`] reads and parses one source and [`gather`] puts all of them
//! under common numbers; [`subjects`] and [`spread`] make patterns and addresses ready; [`runs`] sorts
//! what is said of names, so that all lines of one name stand together and each name behind the one above
//! it; [`tree`] walks down and up again, where [`state`] resolves each source alone (its most
//! specific line wins, `$important` last) and [`unite`] puts them together; [`emit`] keeps the names at
//! which something changes, and [`spill`] sorts those by hash into the tables.
//!
//! Nothing on this way grows in memory with the number of names: what was parsed, and what comes out
//! of the walk, waits in files without a name ([`Room`]), each written once and read once in order.
//! Names come in one order whatever was done in parallel and however much fitted into memory, and
//! everything is numbered in that order: the same inputs give the same bytes.

mod actions;
mod bounds;
mod emit;
mod gather;
pub(crate) mod over;
mod runs;
mod source;
mod spill;
mod spread;
mod state;
mod subjects;
#[cfg(test)]
mod tests;
mod tree;
mod unite;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use crate::index::table::Parts;
use crate::index::{Hashing, INDEX, IndexedSource, write};
use crate::read::ReadError;
pub use crate::report::{Sample, SourceReport};
use crate::scratch::Room;
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

/// What [`compile_into`] made.
#[derive(Debug)]
pub struct Written {
    /// The index file, not at its place yet; it goes when nobody keeps it.
    pub file: NamedTempFile,
    /// SHA-256 of its bytes, in hex.
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
    /// One source has more of something than it may have: it alone is to blame.
    #[error("source `{id}`: there are more than {limit} {what}{place}")]
    TooManyIn {
        /// The source.
        id: String,
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: u64,
        /// Where it was passed, for people; empty when that is not a line.
        place: String,
    },
    /// A bound of the index is passed, by all sources together.
    #[error("there are more than {limit} {what}; use fewer or smaller sources")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// What is in hand cannot be put away, or the index cannot be written: the disk is full, or fails.
    #[error("the index cannot be written: {0}")]
    Disk(io::Error),
    /// What was gathered cannot be written down: a bug, or a path that is not text.
    #[error("the index cannot be written: {0}")]
    Unwritable(String),
}

/// Compiles sources into an index: parallel, and the same inputs always give the same bytes. All in
/// memory: for what is small. See [`compile_into`].
///
/// # Errors
/// [`CompileError`] when a copy cannot be read or a bound is passed.
pub fn compile(inputs: &[Input]) -> Result<Compiled, CompileError> {
    let mut bytes = Vec::new();
    let (id, entries, reports) = compile_to(&mut bytes, inputs, 0, Room::MEMORY)?;
    Ok(Compiled { bytes, id, entries, reports })
}

/// The same bytes into a file in `folder`, whose name starts with `prefix`. Memory does not grow with
/// the sources: what is in hand meanwhile takes room in that folder, about as much as the lists
/// unpacked. `attempt` keys are left out: for lists whose names collide with those of an overlay.
///
/// # Errors
/// [`CompileError`] as [`compile`], and [`CompileError::Disk`] when the folder is full; then nothing
/// is left in it.
pub fn compile_into(
    folder: &Path,
    prefix: &str,
    inputs: &[Input],
    attempt: u8,
) -> Result<Written, CompileError> {
    let mut file = tempfile::Builder::new().prefix(prefix).tempfile_in(folder).map_err(CompileError::Disk)?;
    let out = io::BufWriter::new(file.as_file_mut());
    let (id, entries, reports) = compile_to(out, inputs, attempt, Room::folder(folder))?;
    Ok(Written { file, id, entries, reports })
}

fn compile_to(
    out: impl Write,
    inputs: &[Input],
    attempt: u8,
    room: Room<'_>,
) -> Result<(String, u64, Vec<SourceReport>), CompileError> {
    let fed: Vec<_> = inputs.iter().map(gather::Fed::Copy).collect();
    let (mut gathered, mut reports) = gather::gather(&fed, room)?;
    let subjects = subjects::subjects(&mut gathered, &mut reports);
    let made = (attempt..KEYS_MAX).find_map(|attempt| {
        match emit::tables(&gathered, gathered.key(attempt), room, &mut drop) {
            Err(Stop::Collision) => None,
            Err(Stop::Error(error)) => Some(Err(error)),
            Ok(parts) => Some(Ok(parts)),
        }
    });
    let parts =
        made.unwrap_or_else(|| Err(CompileError::Unwritable("every key made two names collide".to_owned())))?;
    drop(gathered);
    if parts.extras.meaning.is_full(parts.categories.len()) {
        reports.iter_mut().for_each(SourceReport::widen);
    }
    let sources = inputs.iter().zip(&reports).map(|(input, report)| IndexedSource {
        source: input.source.clone(),
        copy_name: input.copy_name.clone(),
        report: report.clone(),
    });
    let extras = subjects.extras(parts.extras.meaning);
    let parts = Parts { extras, sources: sources.collect(), ..parts };
    let mut out = Hashing::new(out);
    write(&parts, INDEX, &[], &mut out).map_err(CompileError::Disk)?;
    Ok((out.id(), parts.names, reports))
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

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Error(CompileError::Disk(error))
    }
}

impl From<CompileError> for Stop {
    fn from(error: CompileError) -> Self {
        Self::Error(error)
    }
}
