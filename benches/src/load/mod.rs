//! What drives servers: streams of questions, sockets that send and receive them in batches, a
//! generator that saturates and one that keeps a rate, `dnsperf`, and echoes that show the floor.

pub mod dnsperf;
pub mod echo;
pub mod paced;
pub mod port;
pub mod saturating;
pub mod stream;

use crate::question::Said;

/// What came of the questions of one run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Questions sent.
    pub sent: u64,
    /// Replies received in time.
    pub answered: u64,
    /// Questions without a reply in time.
    pub lost: u64,
    /// Replies that the name leads nowhere.
    pub nothing: u64,
    /// Replies with records.
    pub records: u64,
    /// REFUSED.
    pub refused: u64,
    /// Other response codes.
    pub failed: u64,
    /// Octets of all replies.
    pub octets: u64,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Tally {
    /// Counts one reply.
    pub fn note(&mut self, said: Said, octets: usize) {
        self.answered += 1;
        self.octets += octets as u64;
        match said {
            Said::Nothing => self.nothing += 1,
            Said::Records => self.records += 1,
            Said::Refused => self.refused += 1,
            Said::Failed(_) | Said::Silence => self.failed += 1,
        }
    }

    /// Replies a second.
    pub fn rate(&self) -> f64 {
        count(self.answered) / self.seconds.max(1e-9)
    }

    /// Mean octets of a reply.
    pub fn mean_octets(&self) -> usize {
        usize::try_from(self.octets / self.answered.max(1)).unwrap_or(0)
    }
}

/// A count as a float, for rates.
pub fn count(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
    let count = count as f64;
    count
}
