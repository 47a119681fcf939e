//! Who sent a packet, to which of our addresses, and how: all that identity can rest on.

use std::net::{IpAddr, SocketAddr};

use policy::Asker;

/// The other side of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Where the query came from and the reply goes to.
    pub source: SocketAddr,
    /// The address of ours that was asked, where the socket tells it.
    pub local: Option<IpAddr>,
    /// Index of the interface on which it arrived, where the socket tells it.
    pub interface: Option<u32>,
    /// What carried it.
    pub transport: Transport,
}

/// What carries a query, and so how long its reply may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain DNS in datagrams: replies are held to what the client can take.
    Udp,
    /// Plain DNS on a stream (RFC 7766).
    Tcp,
}

impl Transport {
    /// Every transport, in the order of the counters.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    /// Its name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl Peer {
    /// What the policy needs to find the client. IPv4 in IPv6 clothes is unmapped (RFC 4291
    /// section 2.5.5.2), so that one device is one device on every socket.
    #[must_use]
    pub fn asker(&self) -> Asker {
        Asker {
            source: self.source.ip().to_canonical(),
            local: self.local.map(|address| address.to_canonical()),
            interface: self.interface,
        }
    }
}
