//! Datagrams to one server, over a set of connected sockets that is always changing.
//!
//! A forger has to hit the port, the id and the question (RFC 5452), with cookies a secret too. Each
//! question goes out on one of [`PORTS`] sockets, drawn by lot, each on a random port; a socket is
//! replaced by one on another port after [`PORT_USES`] questions or [`PORT_AGE`], whatever comes first. A
//! fresh socket for each question would cost twice the processor time, and hide no more from somebody
//! who cannot see the ports. Connected sockets also learn at once that nobody listens on the other side.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use super::cookie::Jar;
use super::dice;
use super::message::{Match, Query};
use super::waiting::{Delivery, Heard, Waiting};

/// Sockets in use towards one server.
pub const PORTS: u16 = 32;
/// Questions that one socket carries.
pub const PORT_USES: u32 = 256;
/// How long one socket takes new questions.
pub const PORT_AGE: Duration = Duration::from_secs(10);
/// Replies that nobody waits for, after which a socket takes no new questions.
pub const STRAYS_MAX: u32 = 64;
/// Source ports, as (first, how many): all but the well-known ones and those that Linux hands out to
/// other programs (32768 to 60999), so that we and they do not take each other's.
const PORT_RANGES: [(u16, u16); 2] = [(10_240, 22_528), (61_000, 4_536)];
/// Random ports tried before the system may choose one.
const PORT_TRIES: usize = 32;
/// Octets of the buffer for a datagram: more than we allow the server to send, so that a server
/// that does not care is still understood.
const DATAGRAM_OCTETS: usize = 4096;

/// How many different source ports there are.
pub const PORT_COUNT: u16 = PORT_RANGES[0].1 + PORT_RANGES[1].1;

/// The sockets towards one server.
#[derive(Debug)]
pub(super) struct Datagrams {
    server: SocketAddr,
    jar: Arc<Jar>,
    near_misses: Arc<AtomicU64>,
    ports: Vec<Mutex<Option<Arc<Port>>>>,
}

/// One socket and who waits on it.
#[derive(Debug)]
struct Inner {
    socket: UdpSocket,
    waiting: Waiting,
    strays: AtomicU32,
}

/// Held by whoever uses the socket; when the last one lets go, the socket closes.
#[derive(Debug)]
struct Port {
    inner: Arc<Inner>,
    uses: AtomicU32,
    opened: Instant,
    reader: AbortHandle,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Datagrams {
    /// No socket is opened yet.
    pub(super) fn new(server: SocketAddr, jar: Arc<Jar>, near_misses: Arc<AtomicU64>) -> Self {
        Self { server, jar, near_misses, ports: (0..PORTS).map(|_| Mutex::new(None)).collect() }
    }

    /// Asks one question; the caller bounds the time. Needs a tokio runtime.
    ///
    /// # Errors
    /// Whatever the network says.
    pub(super) async fn ask(&self, query: Query) -> io::Result<Heard> {
        let port = self.port()?;
        let inner = &*port.inner;
        let seat = inner.waiting.sit(query)?;
        match inner.send(seat.query.bytes()).await {
            // Told of an earlier question on this socket; the second time it is about this one.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                inner.send(seat.query.bytes()).await?;
            }
            sent => sent?,
        }
        seat.hear().await
    }

    /// One of the sockets, by lot.
    fn port(&self) -> io::Result<Arc<Port>> {
        let number = usize::from(dice::below(PORTS)?);
        let place = self.ports.get(number).ok_or(ErrorKind::NotFound)?;
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(port) = place.as_ref().filter(|port| port.takes_more()) {
            return Ok(Arc::clone(port));
        }
        let port = Arc::new(Port::open(self)?);
        *place = Some(Arc::clone(&port));
        Ok(port)
    }

    /// Sockets that are open and take questions or wait for answers.
    pub(super) fn open(&self) -> usize {
        let open = |place: &&Mutex<Option<Arc<Port>>>| {
            place.lock().unwrap_or_else(PoisonError::into_inner).is_some()
        };
        self.ports.iter().filter(open).count()
    }
}

impl Port {
    fn open(sockets: &Datagrams) -> io::Result<Self> {
        let socket = bind(sockets.server.ip())?;
        socket.connect(sockets.server)?;
        socket.set_nonblocking(true)?;
        let inner = Arc::new(Inner {
            socket: UdpSocket::from_std(socket)?,
            waiting: Waiting::new(Match::Exact),
            strays: AtomicU32::new(0),
        });
        let (jar, near_misses) = (Arc::clone(&sockets.jar), Arc::clone(&sockets.near_misses));
        let reader = tokio::spawn(Arc::clone(&inner).read(jar, near_misses)).abort_handle();
        Ok(Self { inner, uses: AtomicU32::new(1), opened: Instant::now(), reader })
    }

    /// Counts one use more, if there may be one.
    fn takes_more(&self) -> bool {
        self.inner.strays.load(Relaxed) < STRAYS_MAX
            && self.uses.fetch_add(1, Relaxed) < PORT_USES
            && self.opened.elapsed() < PORT_AGE
    }
}

impl Inner {
    async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let sent = match self.socket.try_send(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.socket.send(bytes).await,
            sent => sent,
        };
        sent.map(drop)
    }

    /// Hands out what arrives, until the task is aborted.
    async fn read(self: Arc<Self>, jar: Arc<Jar>, near_misses: Arc<AtomicU64>) {
        let mut buffer = vec![0; DATAGRAM_OCTETS];
        loop {
            let bytes = match self.socket.recv(&mut buffer).await {
                Ok(length) => buffer.get(..length).unwrap_or_default(),
                // Errors are those of single datagrams; a socket that has nothing else is given up.
                Err(error) if self.strays.fetch_add(1, Relaxed) >= STRAYS_MAX => {
                    return self.waiting.close(&error);
                }
                Err(error) => {
                    self.waiting.disappoint(&error);
                    continue;
                }
            };
            let believes = |query: &Query, reply: &super::message::Reply| {
                jar.believes(query.cookie, reply.cookie.as_ref())
            };
            match self.waiting.deliver(bytes, believes) {
                Delivery::Taken => {}
                Delivery::NearMiss => {
                    near_misses.fetch_add(1, Relaxed);
                }
                Delivery::Stray => {
                    self.strays.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

/// A socket on a random port, at the address family of the server.
fn bind(server: IpAddr) -> io::Result<std::net::UdpSocket> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    for _ in 0..PORT_TRIES {
        match std::net::UdpSocket::bind((any, random_port()?)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    std::net::UdpSocket::bind((any, 0))
}

fn random_port() -> io::Result<u16> {
    let mut number = dice::below(PORT_COUNT)?;
    for (first, count) in PORT_RANGES {
        match number.checked_sub(count) {
            Some(beyond) => number = beyond,
            None => return Ok(first + number),
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_ports_come_from_more_than_sixteen_thousand_and_not_from_those_of_other_programs() {
        const { assert!(PORT_COUNT >= 16_384) };
        let drawn: std::collections::HashSet<u16> = (0..4_000).map(|_| random_port().unwrap()).collect();
        assert!(drawn.len() > 3_500, "{}", drawn.len());
        assert!(drawn.iter().all(|port| (10_240..32_768).contains(port) || *port >= 61_000));
    }
}
