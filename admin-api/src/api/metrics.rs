//! `/metrics`: the box in numbers, for Prometheus. No client and no name is ever a label.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use blocklists_update::{State as ListState, Status};
use resolver::counters::BUCKETS_MICROS;
use resolver::upstream::{BOUNDS_MS, ServerStats};

use super::description::MetricsProblems;
use super::{App, blocking};
use crate::exposition::Page;
use crate::facts::Facts;
use crate::problem::Problem;

/// The content type of the text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The box in numbers, for Prometheus
///
/// Open without a token where `[admin] metrics = "open"` is set.
///
/// # Errors
/// 500 when the page cannot be written.
#[utoipa::path(get, path = "/metrics", tag = "state",
    responses(
        (status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain; version=0.0.4; charset=utf-8"),
        MetricsProblems),
    security(("token" = ["metrics"])))]
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let chain = app.chain.is_whole(&app.store).await;
    let page = blocking(move || page(&app.facts, chain)).await?;
    let text = page.text().map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The metrics cannot be written.")
    })?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn page(facts: &Facts, chain: Option<bool>) -> Page {
    let mut page = Page::default();
    queries(&mut page, facts);
    cache(&mut page, facts);
    upstream(&mut page, facts);
    queues(&mut page, facts);
    match facts.lists_status() {
        Ok(status) => sources(&mut page, &status),
        Err(error) => tracing::warn!(%error, "the state of the block lists cannot be read"),
    }
    state(&mut page, facts);
    changes(&mut page, facts, chain);
    page
}

fn queries(page: &mut Page, facts: &Facts) {
    let reading = facts.engine.counters().read();
    let mut family = page.counters("queries_total", "Queries answered, by network, transport and verdict.");
    for query in &reading.queries {
        let labels =
            [("network", query.network.as_str()), ("transport", query.transport), ("verdict", query.verdict)];
        family.count(&labels, query.count);
    }
    drop(family);
    let mut family = page.counters("blocked_total", "Queries blocked, by policy and category.");
    for block in &reading.blocked {
        family.count(&[("policy", &block.policy), ("category", &block.category)], block.count);
    }
    drop(family);
    let mut family =
        page.histograms("query_duration_seconds", "Time to answer, by the way the answer came about.");
    for durations in &reading.durations {
        let bounds = BUCKETS_MICROS.map(|micros| seconds(micros, 1e6));
        let sum = durations.sum.as_secs_f64();
        family.durations(&[("path", durations.path.as_str())], bounds, &durations.buckets, sum);
    }
    drop(family);
    let mut family = page.counters(
        "special_name_total",
        "Queries for names by which devices ask whether they may go round the filter.",
    );
    for &(name, count) in &reading.special {
        family.count(&[("name", name)], count);
    }
}

fn cache(page: &mut Page, facts: &Facts) {
    let reading = facts.engine.counters().read();
    let size = facts.engine.cache_size();
    page.gauges("cache_entries", "Answers in the cache.").count(&[], size.entries);
    page.gauges("cache_bytes", "Bytes that the cached answers take.").count(&[], size.bytes);
    page.counters("cache_hits_total", "Look-ups that the cache answered.").count(&[], reading.cache_hits);
    page.counters("cache_misses_total", "Look-ups that the cache could not answer.")
        .count(&[], reading.cache_misses);
    page.counters(
        "cache_contended_total",
        "Look-ups that went the slow way because a part of the cache was taken.",
    )
    .count(&[], reading.cache_contended);
    page.counters("cache_stale_total", "Look-ups answered with data past its time.")
        .count(&[], reading.cache_stale);
}

fn upstream(page: &mut Page, facts: &Facts) {
    let live = facts.engine.live();
    let servers = united(live.upstreams().servers());
    let mut family = page.counters("upstream_requests_total", "Questions sent to an upstream server.");
    for server in &servers {
        family.count(&[("server", &server.server)], server.requests);
    }
    drop(family);
    let mut family = page.counters("upstream_failures_total", "Questions that brought no usable answer.");
    for server in &servers {
        family.count(&[("server", &server.server)], server.failures);
    }
    drop(family);
    let mut family = page.histograms("upstream_duration_seconds", "Time until an upstream server answered.");
    for server in &servers {
        let bounds = BOUNDS_MS.map(|ms| seconds(ms, 1e3));
        let sum = seconds(server.duration_sum_us, 1e6);
        family.durations(&[("server", &server.server)], bounds, &server.durations, sum);
    }
    drop(family);
    let mut family = page.gauges("upstream_healthy", "1 while the server answers, 0 while it keeps failing.");
    for server in &servers {
        family.count(&[("server", &server.server)], server.healthy.into());
    }
    drop(family);
    upstream_doubts(page, &servers);
}

/// What shows that somebody is guessing, or that a server is about to drown.
fn upstream_doubts(page: &mut Page, servers: &[ServerStats]) {
    type Figure = fn(&ServerStats) -> u64;
    let counters: [(&str, &str, Figure); 2] = [
        ("upstream_near_misses_total", "Replies that nearly answered a question and were dropped.", |s| {
            s.near_misses
        }),
        ("upstream_over_tcp_total", "Questions asked again over TCP: truncated or doubtful.", |s| s.over_tcp),
    ];
    for (name, help, figure) in counters {
        let mut family = page.counters(name, help);
        for server in servers {
            family.count(&[("server", &server.server)], figure(server));
        }
    }
    let gauges: [(&str, &str, Figure); 2] = [
        ("upstream_in_flight", "Questions that wait for an upstream server.", |s| s.in_flight),
        ("upstream_connections", "Sockets and streams open to an upstream server.", |s| s.connections),
    ];
    for (name, help, figure) in gauges {
        let mut family = page.gauges(name, help);
        for server in servers {
            family.count(&[("server", &server.server)], figure(server));
        }
    }
}

/// A server may stand in several groups; a label may stand in a family only once.
fn united(all: Vec<ServerStats>) -> Vec<ServerStats> {
    let mut united: BTreeMap<Arc<str>, ServerStats> = BTreeMap::new();
    for one in all {
        match united.get_mut(&one.server) {
            Some(sum) => {
                sum.requests += one.requests;
                sum.failures += one.failures;
                sum.duration_sum_us += one.duration_sum_us;
                sum.healthy &= one.healthy;
                sum.near_misses += one.near_misses;
                sum.over_tcp += one.over_tcp;
                sum.in_flight += one.in_flight;
                sum.connections += one.connections;
                for (bucket, more) in sum.durations.iter_mut().zip(one.durations) {
                    *bucket += more;
                }
            }
            None => drop(united.insert(Arc::clone(&one.server), one)),
        }
    }
    united.into_values().collect()
}

fn queues(page: &mut Page, facts: &Facts) {
    let waiting = facts.engine.live().upstreams().in_flight();
    let events = facts.engine.events().load();
    let queues = facts.load.queues();
    let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut family = page.gauges("queue_depth", "What is in a bounded queue.");
    for queue in &queues {
        family.count(&[("queue", queue.name)], whole(queue.depth));
    }
    family.count(&[("queue", "upstream")], whole(waiting));
    family.count(&[("queue", "events")], whole(events.depth));
    drop(family);
    let mut family = page.gauges("queue_limit", "What can be in a bounded queue.");
    for queue in &queues {
        family.count(&[("queue", queue.name)], whole(queue.limit));
    }
    family.count(&[("queue", "upstream")], whole(resolver::upstream::IN_FLIGHT_MAX));
    family.count(&[("queue", "events")], whole(events.limit));
    drop(family);
    let mut family = page.counters("queue_refused_total", "What did not fit into a bounded queue.");
    for queue in &queues {
        family.count(&[("queue", queue.name)], queue.refused);
    }
    drop(family);
    page.counters(
        "events_dropped_total",
        "Look-ups that reports will not know of, as too many came at once.",
    )
    .count(&[], events.dropped);
    page.counters("unreadable_total", "Messages that were too long to be a query.")
        .count(&[], facts.load.unreadable());
    page.counters(
        "shed_total",
        "Queries not answered because their client had had its share while more came than could be answered.",
    )
    .count(&[], facts.load.shed());
    page.counters("unsent_total", "Replies that the operating system did not take.")
        .count(&[], facts.load.unsent());
}

fn sources(page: &mut Page, status: &Status) {
    let mut family = page.gauges("source_entries", "Entries of a block list.");
    for item in &status.items {
        family.count(&[("source", &item.id)], item.entries);
    }
    drop(family);
    let mut family = page.gauges("source_age_seconds", "Seconds since a block list was last had whole.");
    for item in &status.items {
        if let Some(age) = item.age_seconds {
            family.count(&[("source", &item.id)], age);
        }
    }
    drop(family);
    let mut family = page.gauges("source_rejected_lines", "Lines of a block list in no known form.");
    for item in &status.items {
        family.count(&[("source", &item.id)], item.rejected_lines);
    }
    drop(family);
    let mut family =
        page.gauges("source_state", "1 for the state that a block list is in, 0 for the others.");
    for item in &status.items {
        for state in [ListState::Ok, ListState::Stale, ListState::Refused, ListState::Missing] {
            let labels = [("source", item.id.as_str()), ("state", state.as_str())];
            family.count(&labels, (item.state == state).into());
        }
    }
    drop(family);
    let mut family =
        page.gauges("source_failures", "Attempts to have a block list that failed since it was last had.");
    for item in &status.items {
        family.count(&[("source", &item.id)], item.failures.into());
    }
    drop(family);
    let waiting = status.items.iter().filter(|item| item.waiting.is_some()).count();
    page.gauges("lists_waiting", "Block lists with new content that waits for its hour.")
        .count(&[], u64::try_from(waiting).unwrap_or(u64::MAX));
    // The oldest feed of a category counts: it is the one to worry about.
    let mut oldest: BTreeMap<&str, u64> = BTreeMap::new();
    for item in &status.items {
        let locked = item.category.as_ref().filter(|category| category.is_locked());
        if let (Some(category), Some(age)) = (locked, item.age_seconds) {
            let known = oldest.entry(category.as_str()).or_insert(age);
            *known = age.max(*known);
        }
    }
    let mut family = page.gauges(
        "locked_feed_age_seconds",
        "Seconds since the feeds of an always-blocked category were last had whole.",
    );
    for (category, age) in oldest {
        family.count(&[("category", category)], age);
    }
}

fn state(page: &mut Page, facts: &Facts) {
    let snapshot = facts.snapshot();
    let index = snapshot.index();
    page.gauges("index_entries", "Names in the index that is in force.").count(&[], index.entries());
    page.gauges("index_bytes", "Bytes that the index takes in memory.").count(&[], index.bytes());
    page.gauges(
        "unknown_clients",
        "Private addresses in no network that asked within the last hour; no more are counted than are remembered.",
    )
    .count(&[], u64::try_from(facts.engine.unknown_clients()).unwrap_or(u64::MAX));
    page.gauges("reload_failed", "1 when the last reload failed and what ran before stayed in force.")
        .count(&[], facts.reload_failed().into());
    page.gauges(
        "lists_update_failed",
        "1 while updates of the block lists end without having done what was due.",
    )
    .count(&[], facts.update_failed().into());
    page.gauges("ready", "1 when names are filtered, 0 while there is no usable index.")
        .count(&[], snapshot.is_ready().into());
    page.gauges("build_info", "The version that runs.").count(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}

/// What people changed and what waits for them.
fn changes(page: &mut Page, facts: &Facts, chain: Option<bool>) {
    page.gauges("policy_revision", "Number of the policy revision that is in force.")
        .count(&[], facts.snapshot().revision());
    // Both are true zeros: while no person is enrolled, a changed policy file is in force at once, and
    // only persons can give grants. Dashboards and alerts that know the names find them.
    page.gauges("proposals_waiting", "Changes that wait for a second person.").count(&[], 0);
    page.gauges("grants_active", "Temporary unblocks in force.").count(&[], 0);
    let mut family = page.gauges("audit_chain_ok", "1 while the record of changes is whole.");
    if let Some(is_whole) = chain {
        family.count(&[], is_whole.into());
    }
}

/// So many units in seconds. Divided, because a quotient is rounded once and so prints as the
/// decimal that was meant (`0.000005`); a product with 10^-6 would be rounded twice.
#[expect(clippy::cast_precision_loss, reason = "spans of time stay far below 2^53 microseconds")]
fn seconds(number: u64, units_a_second: f64) -> f64 {
    number as f64 / units_a_second
}
