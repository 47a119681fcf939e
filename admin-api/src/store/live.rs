//! The store as a running server uses it: opened when it is needed, opened again when the file was
//! replaced, and never a reason to stop.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use super::{Store, StoreError};

/// What tells one state of the database file from another: device, inode, length, modification
/// time. Our own writes change it too (when SQLite folds its log into the file); opening again then
/// costs little and is rare.
type Fingerprint = (u64, u64, u64, i64, i64);

/// A store file that may go away, come back, or be damaged at any time.
#[derive(Debug)]
pub struct LiveStore {
    data: PathBuf,
    open: Mutex<Option<(Fingerprint, Store)>>,
}

impl LiveStore {
    /// The store of a state directory; nothing is opened yet.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self { data, open: Mutex::new(None) }
    }

    /// The store as it is now.
    ///
    /// # Errors
    /// [`StoreError`] while it is gone, damaged or of a later version.
    pub async fn get(&self) -> Result<Store, StoreError> {
        let mut open = self.open.lock().await;
        let path = Store::file(&self.data);
        let now = fingerprint(&path)?;
        if let Some((then, store)) = &*open
            && *then == now
        {
            return Ok(store.clone());
        }
        if let Some((_, store)) = open.take() {
            store.close().await;
        }
        let store = Store::open_existing(&self.data).await?;
        // Opening may have changed the file.
        let now = fingerprint(&path)?;
        *open = Some((now, store.clone()));
        Ok(store)
    }
}

fn fingerprint(path: &Path) -> Result<Fingerprint, StoreError> {
    match fs::metadata(path) {
        Ok(file) => Ok((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec())),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Missing(path.to_owned())),
        Err(error) => Err(StoreError::File { path: path.to_owned(), error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Scope;

    #[tokio::test]
    async fn the_store_may_come_go_and_be_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        let path = Store::file(data);
        let live = LiveStore::new(data.to_owned());
        assert!(matches!(live.get().await, Err(StoreError::Missing(_))));

        // Another process makes it and a token in it.
        let other = Store::open(data).await.unwrap();
        let plain = other.tokens().create("grafana", Scope::Read, None, "box:jane").await.unwrap();
        assert!(live.get().await.unwrap().tokens().check(&plain).await.unwrap().is_some());
        other.tokens().revoke("grafana", "box:jane").await.unwrap();
        assert!(live.get().await.unwrap().tokens().check(&plain).await.unwrap().is_none());
        other.close().await;

        fs::write(&path, vec![0x5a; 8192]).unwrap();
        assert!(matches!(live.get().await, Err(StoreError::Damaged(_))));

        for file in ["store.db", "store.db-wal", "store.db-shm"] {
            let _ = fs::remove_file(directory.path().join(file));
        }
        assert!(matches!(live.get().await, Err(StoreError::Missing(_))));
        Store::open(data).await.unwrap().close().await;
        assert!(live.get().await.is_ok());
    }
}
