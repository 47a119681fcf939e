//! Time as the data plane knows it: read once per batch, monotonic, in milliseconds.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::event::Path;
use crate::recorder::Recorder;

/// Where ticks begin: long enough before the process that an answer of an earlier run has a place.
const BEGIN: Duration = Duration::from_secs(30 * 86_400);

/// Milliseconds since [a month](BEGIN) before the first look at the clock in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(pub u64);

impl Tick {
    /// Reads the clock.
    #[must_use]
    pub fn now() -> Self {
        Self::at(Instant::now())
    }

    fn at(instant: Instant) -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        let since = BEGIN + instant.saturating_duration_since(start);
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// This tick, some seconds earlier; `None` before all ticks.
    #[must_use]
    pub fn earlier(self, seconds: u64) -> Option<Self> {
        self.0.checked_sub(seconds.checked_mul(1000)?).map(Self)
    }

    /// Whole seconds from `earlier` until this tick; 0 when `earlier` is later.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> u32 {
        u32::try_from(self.0.saturating_sub(earlier.0) / 1000).unwrap_or(u32::MAX)
    }

    /// This tick and a span more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// One batch of packets of one worker: the clock is read when it starts and when it ends, never
/// per packet, and its time is shared out evenly over the replies made in it.
#[derive(Debug)]
pub struct Batch {
    started: Instant,
    replies: [u32; 2],
}

impl Batch {
    /// Reads the clock.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), replies: [0; 2] }
    }

    /// The one time that holds for the whole batch.
    #[must_use]
    pub fn tick(&self) -> Tick {
        Tick::at(self.started)
    }

    /// Notes one reply that [`Engine::fast`](crate::Engine::fast) made.
    pub fn replied(&mut self, path: Path) {
        let slot = usize::from(path == Path::Cache);
        self.replies[slot] = self.replies[slot].saturating_add(1);
    }

    /// Reads the clock again and files the durations.
    pub fn end(self, recorder: &mut Recorder) {
        let [fast, cache] = self.replies;
        let Some(each) = self.started.elapsed().checked_div(fast + cache) else {
            return;
        };
        recorder.took(Path::Fast, each, u64::from(fast));
        recorder.took(Path::Cache, each, u64::from(cache));
    }
}
