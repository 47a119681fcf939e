//! What is recorded about one answered query.
//!
//! An [`Event`] borrows everything, so that recording costs no allocation. Where it goes (the
//! [`counters`](crate::counters), the [`ring`](crate::ring)) and who reads that is unknown here.

use policy::{Client, Decision};

use crate::peer::Peer;
use crate::wire::Query;

/// One answered query.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The question.
    pub query: &'a Query<'a>,
    /// Where it came from.
    pub peer: &'a Peer,
    /// Who that is.
    pub client: &'a Client,
    /// What was decided in the end, inspection of the answer included.
    pub decision: &'a Decision,
    /// Which way the answer came about.
    pub path: Path,
    /// The reply as it goes out.
    pub reply: &'a [u8],
}

/// Which way an answer came about; label `path` of the durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Written at once: blocks, refusals, errors.
    Fast,
    /// From the cache.
    Cache,
    /// An upstream was asked.
    Upstream,
    /// From the school's own zones.
    Local,
}

impl Path {
    /// Every path, in the order of the counters.
    pub const ALL: [Self; 4] = [Self::Fast, Self::Cache, Self::Upstream, Self::Local];

    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Cache => "cache",
            Self::Upstream => "upstream",
            Self::Local => "local",
        }
    }
}
