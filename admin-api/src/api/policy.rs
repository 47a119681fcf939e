//! `GET /api/v1/policy`: the policy document that is in force, as JSON or as the file itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use blocklists::masked::masked_text;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::description::ReadProblems;
use super::etag::Known;
use super::query::{Asked, Nothing};
use crate::facts::LiveDocument;
use crate::problem::Problem;

/// The policy in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct Policy {
    /// Number of the revision.
    revision: u64,
    /// Who wrote it: `file`, or `built-in` where no file is configured.
    author: &'static str,
    /// When it came into force.
    #[schema(format = DateTime)]
    at: String,
    /// The document as written (TOML), names and passwords in its addresses as `***`.
    document: String,
}

/// The policy in force
///
/// `Accept: application/toml` gives the file itself. Names, passwords and keys in its addresses are `***`.
///
/// # Errors
/// 503 until the first policy is in force.
#[utoipa::path(get, path = "/api/v1/policy", tag = "policy",
    params(Known),
    responses(
        (status = 200, description = "The policy.", content((Policy = "application/json"), (String = "application/toml")),
            headers(("ETag" = String, description = "Changes with the answer."))),
        (status = 304, description = "As known already."),
        ReadProblems),
    security(("token" = ["read"])))]
pub async fn policy(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    _: Asked<Nothing>,
) -> Result<Response, Problem> {
    let live = app.facts.document().ok_or_else(super::starting)?;
    let LiveDocument { revision, at, author, text } = LiveDocument::clone(&live);
    let text = masked_text(&text);
    let vary = [(header::VARY, "accept")];
    if quality(&headers, "toml") > quality(&headers, "json") {
        return Ok((vary, [(header::CONTENT_TYPE, "application/toml")], text).into_response());
    }
    Ok((vary, Json(Policy { revision, author, at, document: text })).into_response())
}

/// How much `application/<subtype>` is wanted (RFC 9110 section 12.5.1), by the most specific range
/// that covers it.
fn quality(headers: &HeaderMap, subtype: &str) -> f32 {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0, 0.0);
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let specific = match parts.next().unwrap_or_default().to_ascii_lowercase().split_once('/') {
            Some(("application", named)) if named == subtype => 3,
            Some(("application", "*")) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if specific > best.0 {
            best = (specific, weight);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_sent_to_whoever_prefers_it() {
        let wants_toml = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            quality(&headers, "toml") > quality(&headers, "json")
        };
        for accept in [
            "application/toml",
            "application/TOML; q=0.9, application/json;q=0.5",
            "application/toml, */*;q=0.1",
        ] {
            assert!(wants_toml(accept), "{accept}");
        }
        for accept in [
            "*/*",
            "application/*",
            "application/json",
            "text/html",
            "application/toml;q=0.2, */*",
            "",
            ";;,/",
        ] {
            assert!(!wants_toml(accept), "{accept}");
        }
    }
}
