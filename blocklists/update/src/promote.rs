//! From a compiled index to the one in force, and back again.
//!
//! Two steps, so that no instant has half an index: the new one is written beside the old ones,
//! synced, renamed and read back; then `current`, one line, is replaced. The one before stays.

use blocklists::compile::Compiled;
use blocklists::index::Index;
use jiff::Timestamp;
use serde::Serialize;

use crate::record::Record;
use crate::update::lock;
use crate::{Lists, UpdateError, changes, files};

/// Writes a new index under its name and reads it back.
///
/// # Errors
/// [`UpdateError`]; nothing that counts has changed.
pub(crate) fn write(lists: &Lists, compiled: &Compiled) -> Result<Index, UpdateError> {
    let path = lists.file(&format!("{}.idx", compiled.id));
    files::write(&path, &compiled.bytes)?;
    lists.load(&compiled.id).map_err(|error| UpdateError::NotKept { path, error })
}

/// Makes a written index the one in force; the one before stays beside it.
///
/// # Errors
/// [`UpdateError::Disk`]; then the one before is in force still.
pub(crate) fn swap(lists: &Lists, id: &str) -> Result<(), UpdateError> {
    // A damaged index is no index to go back to.
    let before = lists.current().filter(|before| before != id && lists.load(before).is_ok());
    if let Some(before) = before {
        files::write(&lists.file("previous"), format!("{before}\n").as_bytes())?;
    }
    files::write(&lists.file("current"), format!("{id}\n").as_bytes())
}

/// What going back did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// The index that was in force.
    pub from: String,
    /// The index in force now.
    pub to: String,
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
    let previous = files::pointer(&lists.file("previous")).filter(|previous| *previous != from);
    let previous = previous.and_then(|previous| lists.load(&previous).ok());
    let previous = previous.ok_or(UpdateError::NoWayBack("there is no index from before that is whole"))?;
    // A damaged index has no sources to tell; then its copies are those of the note.
    let newer = lists.load(&from).ok();
    if let Some(newer) = &newer {
        record.follow(newer);
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
    if let Err(error) = changes::keep(lists, newer.as_ref(), &previous, None, now()) {
        tracing::warn!("going back is not in the list journal: {error}");
    }
    write_record(lists, &record)?;
    files::write(&lists.file("previous"), format!("{from}\n").as_bytes())?;
    files::write(&lists.file("current"), format!("{to}\n").as_bytes())?;
    write_record(lists, &Record { index: Some(to.clone()), generation: record.generation + 1, ..record })?;
    Ok(RolledBack { from, to, set_aside })
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

/// What neither the two indexes nor the note nor the next update needs goes.
pub(crate) fn sweep(lists: &Lists, record: &Record) {
    let kept = ["current", "previous"].map(|pointer| files::pointer(&lists.file(pointer)));
    let kept: Vec<Index> = kept.into_iter().flatten().filter_map(|id| lists.load(&id).ok()).collect();
    let noted = record.sources.iter().flat_map(|known| {
        let waiting = known.waiting.as_ref().map(|waiting| &waiting.copy);
        known.copy.iter().chain(waiting).map(String::as_str)
    });
    files::sweep(lists.root(), lists.copies(), &kept, &noted.collect::<Vec<_>>());
}
