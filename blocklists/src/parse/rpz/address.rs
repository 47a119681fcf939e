//! Addresses as triggers spell them: the prefix first, then octets or words from the right.
//!
//! `24.0.2.0.192` is 192.0.2.0/24; `128.57.zz.101.db8.2001` is 2001:db8:101::57/128, where `zz`
//! stands for the words that `::` leaves out.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Reads the labels in front of `rpz-ip`; `None` when they are no network, or bits are set behind the
/// prefix.
pub(super) fn read(labels: &[&[u8]]) -> Option<IpNet> {
    let (prefix, address) = labels.split_first()?;
    let prefix = number(prefix, 10, 3)?;
    let prefix = u8::try_from(prefix).ok().filter(|&prefix| prefix > 0)?;
    let net = match address {
        [_, _, _, _] if !address.contains(&&b"zz"[..]) => IpNet::V4(Ipv4Net::new(v4(address)?, prefix).ok()?),
        _ => IpNet::V6(Ipv6Net::new(v6(address)?, prefix).ok()?),
    };
    (net.trunc() == net).then_some(net)
}

fn v4(labels: &[&[u8]]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    for (octet, label) in octets.iter_mut().rev().zip(labels) {
        *octet = u8::try_from(number(label, 10, 3)?).ok()?;
    }
    Some(Ipv4Addr::from(octets))
}

fn v6(labels: &[&[u8]]) -> Option<Ipv6Addr> {
    let mut words = Vec::with_capacity(8);
    let mut gap = None;
    for label in labels.iter().rev().take(9) {
        if label.eq_ignore_ascii_case(b"zz") {
            if gap.replace(words.len()).is_some() {
                return None;
            }
        } else {
            words.push(u16::try_from(number(label, 16, 4)?).ok()?);
        }
    }
    let missing = 8_usize.checked_sub(words.len())?;
    match gap {
        Some(at) if missing > 0 => words.splice(at..at, std::iter::repeat_n(0, missing)).for_each(drop),
        None if missing == 0 => {}
        _ => return None,
    }
    Some(Ipv6Addr::from(<[u16; 8]>::try_from(words).ok()?))
}

fn number(label: &[u8], radix: u32, digits_max: usize) -> Option<u32> {
    let is_number = label.len() <= digits_max && label.iter().all(|&byte| char::from(byte).is_digit(radix));
    std::str::from_utf8(label)
        .ok()
        .filter(|_| is_number)
        .and_then(|text| u32::from_str_radix(text, radix).ok())
}
