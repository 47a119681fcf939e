//! `GET /api/v1/policies`: every policy with its settings and site decisions. Its verbs are told by
//! category: see `categories`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::description::ReadProblems;
use super::etag::Known;
use super::query::{Asked, Page, Paging};
use super::words::{Action, BlockAnswer, HttpsRecords, YouTube};
use crate::problem::Problem;

/// One policy, with everything that it takes from others resolved.
#[derive(Debug, Serialize, ToSchema)]
pub struct Profile {
    /// Its id.
    id: String,
    /// What the school calls it.
    title: String,
    /// What happens to a name of no category.
    default: Action,
    /// Whether the school's own names are answered.
    local: bool,
    /// Whether search engines are sent to their safe variant.
    safe_search: bool,
    /// YouTube's restricted mode.
    youtube: YouTube,
    /// What happens to search engines without a safe variant.
    unsafe_search_engines: Action,
    /// What happens to HTTPS records.
    https_records: HttpsRecords,
    /// How a block is answered.
    block_answer: BlockAnswer,
    /// Longest life of any answer in seconds.
    max_ttl: u32,
    /// Site decisions.
    rules: Vec<SiteDecision>,
}

/// A permanent decision about one site.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteDecision {
    /// Allow or block.
    action: Action,
    /// The name, which covers everything below; `=name` is this name only.
    name: String,
    /// Id of the policy that declares it.
    policy: String,
    /// Why, in the school's words.
    reason: Option<String>,
    /// Who answers for it.
    owner: Option<String>,
    /// When it is looked at again.
    review: Option<String>,
}

/// The policies
///
/// # Errors
/// 503 until the first policy is in force.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policy",
    params(Paging, Known),
    responses(
        (status = 200, description = "A page of policies.", body = Page<Profile>,
            headers(("ETag" = String, description = "Changes with the answer."))),
        (status = 304, description = "As known already."),
        ReadProblems),
    security(("token" = ["read"])))]
pub async fn policies(
    State(app): State<Arc<App>>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Profile>>, Problem> {
    let snapshot = app.in_force()?;
    let policies = snapshot.school().policies().iter().map(|policy| Profile {
        id: policy.id.clone(),
        title: policy.title.clone(),
        default: policy.default.into(),
        local: policy.local,
        safe_search: policy.safe_search,
        youtube: policy.youtube.into(),
        unsafe_search_engines: policy.unsafe_search_engines.into(),
        https_records: policy.https_records.into(),
        block_answer: policy.block_answer.into(),
        max_ttl: policy.max_ttl,
        rules: policy.rules.iter().filter_map(|&number| snapshot.rule(number)).map(site_decision).collect(),
    });
    Ok(Json(Page::of(policies, &paging, |policy| &policy.id)))
}

fn site_decision(rule: &policy::Rule) -> SiteDecision {
    let only = if rule.covers.subtree { "" } else { "=" };
    SiteDecision {
        action: rule.action.into(),
        name: format!("{only}{}", rule.covers.name),
        policy: rule.policy.clone(),
        reason: rule.reason.clone(),
        owner: rule.owner.clone(),
        review: rule.review.clone(),
    }
}
