//! `GET /api/v1/categories`: every category, what feeds it, and what each policy does with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use blocklists::category::{BUILT_IN, CategoryId};
use blocklists_update::coverage::Coverage;
use policy::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

use super::description::ReadProblems;
use super::etag::Known;
use super::lists::unreadable;
use super::query::{Asked, Page, Paging};
use super::words::{Grade, State as Freshness, Trust, Verb};
use super::{App, blocking};
use crate::problem::Problem;

/// One category.
#[derive(Debug, Serialize, ToSchema)]
pub struct Category {
    /// Its id.
    id: String,
    /// What is special about it.
    kind: Kind,
    /// Whether the product knows it without a block list.
    built_in: bool,
    /// Whether what an answer points at is judged by it too.
    targets: bool,
    /// Ids of the block lists that feed it.
    sources: Vec<String>,
    /// Entries of those lists, a name in two lists counted twice; unknown where a list feeds several
    /// categories.
    entries: Option<u64>,
    /// How well its lists cover it: by a fixed rule, so that nobody takes a category for a promise. A
    /// waiting room is covered as its category is.
    coverage: Grade,
    /// Why it is covered no better.
    coverage_why: String,
    /// The lists that cover it, with the terms under which their authors give them.
    covered_by: Vec<Covering>,
    /// What each policy does with it, by the policy's id; empty for a locked category, which every
    /// policy blocks.
    verbs: BTreeMap<String, Verb>,
}

/// A block list that covers a category.
#[derive(Debug, Serialize, ToSchema)]
pub struct Covering {
    /// Its id.
    id: String,
    /// Under which terms its authors give it; nothing when nobody wrote it down.
    licence: Option<String>,
    /// Where it is from.
    location: String,
    /// How far it is believed alone.
    trust: Trust,
    /// How the last attempt to have it went.
    state: Freshness,
    /// Its entries; nothing where it feeds several categories.
    entries: Option<u64>,
    /// Seconds since it was last had whole; nothing for what came with the program.
    age_seconds: Option<u64>,
    /// Whether it counts as fresh: had within a week, changed within a year.
    fresh: bool,
}

/// What is special about a category.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Illegal, always blocked: no policy has a say.
    Locked,
    /// A name needs a list of trust `core`, or two lists, to be in it.
    Strict,
    /// Names of a strict category that one list alone has.
    Unconfirmed,
    /// Nothing.
    Ordinary,
}

/// The categories
///
/// # Errors
/// 503 until the first policy is in force, and when the lists directory cannot be read.
#[utoipa::path(get, path = "/api/v1/categories", tag = "policy",
    params(Paging, Known),
    responses(
        (status = 200, description = "A page of categories.", body = Page<Category>,
            headers(("ETag" = String, description = "Changes with the answer."))),
        (status = 304, description = "As known already."),
        ReadProblems),
    security(("token" = ["read"])))]
pub async fn categories(
    State(app): State<Arc<App>>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Category>>, Problem> {
    let snapshot = app.in_force()?;
    let declared = snapshot.school().sources().iter().filter_map(|source| source.category.clone());
    let known: BTreeSet<CategoryId> = BUILT_IN
        .iter()
        .filter_map(|id| CategoryId::new(id))
        .chain(declared)
        .chain(snapshot.categories().iter().cloned())
        .collect();
    let facts = Arc::clone(&app.facts);
    let lists = blocking(move || facts.lists()).await?.map_err(|error| unreadable(&error))?;
    let coverage = blocking(move || lists.coverage()).await?;
    let categories = known.iter().map(|id| category(&snapshot, &coverage, id));
    Ok(Json(Page::of(categories, &paging, |category| &category.id)))
}

fn category(snapshot: &Snapshot, coverage: &[Coverage], id: &CategoryId) -> Category {
    let school = snapshot.school();
    let kind = match id {
        id if school.is_locked(id) => Kind::Locked,
        id if id.is_strict() => Kind::Strict,
        id if id.confirmed().is_some() => Kind::Unconfirmed,
        _ => Kind::Ordinary,
    };
    let fed_by = id.confirmed();
    let fed_by = fed_by.as_ref().unwrap_or(id);
    let feeds = snapshot.index().sources().iter().filter(|source| {
        source.source.category.as_ref() == Some(fed_by) || source.report.categories.contains(fed_by)
    });
    let is_whole = |source: &&blocklists::index::IndexedSource| source.source.category.is_some();
    let is_counted =
        !matches!(kind, Kind::Strict | Kind::Unconfirmed) && feeds.clone().all(|source| is_whole(&source));
    let covered = coverage.iter().find(|covered| covered.category == *fed_by);
    let verbs = match kind {
        Kind::Locked => BTreeMap::new(),
        _ => school.policies().iter().map(|policy| (policy.id.clone(), policy.verb(id).into())).collect(),
    };
    Category {
        id: id.to_string(),
        built_in: id.is_built_in(),
        targets: school.judges_targets(id),
        sources: feeds.clone().map(|source| source.source.id.clone()).collect(),
        entries: is_counted.then(|| feeds.map(|source| source.report.entries).sum()),
        coverage: covered.map_or(Grade::None, |covered| covered.grade.into()),
        coverage_why: covered.map_or_else(|| "no list feeds it".to_owned(), |covered| covered.why.clone()),
        covered_by: covered.iter().flat_map(|covered| covered.sources.iter().map(Covering::from)).collect(),
        verbs,
        kind,
    }
}

impl From<&blocklists_update::coverage::Covering> for Covering {
    fn from(source: &blocklists_update::coverage::Covering) -> Self {
        Self {
            id: source.id.clone(),
            licence: source.licence.clone(),
            location: source.location.clone(),
            trust: source.trust.into(),
            state: source.state.into(),
            entries: source.entries,
            age_seconds: source.age_seconds,
            fresh: source.fresh,
        }
    }
}
