//! The resources of the API, one file each, and the router that puts them together.

mod audit;
mod cache;
mod categories;
mod description;
mod etag;
mod explain;
mod flush;
mod health;
mod lists;
mod metrics;
mod networks;
mod policies;
mod policy;
mod query;
mod question;
mod sources;
mod words;

use std::sync::Arc;

use ::policy::Snapshot;
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth;
use crate::facts::Facts;
use crate::problem::Problem;
use crate::store::LiveStore;

/// Largest body of a request, in octets. Nothing that is asked for today has one.
pub const BODY_OCTETS_MAX: u64 = 64 << 10;

/// What every handler can reach.
pub struct App {
    pub(crate) facts: Arc<Facts>,
    pub(crate) store: LiveStore,
    chain: audit::ChainWatch,
    /// The description of the API, as JSON.
    description: String,
}

impl App {
    /// What is in force.
    ///
    /// # Errors
    /// 503 while nothing is: the built-in stand-in that refuses everything is not the school's.
    fn in_force(&self) -> Result<Arc<Snapshot>, Problem> {
        let snapshot = self.facts.snapshot();
        if snapshot.is_ready() { Ok(snapshot) } else { Err(starting()) }
    }
}

/// Nothing is in force yet.
fn starting() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "No policy is in force yet: the box is starting, or has no usable index of block lists. \
         `/readyz` says more.",
    )
}

/// Some routes, with their description.
type Routes = OpenApiRouter<Arc<App>>;

/// Open to everybody.
fn open() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(description::openapi))
}

/// Behind any token, or open where it is set so.
fn scraped() -> Routes {
    OpenApiRouter::new().routes(routes!(metrics::metrics))
}

/// Behind a token of scope `read`; different at every look.
fn moving() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(explain::explain))
        .routes(routes!(lists::lists))
        .routes(routes!(sources::sources))
        .routes(routes!(cache::cache))
        .routes(routes!(audit::audit))
}

/// Behind a token of scope `read`; the same until somebody changes something.
fn standing() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(policy::policy))
        .routes(routes!(networks::networks))
        .routes(routes!(policies::policies))
        .routes(routes!(categories::categories))
}

/// Behind a token of scope `operate`; each leaves an entry in the record of changes.
fn deeds() -> Routes {
    OpenApiRouter::new().routes(routes!(flush::flush))
}

/// The description of the API (OpenAPI 3.1) as JSON, with a newline at the end.
///
/// # Errors
/// When it cannot be written, which a test rules out.
pub fn description() -> Result<String, serde_json::Error> {
    let parts = [open(), scraped(), moving(), standing(), deeds()];
    let merge = |mut whole: OpenApi, part: Routes| {
        whole.merge(part.into_openapi());
        whole
    };
    let whole = parts.into_iter().fold(description::base(), merge);
    serde_json::to_string_pretty(&whole).map(|text| text + "\n")
}

/// All routes.
///
/// # Errors
/// As for [`description`].
pub(crate) fn router(facts: Arc<Facts>) -> Result<Router, serde_json::Error> {
    let store = LiveStore::new(facts.data.clone());
    let app =
        Arc::new(App { facts, store, chain: audit::ChainWatch::default(), description: description()? });
    let metrics = scraped().route_layer(from_fn_with_state(Arc::clone(&app), auth::metrics));
    let read = moving()
        .merge(standing().route_layer(from_fn(etag::etag)))
        .route_layer(from_fn_with_state(Arc::clone(&app), auth::read));
    let operate = deeds().route_layer(from_fn_with_state(Arc::clone(&app), auth::operate));
    let router = Router::from(open().merge(metrics).merge(read).merge(operate))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(limit_body))
        .with_state(app);
    Ok(router)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("There is nothing at {}.", uri.path()))
}

async fn method_not_allowed(request: Request) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} is not possible at {}.", request.method(), request.uri().path()),
    )
}

/// Turns requests away whose body is, or may be, larger than any that makes sense here.
async fn limit_body(request: Request, next: Next) -> Result<Response, Problem> {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let unknown = headers.contains_key(header::TRANSFER_ENCODING);
    if unknown || length.is_some_and(|length: u64| length > BODY_OCTETS_MAX) {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body of a request may have {BODY_OCTETS_MAX} bytes, and its length must be known."),
        ));
    }
    Ok(next.run(request).await)
}

/// Runs what reads files beside the thread that serves everybody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a request of the API failed");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong inside; filtering goes on. The log of schoolgate says more.",
        )
    })
}
