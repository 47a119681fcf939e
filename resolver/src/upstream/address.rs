//! How an upstream server is written in the configuration: `udp://192.0.2.1`, `tcp://[::1]:5353`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use blocklists::name::Name;
use serde::Deserialize;
use thiserror::Error;

/// The port when none is written.
pub const PORT: u16 = 53;

/// Why a text is not an upstream server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No `udp://` or `tcp://` in front.
    #[error("`{0}` needs a scheme: write udp://{0} or tcp://{0}")]
    NoScheme(String),
    /// A scheme that this version does not speak.
    #[error("`{0}://` upstream servers are not supported; use udp:// or tcp://")]
    Unsupported(String),
    /// Neither an address nor a host name.
    #[error("`{0}` is neither an IP address nor a host name")]
    Host(String),
    /// Not a port between 1 and 65535.
    #[error("`{0}` is not a port")]
    Port(String),
}

/// What carries questions to a server first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Datagrams; TCP when an answer is truncated.
    Udp,
    /// A stream from the start.
    Tcp,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// Known.
    Address(IpAddr),
    /// To be resolved through the bootstrap servers.
    Name(Name),
}

/// One upstream server as configured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ServerAddress {
    /// What carries the questions.
    pub carrier: Carrier,
    /// Where it is.
    pub host: Host,
    /// Its port.
    pub port: u16,
}

impl ServerAddress {
    /// A server reached by UDP at a known address.
    #[must_use]
    pub fn udp(address: SocketAddr) -> Self {
        Self { carrier: Carrier::Udp, host: Host::Address(address.ip()), port: address.port() }
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| AddressError::NoScheme(text.to_owned()))?;
        let carrier = match scheme {
            "udp" => Carrier::Udp,
            "tcp" => Carrier::Tcp,
            _ => return Err(AddressError::Unsupported(scheme.to_owned())),
        };
        let (host, port) = split_port(rest)?;
        Ok(Self { carrier, host, port })
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 address.
fn split_port(text: &str) -> Result<(Host, u16), AddressError> {
    let bad_host = || AddressError::Host(text.to_owned());
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok((Host::Address(address.into()), PORT));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']').ok_or_else(bad_host)?;
            let address: Ipv6Addr = inside.parse().map_err(|_| bad_host())?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or_else(bad_host)?),
            };
            (Host::Address(address.into()), port)
        }
        None => {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            let host = match host.parse::<IpAddr>() {
                Ok(address) => Host::Address(address),
                Err(_) => Host::Name(Name::parse(host).map_err(|_| bad_host())?),
            };
            (host, port)
        }
    };
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|&number| number != 0)
            .ok_or_else(|| AddressError::Port(port.to_owned()))?,
        None => PORT,
    };
    Ok((host, port))
}

impl fmt::Display for ServerAddress {
    /// As it could be written in the configuration; the default port is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.carrier {
            Carrier::Udp => "udp://",
            Carrier::Tcp => "tcp://",
        })?;
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Name(name) => write!(f, "{name}")?,
        }
        if self.port == PORT { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_read_as_written() {
        for (text, shown) in [
            ("udp://192.0.2.1", "udp://192.0.2.1"),
            ("udp://192.0.2.1:53", "udp://192.0.2.1"),
            ("tcp://192.0.2.1:5353", "tcp://192.0.2.1:5353"),
            ("udp://[2001:db8::1]", "udp://[2001:db8::1]"),
            ("udp://2001:db8::1", "udp://[2001:db8::1]"),
            ("tcp://[2001:db8::1]:54", "tcp://[2001:db8::1]:54"),
            ("udp://DNS.example.org:5300", "udp://dns.example.org:5300"),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<ServerAddress>().unwrap_err();
        assert!(matches!(error("192.0.2.1"), AddressError::NoScheme(_)));
        assert!(matches!(error("https://dns.example/dns-query"), AddressError::Unsupported(_)));
        assert!(matches!(error("udp://"), AddressError::Host(_)));
        assert!(matches!(error("udp://[::1"), AddressError::Host(_)));
        assert!(matches!(error("udp://[::1]53"), AddressError::Host(_)));
        assert!(matches!(error("udp://a b"), AddressError::Host(_)));
        assert!(matches!(error("udp://192.0.2.1:0"), AddressError::Port(_)));
        assert!(matches!(error("udp://192.0.2.1:x"), AddressError::Port(_)));
    }
}
