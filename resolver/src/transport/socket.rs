//! Sockets with the options that a resolver needs, bound all at once before anything serves.
//!
//! * Every address gets one TCP listener, and several UDP sockets for each worker thread
//!   (`SO_REUSEPORT`): a client's address picks the socket ([`steer`](super::steer)), so that who floods
//!   fills one queue of many.
//! * IPv6 sockets are IPv6 only, so `0.0.0.0` and `[::]` never get in each other's way.
//! * What the service manager passed on (socket activation) is taken over instead of bound: its sockets
//!   outlive a restart, and the program needs no privilege for port 53.
//! * Packet info is on: a datagram tells which of our addresses was asked and on which interface
//!   it came, and the reply leaves from that address, also on a wildcard socket.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use thiserror::Error;

use super::inherited::{ByAddress, Inherited};
use super::{Transport, steer};

/// UDP sockets that each worker has for each address.
pub const SOCKETS_PER_WORKER: usize = 8;
/// Octets that the kernel keeps for one socket whose worker is busy; it may give less. Some
/// thousand queries, which a worker answers within some ten milliseconds: older ones are not worth answering.
const RECEIVE_BUFFER_OCTETS: usize = 1 << 19;
/// Octets of replies that the kernel keeps for one socket until the line takes them.
const SEND_BUFFER_OCTETS: usize = 1 << 20;
/// How long a worker waits for a full send buffer before it gives up a reply.
const SEND_WAIT: u8 = 2;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// For port 0 (any free port): how often a port is tried that is free for TCP but not for UDP.
const ANY_PORT_TRIES: usize = 8;

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another program, or another copy of this one, has it.
    #[error("port in use: {address} ({})", .transport.as_str())]
    AddressInUse {
        /// What was to be bound.
        address: SocketAddr,
        /// For what.
        transport: Transport,
    },
    /// Ports below 1024 need a privilege that this process does not have.
    #[error("not permitted to listen on {address}: ports below 1024 need CAP_NET_BIND_SERVICE")]
    PermissionDenied {
        /// What was to be bound.
        address: SocketAddr,
    },
    /// No interface of this machine has the address.
    #[error("no interface of this machine has the address {address}")]
    AddressNotAvailable {
        /// What was to be bound.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// What was to be bound.
        address: SocketAddr,
        /// What the operating system said.
        error: io::Error,
    },
}

impl BindError {
    fn new(address: SocketAddr, transport: Transport, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => Self::AddressInUse { address, transport },
            ErrorKind::PermissionDenied => Self::PermissionDenied { address },
            ErrorKind::AddrNotAvailable => Self::AddressNotAvailable { address },
            _ => Self::Other { address, error },
        }
    }
}

/// All sockets, bound, not yet served.
#[derive(Debug)]
pub struct Bound {
    pub(super) listeners: Vec<Listener>,
}

/// The sockets of one address.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    /// By worker.
    pub(super) udp: Vec<Vec<Datagrams>>,
    pub(super) tcp: TcpListener,
}

/// One UDP socket.
#[derive(Debug)]
pub(super) struct Datagrams {
    pub(super) socket: Arc<UdpSocket>,
    /// The service manager's: it stays open when we stop, and others may read it beside us.
    pub(super) inherited: bool,
}

impl Bound {
    /// The addresses, with the real port where port 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }
}

/// Binds UDP and TCP on every address, for `workers` UDP threads (0: one per core).
///
/// # Errors
/// [`BindError`] for the first address that cannot be had; nothing stays bound then.
pub fn bind(listen: &[SocketAddr], workers: usize) -> Result<Bound, BindError> {
    bind_or_inherit(listen, workers, Inherited::default())
}

/// Like [`bind`], but an address that was inherited is served by its inherited sockets, UDP and TCP
/// each for itself. Inherited sockets of an address that `listen` does not name are closed, with a
/// warning.
///
/// # Errors
/// [`BindError`] for the first address that cannot be had; nothing stays bound then.
pub fn bind_or_inherit(
    listen: &[SocketAddr],
    workers: usize,
    inherited: Inherited,
) -> Result<Bound, BindError> {
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        _ => workers,
    };
    let mut inherited = inherited.by_address();
    let needed: Vec<SocketAddr> =
        listen.iter().copied().filter(|&address| !inherited.covers(address, listen)).collect();
    let listeners = needed.into_iter().map(|address| bind_address(address, workers, &mut inherited));
    let listeners = listeners.collect::<Result<_, _>>()?;
    inherited.warn_of_the_rest();
    Ok(Bound { listeners })
}

fn bind_address(
    wanted: SocketAddr,
    workers: usize,
    inherited: &mut ByAddress,
) -> Result<Listener, BindError> {
    let wrong = |transport| move |error| BindError::new(wanted, transport, error);
    let mut tries = if wanted.port() == 0 { ANY_PORT_TRIES } else { 1 };
    loop {
        // TCP first: its port cannot be shared, so a second copy of this program is noticed here
        // although the UDP ports can be.
        let tcp = match inherited.tcp(wanted) {
            Some(listener) => listener.map_err(wrong(Transport::Tcp))?,
            None => bind_tcp(wanted).map_err(wrong(Transport::Tcp))?,
        };
        let address = tcp.local_addr().map_err(wrong(Transport::Tcp))?;
        let udp = inherited.udp(wanted, workers).unwrap_or_else(|| bind_all_udp(address, workers));
        tries -= 1;
        match udp {
            Ok(udp) => return Ok(Listener { address, udp, tcp }),
            Err(error) if tries > 0 && error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(BindError::new(address, Transport::Udp, error)),
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier run that are still winding down do not block the port.
    socket.set_reuse_address(true)?;
    only_ipv6(&socket, address)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bind_all_udp(address: SocketAddr, workers: usize) -> io::Result<Vec<Vec<Datagrams>>> {
    let own = |socket| Datagrams { socket: Arc::new(socket), inherited: false };
    let of_one = || (0..SOCKETS_PER_WORKER).map(|_| bind_udp(address).map(own)).collect();
    let sockets: Vec<Vec<Datagrams>> = (0..workers).map(|_| of_one()).collect::<io::Result<_>>()?;
    if let Some(one) = sockets.first().and_then(|first| first.first())
        && let Err(error) = steer::by_source(&*one.socket, address, workers * SOCKETS_PER_WORKER)
    {
        tracing::warn!(%address, %error, "the kernel spreads clients over sockets by its own hash, source port included");
    }
    Ok(sockets)
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    only_ipv6(&socket, address)?;
    // Before bind, so that every datagram comes with it.
    set_packet_info(&socket, address)?;
    set_buffers(&SockRef::from(&socket), address, 1);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Makes room in the kernel for as much as `sockets` of ours have.
pub(super) fn set_buffers(socket: &SockRef<'_>, address: SocketAddr, sockets: usize) {
    let sizes = socket
        .set_recv_buffer_size(RECEIVE_BUFFER_OCTETS * sockets)
        .and_then(|()| socket.set_send_buffer_size(SEND_BUFFER_OCTETS));
    if let Err(error) = sizes {
        tracing::debug!(%address, %error, "the socket's buffers keep their size");
    }
}

/// Every datagram tells from now on which address was asked, on which interface.
pub(super) fn set_packet_info(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

fn only_ipv6(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() { socket.set_only_v6(true) } else { Ok(()) }
}

/// Where one of our replies leaves from: the address that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) local: IpAddr,
    pub(super) interface: u32,
}

/// Waits a little until a socket whose send buffer is full takes more.
pub(super) fn wait_for_room(socket: BorrowedFd<'_>) {
    let mut wanted = [PollFd::new(socket, PollFlags::POLLOUT)];
    if let Err(error) = poll(&mut wanted, SEND_WAIT) {
        tracing::debug!(%error, "a full socket could not be waited for");
    }
}

/// Sends one datagram from the address that was asked. Never blocks: with the send buffer full the
/// reply is lost, as any datagram may be, and the client asks again.
///
/// # Errors
/// What the operating system says.
pub(super) fn send(
    socket: &UdpSocket,
    reply: &[u8],
    to: SocketAddr,
    from: Option<Arrival>,
) -> io::Result<()> {
    let to = SockaddrStorage::from(to);
    let slices = [IoSlice::new(reply)];
    let send = |control: &[ControlMessage<'_>]| {
        sendmsg(socket.as_raw_fd(), &slices, control, MsgFlags::MSG_DONTWAIT, Some(&to))
    };
    match from {
        Some(Arrival { local: IpAddr::V4(local), .. }) => {
            let info = libc::in_pktinfo {
                // The routing table picks the interface, the packet info only the address.
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(local.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            send(&[ControlMessage::Ipv4PacketInfo(&info)])
        }
        Some(Arrival { local: IpAddr::V6(local), interface }) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: local.octets() },
                // A link-local address means nothing without its interface.
                ipi6_ifindex: if local.is_unicast_link_local() { interface } else { 0 },
            };
            send(&[ControlMessage::Ipv6PacketInfo(&info)])
        }
        None => send(&[]),
    }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_port_in_use_is_named() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bound = bind(&[any], 2).unwrap();
        let taken = bound.addresses()[0];
        assert!(matches!(
            bind(&[any, taken], 1),
            Err(BindError::AddressInUse { address, transport: Transport::Tcp }) if address == taken
        ));
        drop(bound);
        let other = UdpSocket::bind(taken).unwrap();
        let error = bind(&[taken], 1).unwrap_err();
        assert_eq!(error.to_string(), format!("port in use: {taken} (udp)"));
        drop(other);
        assert!(bind(&[taken], 1).is_ok());
    }

    #[test]
    fn an_address_that_is_not_ours_is_named() {
        // TEST-NET-1 (RFC 5737): no interface has it.
        let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
        assert!(matches!(bind(&[foreign], 1), Err(BindError::AddressNotAvailable { .. })));
    }
}
