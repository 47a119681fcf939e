//! Files that are either whole or not there: written beside their place, synced, renamed.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

use blocklists::index::Index;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::UpdateError;
use crate::error::disk;

/// What names of unfinished files start with; whoever holds the lock may remove them.
pub(crate) const UNFINISHED: &str = ".new-";

/// A file beside its place, not there yet.
///
/// # Errors
/// [`UpdateError::Disk`].
pub(crate) fn unfinished(folder: &Path) -> Result<NamedTempFile, UpdateError> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(disk("write into", folder))
}

/// Gives a file or folder to the owner of the folder it stands in: a command that an administrator
/// runs must not leave behind what the server cannot read. Only the system's administrator can, so
/// for others nothing happens.
pub fn give_to_owner_of(folder: &Path, file: &File) {
    if let (Ok(owner), Ok(now)) = (folder.metadata(), file.metadata())
        && now.uid() != owner.uid()
        && let Err(error) = fchown(file, Some(owner.uid()), Some(owner.gid()))
    {
        tracing::debug!(%error, ?folder, "a file keeps its owner");
    }
}

/// Makes an unfinished file stay under its name, replacing what was there, power loss or not.
///
/// # Errors
/// [`UpdateError::Disk`].
pub(crate) fn finish(file: NamedTempFile, path: &Path) -> Result<(), UpdateError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    give_to_owner_of(folder, file.as_file());
    file.as_file().sync_all().map_err(disk("write", path))?;
    file.persist(path).map_err(|failed| disk("write", path)(failed.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk("write into", folder))
}

/// Writes a whole file.
///
/// # Errors
/// [`UpdateError::Disk`].
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), UpdateError> {
    let mut file = unfinished(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes).map_err(disk("write", path))?;
    finish(file, path)
}

/// What `current` or `previous` names in its first line; `None` when there is none, or it is damaged.
/// (A second line of `current` is for the overlay.)
pub(crate) fn pointer(path: &Path) -> Option<String> {
    line(path, 0)
}

/// The overlay that `current` or `previous` names in its second line.
pub(crate) fn overlay_pointer(path: &Path) -> Option<String> {
    line(path, 1)
}

fn line(path: &Path, number: usize) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let id = text.lines().nth(number)?.trim();
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// SHA-256 of a file's bytes, in hex.
///
/// # Errors
/// What the system says.
pub(crate) fn hash(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut Hashing(&mut hasher))?;
    Ok(hex(&hasher.finalize()))
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Removes what neither the two indexes (with their overlays) nor the names given need, and what was left unfinished.
/// What cannot be removed stays: it takes room and does no harm.
pub(crate) fn sweep(root: &Path, copies: &Path, kept: &[Index], last_good: &[&str]) {
    let is_copy_needed = |name: &str| {
        last_good.contains(&name)
            || kept.iter().flat_map(Index::sources).any(|source| source.copy_name == name)
    };
    remove_unless(copies, is_copy_needed);
    remove_unless(root, |name| match name.strip_suffix(".idx") {
        Some(id) => kept.iter().any(|index| index.id() == id),
        None => match name.strip_suffix(".ovl") {
            Some(id) => kept.iter().any(|index| index.overlay_id() == Some(id)),
            None => !name.starts_with(UNFINISHED),
        },
    });
}

fn remove_unless(folder: &Path, is_needed: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && !name.to_str().is_some_and(&is_needed) && std::fs::remove_file(entry.path()).is_err() {
            tracing::debug!(file = ?entry.path(), "cannot be removed");
        }
    }
}

/// Lets a hasher be written to.
pub(crate) struct Hashing<'h>(pub(crate) &'h mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
