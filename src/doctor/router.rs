//! Router advertisements as far as it takes to read which DNS servers they name (RFC 4861, RFC 8106).

use std::net::Ipv6Addr;

/// A router solicitation: routers answer it at once. The kernel fills in the checksum.
pub const SOLICITATION: [u8; 8] = [133, 0, 0, 0, 0, 0, 0, 0];

const ADVERTISEMENT: u8 = 134;
/// Length of the fixed part, before the options.
const FIXED: usize = 16;
/// Devices are to ask DHCPv6 for an address (M) or other things (O).
const FLAGS_DHCP: u8 = 0xc0;
const OPTION_DNS: u8 = 25;

/// What one router says.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advertisement {
    /// DNS servers, of every such option.
    pub dns: Vec<Ipv6Addr>,
    /// Whether it sends devices to a DHCPv6 server, which may name others.
    pub dhcp: bool,
}

/// Reads an ICMPv6 message; `None` when it is no router advertisement.
pub fn advertisement(message: &[u8]) -> Option<Advertisement> {
    let (fixed, mut options) = message.split_at_checked(FIXED)?;
    if fixed.first() != Some(&ADVERTISEMENT) {
        return None;
    }
    let mut found = Advertisement { dns: Vec::new(), dhcp: fixed.get(5)? & FLAGS_DHCP != 0 };
    while let [kind, units, ..] = *options {
        // In units of 8 octets, these two included; 0 would never end.
        let (option, rest) = options.split_at_checked(usize::from(units) * 8).filter(|_| units > 0)?;
        let lifetime = option.get(4..8);
        if kind == OPTION_DNS && lifetime.is_some_and(|seconds| seconds != [0; 4]) {
            let addresses = option.get(8..)?.as_chunks::<16>().0;
            found.dns.extend(addresses.iter().map(|octets| Ipv6Addr::from(*octets)));
        }
        options = rest;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: u8, options: &[u8]) -> Vec<u8> {
        let mut message = vec![134, 0, 0, 0, 64, flags, 7, 8];
        message.resize(FIXED, 0);
        message.extend(options);
        message
    }

    fn dns(lifetime: u8, address: Ipv6Addr) -> Vec<u8> {
        [&[25, 3, 0, 0, 0, 0, 0, lifetime][..], &address.octets()].concat()
    }

    #[test]
    fn an_advertisement_tells_its_resolvers() {
        let (one, other): (Ipv6Addr, Ipv6Addr) = ("fd20::1".parse().unwrap(), "2001:db8::8".parse().unwrap());
        // A link-layer address, one that lasts, one that is withdrawn, another that lasts.
        let options = [vec![1, 1, 2, 0, 0x5e, 0, 0, 1], dns(9, one), dns(0, other), dns(9, other)].concat();
        let found = advertisement(&message(0, &options)).unwrap();
        assert_eq!(found, Advertisement { dns: vec![one, other], dhcp: false });
        assert_eq!(advertisement(&message(0x40, &[])), Some(Advertisement { dns: Vec::new(), dhcp: true }));
    }

    #[test]
    fn broken_messages_are_none() {
        let good = message(0, &dns(9, Ipv6Addr::LOCALHOST));
        for length in 0..FIXED {
            assert_eq!(advertisement(&good[..length]), None);
        }
        for length in FIXED + 2..good.len() {
            assert_eq!(advertisement(&good[..length]), None, "cut short");
        }
        assert_eq!(advertisement(&message(0, &[25, 0, 0, 0, 0, 0, 0, 0])), None, "an option without length");
        assert_eq!(advertisement(&SOLICITATION), None);
        let short = advertisement(&message(0, &[25, 1, 0, 0, 0, 0, 0, 9])).unwrap();
        assert!(short.dns.is_empty());
    }
}
