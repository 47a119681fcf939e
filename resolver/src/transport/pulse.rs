//! Whether the transports still serve: what a watchdog has to know before it says "alive".
//!
//! A process that exists is not a server that answers. Every UDP thread counts its turns, which it
//! makes at least ten times a second with or without queries, and the runtime behind the slow way
//! and TCP is given a task that does nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Count;

/// How long the runtime may take for a task that does nothing.
const RUNTIME_TURN_MAX: Duration = Duration::from_secs(2);

/// Compares two moments of the running transports.
#[derive(Debug)]
pub struct Pulse {
    workers: Vec<(Arc<Count>, u64)>,
    runtime: Handle,
}

impl Pulse {
    pub(super) fn new(workers: &[Arc<Count>], runtime: &Handle) -> Self {
        // Lower than any count, so that the first look finds a difference.
        let workers = workers.iter().map(|beats| (Arc::clone(beats), 0)).collect();
        Self { workers, runtime: runtime.clone() }
    }

    /// Whether every UDP thread has turned since the last call, and the runtime works. Calls should be
    /// a second or more apart. Waits for the runtime, so it is not for a task of that runtime.
    pub fn beats(&mut self) -> bool {
        let mut turned = true;
        for (beats, before) in &mut self.workers {
            let now = beats.0.load(Ordering::Relaxed);
            turned &= now != *before;
            *before = now;
        }
        let (done, is_done) = sync_channel(1);
        self.runtime.spawn(async move { done.send(()) });
        turned && is_done.recv_timeout(RUNTIME_TURN_MAX).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_stands_still_is_noticed() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let workers = [Arc::new(Count::default()), Arc::new(Count::default())];
        let mut pulse = Pulse::new(&workers, runtime.handle());
        workers.iter().for_each(|worker| worker.add_one());
        assert!(pulse.beats());
        workers[0].add_one();
        assert!(!pulse.beats());
    }

    #[test]
    fn a_runtime_that_stands_still_is_noticed() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let mut pulse = Pulse::new(&[], runtime.handle());
        assert!(pulse.beats());
        let (go_on, wait) = sync_channel::<()>(0);
        runtime.spawn(async move { wait.recv() });
        assert!(!pulse.beats());
        drop(go_on);
        assert!(pulse.beats());
    }
}
