//! Sockets that the service manager bound for us (socket activation), matched to the addresses that
//! are to be served.
//!
//! systemd binds port 53 as root and keeps the sockets open over a restart, so that this program
//! needs no privilege and no query is lost meanwhile: it waits in the socket. One inherited UDP
//! socket is read by several workers, as a passed socket cannot be multiplied by `SO_REUSEPORT`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use socket2::SockRef;

use super::Transport;
use super::socket::{Datagrams, SOCKETS_PER_WORKER, set_buffers, set_packet_info};

/// Sockets that were bound before this program started.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Datagram sockets.
    pub udp: Vec<UdpSocket>,
    /// Listening stream sockets.
    pub tcp: Vec<TcpListener>,
}

impl Inherited {
    /// Notes where each one is bound. One that cannot say it is not bound, and no use.
    pub(super) fn by_address(self) -> ByAddress {
        let udp = self.udp.into_iter().filter_map(|socket| Some((Place::of_udp(&socket)?, socket)));
        let tcp = self.tcp.into_iter().filter_map(|listener| Some((Place::of_tcp(&listener)?, listener)));
        ByAddress { udp: udp.collect(), tcp: tcp.collect() }
    }
}

/// Where a socket is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    address: SocketAddr,
    /// An IPv6 socket that takes IPv4 as well (systemd's default for `[::]`).
    both_families: bool,
}

impl Place {
    fn of_udp(socket: &UdpSocket) -> Option<Self> {
        Self::new(socket.local_addr().ok()?, &SockRef::from(socket))
    }

    fn of_tcp(listener: &TcpListener) -> Option<Self> {
        Self::new(listener.local_addr().ok()?, &SockRef::from(listener))
    }

    fn new(address: SocketAddr, socket: &SockRef<'_>) -> Option<Self> {
        let both_families = address.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED) && !socket.only_v6().ok()?;
        Some(Self { address, both_families })
    }

    /// Same address and port; a link-local address is another one on another interface.
    fn is(self, wanted: SocketAddr) -> bool {
        let scope = |address: SocketAddr| match address {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        (self.address.ip(), self.address.port(), scope(self.address))
            == (wanted.ip(), wanted.port(), scope(wanted))
    }
}

/// Inherited sockets that nobody serves yet.
#[derive(Debug)]
pub(super) struct ByAddress {
    udp: Vec<(Place, UdpSocket)>,
    tcp: Vec<(Place, TcpListener)>,
}

impl ByAddress {
    /// Whether `0.0.0.0` needs no socket of its own: an inherited `[::]` that takes both families has
    /// its port, and is served too.
    pub(super) fn covers(&self, wanted: SocketAddr, listen: &[SocketAddr]) -> bool {
        let both = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), wanted.port());
        let takes_both = |place: &Place| place.both_families && place.is(both);
        wanted.ip() == IpAddr::from(Ipv4Addr::UNSPECIFIED)
            && listen.contains(&both)
            && self.udp.iter().any(|(place, _)| takes_both(place))
            && self.tcp.iter().any(|(place, _)| takes_both(place))
    }

    /// Takes the listener of an address, made ready to serve.
    pub(super) fn tcp(&mut self, wanted: SocketAddr) -> Option<io::Result<TcpListener>> {
        let found = self.tcp.iter().position(|(place, _)| place.is(wanted))?;
        let (_, listener) = self.tcp.remove(found);
        Some(listener.set_nonblocking(true).map(|()| listener))
    }

    /// Takes the datagram sockets of an address, made ready to serve: every worker reads all of
    /// them, as nobody but the service manager could spread clients over more.
    pub(super) fn udp(
        &mut self,
        wanted: SocketAddr,
        workers: usize,
    ) -> Option<io::Result<Vec<Vec<Datagrams>>>> {
        let found: Vec<Arc<UdpSocket>> = self
            .udp
            .extract_if(.., |(place, _)| place.is(wanted))
            .map(|(_, socket)| Arc::new(socket))
            .collect();
        if found.is_empty() {
            return None;
        }
        let ready = found.iter().try_for_each(|socket| {
            // One queue for all clients, and for the time of a restart.
            set_buffers(&SockRef::from(&**socket), wanted, SOCKETS_PER_WORKER * workers);
            set_packet_info(&**socket, wanted)
        });
        let shared = |socket: &Arc<UdpSocket>| Datagrams { socket: Arc::clone(socket), inherited: true };
        Some(ready.map(|()| (0..workers).map(|_| found.iter().map(shared).collect()).collect()))
    }

    /// Says which sockets nobody serves: what is sent to them would be lost without a trace.
    pub(super) fn warn_of_the_rest(self) {
        let udp = self.udp.iter().map(|(place, _)| (place.address, Transport::Udp));
        let tcp = self.tcp.iter().map(|(place, _)| (place.address, Transport::Tcp));
        for (address, transport) in udp.chain(tcp) {
            tracing::warn!(
                "the service manager passed a {} socket for {address}, which [dns] listen does not name: add it there, \
                 or take it out of the .socket unit",
                transport.as_str()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::super::socket::bind_or_inherit;
    use super::*;

    /// What systemd passes for one address: both sockets, blocking.
    fn passed(at: &str) -> (SocketAddr, Inherited) {
        let tcp = TcpListener::bind(at).unwrap();
        let address = tcp.local_addr().unwrap();
        (address, Inherited { udp: vec![UdpSocket::bind(address).unwrap()], tcp: vec![tcp] })
    }

    #[test]
    fn an_inherited_address_is_not_bound_again_and_its_socket_is_shared() {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let (address, inherited) = passed(at);
            assert!(bind_or_inherit(&[address], 3, Inherited::default()).is_err());
            let bound = bind_or_inherit(&[address], 3, inherited).unwrap();
            assert_eq!(bound.addresses(), [address]);
            assert_eq!(bound.listeners[0].udp.len(), 3);
            for shared in bound.listeners[0].udp.iter().flatten() {
                assert_eq!((shared.socket.local_addr().unwrap(), shared.inherited), (address, true));
            }
        }
    }

    #[test]
    fn what_was_not_passed_is_bound() {
        let (address, mut inherited) = passed("127.0.0.1:0");
        inherited.tcp.clear();
        let other = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = bind_or_inherit(&[address, other], 1, inherited).unwrap();
        assert_eq!(bound.addresses()[0], address);
        assert!(bound.listeners[1].udp.iter().flatten().all(|own| !own.inherited));
    }

    #[test]
    fn a_socket_for_both_families_serves_both() {
        let any = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        any.set_only_v6(false).unwrap();
        any.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
        any.listen(1).unwrap();
        let tcp = TcpListener::from(any);
        let both = tcp.local_addr().unwrap();
        let udp = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
        udp.set_only_v6(false).unwrap();
        udp.bind(&both.into()).unwrap();
        let inherited = Inherited { udp: vec![udp.into()], tcp: vec![tcp] };
        let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, both.port()));
        let bound = bind_or_inherit(&[v4, both], 1, inherited).unwrap();
        assert_eq!(bound.addresses(), [both]);
    }
}
