//! DNS over TCP (RFC 7766): pipelined, answered out of order as answers come, idle connections
//! closed.
//!
//! Connections have their own slots, in all and per client, so that however many there are, UDP is
//! served as before. One task serves one connection: it reads only while fewer than
//! [`PIPELINED_MAX`] of its queries wait, and writing holds up reading, so that a client that does
//! not read its answers cannot make us keep them.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{QUERY_OCTETS_MAX, Service};
use crate::{Peer, Transport};

/// Most connections over all addresses; beyond, new ones are closed at once and counted.
pub const CONNECTIONS_MAX: usize = 4000;
/// Most connections of one client address.
pub const CONNECTIONS_PER_CLIENT: usize = 20;
/// Most queries of one connection that are being answered at one time; beyond, it is not read.
pub const PIPELINED_MAX: usize = 64;
/// Most queries over all connections that are answered, or whose answers wait to be written, beside another
/// one of the same connection. With none of this room left a connection is answered one by one.
pub const PIPELINED_IN_ALL: usize = 4096;
/// An idle connection is closed after this...
pub const IDLE: Duration = Duration::from_secs(10);
/// ...or after this when nine in ten connections are taken.
pub const IDLE_WHEN_FULL: Duration = Duration::from_secs(1);
/// From the first octet of a query to its last.
pub const READ: Duration = Duration::from_secs(2);
/// For the client to take one answer.
pub const WRITE: Duration = Duration::from_secs(2);

/// Octets that had come when the stop was asked for and are still read: some hundreds of queries.
const LAST_OCTETS: usize = 32 << 10;
/// Pause after a failed accept (no file descriptors left), so that it does not eat a core.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the service stops.
pub(super) async fn accept(listener: TcpListener, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, source)) => admit(stream, source, &service, &stop),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ERROR_PAUSE).await;
            }
        }
    }
}

/// Serves a connection in its own task, if there is room for it.
fn admit(stream: TcpStream, source: SocketAddr, service: &Arc<Service>, stop: &watch::Receiver<bool>) {
    let load = &service.load;
    let slot = Arc::clone(&load.connections).try_acquire_owned().ok();
    let (Some(slot), Some(share)) = (slot, load.connected_clients.take(source.ip())) else {
        load.connections_refused.add_one();
        return;
    };
    let (service, stop) = (Arc::clone(service), stop.clone());
    tokio::spawn(async move {
        let _held = (slot, share);
        if let Ok(connection) = Connection::new(stream, source, service) {
            connection.serve(stop).await;
        }
    });
}

/// An answer, and the room that it takes until it is written.
type Answer = (Option<Vec<u8>>, Option<OwnedSemaphorePermit>);

/// One connection.
struct Connection {
    stream: TcpStream,
    peer: Peer,
    service: Arc<Service>,
    /// Octets read that are not yet a whole query (or whole ones while the pipeline is full).
    buffer: Vec<u8>,
    answers: JoinSet<Answer>,
    /// The next query waits for room among all pipelined ones.
    crowded: bool,
    /// Nothing more is read: the client has closed its side, took too long, or we stop.
    closing: bool,
    /// When the connection fell idle, or the first octet of the query being read came.
    since: Instant,
}

impl Connection {
    fn new(stream: TcpStream, source: SocketAddr, service: Arc<Service>) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let interface = match local {
            // Only link-local addresses have a scope; it is the interface.
            SocketAddr::V6(local) if local.scope_id() != 0 => Some(local.scope_id()),
            _ => None,
        };
        let peer = Peer { source, local: Some(local.ip()), interface, transport: Transport::Tcp };
        Ok(Self {
            stream,
            peer,
            service,
            buffer: Vec::new(),
            answers: JoinSet::new(),
            crowded: false,
            closing: false,
            since: Instant::now(),
        })
    }

    async fn serve(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            self.start_queries();
            if self.closing && self.answers.is_empty() {
                return;
            }
            let reading = !self.closing && !self.crowded && self.answers.len() < PIPELINED_MAX;
            let fresh = self.buffer.is_empty();
            let deadline = self.since + if fresh { self.idle() } else { READ };
            tokio::select! {
                read = self.stream.read_buf(&mut self.buffer), if reading => match read {
                    Ok(0) | Err(_) => self.closing = true,
                    Ok(_) if fresh => self.since = Instant::now(),
                    Ok(_) => {}
                },
                Some(answer) = self.answers.join_next(), if !self.answers.is_empty() => {
                    if let Ok((Some(answer), _room)) = answer && !self.write(&answer).await {
                        return;
                    }
                    if self.buffer.is_empty() {
                        self.since = Instant::now();
                    }
                }
                () = sleep_until(deadline), if reading && (!fresh || self.answers.is_empty()) => {
                    self.closing = true;
                }
                _ = stop.changed(), if !self.closing => {
                    self.take_what_came();
                    self.closing = true;
                }
            }
        }
    }

    /// Reads what had come when the stop was asked for. Past tokio, which may not know of it yet.
    fn take_what_came(&mut self) {
        let socket = SockRef::from(&self.stream);
        let mut octets = [0; QUERY_OCTETS_MAX];
        while self.buffer.len() < LAST_OCTETS
            && let Ok(count @ 1..) = (&*socket).read(&mut octets)
        {
            self.buffer.extend_from_slice(octets.get(..count).unwrap_or_default());
        }
    }

    /// Starts the whole queries of the buffer, as far as there is room. The first needs none, so that
    /// nobody's pipeline keeps others from asking.
    fn start_queries(&mut self) {
        let was_crowded = std::mem::take(&mut self.crowded);
        while self.answers.len() < PIPELINED_MAX {
            let Some((length, rest)) = self.buffer.split_first_chunk::<2>() else {
                return;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            if length > QUERY_OCTETS_MAX {
                // No query is that long, and what follows is not worth reading.
                self.service.load.unreadable.add_one();
                self.buffer.clear();
                self.closing = true;
                return;
            }
            let Some(query) = rest.get(..length) else {
                return;
            };
            let load = &self.service.load;
            let room = Arc::clone(&load.pipelined).try_acquire_owned().ok();
            if room.is_none() && !self.answers.is_empty() {
                self.crowded = true;
                load.pipelined_refused.add(u64::from(!was_crowded));
                return;
            }
            let (query, service, peer) = (query.to_vec(), Arc::clone(&self.service), self.peer);
            self.buffer.drain(..2 + length);
            self.since = Instant::now();
            self.answers.spawn(async move { (service.engine.answer(query, peer).await, room) });
        }
    }

    /// Writes one answer in one piece; false when the client does not take it.
    async fn write(&mut self, answer: &[u8]) -> bool {
        let Ok(length) = u16::try_from(answer.len()) else {
            return false;
        };
        let framed = [&length.to_be_bytes(), answer].concat();
        matches!(timeout(WRITE, self.stream.write_all(&framed)).await, Ok(Ok(())))
    }

    /// How long this connection may be idle, by how full the table is.
    fn idle(&self) -> Duration {
        let free = self.service.load.connections.available_permits();
        if free <= CONNECTIONS_MAX / 10 { IDLE_WHEN_FULL } else { IDLE }
    }
}
