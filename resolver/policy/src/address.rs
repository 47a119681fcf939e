//! Which addresses are private: whom the box may serve, and what a public name may not point at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4-mapped IPv6 addresses as the IPv4 address that they hold.
#[must_use]
pub fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Addresses of people inside: RFC 1918, 100.64/10, 169.254/16, loopback, fc00::/7, fe80::/10.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match unmapped(address) {
        IpAddr::V4(four) => is_private_v4(four),
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local(),
    }
}

/// Addresses that a public name may not have (DNS rebinding): the private ones, "this host"
/// (0/8 and `::`), broadcast, site-local, and IPv6 addresses that carry such an IPv4 address inside
/// (IPv4-mapped and -compatible, NAT64 of RFC 6052 and RFC 8215, 6to4).
#[must_use]
pub fn points_inside(address: IpAddr) -> bool {
    match unmapped(address) {
        IpAddr::V4(four) => points_inside_v4(four),
        IpAddr::V6(six) => {
            is_private(address)
                || six.is_unspecified()
                || six.segments()[0] & 0xffc0 == 0xfec0
                || embedded_v4(six).is_some_and(points_inside_v4)
        }
    }
}

/// The IPv4 address that an IPv6 address of a translation prefix carries, as an address.
pub(crate) fn carried(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(six) => embedded_v4(six).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || (first == 100 && second & 0xc0 == 64)
}

fn points_inside_v4(address: Ipv4Addr) -> bool {
    is_private_v4(address) || address.octets()[0] == 0 || address.is_broadcast()
}

/// The IPv4 address that an IPv6 address of a translation prefix carries.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let four = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] | [0, 0, 0, 0, 0, 0, high, low] => Some(four(high, low)),
        [0x2002, high, low, ..] => Some(four(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_is_told_from_outside() {
        for (address, private, inside) in [
            ("10.1.2.3", true, true),
            ("172.31.0.1", true, true),
            ("172.32.0.1", false, false),
            ("192.168.0.1", true, true),
            ("100.64.0.1", true, true),
            ("100.128.0.1", false, false),
            ("169.254.1.1", true, true),
            ("127.0.0.1", true, true),
            ("0.0.0.0", false, true),
            ("255.255.255.255", false, true),
            ("192.0.0.170", false, false),
            ("192.0.2.1", false, false),
            ("::1", true, true),
            ("::", false, true),
            ("fd00::1", true, true),
            ("fe80::1", true, true),
            ("fec0::1", false, true),
            ("2001:db8::1", false, false),
            ("::ffff:10.0.0.1", true, true),
            ("::ffff:192.0.2.1", false, false),
            ("::10.0.0.1", false, true),
            ("64:ff9b::10.0.0.1", false, true),
            ("64:ff9b::192.0.2.1", false, false),
            ("64:ff9b:1::192.168.1.1", false, true),
            ("2002:c0a8:101::1", false, true),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!((is_private(parsed), points_inside(parsed)), (private, inside), "{address}");
        }
    }
}
