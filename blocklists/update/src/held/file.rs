//! `held.json`: read by the server and the API, changed by updates and by `lists accept`, one at a time.

use std::fs::File;
use std::path::Path;

use super::Held;
use crate::error::disk;
use crate::{UpdateError, files};

/// Reads it; nothing is held back when it is missing or damaged.
pub(super) fn read(root: &Path) -> Held {
    let path = root.join("held.json");
    let Ok(bytes) = std::fs::read(&path) else { return Held::default() };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::error!("{} is damaged, no name is held back any more: {error}", path.display());
        Held::default()
    })
}

/// Changes it under a lock, and writes it when it is another then.
///
/// # Errors
/// [`UpdateError::Disk`]; then it is as it was.
pub(crate) fn change<T>(root: &Path, change: impl FnOnce(&mut Held) -> T) -> Result<T, UpdateError> {
    let path = root.join("held.lock");
    let lock = File::create(&path).map_err(disk("make", &path))?;
    files::give_to_owner_of(root, &lock);
    // Held for milliseconds: nobody asks the network, or compiles, under it.
    lock.lock().map_err(disk("lock", &path))?;
    let before = read(root);
    let mut held = before.clone();
    let outcome = change(&mut held);
    if held != before {
        let path = root.join("held.json");
        let json = serde_json::to_vec_pretty(&held).map_err(|error| disk("write", &path)(error.into()))?;
        files::write(&path, &json)?;
    }
    Ok(outcome)
}
