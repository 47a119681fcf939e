//! Format `dnsmasq`: a configuration whose lines keep names from being asked upstream.
//!
//! `local=/x/`, `server=/x/` and `address=/x/` speak of x and all below; with nothing behind the last
//! slash, or an address that leads nowhere, they block. `server=/x/#` sends x upstream as usual: an
//! exception. Any other value rewrites, in which a block list has no say. `/*.x/` is all below x,
//! `/*x/` every name that ends so (`dnsmasq(8)`, `--server`).

use std::net::IpAddr;

use super::{Marks, Parser, Reach};
use crate::name::NameError;

/// Options of `dnsmasq(8)` that lists and examples carry; nothing that blocks a name.
const OTHER_OPTIONS: [&str; 52] = [
    "addn-hosts",
    "alias",
    "auth-server",
    "auth-zone",
    "bind-dynamic",
    "bind-interfaces",
    "bogus-nxdomain",
    "bogus-priv",
    "cache-size",
    "cname",
    "conf-dir",
    "conf-file",
    "dhcp-host",
    "dhcp-option",
    "dhcp-range",
    "dns-forward-max",
    "dns-loop-detect",
    "dnssec",
    "domain",
    "domain-needed",
    "edns-packet-max",
    "except-interface",
    "expand-hosts",
    "filter-A",
    "filter-AAAA",
    "filterwin2k",
    "host-record",
    "ignore-address",
    "interface",
    "interface-name",
    "ipset",
    "listen-address",
    "local-ttl",
    "localise-queries",
    "log-facility",
    "log-queries",
    "max-cache-ttl",
    "min-cache-ttl",
    "mx-host",
    "neg-ttl",
    "nftset",
    "no-hosts",
    "no-negcache",
    "no-poll",
    "no-resolv",
    "ptr-record",
    "rebind-domain-ok",
    "resolv-file",
    "rev-server",
    "srv-host",
    "stop-dns-rebind",
    "txt-record",
];

/// Reads one line that is not blank.
pub(super) fn read_line(parser: &mut Parser<'_>, text: &[u8]) {
    let text = without_comment(text);
    if text.is_empty() {
        return;
    }
    parser.report.lines += 1;
    let (option, value) = match memchr::memchr(b'=', text) {
        Some(at) => (text.get(..at).unwrap_or(text), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[][..]),
    };
    let option = option.trim_ascii();
    let option = option.strip_prefix(b"--").unwrap_or(option);
    let is_server = match option {
        b"server" | b"local" => true,
        b"address" => false,
        other => return count_other(parser, other),
    };
    match value.trim_ascii().strip_prefix(b"/") {
        Some(domains) => read_domains(parser, is_server, domains),
        // Servers for every name.
        None if is_server && !value.trim_ascii().is_empty() => parser.ignore("not-a-block"),
        None => parser.reject("there is no `/name/` in it"),
    }
}

/// `x/y/value`.
fn read_domains(parser: &mut Parser<'_>, is_server: bool, text: &[u8]) {
    let Some(at) = memchr::memrchr(b'/', text) else {
        return parser.reject("the name has no `/` behind it");
    };
    let (domains, value) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
    let exception = match meaning(value.trim_ascii(), is_server) {
        Meaning::Block => false,
        Meaning::Exception => true,
        Meaning::Rewrite => return parser.ignore("not-a-block"),
        Meaning::Unreadable => return parser.reject("what stands behind the name is no address"),
    };
    if exception && parser.file.locked {
        return parser.reject("a locked category has no exceptions");
    }
    let marks = Marks { exception, ..Marks::default() };
    // A line counts once, however many of its names are odd; what is wrong goes before what is not
    // taken.
    let mut worst = None;
    for domain in domains.split(|&byte| byte == b'/') {
        match (take(parser, domain.trim_ascii(), marks), &worst) {
            (Ok(()), _) | (Err(Odd::Unsupported(_)), Some(Odd::Wrong(_))) => {}
            (Err(odd), _) => worst = Some(odd),
        }
    }
    match worst {
        Some(Odd::Wrong(why)) => parser.reject(why),
        Some(Odd::Unsupported(kind)) => parser.ignore(kind),
        None => {}
    }
}

enum Odd {
    Unsupported(&'static str),
    Wrong(String),
}

fn take(parser: &mut Parser<'_>, domain: &[u8], marks: Marks<'_>) -> Result<(), Odd> {
    match domain {
        b"" => return Err(Odd::Unsupported("unqualified-names")),
        b"#" | b"*" => return Err(Odd::Unsupported("every-name")),
        _ => {}
    }
    let (host, reach) = match (domain.strip_prefix(b"*."), domain.strip_prefix(b"*")) {
        (Some(host), _) => (host, Reach::Below),
        (None, Some(end)) => return take_end(parser, end, marks),
        // `/.x/` is how old versions wrote `/x/`.
        (None, None) => (domain.strip_prefix(b".").unwrap_or(domain), parser.file.reach),
    };
    parser.take_host(host, reach, marks).map_err(|why| match why {
        // dnsmasq takes it for a name, which no question has.
        NameError::Address => Odd::Unsupported("address-as-name"),
        _ => Odd::Wrong(why.to_string()),
    })
}

/// `*x`: every name that ends in x.
fn take_end(parser: &mut Parser<'_>, end: &[u8], marks: Marks<'_>) -> Result<(), Odd> {
    let end = end.strip_suffix(b".").unwrap_or(end);
    let is_name = |&byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let text = std::str::from_utf8(end).ok().filter(|end| end.bytes().all(|byte| is_name(&byte)));
    let text = text.ok_or_else(|| Odd::Wrong("the pattern holds what no name does".to_owned()))?;
    let pattern = format!("{}$", text.to_ascii_lowercase().replace('.', "\\."));
    parser.take_pattern(&pattern, marks).map_err(|why| Odd::Wrong(why.to_string()))
}

enum Meaning {
    Block,
    Exception,
    Rewrite,
    Unreadable,
}

/// What the value behind the last slash makes of the names.
fn meaning(value: &[u8], is_server: bool) -> Meaning {
    match value {
        b"" => Meaning::Block,
        b"#" if is_server => Meaning::Exception,
        b"#" => Meaning::Block,
        _ => match std::str::from_utf8(value).ok().and_then(|text| text.parse::<IpAddr>().ok()) {
            Some(address) if address.is_unspecified() || address.is_loopback() => Meaning::Block,
            Some(_) => Meaning::Rewrite,
            // A port, an interface or a source address: a server to ask, wherever it is.
            None if is_server && is_server_address(value) => Meaning::Rewrite,
            None => Meaning::Unreadable,
        },
    }
}

/// `192.0.2.1#5353`, `192.0.2.1@eth0`.
fn is_server_address(value: &[u8]) -> bool {
    let head = value.split(|byte| b"#@%".contains(byte)).next().unwrap_or_default();
    std::str::from_utf8(head).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

fn count_other(parser: &mut Parser<'_>, option: &[u8]) {
    match OTHER_OPTIONS.iter().find(|known| known.as_bytes() == option) {
        Some(known) => parser.ignore(known),
        None => parser.reject("this is no option of dnsmasq's that lists use"),
    }
}

/// A `#` starts a comment at the start of a line or behind a blank; `/x/#` is none.
fn without_comment(text: &[u8]) -> &[u8] {
    if text.first() == Some(&b'#') {
        return &[];
    }
    let is_start = |at: usize| text.get(at.wrapping_sub(1)).is_some_and(u8::is_ascii_whitespace);
    let comment = memchr::memchr_iter(b'#', text).find(|&at| is_start(at));
    comment.and_then(|at| text.get(..at)).unwrap_or(text).trim_ascii_end()
}
