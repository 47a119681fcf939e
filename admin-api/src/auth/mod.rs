//! Who may ask the API: bearer tokens (RFC 6750) and their scopes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::api::App;
use crate::problem::Problem;
use crate::store::{Held, Scope};

/// Lets requests through that carry a token of scope `read`.
///
/// # Errors
/// A [`Problem`]: 401 without a valid token, 403 without the scope, 503 without a store.
pub async fn read(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Problem> {
    require(&app, request.headers(), Scope::Read).await?;
    Ok(next.run(request).await)
}

/// Lets requests through that carry any token; all of them where metrics are open.
///
/// # Errors
/// As for [`read`].
pub async fn metrics(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Problem> {
    if !app.facts.metrics_open {
        require(&app, request.headers(), Scope::Metrics).await?;
    }
    Ok(next.run(request).await)
}

/// Lets requests through that carry a token of scope `operate`, and tells the handler whose it is.
///
/// # Errors
/// As for [`read`].
pub async fn operate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let held = require(&app, request.headers(), Scope::Operate).await?;
    request.extensions_mut().insert(held);
    Ok(next.run(request).await)
}

async fn require(app: &App, headers: &HeaderMap, needed: Scope) -> Result<Held, Problem> {
    let token = bearer(headers).ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "This needs a token: send it as `Authorization: Bearer <token>`. \
             `schoolgate token new` on the box makes one.",
        )
    })?;
    let checked = match app.store.get().await {
        Ok(store) => store.tokens().check(token).await,
        Err(error) => Err(error),
    };
    let held = checked.map_err(|error| {
        tracing::warn!(%error, "a token could not be checked");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The token cannot be checked, because the box's store cannot be read. Filtering goes \
             on as before; the log of schoolgate says what is wrong.",
        )
    })?;
    match held {
        None => {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "The token is not known, or it has been revoked."))
        }
        Some(held) if held.scope.covers(needed) => Ok(held),
        Some(held) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("This needs a token of scope `{needed}`; this one has scope `{}`.", held.scope),
        )),
    }
}

/// The token of `Authorization: Bearer <token>`; the scheme's case does not matter (RFC 9110
/// section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_credentials_are_read() {
        let token = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer sg_x").as_deref(), Some("sg_x"));
        assert_eq!(token("bearer  sg_x ").as_deref(), Some("sg_x"));
        for wrong in ["sg_x", "Basic sg_x", "Bearer", "Bearer "] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
