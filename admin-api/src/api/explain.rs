//! `GET /api/v1/explain`: why a name is answered as it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;

use super::description::ReadProblems;
use super::lists::unreadable;
use super::query::Asked;
use super::question::Question;
use super::{App, blocking};
use crate::explain::{ExplainError, ExplainRequest, Explanation, Records, Subject, explain as explain_name};
use crate::problem::Problem;

/// Why a name is answered as it is
///
/// The same as `schoolgate explain --json`. Nothing is asked upstream, and nothing is counted. Of what is
/// always blocked nothing more is told than that it is illegal.
///
/// # Errors
/// 400 for a name, address, type or time that is none, and for a moment of whose lists nothing is known.
#[utoipa::path(get, path = "/api/v1/explain", tag = "policy", params(Question),
    responses((status = 200, description = "The decision, and how it came about.", body = Explanation), ReadProblems),
    security(("token" = ["read"])))]
pub async fn explain(
    State(app): State<Arc<App>>,
    Asked(parameters): Asked<Question>,
) -> Result<Json<Explanation>, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let client = parameters.client.as_deref().unwrap_or("127.0.0.1");
    let client = client.parse().map_err(|_| bad(format!("`{client}` is not the IP address of a device.")))?;
    let request = ExplainRequest {
        name: parameters.name,
        subject: Subject::Client(client),
        rtype: parameters.r#type.unwrap_or_else(|| "A".to_owned()),
        at: parameters.at,
        as_of: parameters.as_of,
    };
    // A bare day is for the command line: here the caller says which moment of whose day is meant.
    if let Some(text) = request.as_of.as_ref().filter(|text| text.parse::<Timestamp>().is_err()) {
        return Err(bad(format!("{}.", ExplainError::Time(text.clone()))));
    }
    let explained = blocking(move || {
        let lists = app.facts.lists().map_err(|error| unreadable(&error))?;
        let records = Records { lists: &lists, used_here: &app.facts.used_here() };
        explain_name(&app.facts.snapshot(), records, &request)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("{error}.")))
    });
    explained.await?.map(Json)
}
