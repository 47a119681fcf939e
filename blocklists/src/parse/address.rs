//! Addresses in lists: what may stand in the set of answers that a category has.
//!
//! A list that says `10.0.0.0/8` or `0.0.0.0/0` speaks of everybody's own network or of everybody:
//! such ranges are a slip or an attack, and taking them would break a school.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// Shortest prefix of an IPv4 network that a list may name: the largest networks ever given out.
const V4_PREFIX_MIN: u8 = 8;
/// Shortest prefix of an IPv6 network that a list may name (RIPE NCC gives out /19 at most).
const V6_PREFIX_MIN: u8 = 19;
/// Longest text of an address or a network, brackets included.
const TEXT_MAX: usize = 52;

/// Why an address or a network may not stand in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum AddressError {
    /// A prefix so short that whole parts of the Internet are below it.
    #[error(
        "the network is larger than /{V4_PREFIX_MIN}, or /{V6_PREFIX_MIN} for IPv6: it would block far too much"
    )]
    TooLarge,
    /// All of a range that every site uses for itself.
    #[error("the network holds a whole private range")]
    WholePrivate,
    /// What a host calls itself, or no host at all.
    #[error("the address means no host but the one that asks")]
    Unspecified,
}

/// Ranges that sites use for themselves: RFC 1918, RFC 6598, RFC 3927, RFC 4291 section 2.5.6.
const PRIVATE: [(IpAddr, u8); 6] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

/// Reads an address or a network (`192.0.2.1`, `192.0.2.0/24`, `[2001:db8::1]`); bits behind the
/// prefix are cleared, and IPv4 inside IPv6 is IPv4.
pub(super) fn read(word: &[u8]) -> Option<IpNet> {
    let text = std::str::from_utf8(word).ok().filter(|text| text.len() <= TEXT_MAX)?;
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let net: IpNet = match text.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text.parse().ok()?,
    };
    Some(plain(net.trunc()))
}

/// IPv4 that is written inside IPv6 (`::ffff:192.0.2.1`) as what it is.
fn plain(net: IpNet) -> IpNet {
    let IpNet::V6(six) = net else { return net };
    let mapped = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    let four = mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    four.map_or(net, IpNet::V4)
}

/// Whether a network is not larger than any that one owner has.
///
/// # Errors
/// [`AddressError::TooLarge`].
pub(super) fn check_size(net: IpNet) -> Result<(), AddressError> {
    let shortest = if matches!(net, IpNet::V4(_)) { V4_PREFIX_MIN } else { V6_PREFIX_MIN };
    if net.prefix_len() < shortest { Err(AddressError::TooLarge) } else { Ok(()) }
}

/// Whether answers may be judged by a network.
///
/// # Errors
/// [`AddressError`].
pub(super) fn check_answer(net: IpNet) -> Result<(), AddressError> {
    check_size(net)?;
    let is_nobody = match net {
        IpNet::V4(net) => matches!(net.addr().octets(), [0 | 127, ..]),
        IpNet::V6(net) => net.addr().is_unspecified() || net.addr().is_loopback(),
    };
    if is_nobody {
        return Err(AddressError::Unspecified);
    }
    let holds = |&(range, prefix): &(IpAddr, u8)| {
        let range = match range {
            IpAddr::V4(address) => Ipv4Net::new(address, prefix).map(IpNet::V4),
            IpAddr::V6(address) => Ipv6Net::new(address, prefix).map(IpNet::V6),
        };
        range.is_ok_and(|range| net.contains(&range))
    };
    if PRIVATE.iter().any(holds) { Err(AddressError::WholePrivate) } else { Ok(()) }
}
