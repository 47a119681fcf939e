//! How each server is doing: counted by the tries, read by metrics, used to order the servers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Failed tries in a row (silence or network error) after which a server counts as unhealthy.
pub const UNHEALTHY_AFTER: u32 = 3;
/// How long an unhealthy server is asked last, before one question tries it again in its place.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

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
}

/// The counters behind [`ServerStats`].
#[derive(Debug, Default)]
pub(super) struct Stats {
    requests: AtomicU64,
    failures: AtomicU64,
    durations: [AtomicU64; BOUNDS_MS.len() + 1],
    duration_sum_us: AtomicU64,
    failed_in_row: AtomicU32,
    /// When an unhealthy server is due to be tried in its place again.
    retry_at_ms: AtomicU64,
}

impl Stats {
    pub(super) fn asked(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// It answered; `usable` says whether with something that can be passed on.
    pub(super) fn answered(&self, took: Duration, usable: bool) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MS.iter().position(|&bound| ms < bound).unwrap_or(BOUNDS_MS.len());
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.duration_sum_us.fetch_add(us, Ordering::Relaxed);
        self.failed_in_row.store(0, Ordering::Relaxed);
        if !usable {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It was silent or could not be reached.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let before = self.failed_in_row.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) >= UNHEALTHY_AFTER {
            self.retry_at_ms.store(now_ms() + millis(RETRY_AFTER), Ordering::Relaxed);
        }
    }

    fn healthy(&self) -> bool {
        self.failed_in_row.load(Ordering::Relaxed) < UNHEALTHY_AFTER
    }

    /// Whether the next question should try it in its place. For an unhealthy server that is due,
    /// true for one caller only: one question, not all of them, pays for finding out.
    pub(super) fn in_its_place(&self) -> bool {
        if self.healthy() {
            return true;
        }
        let due = self.retry_at_ms.load(Ordering::Relaxed);
        let now = now_ms();
        now >= due
            && self
                .retry_at_ms
                .compare_exchange(due, now + millis(RETRY_AFTER), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    pub(super) fn read(&self, server: &Arc<str>) -> ServerStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ServerStats {
            server: Arc::clone(server),
            requests: read(&self.requests),
            failures: read(&self.failures),
            durations: std::array::from_fn(|bucket| read(&self.durations[bucket])),
            duration_sum_us: read(&self.duration_sum_us),
            healthy: self.healthy(),
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

    #[test]
    fn a_server_that_fails_in_a_row_is_asked_last_until_it_answers() {
        let stats = Stats::default();
        for _ in 0..UNHEALTHY_AFTER {
            assert!(stats.in_its_place());
            stats.failed();
        }
        assert!(!stats.in_its_place());
        assert!(!stats.read(&"x".into()).healthy);
        // Due again: one question tries it, the next does not.
        stats.retry_at_ms.store(0, Ordering::Relaxed);
        assert!(stats.in_its_place());
        assert!(!stats.in_its_place());
        stats.answered(Duration::from_millis(3), false);
        assert!(stats.in_its_place());
    }

    #[test]
    fn answers_are_counted_by_duration() {
        let stats = Stats::default();
        stats.answered(Duration::from_micros(400), true);
        stats.answered(Duration::from_secs(9), true);
        let read = stats.read(&"x".into());
        assert_eq!((read.durations[0], read.durations[BOUNDS_MS.len()]), (1, 1));
        assert_eq!(read.duration_sum_us, 9_000_400);
    }
}
