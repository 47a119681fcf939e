//! One client socket: sends questions and receives replies, many to a system call.
//!
//! Ids count up and wrap; a question is open from its id's turn until its reply, or until it is given
//! up as lost. Everything is checked out of two fixed tables, so that nothing is allocated between
//! batches but the few pointers of the batch itself.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use socket2::{Domain, Socket, Type};

use super::Tally;
use super::stream::Stream;
use crate::Outcome;
use crate::question::said;

/// Most messages in one system call.
pub const BATCH: usize = 64;
/// Room for a question, and for the part of a reply that is read.
const QUESTION_MAX: usize = 288;
const REPLY_MAX: usize = 1536;
/// A reply later than this is no reply.
pub const LOST_AFTER: Duration = Duration::from_secs(2);
/// Room in the kernel for replies that were not received yet.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A socket of one client, or one that speaks for many.
pub struct Port {
    socket: UdpSocket,
    crowd: Option<Crowd>,
    headers: MultiHeaders<SockaddrStorage>,
    questions: Box<[[u8; QUESTION_MAX]; BATCH]>,
    replies: Box<[[u8; REPLY_MAX]; BATCH]>,
    /// When the question of each id was due; `None` for one that is not open.
    open: Vec<Option<Instant>>,
    /// Ids in the order in which they were asked; some are answered already.
    order: VecDeque<u16>,
    next: u16,
    in_flight: usize,
}

/// Clients behind one socket: every batch leaves from the next one's address (`IP_PKTINFO`).
struct Crowd {
    addresses: Vec<Ipv4Addr>,
    next: usize,
    server: SockaddrStorage,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Port {
    /// From a client's address to the server.
    pub fn connect(client: IpAddr, server: SocketAddr) -> Outcome<Self> {
        let socket = bound(client, server)?;
        socket.connect(&server.into())?;
        Ok(Self::over(socket, None))
    }

    /// From many addresses of loopback to the server, one after another.
    pub fn of_crowd(addresses: Vec<Ipv4Addr>, server: SocketAddr) -> Outcome<Self> {
        let socket = bound(Ipv4Addr::UNSPECIFIED.into(), server)?;
        let headers = MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(libc::in_pktinfo)));
        let crowd = Crowd { addresses, next: 0, server: server.into(), headers };
        Ok(Self::over(socket, Some(crowd)))
    }

    fn over(socket: Socket, crowd: Option<Crowd>) -> Self {
        Self {
            socket: socket.into(),
            crowd,
            headers: MultiHeaders::preallocate(BATCH, None),
            questions: Box::new([[0; QUESTION_MAX]; BATCH]),
            replies: Box::new([[0; REPLY_MAX]; BATCH]),
            open: vec![None; 1 << 16],
            order: VecDeque::with_capacity(1 << 16),
            next: 0,
            in_flight: 0,
        }
    }

    /// Datagrams that the kernel dropped here because nobody received them in time.
    pub fn dropped(&self) -> Outcome<u64> {
        dropped_at(self.socket.local_addr()?.port())
    }

    /// Questions that wait for a reply.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Asks the next `count` questions of the stream (at most [`BATCH`]), due at these times.
    pub fn send(
        &mut self,
        stream: &mut Stream,
        count: usize,
        due: impl Fn(usize) -> Instant,
        tally: &mut Tally,
    ) -> Outcome<()> {
        let count = count.min(BATCH).min(self.open.len() - 1 - self.order.len());
        let mut lengths = [0; BATCH];
        for (at, (buffer, length)) in self.questions.iter_mut().zip(&mut lengths).enumerate().take(count) {
            *length = stream.next_into(self.next, buffer);
            if let Some(slot) = self.open.get_mut(usize::from(self.next)) {
                *slot = Some(due(at));
            }
            self.order.push_back(self.next);
            self.next = self.next.wrapping_add(1);
        }
        let packets = self.questions.iter().zip(lengths).take(count);
        let slices: Vec<[IoSlice<'_>; 1]> =
            packets.map(|(buffer, length)| [IoSlice::new(buffer.get(..length).unwrap_or(&[]))]).collect();
        let gone = match &mut self.crowd {
            Some(crowd) => crowd.send(&self.socket, &slices),
            None => send_connected(&self.socket, &slices),
        };
        // What the kernel did not take counts as sent and will be lost: so it is for a real client.
        match gone {
            Err(error) if !is_passing(error.kind()) => return Err(error.into()),
            _ => {}
        }
        tally.sent += count as u64;
        self.in_flight += count;
        Ok(())
    }

    /// Takes the replies that are there; each goes to the tally and, with the time its question was
    /// due, to `sink`. Returns how many there were.
    pub fn receive(&mut self, tally: &mut Tally, sink: &mut dyn FnMut(Instant, &[u8])) -> Outcome<usize> {
        let mut slices = self.replies.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let received =
            match recvmmsg(self.socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None) {
                Ok(received) => received.map(|message| message.bytes).collect::<Vec<_>>(),
                Err(error) if is_passing(std::io::Error::from(error).kind()) => return Ok(0),
                Err(error) => return Err(error.into()),
            };
        let mut taken = 0;
        for (buffer, length) in self.replies.iter().zip(received) {
            let reply = buffer.get(..length).unwrap_or(&[]);
            let Some(id) = reply.first_chunk().map(|id| u16::from_be_bytes(*id)) else { continue };
            // A reply to a question that was given up comes too late.
            let Some(due) = self.open.get_mut(usize::from(id)).and_then(Option::take) else { continue };
            self.in_flight -= 1;
            taken += 1;
            tally.note(said(reply), length);
            sink(due, reply);
        }
        self.forget_answered();
        Ok(taken)
    }

    fn forget_answered(&mut self) {
        while self.order.front().is_some_and(|id| self.is_answered(*id)) {
            self.order.pop_front();
        }
    }

    fn is_answered(&self, id: u16) -> bool {
        self.open.get(usize::from(id)).is_some_and(Option::is_none)
    }

    /// Gives up what was due before `now - after`.
    pub fn give_up(&mut self, now: Instant, after: Duration, tally: &mut Tally) {
        while let Some(&id) = self.order.front() {
            let Some(slot) = self.open.get_mut(usize::from(id)) else { return };
            match slot {
                Some(due) if now.saturating_duration_since(*due) < after => return,
                Some(_) => {
                    *slot = None;
                    self.in_flight -= 1;
                    tally.lost += 1;
                }
                None => {}
            }
            self.order.pop_front();
        }
    }
}

/// A socket at a client's address that never waits.
fn bound(client: IpAddr, server: SocketAddr) -> Outcome<Socket> {
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM, None)?;
    // Less than asked for is no trouble.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&SocketAddr::new(client, 0).into())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn send_connected(socket: &UdpSocket, slices: &[[IoSlice<'_>; 1]]) -> std::io::Result<()> {
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        slices.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut messages: Vec<MMsgHdr<'_>> =
        slices.iter().zip(&mut controls).map(|(slice, control)| MMsgHdr::new(slice, control)).collect();
    sendmmsg(socket, &mut messages, SendFlags::empty())?;
    Ok(())
}

impl Crowd {
    fn send(&mut self, socket: &UdpSocket, slices: &[[IoSlice<'_>; 1]]) -> std::io::Result<()> {
        let address = self.addresses.get(self.next).copied().unwrap_or(Ipv4Addr::LOCALHOST);
        self.next = if self.next + 1 < self.addresses.len() { self.next + 1 } else { 0 };
        let from = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let (to, control) = ([Some(self.server); BATCH], [ControlMessage::Ipv4PacketInfo(&from)]);
        let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
        nix::sys::socket::sendmmsg(fd, &mut self.headers, slices.iter(), to, control, flags)?;
        Ok(())
    }
}

/// Nothing there, no room, or nobody listening: all pass.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionRefused)
}

/// Datagrams that the kernel dropped at the sockets of a port since they were opened.
pub fn dropped_at(port: u16) -> Outcome<u64> {
    let own = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/udp")?;
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|fields| fields.get(1).is_some_and(|local| local.ends_with(&own)));
    Ok(ours.filter_map(|fields| fields.last()?.parse::<u64>().ok()).sum())
}
