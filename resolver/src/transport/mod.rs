//! Plain DNS over UDP and TCP: sockets in, packets to the engine, replies out.
//!
//! [`bind_or_inherit`] takes every socket before anything serves, so that a port in use is an error at the
//! start and not half a server. [`serve`] then starts the UDP threads and the TCP tasks, and gives
//! the handle that stops them. The two kinds share no scarce thing: each has slots of its own.

mod fair;
mod inherited;
mod mmsg;
#[cfg(test)]
mod overload_tests;
mod pulse;
mod share;
mod socket;
mod steer;
#[cfg(test)]
mod stop_tests;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::Engine;
use crate::peer::Transport;
use share::{Places, Shares};
use socket::Datagrams;

pub use inherited::Inherited;
pub use pulse::Pulse;
pub use socket::{BindError, Bound, SOCKETS_PER_WORKER, bind, bind_or_inherit};
pub use tcp::{
    CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT, IDLE, IDLE_WHEN_FULL, PIPELINED_IN_ALL, PIPELINED_MAX, READ,
    WRITE,
};
pub use udp::{WAITING_MAX, WAITING_OCTETS, WAITING_PER_CLIENT};

/// Longest query that is read, on either transport: far more than a question with every option
/// that we know.
pub const QUERY_OCTETS_MAX: usize = 4096;
/// How long [`Transports::stop`] waits for queries that are being answered.
pub const DRAIN: Duration = Duration::from_secs(4);

/// What every worker and connection shares.
struct Service {
    engine: Arc<Engine>,
    runtime: Handle,
    load: Arc<Load>,
    stopping: AtomicBool,
}

/// A count that only rises.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add_one(&self) {
        self.add(1);
    }

    /// Nothing is no write: it would take the cache line from the other cores.
    fn add(&self, more: u64) {
        if more > 0 {
            self.0.fetch_add(more, Ordering::Relaxed);
        }
    }
}

/// How full the transports are: their bounded queues and what did not fit.
#[derive(Debug)]
pub struct Load {
    waiting: Arc<Semaphore>,
    waiting_clients: Arc<Places>,
    waiting_refused: Count,
    connections: Arc<Semaphore>,
    connected_clients: Arc<Shares>,
    connections_refused: Count,
    pipelined: Arc<Semaphore>,
    pipelined_refused: Count,
    unreadable: Count,
    unsent: Count,
    shed: Count,
}

/// How full one bounded queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Its name in metrics.
    pub name: &'static str,
    /// What is in it.
    pub depth: usize,
    /// What can be in it.
    pub limit: usize,
    /// What did not fit in since the start; of pipelined queries, how often one had to wait.
    pub refused: u64,
}

impl Load {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            waiting_clients: Places::new(),
            waiting_refused: Count::default(),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            connected_clients: Shares::new(CONNECTIONS_PER_CLIENT),
            connections_refused: Count::default(),
            pipelined: Arc::new(Semaphore::new(PIPELINED_IN_ALL)),
            pipelined_refused: Count::default(),
            unreadable: Count::default(),
            unsent: Count::default(),
            shed: Count::default(),
        })
    }

    /// The queues: UDP queries that wait for somebody, TCP connections, and queries on these that are
    /// answered beside another one of the same connection.
    #[must_use]
    pub fn queues(&self) -> [Queue; 3] {
        let queue = |name, slots: &Semaphore, limit: usize, refused: &Count| Queue {
            name,
            depth: limit.saturating_sub(slots.available_permits()),
            limit,
            refused: refused.0.load(Ordering::Relaxed),
        };
        [
            queue("udp", &self.waiting, WAITING_MAX, &self.waiting_refused),
            queue("tcp", &self.connections, CONNECTIONS_MAX, &self.connections_refused),
            queue("pipelined", &self.pipelined, PIPELINED_IN_ALL, &self.pipelined_refused),
        ]
    }

    /// Datagrams and stream messages that were too long to be a query, or came from port 0.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable.0.load(Ordering::Relaxed)
    }

    /// Queries over UDP that were not answered, as their clients had had their share while more came
    /// than could be answered.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.shed.0.load(Ordering::Relaxed)
    }

    /// Replies that the operating system did not take.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.unsent.0.load(Ordering::Relaxed)
    }
}

/// The running transports. Dropped without [`stop`](Self::stop), the UDP threads end by themselves
/// within a tenth of a second, and the TCP tasks with their runtime.
pub struct Transports {
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    beats: Vec<Arc<Count>>,
}

/// Serves the bound sockets: UDP on threads of their own, TCP and all that waits on `runtime`.
///
/// # Errors
/// When a thread cannot be started or a listener cannot join the runtime.
pub fn serve(bound: Bound, engine: Arc<Engine>, runtime: &Handle) -> io::Result<Transports> {
    let service = Arc::new(Service {
        engine,
        runtime: runtime.clone(),
        load: Load::new(),
        stopping: AtomicBool::new(false),
    });
    let (stop, stopped) = watch::channel(false);
    let mut transports = Transports { service, stop, threads: Vec::new(), beats: Vec::new() };
    let mut workers: Vec<Vec<Datagrams>> = Vec::new();
    for listener in bound.listeners {
        let listening = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener.tcp)?
        };
        runtime.spawn(tcp::accept(listening, Arc::clone(&transports.service), stopped.clone()));
        workers.resize_with(workers.len().max(listener.udp.len()), Vec::new);
        for (sockets, more) in workers.iter_mut().zip(listener.udp) {
            sockets.extend(more);
        }
    }
    for (number, sockets) in workers.into_iter().enumerate() {
        let beats = Arc::new(Count::default());
        let worker = udp::Worker::new(sockets, &transports.service, &beats)?;
        transports.beats.push(beats);
        // The kernel keeps 15 octets of the name.
        let thread = std::thread::Builder::new().name(format!("dns-udp-{number}"));
        transports.threads.push(thread.spawn(move || worker.run())?);
    }
    Ok(transports)
}

impl Transports {
    /// How full they are; can be kept and read later.
    #[must_use]
    pub fn load(&self) -> Arc<Load> {
        Arc::clone(&self.service.load)
    }

    /// Tells whether they still serve; can be kept and asked later.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        Pulse::new(&self.beats, &self.service.runtime)
    }

    /// Stops: no new query is taken from now on, those that had come are answered, and those that wait
    /// for others get [`DRAIN`] to end. What comes to inherited sockets stays in them.
    pub async fn stop(mut self) {
        self.service.stopping.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(|| {
            threads.into_iter().filter_map(|thread| thread.join().err()).count()
        });
        if joined.await.unwrap_or(1) > 0 {
            tracing::error!("a UDP thread had ended before it was told to");
        }
        let load = &self.service.load;
        let drained = async {
            let _waiting = load.waiting.acquire_many(permits(WAITING_MAX)).await;
            let _connections = load.connections.acquire_many(permits(CONNECTIONS_MAX)).await;
        };
        if timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("some queries were still being answered when the transports stopped");
        }
    }
}

impl Drop for Transports {
    fn drop(&mut self) {
        self.service.stopping.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
    }
}

fn permits(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
