//! Fresh copies of many sources: hosts at once, the lists of one host one after the other.
//!
//! A host that is slow or dead holds up its own lists only, and no provider sees many connections
//! from one school.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use blocklists::masked::host_of;
use blocklists::source::{Location, Source};
use blocklists::upkeep::Proof;

use crate::copies::{self, Taken};
use crate::error::NoCopy;
use crate::fetch::Fetcher;
use crate::record::Fetched;

/// Hosts that are asked at once.
const HOSTS_AT_ONCE: usize = 6;

/// One source to take a copy of.
pub(crate) struct Task<'a> {
    /// Its place in the caller's order.
    pub(crate) place: usize,
    pub(crate) source: &'a Source,
    pub(crate) proof: Option<&'a Proof>,
    pub(crate) known: Option<&'a Fetched>,
}

/// What came of it, by the caller's place.
pub(crate) type Outcome = (usize, Result<Taken, NoCopy>);

/// Takes a copy of each; `fetcher` is the sentence why nothing can be fetched, when that is so. The order of the outcomes is that of their arrival.
pub(crate) fn take_all(
    tasks: Vec<Task<'_>>,
    copies: &Path,
    fetcher: &Result<Fetcher, String>,
) -> Vec<Outcome> {
    let mut hosts: Vec<(&str, Vec<Task<'_>>)> = Vec::new();
    for task in tasks {
        let host = match &task.source.location {
            Location::Url(url) => host_of(url),
            // The disk is one host: heads do not like to jump.
            Location::Path(_) | Location::BuiltIn(_) => "",
        };
        match hosts.iter_mut().find(|(known, _)| *known == host) {
            Some((_, tasks)) => tasks.push(task),
            None => hosts.push((host, vec![task])),
        }
    }
    let workers = hosts.len().min(HOSTS_AT_ONCE);
    let queue = Mutex::new(VecDeque::from(hosts));
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        loop {
            // The lock is let go before the work begins.
            let next = locked(&queue).pop_front();
            let Some((_, tasks)) = next else { break };
            for Task { place, source, proof, known } in tasks {
                let outcome = copies::take(source, proof, known, copies, fetcher);
                locked(&outcomes).push((place, outcome));
            }
        }
    };
    std::thread::scope(|threads| {
        for _ in 1..workers {
            threads.spawn(work);
        }
        work();
    });
    outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// No worker panics while it holds a lock; if one did, what is there is still good.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
