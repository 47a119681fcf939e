//! How an upstream server is written in the configuration: `udp://192.0.2.1`, `tcp://[::1]:5353`,
//! `tls://192.0.2.1#dns.example`, `https://dns.example/dns-query`, `quic://dns.example`.
//!
//! An encrypted server proves who it is by its certificate, always: for the name behind `#`, else for
//! the host as written, be it a name or an address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use blocklists::name::Name;
use serde::Deserialize;
use thiserror::Error;

/// The port of plain DNS when none is written.
pub const PORT: u16 = 53;
/// Where a DoH server takes questions when no path is written (RFC 8484 section 4.1 leaves it open; this
/// is what servers use).
pub const DOH_PATH: &str = "/dns-query";

/// Why a text is not an upstream server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No scheme in front.
    #[error("`{0}` needs a scheme: write udp://{0}, or tcp://, tls://, https:// or quic://")]
    NoScheme(String),
    /// A scheme that this version does not speak.
    #[error("`{0}://` upstream servers are not supported; use udp://, tcp://, tls://, https:// or quic://")]
    Unsupported(String),
    /// Neither an address nor a host name.
    #[error("`{0}` is neither an IP address nor a host name")]
    Host(String),
    /// Not a port between 1 and 65535.
    #[error("`{0}` is not a port")]
    Port(String),
    /// A path that cannot stand in a URL, or where none belongs.
    #[error("`{0}` is not a path of an https:// server, such as /dns-query")]
    Path(String),
    /// A name to check the certificate for, where there is no certificate or no name.
    #[error("`#{0}` is not the name of an encrypted server's certificate, as in tls://192.0.2.1#dns.example")]
    CertificateName(String),
}

/// What carries questions to a server first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Datagrams; TCP when an answer is truncated or doubtful.
    Udp,
    /// A stream from the start.
    Tcp,
    /// DNS over TLS (RFC 7858), nothing else.
    Tls,
    /// DNS over HTTPS (RFC 8484), nothing else.
    Https,
    /// DNS over QUIC (RFC 9250), nothing else.
    Quic,
}

impl Carrier {
    const ALL: [(&str, Self); 5] = [
        ("udp", Self::Udp),
        ("tcp", Self::Tcp),
        ("tls", Self::Tls),
        ("https", Self::Https),
        ("quic", Self::Quic),
    ];

    /// Whether nobody on the way can read or change what it carries.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Https | Self::Quic)
    }

    /// The port when none is written.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => PORT,
            Self::Tls | Self::Quic => 853,
            Self::Https => 443,
        }
    }

    fn scheme(self) -> &'static str {
        Self::ALL.iter().find(|(_, carrier)| *carrier == self).map_or("udp", |(scheme, _)| scheme)
    }
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
    /// The name that its certificate has to be for, where that is not the host as written.
    pub certificate: Option<Name>,
    /// Where it takes questions, for HTTPS.
    pub path: Option<String>,
}

impl ServerAddress {
    /// A plain server at a known address.
    #[must_use]
    pub fn plain(carrier: Carrier, address: SocketAddr) -> Self {
        let host = Host::Address(address.ip());
        Self { carrier, host, port: address.port(), certificate: None, path: None }
    }

    /// A server reached by UDP at a known address.
    #[must_use]
    pub fn udp(address: SocketAddr) -> Self {
        Self::plain(Carrier::Udp, address)
    }

    /// Whom its certificate has to name: a host name without its last dot, or an address.
    #[must_use]
    pub fn certificate_name(&self) -> String {
        match (&self.certificate, &self.host) {
            (Some(name), _) | (None, Host::Name(name)) => name.to_string(),
            (None, Host::Address(address)) => address.to_string(),
        }
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
        let (_, carrier) = *Carrier::ALL
            .iter()
            .find(|(known, _)| *known == scheme)
            .ok_or_else(|| AddressError::Unsupported(scheme.to_owned()))?;
        let (rest, certificate) = match rest.split_once('#') {
            Some((rest, name)) => {
                let parsed = Name::parse(name).ok().filter(|_| carrier.is_encrypted() && !name.is_empty());
                (rest, Some(parsed.ok_or_else(|| AddressError::CertificateName(name.to_owned()))?))
            }
            None => (rest, None),
        };
        let (rest, path) = match rest.find('/') {
            Some(at) => {
                let (rest, path) = rest.split_at(at);
                let fits = path.bytes().all(|octet| octet.is_ascii_graphic() && !b"?{}\"<>".contains(&octet));
                let fits = fits && carrier == Carrier::Https;
                (
                    rest,
                    Some(fits.then(|| path.to_owned()).ok_or_else(|| AddressError::Path(path.to_owned()))?),
                )
            }
            None => (rest, (carrier == Carrier::Https).then(|| DOH_PATH.to_owned())),
        };
        let (host, port) = split_port(rest)?;
        Ok(Self { carrier, host, port: port.unwrap_or_else(|| carrier.port()), certificate, path })
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 address.
fn split_port(text: &str) -> Result<(Host, Option<u16>), AddressError> {
    let bad_host = || AddressError::Host(text.to_owned());
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok((Host::Address(address.into()), None));
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
    let number = |port: &str| {
        let number = port.parse().ok().filter(|&number| number != 0);
        number.ok_or_else(|| AddressError::Port(port.to_owned()))
    };
    Ok((host, port.map(number).transpose()?))
}

impl fmt::Display for ServerAddress {
    /// As it could be written in the configuration; the default port is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.carrier.scheme())?;
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Name(name) => write!(f, "{name}")?,
        }
        if self.port != self.carrier.port() {
            write!(f, ":{}", self.port)?;
        }
        if let Some(path) = &self.path {
            f.write_str(path)?;
        }
        match &self.certificate {
            Some(name) => write!(f, "#{name}"),
            None => Ok(()),
        }
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
            ("tls://192.0.2.1", "tls://192.0.2.1"),
            ("tls://192.0.2.1:853#DNS.example", "tls://192.0.2.1#dns.example"),
            ("tls://[2001:db8::1]:8853#dns.example", "tls://[2001:db8::1]:8853#dns.example"),
            ("https://dns.example", "https://dns.example/dns-query"),
            ("https://192.0.2.1:8443/q/pupils#dns.example", "https://192.0.2.1:8443/q/pupils#dns.example"),
            ("quic://dns.example", "quic://dns.example"),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn a_certificate_has_to_be_for_the_name_behind_the_hash_or_the_host() {
        for (text, name) in [
            ("tls://192.0.2.1#dns.example", "dns.example"),
            ("tls://192.0.2.1", "192.0.2.1"),
            ("https://[2001:db8::1]/q", "2001:db8::1"),
            ("quic://dns.example", "dns.example"),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().certificate_name(), name, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<ServerAddress>().unwrap_err();
        assert!(matches!(error("192.0.2.1"), AddressError::NoScheme(_)));
        assert!(matches!(error("sdns://dns.example"), AddressError::Unsupported(_)));
        for text in ["udp://192.0.2.1#dns.example", "tls://192.0.2.1#", "tls://192.0.2.1#a b"] {
            assert!(matches!(error(text), AddressError::CertificateName(_)), "{text}");
        }
        for text in ["udp://192.0.2.1/dns-query", "tls://dns.example/q", "https://dns.example/a b"] {
            assert!(matches!(error(text), AddressError::Path(_)), "{text}");
        }
        assert!(matches!(error("udp://"), AddressError::Host(_)));
        assert!(matches!(error("udp://[::1"), AddressError::Host(_)));
        assert!(matches!(error("udp://[::1]53"), AddressError::Host(_)));
        assert!(matches!(error("udp://a b"), AddressError::Host(_)));
        assert!(matches!(error("udp://192.0.2.1:0"), AddressError::Port(_)));
        assert!(matches!(error("udp://192.0.2.1:x"), AddressError::Port(_)));
    }
}
