//! The state directory: who serves from it, and how the last reload went.
//!
//! `serve.pid` is locked for as long as a server runs, so that two servers never share a state and
//! `reload` never signals a stranger that inherited the number. `reload.json` is how a reload that
//! was asked for by signal tells its outcome to whoever asked.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why the state directory cannot be used. Ends the program with exit code 1.
#[derive(Debug, Error)]
pub enum StateError {
    /// It cannot be written.
    #[error(
        "the state directory {path} cannot be written: {error}. Make it writable for this user, or set [data] directory"
    )]
    Unwritable {
        /// Which path.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Another server has it.
    #[error(
        "another schoolgate serves from {path}; stop it first, or give this one a [data] directory of its own"
    )]
    Taken {
        /// Which path.
        path: String,
    },
}

/// How long a server that is stopping is waited for: longer than it gives its clients.
const STOP_TIME_MAX: Duration = Duration::from_secs(8);
/// How often its lock is tried.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// Held by the server; the lock goes when the process does.
#[derive(Debug)]
pub struct Serving(File);

/// The outcome of the newest reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Rises with each reload of this process.
    pub number: u64,
    /// Whether the new files are live.
    pub good: bool,
    /// What happened, for the person who asked.
    pub sentences: Vec<String>,
}

/// Makes the directory, proves that it can be written, and marks it as served by this process.
///
/// # Errors
/// [`StateError`].
pub fn take(directory: &Path) -> Result<Serving, StateError> {
    let unwritable = |error| StateError::Unwritable { path: directory.display().to_string(), error };
    std::fs::create_dir_all(directory).map_err(unwritable)?;
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(directory.join("serve.pid"))
        .map_err(unwritable)?;
    lock(&file, directory)?;
    file.set_len(0).map_err(unwritable)?;
    file.rewind().map_err(unwritable)?;
    write!(file, "{}", std::process::id()).map_err(unwritable)?;
    file.sync_all().map_err(unwritable)?;
    Ok(Serving(file))
}

/// Locks the file. A server that has taken its number out is about to go: that one is waited for, so
/// that "stop, start" works as people type it.
fn lock(file: &File, directory: &Path) -> Result<(), StateError> {
    let path = || directory.display().to_string();
    let since = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(StateError::Unwritable { path: path(), error });
            }
            Err(std::fs::TryLockError::WouldBlock) => {}
        }
        let is_stopping = file.metadata().is_ok_and(|file| file.len() == 0);
        if !is_stopping || since.elapsed() > STOP_TIME_MAX {
            return Err(StateError::Taken { path: path() });
        }
        if !std::mem::replace(&mut told, true) {
            tracing::info!("waiting for the schoolgate before this one to finish its last answers");
        }
        std::thread::sleep(TRY_EVERY);
    }
}

impl Serving {
    /// Takes the number away, for whoever starts next: this server is stopping, or has stopped.
    pub fn leave(&self) {
        // The lock is what counts; a number that stays behind only makes the next one impatient.
        let _ = self.0.set_len(0);
    }
}

/// The process that serves from this directory, when one does.
#[must_use]
pub fn server_of(directory: &Path) -> Option<u32> {
    let mut file = OpenOptions::new().read(true).write(true).open(directory.join("serve.pid")).ok()?;
    if file.try_lock().is_ok() {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Where the outcome of a reload is told.
fn reload_path(directory: &Path) -> PathBuf {
    directory.join("reload.json")
}

/// Tells how a reload went. A state directory that cannot be written must not stop a reload.
pub fn tell_reload(directory: &Path, outcome: &Reloaded) {
    let told = serde_json::to_vec(outcome).map_err(std::io::Error::other).and_then(|bytes| {
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&bytes)?;
        file.persist(reload_path(directory))?;
        Ok(())
    });
    if let Err(error) = told {
        tracing::warn!("the outcome of the reload could not be written down: {error}");
    }
}

/// How the newest reload went, if there was one.
#[must_use]
pub fn last_reload(directory: &Path) -> Option<Reloaded> {
    serde_json::from_slice(&std::fs::read(reload_path(directory)).ok()?).ok()
}
