//! `GET /api/v1/lists`: the index and every source, what is held back, and the feeds of illegal content.

mod held;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use blocklists_update::{IndexStatus, Overview, SourceStatus, UpdateError, WaitingStatus};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::description::ReadProblems;
use super::query::{Asked, Nothing};
use super::words::{Format, State as Freshness, Trust};
use super::{App, blocking};
use crate::problem::Problem;
use held::{HeldName, LockedFeed, OpenedName};

/// The index in force, and the block lists of the last update.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lists {
    /// The index in force; nothing before the first update.
    index: Option<Index>,
    /// Every block list of the last update, in its order.
    items: Vec<List>,
    /// The slots of illegal content, licensed feeds or none.
    locked_feeds: Vec<LockedFeed>,
    /// Names that lists newly block and lessons use: not in force yet.
    held: Vec<HeldName>,
    /// Names in use that an update opened, of the last thirty days.
    opened: Vec<OpenedName>,
    /// Names that the last update would have held back, had there been room.
    not_held: u64,
    /// Patterns that the last update brought: nothing that they block is held back.
    patterns_not_held: u64,
}

/// The compiled form of all block lists.
#[derive(Debug, Serialize, ToSchema)]
pub struct Index {
    /// SHA-256 of its bytes, in hex.
    id: String,
    /// When it was compiled; nothing when the note of it is lost.
    compiled_at: Option<Timestamp>,
    /// Different names listed.
    entries: u64,
    /// Bytes in memory.
    bytes: u64,
    /// Counts up with every new index of this box.
    generation: u64,
}

/// One block list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List {
    /// Its id.
    id: String,
    /// The category that it feeds; nothing where its folders feed many.
    category: Option<String>,
    /// How it is written.
    format: Format,
    /// Where it is: a path, a URL, or `built in`.
    location: String,
    /// Under which terms its authors give it.
    licence: Option<String>,
    /// How far it is believed alone.
    trust: Trust,
    /// How fresh it is.
    state: Freshness,
    /// Rules taken from the copy in force.
    entries: u64,
    /// Its lines in no known form.
    rejected_lines: u64,
    /// Entries left out because schools need what they would block.
    dropped: u64,
    /// Its lines that DNS cannot enforce.
    not_enforceable: u64,
    /// Lines of a known form that mean nothing here, by kind: modifiers, options, record types.
    unsupported: BTreeMap<String, u64>,
    /// Entries that hold for more types than they say, or whose block is answered as the policy answers:
    /// there are more kinds of entries than one index tells apart.
    widened: u64,
    /// For `ut1`: folders that feed no category.
    unmapped: Vec<String>,
    /// How many of the entries are addresses, for answers that lead there.
    addresses: u64,
    /// When an update last tried it.
    checked_at: Option<Timestamp>,
    /// When its content last changed.
    changed_at: Option<Timestamp>,
    /// Seconds since it was last had whole; nothing when never.
    age_seconds: Option<u64>,
    /// When it is looked at next; nothing for what is on this machine, which is watched.
    next_check_at: Option<Timestamp>,
    /// Attempts that failed since it was last had.
    failures: u32,
    /// New content that is fit to use and not in force yet.
    waiting: Option<WaitingContent>,
    /// Why it is not `ok`.
    error: Option<String>,
    /// Bad lines; none are shown of locked lists.
    samples: Vec<BadLine>,
}

/// New content of a block list that waits for its hour, so that no lesson is disturbed.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingContent {
    /// When it came.
    since: Timestamp,
    /// When it goes live.
    until: Timestamp,
    /// Lines that it has and the content in force has not.
    added: u64,
    /// Lines that the content in force has and it has not.
    removed: u64,
}

/// A line that could not be taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct BadLine {
    /// File inside the list; empty when the list is a single file.
    file: String,
    /// Line number, from 1.
    #[schema(minimum = 1)]
    line: u64,
    /// What is wrong with it.
    why: String,
}

/// The block lists in force
///
/// Bad lines of locked lists are never shown.
///
/// # Errors
/// 503 when the lists directory cannot be read.
#[utoipa::path(get, path = "/api/v1/lists", tag = "lists",
    responses((status = 200, description = "The index and the block lists.", body = Lists), ReadProblems),
    security(("token" = ["read"])))]
pub async fn lists(State(app): State<Arc<App>>, _: Asked<Nothing>) -> Result<Json<Lists>, Problem> {
    let overview = blocking(move || app.facts.lists_overview()).await?;
    overview.map(|overview| Json(overview.into())).map_err(|error| unreadable(&error))
}

/// The lists directory cannot be read.
pub(super) fn unreadable(error: &UpdateError) -> Problem {
    tracing::warn!(%error, "the lists directory cannot be read");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The block lists on this box cannot be read.")
}

impl From<Overview> for Lists {
    fn from(overview: Overview) -> Self {
        let Overview { status, locked_feeds, held, opened, not_held, patterns_not_held } = overview;
        let index = status.index.map(|IndexStatus { id, compiled_at, entries, bytes, generation }| Index {
            id,
            compiled_at,
            entries,
            bytes,
            generation,
        });
        Self {
            index,
            items: status.items.into_iter().map(List::from).collect(),
            locked_feeds: locked_feeds.into_iter().map(LockedFeed::from).collect(),
            held: held.into_iter().map(HeldName::from).collect(),
            opened: opened.into_iter().map(OpenedName::from).collect(),
            not_held,
            patterns_not_held,
        }
    }
}

impl From<WaitingStatus> for WaitingContent {
    fn from(waiting: WaitingStatus) -> Self {
        let WaitingStatus { since, until, added, removed } = waiting;
        Self { since, until, added, removed }
    }
}

impl From<SourceStatus> for List {
    fn from(known: SourceStatus) -> Self {
        let samples = known.samples.into_iter();
        Self {
            id: known.id,
            category: known.category.map(String::from),
            format: known.format.into(),
            location: known.location,
            licence: known.licence,
            trust: known.trust.into(),
            state: known.state.into(),
            entries: known.entries,
            rejected_lines: known.rejected_lines,
            dropped: known.dropped,
            not_enforceable: known.not_enforceable,
            unsupported: known.unsupported,
            widened: known.widened,
            unmapped: known.unmapped,
            addresses: known.addresses,
            checked_at: known.checked_at,
            changed_at: known.changed_at,
            age_seconds: known.age_seconds,
            next_check_at: known.next_at,
            failures: known.failures,
            waiting: known.waiting.map(WaitingContent::from),
            error: known.error,
            samples: samples.map(|bad| BadLine { file: bad.file, line: bad.line, why: bad.why }).collect(),
        }
    }
}
