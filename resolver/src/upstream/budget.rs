//! How many packets one question may cause, whatever the servers do.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Queries sent upstream for one question, all servers, repetitions and changes to TCP included
/// (limits: "upstream packets per client query"; far below the hard bound of 200).
pub const PACKETS_MAX: u32 = 50;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(PACKETS_MAX))
    }
}

impl Budget {
    /// Takes one packet.
    ///
    /// # Errors
    /// `QuotaExceeded` when none is left.
    pub(super) fn spend(&self) -> io::Result<()> {
        let spent = self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        spent.map(drop).map_err(|_| ErrorKind::QuotaExceeded.into())
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Relaxed) == 0
    }
}
