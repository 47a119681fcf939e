//! `GET /api/v1/sources`: the block lists as the policy declares them, each with its state.
//!
//! `lists` tells what the index in force was compiled from; this tells what is wanted. The two
//! differ between a changed policy and the next update.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use blocklists_update::SourceStatus;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::description::ReadProblems;
use super::lists::{WaitingContent, unreadable};
use super::query::{Asked, Page, Paging};
use super::words::{Format, Span, State as Freshness, Trust};
use super::{App, blocking};
use crate::problem::Problem;

/// One block list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Source {
    /// Its id.
    id: String,
    /// The category that it feeds; nothing where its folders feed many.
    category: Option<String>,
    /// For `ut1`: folder to category, before the built-in map.
    map: BTreeMap<String, String>,
    /// How it is written.
    format: Format,
    /// Where it is: a path, a URL, or `built in`.
    location: String,
    /// What a plain name of it covers.
    r#match: Span,
    /// How far it is believed alone.
    trust: Trust,
    /// Under which terms its authors give it.
    licence: Option<String>,
    /// How fresh it is; `missing` until an update has tried it.
    state: Freshness,
    /// Rules taken from the copy in force.
    entries: u64,
    /// When an update last tried it.
    checked_at: Option<Timestamp>,
    /// When its content last changed.
    changed_at: Option<Timestamp>,
    /// Seconds since it was last had whole.
    age_seconds: Option<u64>,
    /// Seconds between two looks at what is fetched; nothing for what is on this machine.
    refresh_seconds: Option<u64>,
    /// When it is looked at next.
    next_check_at: Option<Timestamp>,
    /// New content that is fit to use and not in force yet.
    waiting: Option<WaitingContent>,
    /// Why it is not `ok`.
    error: Option<String>,
}

/// The declared block lists
///
/// # Errors
/// 503 until the first policy is in force, or when the lists directory cannot be read.
#[utoipa::path(get, path = "/api/v1/sources", tag = "lists", params(Paging),
    responses((status = 200, description = "A page of block lists.", body = Page<Source>), ReadProblems),
    security(("token" = ["read"])))]
pub async fn sources(
    State(app): State<Arc<App>>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Source>>, Problem> {
    let snapshot = app.in_force()?;
    let facts = Arc::clone(&app.facts);
    let status = blocking(move || facts.lists_status()).await?.map_err(|error| unreadable(&error))?;
    let mut known: BTreeMap<String, SourceStatus> =
        status.items.into_iter().map(|item| (item.id.clone(), item)).collect();
    let school = snapshot.school();
    let refresh = |source: &blocklists::source::Source| {
        let fetched = matches!(source.location, blocklists::source::Location::Url(_));
        fetched.then(|| school.upkeep().get(&source.id).cloned().unwrap_or_default().refresh.as_secs())
    };
    let sources =
        school.sources().iter().map(|source| told(source, refresh(source), known.remove(&source.id)));
    Ok(Json(Page::of(sources, &paging, |source| &source.id)))
}

fn told(
    source: &blocklists::source::Source,
    refresh_seconds: Option<u64>,
    known: Option<SourceStatus>,
) -> Source {
    Source {
        id: source.id.clone(),
        category: source.category.as_ref().map(ToString::to_string),
        map: source.map.iter().map(|(folder, category)| (folder.clone(), category.to_string())).collect(),
        format: source.format.into(),
        location: source.location.to_string(),
        r#match: source.span.unwrap_or(source.format.span()).into(),
        trust: source.trust.into(),
        licence: source.licence.clone(),
        state: known.as_ref().map_or(Freshness::Missing, |known| known.state.into()),
        entries: known.as_ref().map_or(0, |known| known.entries),
        checked_at: known.as_ref().and_then(|known| known.checked_at),
        changed_at: known.as_ref().and_then(|known| known.changed_at),
        age_seconds: known.as_ref().and_then(|known| known.age_seconds),
        refresh_seconds,
        next_check_at: known.as_ref().and_then(|known| known.next_at),
        waiting: known.as_ref().and_then(|known| known.waiting.clone()).map(WaitingContent::from),
        error: known.and_then(|known| known.error),
    }
}
