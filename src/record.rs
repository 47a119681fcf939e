//! What the running program does, for the record of changes: written behind the control loop, so
//! that a store that is locked, full or gone holds up nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use admin_api::store::{Deed, LiveStore, Store, StoreError};
use tokio::sync::mpsc;

/// Deeds that may wait for the store.
const WAITING_MAX: usize = 256;
/// How long after a failure the store is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Where the control loop puts what it did.
#[derive(Debug, Clone)]
pub struct Record {
    waiting: mpsc::Sender<Deed>,
}

impl Record {
    /// Starts writing into the store of this state directory. Needs a tokio runtime; what still
    /// waits when that ends is lost, and is in the log.
    pub fn start(data: PathBuf) -> Self {
        let (waiting, deeds) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write(data, deeds));
        Self { waiting }
    }

    /// Records something that the program did, or took from the policy file. Never waits.
    pub fn note(&self, actor: &str, action: &'static str, subject: String, detail: String) {
        let deed = Deed { actor: actor.to_owned(), action, subject, detail };
        if let Err(error) = self.waiting.try_send(deed) {
            tracing::error!("not in the record of changes, too much waits for the store: {error}");
        }
    }
}

async fn write(data: PathBuf, mut deeds: mpsc::Receiver<Deed>) {
    let store = LiveStore::new(data.clone());
    let mut has_complained = false;
    while let Some(deed) = deeds.recv().await {
        while let Err(error) = append(&store, &data, &deed).await {
            if !has_complained {
                tracing::error!("the record of changes waits for the store: {error}. Filtering goes on");
            }
            has_complained = true;
            tokio::time::sleep(TRY_AGAIN).await;
        }
        if std::mem::take(&mut has_complained) {
            tracing::info!("the record of changes is written again");
        }
    }
}

/// Into the store as it is now, which is made where there is none.
async fn append(store: &LiveStore, data: &Path, deed: &Deed) -> Result<(), StoreError> {
    let open = match store.get().await {
        Err(StoreError::Missing(_)) => Store::open(data).await?,
        open => open?,
    };
    open.audit().append(deed).await.map(drop)
}
