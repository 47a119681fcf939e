//! DNS over UDP: one thread per worker and address, batches in, replies out.
//!
//! A worker takes all datagrams that are there (`recvmmsg`), loads what is live and reads the clock
//! once, and answers each at once if the engine can. Whatever has to wait goes to the runtime, at
//! most [`WAITING_MAX`] at a time, and is answered later from the same socket. The worker itself
//! never waits for anything but datagrams, and allocates nothing per datagram.
//!
//! Replies leave one `sendmsg` each: the safe `sendmmsg` of `nix` shares one source address over a
//! whole batch and does not say which message failed, so that one client without a route could
//! cost the others their answers.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg};

use super::socket::{self, Arrival};
use super::{Count, QUERY_OCTETS_MAX, Service};
use crate::answer;
use crate::reply::{Ede, ede};
use crate::wire::{self, NameBuffer, Parsed, rcode};
use crate::{Batch, Fast, Live, Peer, Recorder, Transport};

/// Most datagrams taken at once.
const BATCH: usize = 32;
/// Room for a reply, so that its buffer never has to grow.
const REPLY_OCTETS: usize = crate::limits::UDP_REPLY_MAX;
/// Pause after an error of the socket itself, so that a lasting one does not eat a core.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// Most queries over UDP that wait for an upstream or a zone; beyond, they are answered SERVFAIL at once
/// and counted.
pub const WAITING_MAX: usize = 4096;
/// Most of them for one client address.
pub const WAITING_PER_CLIENT: usize = 1000;

type Buffers = [[u8; QUERY_OCTETS_MAX]; BATCH];

/// One worker on one socket.
pub(super) struct Worker {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) service: Arc<Service>,
    /// Rises with every turn of the loop, ten times a second or more.
    pub(super) beats: Arc<Count>,
}

/// A datagram as it came.
struct Datagram<'a> {
    bytes: &'a [u8],
    from: SockaddrStorage,
    source: SocketAddr,
    arrival: Option<Arrival>,
}

impl Worker {
    /// Serves until the service stops.
    pub(super) fn run(&self) {
        let mut buffers: Box<Buffers> = Box::new([[0; QUERY_OCTETS_MAX]; BATCH]);
        let mut headers = headers();
        let mut reply = Vec::with_capacity(REPLY_OCTETS);
        let mut recorder = self.service.engine.recorder();
        while !self.service.stopping.load(Ordering::Relaxed) {
            self.beats.add_one();
            match self.batch(&mut buffers, &mut headers, &mut reply, &mut recorder) {
                Ok(true) => {}
                // The kernel notes in the headers how much it wrote; after a datagram without
                // packet info they would have no room for it any more.
                Ok(false) => headers = self::headers(),
                Err(error) if is_wake_up(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a UDP socket could not be read");
                    std::thread::sleep(ERROR_PAUSE);
                }
            }
        }
    }

    /// Takes and answers one batch; false when the headers are to be made anew.
    fn batch(
        &self,
        buffers: &mut Buffers,
        headers: &mut MultiHeaders<SockaddrStorage>,
        reply: &mut Vec<u8>,
        recorder: &mut Recorder,
    ) -> io::Result<bool> {
        let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let received =
            recvmmsg(self.socket.as_raw_fd(), headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None)?;
        let live = self.service.engine.live();
        let mut batch = Batch::start();
        let mut whole = true;
        for message in received {
            let datagram = Datagram::read(&message);
            whole &= datagram.as_ref().is_none_or(|datagram| datagram.arrival.is_some());
            match datagram {
                Some(datagram) => self.answer(&datagram, &live, &mut batch, recorder, reply),
                None => self.service.load.unreadable.add_one(),
            }
        }
        batch.end(recorder);
        Ok(whole)
    }

    fn answer(
        &self,
        datagram: &Datagram<'_>,
        live: &Live,
        batch: &mut Batch,
        recorder: &mut Recorder,
        reply: &mut Vec<u8>,
    ) {
        let peer = Peer {
            source: datagram.source,
            local: datagram.arrival.map(|arrival| arrival.local),
            interface: datagram.arrival.map(|arrival| arrival.interface),
            transport: Transport::Udp,
        };
        match self.service.engine.fast(datagram.bytes, &peer, live, batch.tick(), recorder, reply) {
            Fast::Reply(path) => {
                batch.replied(path);
                self.service.send(&self.socket, reply, &datagram.from, datagram.arrival);
            }
            Fast::Slow if self.wait(datagram, peer) => {}
            Fast::Slow => self.service.refuse(&self.socket, datagram, reply),
            Fast::Drop => {}
        }
    }

    /// Leaves a query to the runtime; false when there is no room.
    fn wait(&self, datagram: &Datagram<'_>, peer: Peer) -> bool {
        let Ok(slot) = Arc::clone(&self.service.load.waiting).try_acquire_owned() else {
            return false;
        };
        let (service, socket) = (Arc::clone(&self.service), Arc::clone(&self.socket));
        let (packet, from, arrival) = (datagram.bytes.to_vec(), datagram.from, datagram.arrival);
        self.service.runtime.spawn(async move {
            let _slot = slot;
            // In here and not in the worker: the worker takes no lock.
            let Some(_share) = service.load.waiting_clients.take(peer.source.ip()) else {
                let source = peer.source;
                let bytes = packet.as_slice();
                let datagram = Datagram { bytes, from, source, arrival };
                return service.refuse(&socket, &datagram, &mut Vec::new());
            };
            if let Some(reply) = service.engine.answer(packet, peer).await {
                service.send(&socket, &reply, &from, arrival);
            }
        });
        true
    }
}

impl<'a> Datagram<'a> {
    /// `None` for what cannot be a query: longer than any, or from nowhere.
    fn read(message: &RecvMsg<'_, 'a, SockaddrStorage>) -> Option<Self> {
        if message.flags.contains(MsgFlags::MSG_TRUNC) {
            return None;
        }
        let from = message.address?;
        let source = socket_address(&from)?;
        let arrival = message
            .cmsgs()
            .ok()
            .and_then(|mut control| control.find_map(|message| Arrival::from_control(&message)));
        Some(Self { bytes: message.iovs().next().unwrap_or(&[]), from, source, arrival })
    }
}

impl Service {
    /// Says SERVFAIL at once to a query that there is no room to wait for: better than silence, as
    /// the client can go to another resolver or try again.
    fn refuse(&self, socket: &UdpSocket, datagram: &Datagram<'_>, reply: &mut Vec<u8>) {
        self.load.waiting_refused.add_one();
        let mut name = NameBuffer::default();
        let Parsed::Query(query) = wire::parse(datagram.bytes, Transport::Udp, &mut name) else {
            return;
        };
        let error = [Ede::code(ede::NETWORK_ERROR)];
        answer::code(&query, rcode::SERVFAIL, &error, reply);
        self.send(socket, reply, &datagram.from, datagram.arrival);
    }

    fn send(&self, socket: &UdpSocket, reply: &[u8], to: &SockaddrStorage, from: Option<Arrival>) {
        if let Err(error) = socket::send(socket, reply, to, from) {
            self.load.unsent.add_one();
            tracing::debug!(%error, "a reply could not be sent");
        }
    }
}

/// Headers for one batch, with room for the packet info of either family.
fn headers() -> MultiHeaders<SockaddrStorage> {
    MultiHeaders::preallocate(BATCH, Some(cmsg_space!(libc::in6_pktinfo)))
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let found = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(address), _) => SocketAddr::V4(SocketAddrV4::from(*address)),
        (_, Some(address)) => SocketAddr::V6(SocketAddrV6::from(*address)),
        _ => return None,
    };
    (found.port() != 0).then_some(found)
}

/// Nothing came in time, or a signal did; not an error of the socket.
fn is_wake_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::ConnectionRefused
    )
}
