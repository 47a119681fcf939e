//! DNS over UDP: one thread a core, batches in, replies out.
//!
//! A worker has several sockets for every address, each with clients of its own
//! ([`steer`](super::steer)), and serves those that have something in turns: one batch each, so that a flood
//! in one of them costs the others no more than a batch of waiting. A batch is taken whole (`recvmmsg`), what is live is
//! loaded and the clock read once, each query is answered at once if the engine can, and the replies leave
//! together (`sendmmsg`); while more comes than can be answered, [`fair`](super::fair) says who is. Whatever has to wait goes to the runtime, at most [`WAITING_MAX`] at a time, and is
//! answered later from the same socket. The worker itself waits for nothing but datagrams, takes no lock, and allocates
//! nothing for an answer of its own.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use socket2::{SockFilter, SockRef};

use super::fair::Fair;
use super::mmsg::{self, BATCH, Datagram, Inbox, Outbox};
use super::socket::{self, Datagrams};
use super::{Count, Service};
use crate::{Batch, Fast, Live, Peer, Recorder, Tick, Transport};

/// How long a worker waits for a datagram before it looks whether it should stop, in milliseconds.
const WAKE: u8 = 100;
/// Sockets that are served in one round; of more that are ready, the others come first in the next.
const ROUND: usize = 64;
/// After so many full batches of a socket in a row it is asked how full its queue is.
const LONG: u32 = 4;
/// Pause after an error of the socket itself, so that a lasting one does not eat a core.
const ERROR_PAUSE: Duration = Duration::from_millis(10);
/// Longest that what waited in inherited sockets before the start goes on waiting until there is something to
/// answer by: late is better than refused. Longer than a start with an index takes.
const HOLD: Duration = Duration::from_secs(2);
/// How often it is looked whether there is.
const HOLD_LOOK: Duration = Duration::from_millis(2);
/// Longest that a worker answers what had come before it was told to stop. Nothing new is let in
/// meanwhile, and what the queues hold is answered in a fraction of it.
const LAST_ROUNDS: Duration = Duration::from_secs(2);

/// Most queries over UDP that wait for an upstream or a zone; beyond, they are answered SERVFAIL at
/// once and counted.
pub const WAITING_MAX: usize = 4096;
/// Octets that one of them takes at most, with its work upstream and all that the allocator adds: what a
/// flood of names that nobody answers costs.
pub const WAITING_OCTETS: usize = 10 << 10;
/// Most of them for one client address, and never more than half of what is free: who holds much makes room for who
/// holds little, long before nothing is left.
pub const WAITING_PER_CLIENT: usize = 1000;

/// One thread's sockets.
pub(super) struct Worker {
    sockets: Vec<Datagrams>,
    ready: Epoll,
    service: Arc<Service>,
    /// Rises with every round, ten times a second or more.
    beats: Arc<Count>,
}

/// What a worker works with: made once.
struct Desk {
    inbox: Inbox,
    outbox: Outbox,
    recorder: Recorder,
    fair: Fair,
    /// By socket: full batches in a row.
    full: Vec<u32>,
}

/// What holds for one batch.
struct Round<'a> {
    socket: &'a Arc<UdpSocket>,
    live: &'a Live,
    now: Tick,
    batch: Batch,
}

impl Worker {
    /// # Errors
    /// When the sockets cannot be waited for together.
    pub(super) fn new(
        sockets: Vec<Datagrams>,
        service: &Arc<Service>,
        beats: &Arc<Count>,
    ) -> io::Result<Self> {
        let ready = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (number, datagrams) in sockets.iter().enumerate() {
            // One datagram in a socket that several workers read wakes one of them.
            let exclusive =
                if datagrams.inherited { EpollFlags::EPOLLEXCLUSIVE } else { EpollFlags::empty() };
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            ready.add(&*datagrams.socket, EpollEvent::new(EpollFlags::EPOLLIN | exclusive, number))?;
        }
        Ok(Self { sockets, ready, service: Arc::clone(service), beats: Arc::clone(beats) })
    }

    /// Serves until the service stops.
    pub(super) fn run(&self) {
        let mut desk = self.desk();
        self.hold();
        let mut events = [EpollEvent::empty(); ROUND];
        while !self.service.stopping.load(Ordering::Relaxed) {
            self.beats.add_one();
            match self.ready.wait(&mut events, WAKE) {
                Ok(count) => {
                    for event in events.iter().take(count) {
                        self.turn(event.data(), &mut desk);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(error) => pause(&error.into()),
            }
        }
        self.last_rounds(&mut desk);
    }

    /// Leaves inherited sockets alone until the first policies are live.
    fn hold(&self) {
        let until = Instant::now() + HOLD;
        let inherits = self.sockets.iter().any(|datagrams| datagrams.inherited);
        while inherits
            && !self.service.engine.snapshot().is_ready()
            && !self.service.stopping.load(Ordering::Relaxed)
            && Instant::now() < until
        {
            self.beats.add_one();
            std::thread::sleep(HOLD_LOOK);
        }
    }

    fn desk(&self) -> Desk {
        Desk {
            inbox: Inbox::new(),
            outbox: Outbox::new(),
            recorder: self.service.engine.recorder(),
            fair: Fair::new(),
            full: vec![0; self.sockets.len()],
        }
    }

    /// One batch for a socket that has something.
    fn turn(&self, number: u64, desk: &mut Desk) {
        match self.batch(usize::try_from(number).unwrap_or(usize::MAX), desk) {
            Ok(_) => {}
            Err(error) if is_wake_up(&error) => {}
            Err(error) => pause(&error),
        }
    }

    /// Answers what had come when the stop was asked for: own sockets let nothing in any more, and
    /// are emptied. Inherited ones keep what is in them for whoever reads them next.
    fn last_rounds(&self, desk: &mut Desk) {
        let own = || self.sockets.iter().enumerate().filter(|(_, datagrams)| !datagrams.inherited);
        for (_, datagrams) in own() {
            let nothing = SockFilter::new(u16::try_from(libc::BPF_RET | libc::BPF_K).unwrap_or(0), 0, 0, 0);
            if let Err(error) = SockRef::from(&*datagrams.socket).attach_filter(&[nothing]) {
                tracing::debug!(%error, "a UDP socket goes on taking queries while it is emptied");
            }
        }
        let until = Instant::now() + LAST_ROUNDS;
        for (number, _) in own() {
            while Instant::now() < until && self.batch(number, desk).is_ok_and(|count| count > 0) {}
        }
    }

    /// Takes and answers one batch; returns how many datagrams it had.
    fn batch(&self, number: usize, desk: &mut Desk) -> io::Result<usize> {
        let Desk { inbox, outbox, recorder, fair, full } = desk;
        let (Some(Datagrams { socket, .. }), Some(full)) = (self.sockets.get(number), full.get_mut(number))
        else {
            return Ok(0);
        };
        let count = inbox.receive(socket.as_fd())?;
        *full = if count < BATCH { 0 } else { full.saturating_add(1) };
        let batch = Batch::start();
        let live = self.service.engine.live();
        let mut round = Round { socket, live: &live, now: batch.tick(), batch };
        let pressed = *full >= LONG && mmsg::is_filling(socket.as_fd());
        fair.begins(pressed, round.now);
        let mut shed = 0;
        for number in 0..count {
            match inbox.datagram(number) {
                Some(datagram) if pressed && !fair.admits(datagram.source.ip()) => shed += 1,
                Some(datagram) => self.answer(&datagram, &mut round, recorder, outbox),
                None => self.service.load.unreadable.add_one(),
            }
        }
        self.service.load.shed.add(shed);
        self.service.load.unsent.add(outbox.send(socket.as_fd()));
        round.batch.end(recorder);
        Ok(count)
    }

    fn answer(
        &self,
        datagram: &Datagram<'_>,
        round: &mut Round<'_>,
        recorder: &mut Recorder,
        outbox: &mut Outbox,
    ) {
        let peer = Peer {
            source: datagram.source,
            local: datagram.arrival.map(|arrival| arrival.local),
            interface: datagram.arrival.map(|arrival| arrival.interface),
            transport: Transport::Udp,
        };
        let (engine, live, now) = (&self.service.engine, round.live, round.now);
        let mut done = engine.fast(datagram.bytes, &peer, live, now, recorder, outbox.reply());
        if done == Fast::Slow && !self.wait(round.socket, datagram, peer) {
            self.service.load.waiting_refused.add_one();
            done = engine.stale_or_fail(datagram.bytes, &peer, live, now, recorder, outbox.reply());
        }
        if let Fast::Reply(path) = done {
            round.batch.replied(path);
            outbox.seal(datagram.source, datagram.arrival);
        }
    }

    /// Leaves a query to the runtime; false when there is no room.
    fn wait(&self, socket: &Arc<UdpSocket>, datagram: &Datagram<'_>, peer: Peer) -> bool {
        let load = &self.service.load;
        let most = WAITING_PER_CLIENT.min(load.waiting.available_permits() / 2);
        let Some(share) = load.waiting_clients.take(peer.source.ip(), most) else { return false };
        let Ok(slot) = Arc::clone(&load.waiting).try_acquire_owned() else { return false };
        let (service, socket) = (Arc::clone(&self.service), Arc::clone(socket));
        let (packet, arrival) = (datagram.bytes.to_vec(), datagram.arrival);
        self.service.runtime.spawn(async move {
            let _held = (slot, share);
            let Some(reply) = service.engine.answer(packet, peer).await else { return };
            if let Err(error) = socket::send(&socket, &reply, peer.source, arrival) {
                service.load.unsent.add_one();
                tracing::debug!(%error, "a reply could not be sent");
            }
        });
        true
    }
}

/// Nothing was there after all, or a signal came; not an error of the socket.
fn is_wake_up(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionRefused)
}

fn pause(error: &io::Error) {
    tracing::warn!(%error, "a UDP socket could not be read");
    std::thread::sleep(ERROR_PAUSE);
}

#[cfg(test)]
#[path = "udp_tests.rs"]
mod tests;
