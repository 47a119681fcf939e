//! From candidates to an index and its overlay of small sources, both fit to be in force.
//!
//! The big index is compiled only when its own sources, or their copies, are other ones than those
//! it was compiled from; what changes in a small source costs the overlay alone, milliseconds. Which
//! side a source is on follows from its copy, so one that crosses the line changes both at once.

use blocklists::compile::{CompileError, Input, compile_into};
use blocklists::index::{Index, IndexedSource};
use blocklists::overlay::{CompiledOverlay, Correction, OverlayError, compile_overlay, split};
use blocklists::report::SourceReport;
use blocklists::source::Source;
use jiff::Timestamp;

use crate::candidate::Candidate;
use crate::error::disk;
use crate::{Lists, UpdateError, files, promote};

/// What is fit to be in force.
pub(crate) struct Fit {
    /// The index, written and read back, without an overlay.
    pub(crate) base: Index,
    /// Its file was not there before.
    pub(crate) is_written: bool,
    /// The small sources.
    small: Vec<Input>,
    /// They alone, compiled; `None` where there are none, or where nobody asked for them yet.
    overlay: Option<CompiledOverlay>,
}

impl Fit {
    /// What an index in force is made of.
    pub(crate) fn of(lists: &Lists, index: &Index) -> Self {
        let base = index.without_overlay();
        Self { small: small_of(lists, index), base, is_written: false, overlay: None }
    }

    /// Index and small sources, without corrections.
    pub(crate) fn uncorrected(&self) -> Index {
        let laid = self.overlay.as_ref().map(|overlay| self.base.with_overlay(&overlay.bytes));
        laid.and_then(Result::ok).unwrap_or_else(|| self.base.clone())
    }

    /// The overlay to be in force: the small sources, and corrections of what all sources say.
    /// Corrections that cannot be laid over the index leave it as the lists say, and are told.
    ///
    /// # Errors
    /// [`UpdateError::Compile`] when the small sources themselves cannot be compiled.
    pub(crate) fn overlay(
        self,
        lists: &Lists,
        corrections: &[Correction],
    ) -> Result<Option<CompiledOverlay>, UpdateError> {
        if !corrections.is_empty() {
            match compile_overlay(&self.base, lists.copies(), &self.small, corrections) {
                Ok(overlay) => return Ok(Some(overlay)),
                Err(error) => tracing::error!("no correction is in force: {error}"),
            }
        }
        if self.overlay.is_some() || self.small.is_empty() {
            return Ok(self.overlay);
        }
        let overlay = compile_overlay(&self.base, lists.copies(), &self.small, &[]);
        Ok(Some(overlay.map_err(compile_error)?))
    }
}

/// An index and its small sources without what corrections make of them.
pub(crate) fn uncorrected(lists: &Lists, index: &Index) -> Index {
    let (base, small) = (index.without_overlay(), small_of(lists, index));
    if small.is_empty() {
        return base;
    }
    let overlay = compile_overlay(&base, lists.copies(), &small, &[]).map_err(|error| error.to_string());
    let laid =
        overlay.and_then(|overlay| base.with_overlay(&overlay.bytes).map_err(|error| error.to_string()));
    laid.unwrap_or_else(|error| {
        tracing::warn!("the small lists in force could not be read once more: {error}");
        index.clone()
    })
}

/// The sources of an index's overlay, with their copies.
fn small_of(lists: &Lists, index: &Index) -> Vec<Input> {
    let base = index.without_overlay();
    let input = |IndexedSource { source, copy_name, .. }: &IndexedSource| Input {
        source: source.clone(),
        copy: Some(copy_name)
            .filter(|name| !name.is_empty())
            .map(|name| lists.copies().join(name))
            .unwrap_or_default(),
        copy_name: copy_name.clone(),
    };
    index.sources().get(base.sources().len()..).unwrap_or(&[]).iter().map(input).collect()
}

/// Whether an index was compiled from exactly these copies of these sources, in whatever order.
pub(crate) fn is_made_of<'a>(
    index: &Index,
    mut copies: impl ExactSizeIterator<Item = (&'a Source, &'a str)>,
) -> bool {
    let indexed = index.sources();
    let is_in = |(source, copy): (&Source, &str)| {
        indexed.iter().any(|indexed| indexed.source == *source && indexed.copy_name == copy)
    };
    copies.len() == indexed.len() && copies.all(is_in)
}

/// What an update compiled so far.
pub(crate) struct Compiling<'l> {
    lists: &'l Lists,
    now: Timestamp,
    /// Indexes that are written, and whether this update wrote them.
    bases: Vec<(Index, bool)>,
    /// How many keys were found to make two names collide.
    attempt: u8,
}

impl<'l> Compiling<'l> {
    /// Starts with an index that this program compiled and that may serve again.
    pub(crate) fn new(lists: &'l Lists, known: Option<&Index>, now: Timestamp) -> Self {
        let bases = known.map(|index| (index.without_overlay(), false)).into_iter().collect();
        Self { lists, now, bases, attempt: 0 }
    }

    /// Compiles; a source whose new content is broken or not fit falls back to its copy from before,
    /// and what that changes is compiled again without that content. Each turn gives up at least one
    /// copy, or a key.
    ///
    /// # Errors
    /// [`UpdateError`]; nothing that counts has changed.
    pub(crate) fn run(mut self, candidates: &mut [Candidate]) -> Result<Fit, UpdateError> {
        loop {
            match self.turn(candidates) {
                Ok(Some(fit)) => return Ok(fit),
                Ok(None) => {}
                Err(UpdateError::Compile(error)) => blame(self.lists, candidates, error, self.now)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// One turn; `None` when something was given up.
    fn turn(&mut self, candidates: &mut [Candidate]) -> Result<Option<Fit>, UpdateError> {
        let inputs = candidates.iter().map(|candidate| candidate.input(self.lists)).collect();
        let parted = split(inputs)?;
        let Some((base, is_written)) = self.base(&parted.base, candidates)? else { return Ok(None) };
        let small = parted.overlay;
        if small.is_empty() {
            return Ok(Some(Fit { base, is_written, small, overlay: None }));
        }
        let overlay = match compile_overlay(&base, self.lists.copies(), &small, &[]) {
            Err(OverlayError::Collision) => {
                self.bases.retain(|(known, _)| known.id() != base.id());
                // Ends: there is an end to keys.
                self.attempt = self.attempt.saturating_add(1);
                return Ok(None);
            }
            compiled => compiled.map_err(compile_error)?,
        };
        let is_fit = judge(candidates, small.iter().zip(&overlay.reports), self.now);
        Ok(is_fit.then_some(Fit { base, is_written, small, overlay: Some(overlay) }))
    }

    /// The index of these inputs: one that is there, or a new one; `None` when one of them is not fit.
    fn base(
        &mut self,
        inputs: &[Input],
        candidates: &mut [Candidate],
    ) -> Result<Option<(Index, bool)>, UpdateError> {
        let copies = || inputs.iter().map(|input| (&input.source, input.copy_name.as_str()));
        if let Some(known) = self.bases.iter().find(|(index, _)| is_made_of(index, copies())) {
            return Ok(Some(known.clone()));
        }
        let compiled = compile_into(self.lists.root(), files::UNFINISHED, inputs, self.attempt)
            .map_err(|error| blame_disk(self.lists, error))?;
        if !judge(candidates, inputs.iter().zip(&compiled.reports), self.now) {
            return Ok(None);
        }
        let known = self.lists.current().filter(|current| *current == compiled.id);
        let base = match known.and_then(|known| self.lists.load(&known).ok()) {
            Some(index) => (index, false),
            None => (promote::write(self.lists, compiled)?, true),
        };
        self.bases.push(base.clone());
        Ok(Some(base))
    }
}

/// A full disk is nobody's fault: no source is given up for it.
fn blame_disk(lists: &Lists, error: CompileError) -> UpdateError {
    match error {
        CompileError::Disk(error) => disk("write into", lists.root())(error),
        error => error.into(),
    }
}

fn compile_error(error: OverlayError) -> CompileError {
    match error {
        OverlayError::Compile(error) => error,
        error => CompileError::Unwritable(error.to_string()),
    }
}

/// Judges new content by what it was found to hold; whether all of it is fit. What is not is given up.
fn judge<'r>(
    candidates: &mut [Candidate],
    found: impl Iterator<Item = (&'r Input, &'r SourceReport)>,
    now: Timestamp,
) -> bool {
    let mut is_fit = true;
    for (input, report) in found {
        let mut candidates = candidates.iter_mut();
        let Some(candidate) = candidates.find(|candidate| candidate.after.source.id == input.source.id)
        else {
            continue;
        };
        let is_judged = candidate.after.copy.is_some() && candidate.is_new_content();
        match if is_judged { candidate.judge(report) } else { Ok(()) } {
            Ok(()) => candidate.after.report = report.clone(),
            Err(why) => {
                candidate.give_up(why, now);
                is_fit = false;
            }
        }
    }
    is_fit
}

/// Gives up what could not be compiled: the copy that the error names; else new content that cannot be
/// compiled without the others either; else, as together they are too much, the new content with the
/// most entries. Nothing that is in force is given up for what is new.
///
/// # Errors
/// The error itself when there is nothing left to give up.
fn blame(
    lists: &Lists,
    candidates: &mut [Candidate],
    error: CompileError,
    now: Timestamp,
) -> Result<(), UpdateError> {
    if let CompileError::Read { id, .. } | CompileError::TooManyIn { id, .. } = &error {
        let is_named =
            |candidate: &&mut Candidate| candidate.after.source.id == *id && candidate.after.copy.is_some();
        let Some(named) = candidates.iter_mut().find(is_named) else { return Err(error.into()) };
        named.give_up(error.to_string(), now);
        return Ok(());
    }
    let (mut given_up, mut most) = (false, None);
    let is_new = |candidate: &&mut Candidate| candidate.after.copy.is_some() && candidate.is_new_content();
    for candidate in candidates.iter_mut().filter(is_new) {
        let input = [candidate.input(lists)];
        match compile_into(lists.root(), files::UNFINISHED, &input, 0) {
            Err(error @ CompileError::Disk(_)) => return Err(blame_disk(lists, error)),
            Err(error) => {
                candidate.give_up(error.to_string(), now);
                given_up = true;
            }
            Ok(alone) if most.as_ref().is_none_or(|(entries, _)| alone.entries > *entries) => {
                most = Some((alone.entries, candidate));
            }
            Ok(_) => {}
        }
    }
    match most {
        _ if given_up => Ok(()),
        Some((_, candidate)) => {
            candidate.give_up(error.to_string(), now);
            Ok(())
        }
        None => Err(error.into()),
    }
}
