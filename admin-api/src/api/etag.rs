//! Entity tags (RFC 9110 sections 8.8.3 and 13.1.2): whoever holds what would be sent is told so
//! in a few bytes.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use crate::problem::Problem;

/// Octets of the digest that become the tag.
const TAG_OCTETS: usize = 16;

/// The header as the description has it; read is the request's own.
#[expect(dead_code, reason = "it only describes")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Known {
    /// `ETag` of what is known already.
    #[param(rename = "If-None-Match", value_type = String, required = false)]
    if_none_match: Option<String>,
}

/// Adds an `ETag` to what was found, and answers 304 to whoever has it.
///
/// # Errors
/// 500 when our own body cannot be read.
pub async fn etag(request: Request, next: Next) -> Result<Response, Problem> {
    let asked = request.headers().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    // The body is our own and in memory already: it needs no bound here.
    let body = to_bytes(body, usize::MAX).await.map_err(|error| {
        tracing::error!(%error, "an answer of the API cannot be read");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The answer could not be put together.")
    })?;
    let tag = tag(parts.headers.get(header::CONTENT_TYPE), &body);
    let is_known = holds(&asked, &tag);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if is_known {
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Ok((StatusCode::NOT_MODIFIED, parts.headers).into_response());
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// A strong tag: one for each representation, and another one when a byte changes.
fn tag(content_type: Option<&HeaderValue>, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(content_type.map_or(&[][..], HeaderValue::as_bytes));
    digest.update([0]);
    digest.update(body);
    let hex =
        digest.finalize().iter().take(TAG_OCTETS).map(|octet| format!("{octet:02x}")).collect::<String>();
    format!("\"{hex}\"")
}

/// Whether the asker holds this tag; weak and strong ones are compared alike, as for GET they are.
fn holds(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_by_any_way_of_writing_it() {
        let json = HeaderValue::from_static("application/json");
        let tag = tag(Some(&json), b"{}");
        assert_ne!(tag, super::tag(None, b"{}"));
        let held = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            holds(&headers, &tag)
        };
        assert!(held(&tag) && held(&format!("W/{tag}")) && held(&format!("\"x\", {tag}")) && held("*"));
        assert!(!held("\"x\"") && !held("") && !held(tag.trim_matches('"')));
    }
}
