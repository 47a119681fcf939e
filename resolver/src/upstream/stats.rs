//! How each server is doing: counted by the tries, read by metrics, used to choose among the servers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Failed tries in a row (silence or network error) after which a server counts as unhealthy...
pub const UNHEALTHY_AFTER: u32 = 3;
/// ...if it has answered nothing for so long: many dead names do not make a dead server.
pub const UNHEALTHY_SILENCE: Duration = Duration::from_secs(1);
/// Answers in a row that are of no use (SERVFAIL, REFUSED) after which it counts as unhealthy too.
pub const USELESS_AFTER: u32 = 20;
/// How long an unhealthy server is left alone before one question tries it again...
pub const RETRY_FIRST: Duration = Duration::from_secs(1);
/// ...doubling up to this while it goes on failing.
pub const RETRY_MAX: Duration = Duration::from_secs(32);

/// Upper bounds of the duration buckets, in milliseconds; one more bucket holds the rest.
pub const BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 400, 800, 1500, 3000];

/// How one upstream server is doing, read for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStats {
    /// As written in the configuration.
    pub server: Arc<str>,
    /// Tries: questions sent to it.
    pub requests: u64,
    /// Tries that brought nothing usable: silence, network error, or a code such as SERVFAIL.
    pub failures: u64,
    /// Answered tries by duration: one count for each of [`BOUNDS_MS`] (not cumulative), then
    /// those that took longer.
    pub durations: [u64; BOUNDS_MS.len() + 1],
    /// All durations together, in microseconds.
    pub duration_sum_us: u64,
    /// False after [`UNHEALTHY_AFTER`] failed tries in a row, until it answers again.
    pub healthy: bool,
    /// Replies that nearly answered a question, and were not believed.
    pub near_misses: u64,
    /// Questions asked again over TCP, because the answer did not fit or was doubtful.
    pub over_tcp: u64,
    /// Tries that wait for it now.
    pub in_flight: u64,
    /// Sockets and streams that are open to it now.
    pub connections: u64,
    /// Smoothed time to answer, in microseconds; 0 before the first answer.
    pub smoothed_us: u64,
}

/// The counters behind [`ServerStats`].
#[derive(Debug, Default)]
pub(super) struct Stats {
    requests: AtomicU64,
    failures: AtomicU64,
    durations: [AtomicU64; BOUNDS_MS.len() + 1],
    duration_sum_us: AtomicU64,
    failed_in_row: AtomicU32,
    useless_in_row: AtomicU32,
    /// When it last answered anything; 0 = never.
    answered_at_ms: AtomicU64,
    /// When an unhealthy server is due to be tried again.
    retry_at_ms: AtomicU64,
    /// How long it was left alone the last time.
    retry_wait_ms: AtomicU64,
    smoothed_us: AtomicU64,
    /// When the smoothed time was last brought up to date.
    measured_at_ms: AtomicU64,
    in_flight: AtomicU64,
    pub(super) near_misses: Arc<AtomicU64>,
    pub(super) over_tcp: AtomicU64,
}

impl Stats {
    pub(super) fn asked(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// The try is over, whatever it brought, or nobody waits for it any more.
    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// It answered; `usable` says whether with something that can be passed on.
    pub(super) fn answered(&self, took: Duration, usable: bool) {
        let ms = millis(took);
        let bucket = BOUNDS_MS.iter().position(|&bound| ms < bound).unwrap_or(BOUNDS_MS.len());
        if let Some(bucket) = self.durations.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.duration_sum_us.fetch_add(us, Relaxed);
        self.failed_in_row.store(0, Relaxed);
        let now = now_ms();
        self.answered_at_ms.store(now.max(1), Relaxed);
        self.measured(us, now);
        if usable {
            self.useless_in_row.store(0, Relaxed);
            self.retry_wait_ms.store(0, Relaxed);
        } else {
            self.failures.fetch_add(1, Relaxed);
            if self.useless_in_row.fetch_add(1, Relaxed).saturating_add(1) >= USELESS_AFTER {
                self.leave_alone(now);
            }
        }
    }

    /// It was silent or could not be reached.
    pub(super) fn failed(&self, took: Duration) {
        self.failures.fetch_add(1, Relaxed);
        self.failed_in_row.fetch_add(1, Relaxed);
        let now = now_ms();
        // What it did not do in this time it would have done later, if at all.
        self.measured(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), now);
        if !self.healthy(now) {
            self.leave_alone(now);
        }
    }

    /// It has not answered so far: known before the try ends, so that others are asked first meanwhile.
    pub(super) fn slow(&self, so_far: Duration) {
        self.measured(u64::try_from(so_far.as_micros()).unwrap_or(u64::MAX), now_ms());
    }

    /// A new sample of the time to answer (RFC 6298 section 2: an eighth counts).
    fn measured(&self, us: u64, now: u64) {
        self.measured_at_ms.store(now, Relaxed);
        let before = self.smoothed_us.load(Relaxed);
        let smoothed = if before == 0 { us } else { before - before / 8 + us / 8 };
        self.smoothed_us.store(smoothed.max(1), Relaxed);
    }

    fn leave_alone(&self, now: u64) {
        // While it is being left alone, late failures of earlier tries change nothing.
        if now < self.retry_at_ms.load(Relaxed) {
            return;
        }
        let wait = self.retry_wait_ms.load(Relaxed);
        let wait = (wait * 2).clamp(millis(RETRY_FIRST), millis(RETRY_MAX));
        self.retry_wait_ms.store(wait, Relaxed);
        self.retry_at_ms.store(now + wait, Relaxed);
    }

    fn healthy(&self, now: u64) -> bool {
        let silent = || {
            let answered = self.answered_at_ms.load(Relaxed);
            answered == 0 || now.saturating_sub(answered) >= millis(UNHEALTHY_SILENCE)
        };
        let failed = self.failed_in_row.load(Relaxed) >= UNHEALTHY_AFTER && silent();
        !failed && self.useless_in_row.load(Relaxed) < USELESS_AFTER
    }

    /// Whether it answers.
    pub(super) fn is_healthy(&self) -> bool {
        self.healthy(now_ms())
    }

    /// Whether an unhealthy server is due to be tried again. True for one caller only: one question, not
    /// all of them, finds out.
    pub(super) fn is_due(&self) -> bool {
        let due = self.retry_at_ms.load(Relaxed);
        let now = now_ms();
        let next = now + self.retry_wait_ms.load(Relaxed).max(millis(RETRY_FIRST));
        now >= due && self.retry_at_ms.compare_exchange(due, next, Relaxed, Relaxed).is_ok()
    }

    /// Smoothed time to answer, in microseconds; 0 for a server that was never asked.
    pub(super) fn smoothed_us(&self) -> u64 {
        self.smoothed_us.load(Relaxed)
    }

    /// Whether its time to answer is older than this: it may have become faster. True for one caller
    /// only.
    pub(super) fn is_out_of_date(&self, age: Duration) -> bool {
        let measured = self.measured_at_ms.load(Relaxed);
        let now = now_ms();
        now.saturating_sub(measured) >= millis(age)
            && self.measured_at_ms.compare_exchange(measured, now, Relaxed, Relaxed).is_ok()
    }

    pub(super) fn read(&self, server: &Arc<str>, connections: usize) -> ServerStats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let mut durations = [0; BOUNDS_MS.len() + 1];
        for (read, bucket) in durations.iter_mut().zip(&self.durations) {
            *read = bucket.load(Relaxed);
        }
        ServerStats {
            server: Arc::clone(server),
            requests: read(&self.requests),
            failures: read(&self.failures),
            durations,
            duration_sum_us: read(&self.duration_sum_us),
            healthy: self.is_healthy(),
            near_misses: read(&self.near_misses),
            over_tcp: read(&self.over_tcp),
            in_flight: read(&self.in_flight),
            connections: u64::try_from(connections).unwrap_or(u64::MAX),
            smoothed_us: read(&self.smoothed_us),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the first call in this process.
fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    millis(START.get_or_init(Instant::now).elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(3);

    #[test]
    fn a_server_that_fails_in_a_row_is_left_alone_until_it_answers() {
        let stats = Stats::default();
        for _ in 0..UNHEALTHY_AFTER {
            assert!(stats.is_healthy());
            stats.failed(TOOK);
        }
        assert!(!stats.is_healthy() && !stats.is_due());
        // Due again: one question tries it, the next does not.
        stats.retry_at_ms.store(0, Relaxed);
        assert!(stats.is_due() && !stats.is_due());
        stats.answered(TOOK, true);
        assert!(stats.is_healthy());
    }

    #[test]
    fn the_longer_it_fails_the_longer_it_is_left_alone() {
        let stats = Stats::default();
        for _ in 1..UNHEALTHY_AFTER {
            stats.failed(TOOK);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            stats.failed(TOOK);
            stats.failed(TOOK);
            waits.push(stats.retry_wait_ms.load(Relaxed) / 1000);
            stats.retry_at_ms.store(0, Relaxed);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
    }

    #[test]
    fn dead_names_do_not_make_a_dead_server() {
        let stats = Stats::default();
        stats.answered(TOOK, true);
        for _ in 0..100 {
            stats.failed(TOOK);
        }
        assert!(stats.is_healthy(), "it answered a moment ago");
    }

    #[test]
    fn a_server_whose_answers_are_never_of_use_is_unhealthy() {
        let stats = Stats::default();
        for _ in 0..USELESS_AFTER {
            assert!(stats.is_healthy());
            stats.answered(TOOK, false);
        }
        assert!(!stats.is_healthy());
        stats.answered(TOOK, true);
        assert!(stats.is_healthy());
    }

    #[test]
    fn answers_are_counted_by_duration_and_smoothed() {
        let stats = Stats::default();
        stats.answered(Duration::from_micros(400), true);
        stats.answered(Duration::from_secs(9), true);
        let read = stats.read(&"x".into(), 0);
        assert_eq!((read.durations[0], read.durations[BOUNDS_MS.len()]), (1, 1));
        assert_eq!(read.duration_sum_us, 9_000_400);
        assert_eq!(read.smoothed_us, 350 + 1_125_000);
    }
}
