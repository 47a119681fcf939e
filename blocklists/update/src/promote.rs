//! From a compiled index to the one in force, and back again.
//!
//! Two steps, so that no instant has half an index: the new one is written beside the old ones,
//! synced, renamed and read back; then `current`, one line, is replaced. The one before stays.

use blocklists::compile::Written;
use blocklists::index::{Index, IndexedSource};
use blocklists::overlay::CompiledOverlay;
use jiff::Timestamp;
use serde::Serialize;

use crate::fit::uncorrected;
use crate::record::Record;
use crate::update::lock;
use crate::{Lists, UpdateError, changes, files};

/// Puts a new index under its name and reads it back.
///
/// # Errors
/// [`UpdateError`]; nothing that counts has changed.
pub(crate) fn write(lists: &Lists, compiled: Written) -> Result<Index, UpdateError> {
    let path = lists.file(&format!("{}.idx", compiled.id));
    files::finish(compiled.file, &path)?;
    lists.load(&compiled.id).map_err(|error| UpdateError::NotKept { path, error })
}

/// Writes an overlay for an index under its name and reads it back.
///
/// # Errors
/// [`UpdateError`]; nothing that counts has changed.
pub(crate) fn write_overlay(
    lists: &Lists,
    base: &Index,
    overlay: &CompiledOverlay,
) -> Result<(), UpdateError> {
    let path = lists.file(&format!("{}.ovl", overlay.id));
    files::write(&path, &overlay.bytes)?;
    base.load_overlay(&path).map(drop).map_err(|error| UpdateError::NotKept { path, error })
}

/// Makes a written index and its overlay those in force; the one to go back to, if any, stays beside it.
///
/// # Errors
/// [`UpdateError::Disk`]; then the one before is in force still.
pub(crate) fn swap(
    lists: &Lists,
    id: &str,
    overlay: Option<&str>,
    before: Option<&Index>,
) -> Result<(), UpdateError> {
    if let Some(before) = before {
        files::write(&lists.file("previous"), named(before.id(), before.overlay_id()).as_bytes())?;
    }
    files::write(&lists.file("current"), named(id, overlay).as_bytes())
}

/// What a pointer to an index and its overlay holds.
fn named(id: &str, overlay: Option<&str>) -> String {
    overlay.map_or_else(|| format!("{id}\n"), |overlay| format!("{id}\n{overlay}\n"))
}

/// What going back did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// The index that was in force.
    pub from: String,
    /// Its overlay of small lists and corrections, if it had one.
    pub from_overlay: Option<String>,
    /// The index in force now; the same where only small lists had changed.
    pub to: String,
    /// Its overlay.
    pub to_overlay: Option<String>,
    /// The lists whose newer content was set aside.
    pub set_aside: Vec<String>,
}

/// Goes back to the index before, and remembers which content that takes out of force.
///
/// # Errors
/// [`UpdateError`]; then nothing has changed.
pub(crate) fn roll_back(lists: &Lists, progress: &mut dyn FnMut(&str)) -> Result<RolledBack, UpdateError> {
    let _lock = lock(lists, progress)?;
    let mut record = lists.record();
    let from = lists
        .current()
        .ok_or(UpdateError::NoWayBack("no index is in force yet, so there is none to go back from"))?;
    if record.rolled_back_from.is_some() && record.index.as_ref() == Some(&from) {
        let why = "the last update was rolled back already, and nothing older is kept";
        return Err(UpdateError::NoWayBack(why));
    }
    let newer_overlay = lists.current_overlay();
    // A damaged index has no sources to tell; then its copies are those of the note.
    let newer = lists.load_current().and_then(Result::ok);
    let previous = lists.load_sharing("previous", &newer.iter().collect::<Vec<_>>()).and_then(Result::ok);
    let is_other =
        |previous: &Index| (previous.id(), previous.overlay_id()) != (&*from, newer_overlay.as_deref());
    let previous = previous.filter(is_other);
    let previous = previous.ok_or(UpdateError::NoWayBack("there is no index from before that is whole"))?;
    if let Some(newer) = &newer {
        record.follow(newer);
    }
    if let Some(newer) = &newer
        && newer.sources().iter().any(|source| is_emptied(source, &previous))
    {
        let why =
            "in the index before, a list that is in force now was still missing: going back would empty it";
        return Err(UpdateError::NoWayBack(why));
    }
    let mut set_aside = Vec::new();
    for known in &mut record.sources {
        let Some(older) = previous.sources().iter().find(|older| older.source.id == known.source.id) else {
            continue;
        };
        let goes = known.copy.clone().filter(|copy| *copy != older.copy_name);
        if let Some(copy) = goes {
            known.set_aside(copy);
            known.follow(older);
            set_aside.push(known.source.id.clone());
        }
        if let Some(waiting) = known.waiting.take() {
            known.set_aside(waiting.copy);
        }
    }
    record.rolled_back_from = Some(from.clone());
    // First the note: content that is set aside is not promoted again even if this ends here. The
    // note still names the index that is in force at this moment.
    let to = previous.id().to_owned();
    let before = newer.as_ref().map(|newer| uncorrected(lists, newer));
    if let Err(error) = changes::keep(lists, before.as_ref(), &uncorrected(lists, &previous), None, now()) {
        tracing::warn!("going back is not in the list journal: {error}");
    }
    write_record(lists, &record)?;
    let overlay = previous.overlay_id().map(str::to_owned);
    files::write(&lists.file("previous"), named(&from, newer_overlay.as_deref()).as_bytes())?;
    files::write(&lists.file("current"), named(&to, overlay.as_deref()).as_bytes())?;
    let (index, generation) = (Some(to.clone()), record.generation + 1);
    write_record(lists, &Record { index, overlay: overlay.clone(), generation, ..record })?;
    Ok(RolledBack { from, from_overlay: newer_overlay, to, to_overlay: overlay, set_aside })
}

/// Whether going back would leave nothing of a list. What is always blocked may never go empty, and
/// for the others it is not what somebody means who goes back.
fn is_emptied(newer: &IndexedSource, previous: &Index) -> bool {
    let older = previous.sources().iter().find(|older| older.source.id == newer.source.id);
    !newer.copy_name.is_empty() && older.is_some_and(|older| older.copy_name.is_empty())
}

/// In whole seconds: people read them.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Writes the note of an update.
///
/// # Errors
/// [`UpdateError::Disk`].
pub(crate) fn write_record(lists: &Lists, record: &Record) -> Result<(), UpdateError> {
    let path = lists.file("status.json");
    let json = serde_json::to_vec_pretty(record)
        .map_err(|error| crate::error::disk("write", &path)(error.into()))?;
    files::write(&path, &json)
}

/// What neither the two indexes nor the note nor the next update needs goes. `loaded` are indexes that
/// need not be read for it.
pub(crate) fn sweep(lists: &Lists, record: &Record, loaded: &[&Index]) {
    let load = |pointer: &str| {
        let index = lists.load_sharing(pointer, loaded)?.ok();
        index.or_else(|| lists.load(&files::pointer(&lists.file(pointer))?).ok())
    };
    let kept: Vec<Index> = ["current", "previous"].into_iter().filter_map(load).collect();
    let noted = record.sources.iter().flat_map(|known| {
        let waiting = known.waiting.as_ref().map(|waiting| &waiting.copy);
        known.copy.iter().chain(waiting).map(String::as_str)
    });
    files::sweep(lists.root(), lists.copies(), &kept, &noted.collect::<Vec<_>>());
}
