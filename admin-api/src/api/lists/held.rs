//! What is held back, what opened, and the feeds of illegal content, as the API tells them.

use blocklists_update::held::{HeldBack, Opened};
use blocklists_update::locked;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::words::Light;

/// A slot for a list of illegal content. Nothing of what it holds is ever shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct LockedFeed {
    /// The category.
    category: String,
    /// What it is for.
    title: String,
    /// Whose list belongs there, and under which terms.
    licence: String,
    /// Green only when a feed is loaded and fresh; that it is the licensed one, the school must know.
    status: Light,
    /// Why, as a sentence.
    why: String,
    /// How many block lists feed it.
    sources: u64,
    /// Their entries together.
    entries: u64,
    /// Seconds since the one that was had longest ago was had; nothing without one.
    age_seconds: Option<u64>,
}

/// A name that a block list newly blocks and that this school uses.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldName {
    /// The name.
    name: String,
    /// With everything below it.
    subtree: bool,
    /// The category that it stays out of until then.
    category: String,
    /// The block list that lists it.
    source: String,
    /// Since when it is held back.
    since: Timestamp,
    /// Then it is in force, whether anybody looked or not.
    until: Timestamp,
    /// On how many of the last thirty days it was used.
    days_used: u32,
}

/// A name in use that an update opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenedName {
    /// The name.
    name: String,
    /// With everything below it.
    subtree: bool,
    /// The category that it left.
    category: String,
    /// The block list that listed it.
    source: String,
    /// When.
    at: Timestamp,
    /// On how many of the last thirty days it was used.
    days_used: u32,
}

impl From<locked::LockedFeed> for LockedFeed {
    fn from(feed: locked::LockedFeed) -> Self {
        Self {
            category: feed.category.into(),
            title: feed.title,
            licence: feed.licence,
            status: feed.status.into(),
            why: feed.why,
            sources: u64::try_from(feed.sources).unwrap_or(u64::MAX),
            entries: feed.entries,
            age_seconds: feed.age_seconds,
        }
    }
}

impl From<HeldBack> for HeldName {
    fn from(held: HeldBack) -> Self {
        Self {
            name: held.covered.name,
            subtree: held.covered.subtree,
            category: held.category.into(),
            source: held.source,
            since: held.since,
            until: held.until,
            days_used: held.days_used,
        }
    }
}

impl From<Opened> for OpenedName {
    fn from(opened: Opened) -> Self {
        Self {
            name: opened.covered.name,
            subtree: opened.covered.subtree,
            category: opened.category.into(),
            source: opened.source,
            at: opened.at,
            days_used: opened.days_used,
        }
    }
}
