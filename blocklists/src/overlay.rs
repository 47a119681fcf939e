//! The overlay: what changes often, on top of an index that is not touched for it.
//!
//! Small sources and corrections are compiled into a file of their own under the key of the big
//! index, in milliseconds where the big one takes seconds. Both are asked together and answer as one
//! index of all sources would.
//!
//! A **correction** takes a name out of a category everywhere, or into one, against whatever lists
//! say. The most specific wins, lists included: what is listed in its own right *below* a name that
//! was taken out stays listed, so those lines are read from the kept copies once more when a
//! correction takes a name out with all below it.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::category::CategoryId;
use crate::compile::{CompileError, Input, Stop, is_plain, over};
use crate::index::hash::SuffixHashes;
use crate::index::{BASE, Index, IndexError, OPENERS, OVERLAY, id_of, write};
use crate::name::{Name, NameRef};
use crate::read::read_files;
use crate::report::SourceReport;
use crate::source::{Location, Source};

/// Most lines of a source that lives in the overlay.
pub const LINES_MAX: usize = 20_000;
/// A copy larger than this is taken for a big one unread: no name is longer than 255 bytes, but
/// lists have twenty bytes a line.
const BYTES_MAX: u64 = 4 << 20;

/// The record type that is asked about (RFC 1035 section 3.2.2): the overlay tells none apart.
const ADDRESS: u16 = 1;

/// One name taken out of, or into, a category everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Correction {
    /// The name.
    pub name: Name,
    /// Only this name (and service names of it, `_443._tcp.x`), not what is below.
    pub exact: bool,
    /// The category. `…/unconfirmed` goes with its strict category.
    pub category: CategoryId,
    /// Into the category instead of out of it.
    pub into: bool,
}

/// What [`compile_overlay`] made.
#[derive(Debug)]
pub struct CompiledOverlay {
    /// The overlay file.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`, in hex; the file is `<id>.ovl`.
    pub id: String,
    /// Different names of which it says something.
    pub entries: u64,
    /// What each source held, in the order of the inputs.
    pub reports: Vec<SourceReport>,
}

/// Why there is no overlay.
#[derive(Debug, Error)]
pub enum OverlayError {
    /// A source, or a copy that the index was compiled from, cannot be read; or there is too much.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Two names share a hash under the index's key: compile the index anew under another
    /// ([`compile_from`](crate::compile::compile_from)).
    #[error("two names have one hash: the index must be compiled under another key")]
    Collision,
    /// Nobody takes a name out of a locked category.
    #[error("{name} is in the locked category `{category}`, from which no correction takes a name")]
    Locked {
        /// The name.
        name: Name,
        /// The category.
        category: CategoryId,
    },
    /// What was compiled cannot be laid over the index: a bug, or corrections in so many categories
    /// that the numbers end.
    #[error("the overlay does not fit the index: {0}")]
    Unfit(#[from] IndexError),
}

/// Sources parted by size.
#[derive(Debug, Default)]
pub struct Split {
    /// For the index, in the order of the inputs.
    pub base: Vec<Input>,
    /// For the overlay.
    pub overlay: Vec<Input>,
}

/// Parts sources into those for the index and small ones for the overlay. Patterns, addresses, types and
/// answers of their own are asked of the index alone, so a source that has any is the index's, however
/// small. Where all are small they all are the index: compiling it takes no longer.
///
/// # Errors
/// [`CompileError::Read`] for a copy that cannot be read.
pub fn split(inputs: Vec<Input>) -> Result<Split, CompileError> {
    let mut split = Split::default();
    for input in inputs {
        let side = if is_small(&input)? { &mut split.overlay } else { &mut split.base };
        side.push(input);
    }
    if split.base.is_empty() {
        std::mem::swap(&mut split.base, &mut split.overlay);
    }
    Ok(split)
}

fn is_small(input: &Input) -> Result<bool, CompileError> {
    if matches!(input.source.location, Location::BuiltIn(_)) {
        return is_plain(input);
    }
    if input.copy.as_os_str().is_empty() {
        return Ok(true);
    }
    if std::fs::metadata(&input.copy).is_ok_and(|copy| copy.is_file() && copy.len() > BYTES_MAX) {
        return Ok(false);
    }
    let mut lines = 0;
    let read = read_files(&input.copy, &mut |_, bytes| {
        lines += memchr::memchr_iter(b'\n', bytes).count() + 1;
    });
    read.map_err(|error| CompileError::Read { id: input.source.id.clone(), error })?;
    Ok(lines <= LINES_MAX && is_plain(input)?)
}

/// Compiles small sources and corrections into an overlay for an index (an overlay that it may
/// already have is not looked at). `copies` is the folder of the index's kept copies; it is read only
/// when a correction takes a name out of a category with all below it.
///
/// # Errors
/// [`OverlayError`].
pub fn compile_overlay(
    base: &Index,
    copies: &Path,
    inputs: &[Input],
    corrections: &[Correction],
) -> Result<CompiledOverlay, OverlayError> {
    let base = base.without_overlay();
    refuse_locked(&base, inputs, corrections)?;
    let again: Vec<Input> = over::feeding(&base, corrections)
        .into_iter()
        .map(|indexed| Input {
            copy: if indexed.copy_name.is_empty() { PathBuf::new() } else { copies.join(&indexed.copy_name) },
            source: indexed.source,
            copy_name: indexed.copy_name,
        })
        .collect();
    let compiled = over::compile(&base, inputs, &again, corrections).map_err(|stop| match stop {
        Stop::Collision => OverlayError::Collision,
        Stop::Error(error) => OverlayError::Compile(error),
    })?;
    let bytes = |openers: &[u64]| {
        let openers = openers.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let more = [(BASE, base.id().as_bytes().to_vec()), (OPENERS, openers)];
        let mut bytes = Vec::new();
        write(&compiled.parts, OVERLAY, &more, &mut bytes)
            .map(|()| bytes)
            .map_err(|error| CompileError::Unwritable(error.to_string()))
    };
    let united = base.with_overlay(&bytes(&[])?)?;
    let bytes = bytes(&openers(&united, compiled.names.iter().map(Name::as_ref)))?;
    let id = id_of(&bytes);
    Ok(CompiledOverlay { bytes, id, entries: compiled.parts.names, reports: compiled.reports })
}

fn refuse_locked(base: &Index, inputs: &[Input], corrections: &[Correction]) -> Result<(), OverlayError> {
    let fed = |id: &CategoryId| {
        let of_base = base.sources().iter().filter(|indexed| indexed.report.categories.contains(id));
        let feeds = |source: &Source| source.category.iter().chain(source.map.values()).any(|fed| fed == id);
        let own = inputs.iter().filter(|input| feeds(&input.source));
        of_base
            .map(|indexed| &indexed.source)
            .chain(own.map(|input| &input.source))
            .any(|source| source.locked)
    };
    let mut out = corrections.iter().filter(|correction| !correction.into);
    match out.find(|correction| correction.category.is_locked() || fed(&correction.category)) {
        Some(Correction { name, category, .. }) => {
            Err(OverlayError::Locked { name: name.clone(), category: category.clone() })
        }
        None => Ok(()),
    }
}

/// Hashes of the names below which the overlay takes away a part of what they hand down, sorted. A
/// block there must not deny that anything exists below (RFC 8020).
fn openers<'n>(united: &Index, names: impl Iterator<Item = NameRef<'n>>) -> Vec<u64> {
    let mut openers = Vec::new();
    for name in names {
        let own = united.find(name, ADDRESS);
        let service = service_of(name).map_or(own, |service| united.find(service.as_ref(), ADDRESS));
        let hashes = SuffixHashes::of(name, united.key());
        for (place, (above, &hash)) in name.suffixes().zip(hashes.iter()).enumerate() {
            let handed_down = united.find(above, ADDRESS).below;
            // Below the name itself only service names may differ from what it hands down.
            let views = if place == 0 { &[service.here][..] } else { &[own.here, own.below, service.here] };
            let holds = |number: u16| {
                views.iter().all(|view| view.contains(number) || confirms(united, view, number))
            };
            if !handed_down.iter().all(holds) {
                openers.push(hash);
            }
        }
    }
    openers.sort_unstable();
    openers.dedup();
    openers
}

/// Whether a view holds the strict category that this one waits for.
fn confirms(index: &Index, view: &crate::category::CategorySet, waiting: u16) -> bool {
    let confirmed = index.categories().get(usize::from(waiting)).and_then(CategoryId::confirmed);
    confirmed.and_then(|id| index.category_number(&id)).is_some_and(|number| view.contains(number))
}

/// A service name of a name, as nobody lists one; `None` where it would be too long.
fn service_of(name: NameRef<'_>) -> Option<Name> {
    Name::from_wire(&[b"\x02__".as_slice(), name.wire()].concat()).ok()
}
