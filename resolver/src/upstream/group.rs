//! One group of servers, asked in order, with failover.
//!
//! The first server is asked; after a short silence the next one is asked as well, and the first
//! usable answer wins. A server that says SERVFAIL or REFUSED (or that it does not understand)
//! makes way at once, and so does one whose network says no. Servers that were only silent are
//! asked once more when everybody has had a turn, as a datagram may simply have been lost.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::address::{Host, ServerAddress};
use super::bootstrap::Bootstrap;
use super::exchange;
use super::server::{self, Server};
use super::stats::Stats;
use super::{BoxFuture, ServerStats, UpAnswer, UpError, UpQuestion, Upstream};

/// One try at one server, TCP after truncation included.
pub const TRY: Duration = Duration::from_millis(1500);
/// Silence after which the next server is asked as well.
pub const SILENCE: Duration = Duration::from_millis(400);
/// All work on one question.
pub const WHOLE: Duration = Duration::from_secs(7);
/// How often one server is tried for one question, if it stays silent.
pub const ROUNDS: usize = 2;
/// Response codes that make way for the next server: FORMERR, SERVFAIL, NOTIMP, REFUSED.
const UNUSABLE: [u8; 4] = [1, 2, 4, 5];

/// One server that may be asked, with its counters.
struct Asked {
    address: ServerAddress,
    label: Arc<str>,
    stats: Stats,
    bootstrap: Arc<Bootstrap>,
}

/// What one try brought.
enum Try {
    Answer(UpAnswer),
    Code(u8),
    Silence(Arc<Asked>),
    NetworkError,
}

/// Servers in the order in which they are to be asked.
pub(super) struct Group {
    servers: Vec<Arc<Asked>>,
    slots: Arc<Semaphore>,
}

impl Group {
    /// Of the configured servers, those that may be asked. `slots` bounds the questions in flight over
    /// all groups that share it.
    pub(super) fn new(servers: &[Server], bootstrap: &Arc<Bootstrap>, slots: &Arc<Semaphore>) -> Self {
        let servers = server::askable(servers)
            .into_iter()
            .map(|server| {
                let address = server.address.clone();
                let label = address.to_string().into();
                let bootstrap = Arc::clone(bootstrap);
                Arc::new(Asked { address, label, stats: Stats::default(), bootstrap })
            })
            .collect();
        Self { servers, slots: Arc::clone(slots) }
    }

    /// Healthy servers as configured, then those that have been failing.
    fn order(&self) -> VecDeque<Arc<Asked>> {
        let (mut first, last): (VecDeque<_>, VecDeque<_>) =
            self.servers.iter().cloned().partition(|server| server.stats.in_its_place());
        first.extend(last);
        first
    }
}

impl Upstream for Group {
    fn ask<'a>(&'a self, question: &'a UpQuestion) -> BoxFuture<'a, Result<UpAnswer, UpError>> {
        Box::pin(async move {
            if self.servers.is_empty() {
                return Err(UpError::NoServers);
            }
            let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| UpError::Busy)?;
            let mut work = Work::new(self.order(), question.clone(), slot);
            timeout(WHOLE, work.run()).await.unwrap_or(Err(UpError::Timeout))
        })
    }

    fn servers(&self) -> Vec<ServerStats> {
        self.servers.iter().map(|server| server.stats.read(&server.label)).collect()
    }
}

/// The work on one question.
struct Work {
    question: Arc<UpQuestion>,
    /// Every try holds it too: a try that outlives the question still takes up its slot.
    slot: Arc<OwnedSemaphorePermit>,
    waiting: VecDeque<Arc<Asked>>,
    silent: VecDeque<Arc<Asked>>,
    tries: JoinSet<Try>,
    code: Option<u8>,
}

impl Work {
    fn new(waiting: VecDeque<Arc<Asked>>, question: UpQuestion, slot: OwnedSemaphorePermit) -> Self {
        Self {
            question: Arc::new(question),
            slot: Arc::new(slot),
            waiting,
            silent: VecDeque::new(),
            tries: JoinSet::new(),
            code: None,
        }
    }

    async fn run(&mut self) -> Result<UpAnswer, UpError> {
        let mut silence = false;
        for round in 0..ROUNDS {
            if round > 0 {
                self.waiting.append(&mut self.silent);
            }
            if let Some(answer) = self.round().await {
                // Slow tries go on by themselves until their time is up, so that their servers
                // get the count they deserve.
                self.tries.detach_all();
                return Ok(answer);
            }
            silence |= !self.silent.is_empty();
        }
        Err(match self.code {
            Some(rcode) => UpError::AllServersFailed { rcode },
            None if silence => UpError::Timeout,
            None => UpError::Network,
        })
    }

    /// Asks everybody who is waiting; ends with an answer or when all tries have ended.
    async fn round(&mut self) -> Option<UpAnswer> {
        let mut next_at = self.start_next();
        loop {
            tokio::select! {
                biased;
                ended = self.tries.join_next() => match ended {
                    None => return None,
                    Some(Ok(Try::Answer(answer))) => return Some(answer),
                    Some(Ok(Try::Code(code))) => {
                        self.code = Some(code);
                        next_at = self.start_next();
                    }
                    Some(Ok(Try::Silence(server))) => self.silent.push_back(server),
                    Some(Ok(Try::NetworkError) | Err(_)) => next_at = self.start_next(),
                },
                () = sleep_until(next_at), if !self.waiting.is_empty() => {
                    next_at = self.start_next();
                }
            }
        }
    }

    /// Starts a try at the next server, if one is left; gives the time to start the one after it.
    fn start_next(&mut self) -> Instant {
        if let Some(server) = self.waiting.pop_front() {
            let question = Arc::clone(&self.question);
            let slot = Arc::clone(&self.slot);
            self.tries.spawn(async move {
                let outcome = one_try(server, &question).await;
                drop(slot);
                outcome
            });
        }
        Instant::now() + SILENCE
    }
}

async fn one_try(server: Arc<Asked>, question: &UpQuestion) -> Try {
    server.stats.asked();
    let started = Instant::now();
    let exchange = async {
        let ip = server.ip().await?;
        exchange::ask(server.address.carrier, SocketAddr::new(ip, server.address.port), question).await
    };
    match timeout(TRY, exchange).await {
        Ok(Ok((bytes, reply))) => {
            let usable = !UNUSABLE.contains(&reply.rcode);
            server.stats.answered(started.elapsed(), usable);
            if usable {
                Try::Answer(UpAnswer { bytes, server: Arc::clone(&server.label) })
            } else {
                Try::Code(reply.rcode)
            }
        }
        Ok(Err(error)) => {
            server.stats.failed();
            tracing::debug!(server = %server.label, %error, "upstream try failed");
            Try::NetworkError
        }
        Err(_) => {
            server.stats.failed();
            Try::Silence(server)
        }
    }
}

impl Asked {
    async fn ip(&self) -> io::Result<IpAddr> {
        match &self.address.host {
            Host::Address(address) => Ok(*address),
            Host::Name(name) => self.bootstrap.address(name).await,
        }
    }
}
