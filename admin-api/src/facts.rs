//! What the admin API knows of the running box: handles to read from, nothing to steer with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use blocklists_update::{Lists, Status, UpdateError};
use policy::Snapshot;
use resolver::Engine;
use resolver::transport::Load;

/// Handles to the parts of a running box.
pub struct Facts {
    /// The data plane.
    pub engine: Arc<Engine>,
    /// How full the transports are. That it exists says that every listener is bound.
    pub load: Arc<Load>,
    /// The state directory: lists and store.
    pub data: PathBuf,
    /// Whether `/metrics` needs no token.
    pub metrics_open: bool,
    reload_failed: AtomicBool,
    update_failed: AtomicBool,
    document: ArcSwapOption<LiveDocument>,
}

/// The policy document that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDocument {
    /// Number of the revision.
    pub revision: u64,
    /// When it came into force, RFC 3339 in UTC.
    pub at: String,
    /// Who wrote it: `file`, or `built-in` where no file is configured.
    pub author: &'static str,
    /// The document itself, as its author wrote it (TOML).
    pub text: String,
}

impl Facts {
    /// Facts of a box whose listeners are bound.
    #[must_use]
    pub fn new(engine: Arc<Engine>, load: Arc<Load>, data: PathBuf, metrics_open: bool) -> Arc<Self> {
        let (reload_failed, update_failed) = (AtomicBool::new(false), AtomicBool::new(false));
        let document = ArcSwapOption::empty();
        Arc::new(Self { engine, load, data, metrics_open, reload_failed, update_failed, document })
    }

    /// Notes which document the snapshot was built from that is about to be published.
    pub fn set_document(&self, document: LiveDocument) {
        self.document.store(Some(Arc::new(document)));
    }

    /// The policy document that is in force; `None` until the first snapshot.
    #[must_use]
    pub fn document(&self) -> Option<Arc<LiveDocument>> {
        self.document.load_full()
    }

    /// Notes how the last reload went.
    pub fn set_reload_failed(&self, failed: bool) {
        self.reload_failed.store(failed, Ordering::Relaxed);
    }

    /// Whether the last reload failed, so that what runs is not what the files say.
    #[must_use]
    pub fn reload_failed(&self) -> bool {
        self.reload_failed.load(Ordering::Relaxed)
    }

    /// Notes whether updates of the block lists end without having done what was due.
    pub fn set_update_failed(&self, failed: bool) {
        self.update_failed.store(failed, Ordering::Relaxed);
    }

    /// Whether updates of the block lists end without having done what was due.
    #[must_use]
    pub fn update_failed(&self) -> bool {
        self.update_failed.load(Ordering::Relaxed)
    }

    /// The policies that decide now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.engine.snapshot()
    }

    /// The lists directory.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn lists(&self) -> Result<Lists, UpdateError> {
        Lists::open(&self.data.join("lists"))
    }

    /// What is known of every source, for the index that is live.
    ///
    /// # Errors
    /// When the lists directory cannot be opened.
    pub fn lists_status(&self) -> Result<Status, UpdateError> {
        Ok(self.lists()?.status(Some(self.snapshot().index())))
    }
}
