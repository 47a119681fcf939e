//! `GET /api/v1/openapi.json`: the description of the API (OpenAPI 3.1), open to everybody.
//!
//! It is derived from the handlers and the bodies that they send, and kept in the repository as
//! `admin-api/openapi.json`, so that a change of the API shows in review.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    Response, ResponseBuilder, Type,
};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::App;
use crate::problem::Body;

/// What the whole API has in common.
const ABOUT: &str = "\
What runs on this box, for people with a token (`schoolgate token new`). Times are RFC 3339 in UTC. \
Lists come as `items` and `next`; send `next` as `after` for the next page. Unknown parameters are \
refused. Every error is a problem (RFC 9457) whose `detail` says in words what to do; besides those \
at each resource there are 404 for what does not exist and 405 for what cannot be done with it.";

/// Every problem: name, status, what it means, whether every resource behind such a token has it.
const PROBLEMS: [(&str, &str, &str, bool); 8] = [
    ("BadRequest", "400", "A parameter is missing, unknown or not what it should be.", true),
    ("Unauthorized", "401", "No token, or one that is not known or revoked.", true),
    ("Forbidden", "403", "The token has another scope.", true),
    ("NotFound", "404", "There is nothing at this path.", false),
    ("MethodNotAllowed", "405", "That cannot be done with this resource; `Allow` says what can.", false),
    ("ContentTooLarge", "413", "The body of the request is too large, or of unknown length.", true),
    ("InternalError", "500", "Something went wrong inside; filtering goes on.", true),
    ("Unavailable", "503", "Something that the answer needs cannot be had now; filtering goes on.", true),
];

/// The problems of every resource behind a token of scope `read` or `operate`.
pub(super) struct ReadProblems;

/// The problems of `/metrics`, which has no parameters to be wrong.
pub(super) struct MetricsProblems;

/// The problems of what is open to everybody.
pub(super) struct OpenProblems;

fn refer(keep: impl Fn(&str) -> bool) -> BTreeMap<String, RefOr<Response>> {
    let kept = PROBLEMS.iter().filter(|(_, status, _, is_common)| *is_common && keep(status));
    kept.map(|(name, status, ..)| ((*status).to_owned(), Ref::from_response_name(*name).into())).collect()
}

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refer(|_| true)
    }
}

impl IntoResponses for MetricsProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refer(|status| status != "400")
    }
}

impl IntoResponses for OpenProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refer(|status| ["413", "500"].contains(&status))
    }
}

/// The description of the whole API.
pub(super) fn base() -> OpenApi {
    let mut components = ComponentsBuilder::new().security_scheme(
        "token",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("A token of scope `read`; `/metrics` takes one of scope `metrics` too."))
                .build(),
        ),
    );
    components = components.security_scheme(
        "operator",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("A token of scope `operate`, which opens nothing else."))
                .build(),
        ),
    );
    components = components.schema(Body::name(), Body::schema());
    for (name, status, meaning, _) in PROBLEMS {
        components = components.response(name, problem(status, meaning));
    }
    let tag = |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    let info = InfoBuilder::new().title("schoolgate").version("1").description(Some(ABOUT)).build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components.build()))
        .tags(Some([
            tag("policy", "What is decided, for whom."),
            tag("lists", "Where names come from."),
            tag("state", "How the box is."),
        ]))
        .build()
}

fn problem(status: &str, meaning: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Body::name()))).build();
    let response = ResponseBuilder::new().description(meaning).content("application/problem+json", content);
    let header = |about: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        HeaderBuilder::new().schema(Some(text)).description(Some(about)).build()
    };
    match status {
        "401" => response.header("WWW-Authenticate", header("`Bearer`.")).build(),
        "405" => response.header("Allow", header("The methods that are possible.")).build(),
        _ => response.build(),
    }
}

/// This description
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "state",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object), OpenProblems))]
pub async fn openapi(State(app): State<Arc<App>>) -> ([(header::HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], app.description.clone())
}
