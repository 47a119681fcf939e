//! What may stand behind the `?` of a request: read strictly, so that a mistyped parameter is told
//! and not ignored; and long lists in pages.

use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Items of a page where the request does not say.
const LIMIT_DEFAULT: u16 = 100;
/// Most items of a page.
const LIMIT_MAX: u16 = 500;

/// The parameters of a request.
pub struct Asked<T>(pub T);

/// Parameters that can be told in a sentence when they were written wrongly.
pub trait Parameters: DeserializeOwned {
    /// What is possible, as the beginning of a sentence.
    const POSSIBLE: &'static str;
}

impl<T: Parameters, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("{}: {}.", T::POSSIBLE, rejection.body_text()),
            )),
        }
    }
}

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Parameters for Nothing {
    const POSSIBLE: &'static str = "Ask without parameters";
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Most items of the page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 100)]
    limit: Option<Limit>,
    /// `next` of the page before; items come in the order of their ids.
    after: Option<String>,
}

impl Paging {
    /// Most items of the page.
    pub fn limit(&self) -> u16 {
        self.limit.map_or(LIMIT_DEFAULT, |Limit(limit)| limit)
    }

    /// The `next` of the page before.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

impl Parameters for Paging {
    const POSSIBLE: &'static str =
        "Ask with `limit` (1 to 500) and `after` (the `next` of the page before), or with neither";
}

/// From 1 to [`LIMIT_MAX`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
struct Limit(u16);

impl TryFrom<u16> for Limit {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        let good = (1..=LIMIT_MAX).contains(&number);
        good.then_some(Self(number)).ok_or_else(|| format!("{number} is not between 1 and {LIMIT_MAX}"))
    }
}

/// One page of a list.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, by id.
    items: Vec<T>,
    /// What to send as `after` for the next page; nothing on the last one.
    #[schema(required)]
    next: Option<String>,
}

impl<T> Page<T> {
    /// The page that was asked for. Ids are unique, so that items which come or go between two
    /// pages neither repeat nor hide others.
    pub fn of(all: impl IntoIterator<Item = T>, paging: &Paging, id: impl Fn(&T) -> &str) -> Self {
        let after = |item: &T| paging.after.as_deref().is_none_or(|after| id(item) > after);
        let mut items: Vec<T> = all.into_iter().filter(after).collect();
        items.sort_by(|one, other| id(one).cmp(id(other)));
        Self::cut(items, paging, |item| id(item).to_owned())
    }

    /// The page of items that come after the one before already, in order, and are at least one
    /// more than the page holds where there are more.
    pub fn cut(mut items: Vec<T>, paging: &Paging, id: impl Fn(&T) -> String) -> Self {
        let limit = usize::from(paging.limit());
        let is_last = items.len() <= limit;
        items.truncate(limit);
        let next = items.last().filter(|_| !is_last).map(id);
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let all = || ["d", "a", "c", "b", "e"];
        let page = |limit, after: Option<&str>| {
            let paging = Paging { limit: Some(Limit(limit)), after: after.map(str::to_owned) };
            Page::of(all(), &paging, |item| item)
        };
        let next = |next: &str| Some(next.to_owned());
        assert_eq!(page(2, None), Page { items: vec!["a", "b"], next: next("b") });
        assert_eq!(page(2, Some("b")), Page { items: vec!["c", "d"], next: next("d") });
        assert_eq!(page(2, Some("d")), Page { items: vec!["e"], next: None });
        assert_eq!(page(5, None).next, None, "a page that is just full is the last one");
        assert_eq!(page(5, Some("bb")).items, ["c", "d", "e"], "the item before may be gone");
        assert!(page(5, Some("e")).items.is_empty());
    }

    #[test]
    fn a_limit_has_bounds() {
        for (number, good) in [(0, false), (1, true), (500, true), (501, false)] {
            assert_eq!(Limit::try_from(number).is_ok(), good, "{number}");
        }
    }
}
