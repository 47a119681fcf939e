//! `POST /api/v1/cache/flush`: makes the box forget what upstream resolvers said of a name, for when a site has
//! moved. It changes nothing that is decided: policy is decided before the cache is looked at.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use blocklists::name::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::description::ReadProblems;
use super::query::{Asked, Parameters};
use crate::problem::Problem;
use crate::store::{Deed, Held, StoreError};

/// What is to be forgotten.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// The name, as a person writes it.
    #[param(min_length = 1, example = "www.example.org")]
    name: String,
    /// Everything below it too; the name alone when left out.
    #[serde(default)]
    subtree: bool,
}

impl Parameters for Wanted {
    const POSSIBLE: &'static str = "Ask with `name`, and `subtree` (`true` or `false`) if needed";
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub struct Flushed {
    /// The name, lower-case, in A-labels.
    name: String,
    /// Whether everything below it was meant too.
    subtree: bool,
    /// How many answers that were.
    answers: u64,
}

/// Forget cached answers
///
/// The next question about the name is asked upstream again. Devices and browsers keep answers of their own for a
/// while.
///
/// # Errors
/// 400 for what is no name; 503 when it cannot be put on record, and then nothing was forgotten.
#[utoipa::path(post, path = "/api/v1/cache/flush", tag = "state",
    params(Wanted),
    responses((status = 200, description = "What was forgotten.", body = Flushed), ReadProblems),
    security(("operator" = ["operate"])))]
pub async fn flush(
    State(app): State<Arc<App>>,
    Extension(held): Extension<Held>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Flushed>, Problem> {
    let name = Name::parse(&wanted.name).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("`{}` is not a name: {error}.", wanted.name))
    })?;
    let subtree = wanted.subtree;
    // On record first: what cannot be put there is not done.
    record(&app, &held, &name, subtree).await.map_err(|error| {
        tracing::warn!(%error, "a flush cannot be put on record");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "This cannot be put into the record of changes, so nothing was forgotten. Filtering goes on as \
             before; the log of schoolgate says what is wrong.",
        )
    })?;
    let answers = app.facts.engine.flush(name.as_ref(), subtree);
    let answers = u64::try_from(answers).unwrap_or(u64::MAX);
    Ok(Json(Flushed { name: name.to_string(), subtree, answers }))
}

async fn record(app: &App, held: &Held, name: &Name, subtree: bool) -> Result<(), StoreError> {
    let deed = Deed {
        actor: format!("token:{}", held.name),
        action: "cache.flush",
        subject: name.to_string(),
        detail: if subtree { "and all below".to_owned() } else { String::new() },
    };
    app.store.get().await?.audit().append(&deed).await.map(drop)
}
