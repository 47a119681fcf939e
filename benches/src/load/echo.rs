//! The floor: what the kernel alone costs. Every datagram comes back, marked as a reply and padded to
//! the size of our answers, in batches as our server works, or one by one.
//!
//! It runs in a process of its own, so that its processor time is read as any server's is.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Socket, Type};

use crate::Outcome;
use crate::process::{Process, free_address};

/// As many as our server takes at once.
const BATCH: usize = 32;
const DATAGRAM_MAX: usize = 1536;
/// The kernel keeps as much for it as for our server.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How an echo works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// `recvmmsg`, then one `sendmmsg`.
    Batched,
    /// `recvfrom`, `sendto`.
    Single,
}

impl Manner {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batched => "echo, batched",
            Self::Single => "echo, one by one",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Single => "single",
        }
    }
}

/// Starts an echo of replies of this size on a core.
pub fn start(
    manner: Manner,
    octets: usize,
    threads: usize,
    folder: &Path,
    core: Option<usize>,
) -> Outcome<(Process, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["echo", manner.word(), &address.to_string(), &octets.to_string(), &threads.to_string()]);
    let log = folder.join(format!("echo-{}-{octets}-{}.log", manner.word(), address.port()));
    Ok((Process::start(&mut command, &log, core)?, address))
}

/// The process itself; it runs until it is killed. Every thread has a socket of its own.
pub fn in_this_process(manner: &str, address: &str, octets: &str, threads: &str) -> Outcome<ExitCode> {
    let octets = octets.parse::<usize>()?.clamp(12, DATAGRAM_MAX);
    let (address, batched) = (address.parse()?, manner != "single");
    let sockets: Outcome<Vec<UdpSocket>> = (0..threads.parse()?).map(|_| shared(address)).collect();
    std::thread::scope(|scope| {
        for socket in sockets? {
            scope.spawn(move || -> Result<(), String> {
                let done = if batched { batches(&socket, octets) } else { one_by_one(&socket, octets) };
                done.map_err(|error| error.to_string())
            });
        }
        Ok(ExitCode::FAILURE)
    })
}

/// A socket at an address that others of this process have too.
fn shared(address: SocketAddr) -> Outcome<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_reuse_port(true)?;
    // Less than asked for is no trouble.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn one_by_one(socket: &UdpSocket, octets: usize) -> Outcome<()> {
    let mut buffer = [0; DATAGRAM_MAX];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        mark(&mut buffer);
        socket.send_to(buffer.get(..octets.max(length)).unwrap_or(&[]), from)?;
    }
}

fn batches(socket: &UdpSocket, octets: usize) -> Outcome<()> {
    let mut headers: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(BATCH, None);
    let mut buffers: Box<[[u8; DATAGRAM_MAX]; BATCH]> = Box::new([[0; DATAGRAM_MAX]; BATCH]);
    loop {
        let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let received =
            recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None)?;
        let mut clients: [Option<(usize, SocketAddrAny)>; BATCH] = [const { None }; BATCH];
        for (message, client) in received.zip(&mut clients) {
            let from = message.address.and_then(|address| {
                let address = address.as_sockaddr_in()?;
                Some(SocketAddr::from((address.ip(), address.port())).as_any())
            });
            *client = from.map(|from| (octets.max(message.bytes), from));
        }
        buffers.iter_mut().for_each(mark);
        let replies: [Option<([IoSlice<'_>; 1], &SocketAddrAny)>; BATCH] = std::array::from_fn(|at| {
            let (length, client) = clients.get(at)?.as_ref()?;
            Some(([IoSlice::new(buffers.get(at)?.get(..*length)?)], client))
        });
        let mut controls: [SendAncillaryBuffer<'_, '_, '_>; BATCH] = Default::default();
        let mut messages: Vec<MMsgHdr<'_>> = Vec::with_capacity(BATCH);
        for (reply, control) in replies.iter().flatten().zip(&mut controls) {
            messages.push(MMsgHdr::new_with_addr(reply.1, &reply.0, control));
        }
        let mut sent = 0;
        while let Some(rest @ [_, ..]) = messages.get_mut(sent..) {
            sent += sendmmsg(socket, rest, SendFlags::empty())?;
        }
    }
}

/// A reply (QR) that the name does not exist, so that generators count it.
fn mark(buffer: &mut [u8; DATAGRAM_MAX]) {
    buffer[2] |= 0x80;
    buffer[3] = 0x83;
}
