//! Format `hosts`: an address, then names.
//!
//! A line blocks when its address leads nowhere (0.0.0.0, 127/8, `::`, `::1`); with any other
//! address it is a rewrite, which a block list has no say in. `*.x` means everything below x.

use std::net::IpAddr;

use super::{Marks, Parser, Reach, before_comment, words};

/// Names that every hosts file gives to the machine itself.
const OWN_NAMES: [&str; 12] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "local",
    "broadcasthost",
    "loopback",
    "0.0.0.0",
    "127.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
];

/// Reads one line that is not blank.
pub(super) fn read_line(parser: &mut Parser<'_>, text: &[u8]) {
    let text = if text.first() == Some(&b'!') { &[] } else { before_comment(text) };
    let mut words = words(text);
    let Some(first) = words.next() else { return };
    parser.report.lines += 1;
    let Some(address) = address(first) else {
        return parser.reject("no address in front");
    };
    if !leads_nowhere(address) {
        return parser.ignore("not-a-block");
    }
    let mut bad = None;
    let mut names = 0;
    for word in words {
        names += 1;
        if is_own_name(word) {
            continue;
        }
        let (host, reach) = match word.strip_prefix(b"*.") {
            Some(host) => (host, Reach::Below),
            None => (word, parser.file.reach),
        };
        if let Err(why) = parser.take(host, reach, Marks::default()) {
            bad = Some(why);
        }
    }
    // A line counts once, however many of its names are bad.
    if let Some(bad) = bad {
        parser.count(bad);
    } else if names == 0 {
        parser.reject("no name behind the address");
    }
}

fn address(word: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(word).ok()?;
    // `fe80::1%lo0`: the zone of a link-local address.
    text.split('%').next()?.parse().ok()
}

fn leads_nowhere(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback()
}

fn is_own_name(word: &[u8]) -> bool {
    word.starts_with(b"ip6-") || OWN_NAMES.iter().any(|own| word.eq_ignore_ascii_case(own.as_bytes()))
}
