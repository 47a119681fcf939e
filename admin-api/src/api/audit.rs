//! `GET /api/v1/audit`: who changed what, and whether the record of it is whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::App;
use super::description::ReadProblems;
use super::query::{Asked, Page, Paging};
use crate::problem::Problem;
use crate::store::{AuditError, Entry, Head, LiveStore, StoreError};

/// How often entries that were found good are looked at again: somebody may have changed them since.
const CHECK_ALL_EVERY: Duration = Duration::from_secs(600);

/// One entry of the record of changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// Its place in the record of this box, from 1, with leading zeros: in the order of ids.
    #[schema(example = "000000000042")]
    id: String,
    /// When.
    at: Timestamp,
    /// Who: `box:` and a user of the box, `file` for who wrote the policy file, `schoolgate` for the
    /// program.
    actor: String,
    /// What was done.
    #[schema(example = "token.new")]
    action: String,
    /// To what.
    subject: String,
    /// More of it; may be empty.
    detail: String,
    /// The hash of the entry before; empty for the first.
    prev: String,
    /// SHA-256 over this entry and the hash before.
    hash: String,
}

impl From<Entry> for Change {
    fn from(entry: Entry) -> Self {
        Self {
            id: id(entry.seq),
            at: Timestamp::from_millisecond(entry.at_ms).unwrap_or(Timestamp::UNIX_EPOCH),
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
            prev: entry.prev,
            hash: entry.hash,
        }
    }
}

/// The record of changes, the oldest first
///
/// # Errors
/// 503 without a store.
#[utoipa::path(get, path = "/api/v1/audit", tag = "state",
    params(Paging),
    responses((status = 200, description = "A page of the record.", body = Page<Change>), ReadProblems),
    security(("token" = ["read"])))]
pub async fn audit(
    State(app): State<Arc<App>>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Change>>, Problem> {
    let after = paging.after().map_or(0, before);
    let limit = i64::from(paging.limit()) + 1;
    let entries = match app.store.get().await {
        Ok(store) => store.audit().page(after, limit).await,
        Err(error) => Err(error),
    };
    let entries = entries.map_err(|error| {
        tracing::warn!(%error, "the record of changes cannot be read");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The record of changes cannot be read. Filtering goes on as before; the log of schoolgate \
             says what is wrong.",
        )
    })?;
    let items = entries.into_iter().map(Change::from).collect();
    Ok(Json(Page::cut(items, &paging, |change: &Change| change.id.clone())))
}

fn id(seq: i64) -> String {
    format!("{seq:012}")
}

/// The place after which a page begins.
fn before(text: &str) -> i64 {
    match text.parse::<i64>() {
        Ok(seq) if seq >= 0 && text.len() == id(seq).len() => seq,
        // Only what this API gave out as `next` is a place; other texts stand before or after all.
        _ if text < "0" => 0,
        _ => i64::MAX,
    }
}

/// Whether the chain is whole, without reading all of it at every look.
#[derive(Debug, Default)]
pub struct ChainWatch {
    known: Mutex<Option<(Instant, Head)>>,
}

impl ChainWatch {
    /// Whether the record is whole as far as can be seen; `None` where there is no record.
    pub async fn is_whole(&self, store: &LiveStore) -> Option<bool> {
        let store = match store.get().await {
            Ok(store) => store,
            Err(StoreError::Missing(_)) => return None,
            Err(_) => return Some(false),
        };
        let mut known = self.known.lock().await;
        let fresh = known.take().filter(|(checked, _)| checked.elapsed() < CHECK_ALL_EVERY);
        let (since, from) = fresh.unwrap_or_else(|| (Instant::now(), Head::default()));
        match store.audit().verify(from).await {
            Ok(head) => {
                *known = Some((since, head));
                Some(true)
            }
            Err(error) => {
                if let AuditError::Broken { .. } = error {
                    tracing::error!("{error}; `schoolgate audit verify` says more");
                }
                Some(false)
            }
        }
    }
}
