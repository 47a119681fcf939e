//! `GET /api/v1/cache`: how full the cache of answers is, and how much it helps.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::description::ReadProblems;
use super::query::{Asked, Nothing};

/// The cache; counts are since the start of the program.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cache {
    /// Answers in it.
    entries: u64,
    /// Bytes that they take.
    bytes: u64,
    /// Look-ups that it answered.
    hits: u64,
    /// Look-ups that it could not answer.
    misses: u64,
}

/// The cache of answers
#[utoipa::path(get, path = "/api/v1/cache", tag = "state",
    responses((status = 200, description = "The cache.", body = Cache), ReadProblems),
    security(("token" = ["read"])))]
pub async fn cache(State(app): State<Arc<App>>, _: Asked<Nothing>) -> Json<Cache> {
    let size = app.facts.engine.cache_size();
    let reading = app.facts.engine.counters().read();
    Json(Cache {
        entries: size.entries,
        bytes: size.bytes,
        hits: reading.cache_hits,
        misses: reading.cache_misses,
    })
}
