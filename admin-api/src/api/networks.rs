//! `GET /api/v1/networks`: the school's VLANs and the policy of each.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::description::ReadProblems;
use super::etag::Known;
use super::query::{Asked, Page, Paging};
use crate::problem::Problem;

/// One network.
#[derive(Debug, Serialize, ToSchema)]
pub struct Network {
    /// Its id.
    id: String,
    /// What the school calls it.
    title: Option<String>,
    /// Its subnets; of several networks the longest subnet that holds a client decides.
    subnets: Vec<String>,
    /// Interfaces by which its clients reach the box.
    interfaces: Vec<String>,
    /// Addresses of the box by which its clients reach it.
    listen: Vec<String>,
    /// Id of its policy.
    policy: String,
    /// What proves a device here besides its certificate.
    trusts: Vec<&'static str>,
}

/// The networks
///
/// # Errors
/// 503 until the first policy is in force.
#[utoipa::path(get, path = "/api/v1/networks", tag = "policy",
    params(Paging, Known),
    responses(
        (status = 200, description = "A page of networks.", body = Page<Network>,
            headers(("ETag" = String, description = "Changes with the answer."))),
        (status = 304, description = "As known already."),
        ReadProblems),
    security(("token" = ["read"])))]
pub async fn networks(
    State(app): State<Arc<App>>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Network>>, Problem> {
    let snapshot = app.in_force()?;
    let networks = snapshot.school().networks().iter().map(|network| Network {
        id: network.id.clone(),
        title: network.title.clone(),
        subnets: network.subnets.iter().map(ToString::to_string).collect(),
        interfaces: network.interfaces.clone(),
        listen: network.listen.iter().map(ToString::to_string).collect(),
        policy: snapshot.policy(network.policy).id.clone(),
        trusts: network.trusts_mac.then_some("mac").into_iter().collect(),
    });
    Ok(Json(Page::of(networks, &paging, |network| &network.id)))
}
