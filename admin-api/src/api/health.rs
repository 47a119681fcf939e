//! `/healthz` (the process runs) and `/readyz` (it answers and filters), open to everybody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::description::OpenProblems;
use super::{App, blocking};
use crate::facts::Facts;
use crate::problem::Problem;

/// The process runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the box filters.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Every DNS address is served, and names are filtered.
    ready: bool,
    /// What was looked at.
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
struct Check {
    /// Its name.
    name: &'static str,
    /// How it is.
    state: Outcome,
    /// The same in words.
    detail: String,
}

/// How a check went. Only `failed` makes the box not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Warning,
    Failed,
}

/// Whether the process runs
#[utoipa::path(get, path = "/healthz", tag = "state",
    responses((status = 200, description = "It runs.", body = Health), OpenProblems))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the box filters
///
/// 200 when every listener is bound and a snapshot with an index filters, else 503. Upstreams,
/// lists, store and reload are shown, but a box with trouble there still filters.
///
/// # Errors
/// 500 when the checks themselves fail.
#[utoipa::path(get, path = "/readyz", tag = "state",
    responses(
        (status = 200, description = "It filters.", body = Readiness),
        (status = 503, description = "It does not filter, or not everywhere.", body = Readiness),
        OpenProblems))]
pub async fn readyz(State(app): State<Arc<App>>) -> Result<(StatusCode, Json<Readiness>), Problem> {
    let facts = Arc::clone(&app.facts);
    let mut checks =
        blocking(move || vec![listeners(), index(&facts), upstream(&facts), lists(&facts), reload(&facts)])
            .await?;
    checks.push(store(&app).await);
    let ready = checks.iter().all(|check| check.state != Outcome::Failed);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(Readiness { ready, checks })))
}

impl Check {
    /// `trouble` is what is wrong, if anything.
    fn new(name: &'static str, weight: Outcome, trouble: Option<String>, fine: &str) -> Self {
        match trouble {
            Some(detail) => Self { name, state: weight, detail },
            None => Self { name, state: Outcome::Ok, detail: fine.to_owned() },
        }
    }
}

/// The facts exist only once all listeners are bound, so this cannot fail here.
fn listeners() -> Check {
    Check::new("listeners", Outcome::Failed, None, "every DNS address is being served")
}

fn index(facts: &Facts) -> Check {
    let snapshot = facts.snapshot();
    let trouble = (!snapshot.is_ready())
        .then(|| "there is no usable index yet; only core names are answered".to_owned());
    let fine = format!("{} names are listed", snapshot.index().entries());
    Check::new("index", Outcome::Failed, trouble, &fine)
}

fn upstream(facts: &Facts) -> Check {
    let servers = facts.engine.live().upstreams().servers();
    let failing: Vec<&str> =
        servers.iter().filter(|server| !server.healthy).map(|server| &*server.server).collect();
    let trouble = match (servers.is_empty(), failing.is_empty()) {
        (true, _) => Some("no upstream server is configured".to_owned()),
        (_, false) => Some(format!("not answering: {}", failing.join(", "))),
        _ => None,
    };
    Check::new("upstream", Outcome::Warning, trouble, "every upstream server answers")
}

fn lists(facts: &Facts) -> Check {
    let trouble = match facts.lists_status() {
        Ok(status) => {
            let bad: Vec<&str> = status
                .items
                .iter()
                .filter(|item| item.state != blocklists_update::State::Ok)
                .map(|item| item.id.as_str())
                .collect();
            (!bad.is_empty()).then(|| format!("not fresh: {}", bad.join(", ")))
        }
        Err(error) => Some(error.to_string()),
    };
    Check::new("lists", Outcome::Warning, trouble, "every block list is fresh")
}

fn reload(facts: &Facts) -> Check {
    let trouble =
        facts.reload_failed().then(|| "the last reload failed; what ran before stays in force".to_owned());
    Check::new("reload", Outcome::Warning, trouble, "the configuration in force is the one on disk")
}

async fn store(app: &App) -> Check {
    let trouble = app.store.get().await.err().map(|error| error.to_string());
    Check::new("store", Outcome::Warning, trouble, "the store can be read")
}
