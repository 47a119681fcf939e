//! A query as it came over the wire: borrowed, checked, nothing allocated.
//!
//! This is step 1 of the order of decision. It is strict on purpose: a resolver that answers a
//! blocked name because the question was spelt oddly (another opcode, a compressed name, bytes
//! after the end) is not a filter. Whatever is not a plain question of class IN gets an error.

use blocklists::name::{NAME_OCTETS_MAX, NameRef};

use crate::limits::{EDNS_OPTIONS_MAX, STREAM_REPLY_MAX, UDP_REPLY_MAX, UDP_REPLY_PLAIN};
use crate::peer::Transport;

/// Octets of the message header (RFC 1035 section 4.1.1).
pub const HEADER: usize = 12;

/// Record types that the data plane knows by name.
pub mod rtype {
    /// IPv4 address.
    pub const A: u16 = 1;
    /// Alias.
    pub const CNAME: u16 = 5;
    /// Start of authority.
    pub const SOA: u16 = 6;
    /// Host information; stands in for "any" (RFC 8482).
    pub const HINFO: u16 = 13;
    /// IPv6 address.
    pub const AAAA: u16 = 28;
    /// Alias of a whole subtree.
    pub const DNAME: u16 = 39;
    /// EDNS pseudo-record.
    pub const OPT: u16 = 41;
    /// Signature.
    pub const RRSIG: u16 = 46;
    /// Proof that a name or type is not there.
    pub const NSEC: u16 = 47;
    /// The same with hashed names.
    pub const NSEC3: u16 = 50;
    /// Service binding.
    pub const SVCB: u16 = 64;
    /// Service binding of web hosts.
    pub const HTTPS: u16 = 65;
    /// Transaction signature.
    pub const TSIG: u16 = 250;
    /// Incremental zone transfer.
    pub const IXFR: u16 = 251;
    /// Zone transfer, mailbox and mail agent questions end here (252 to 254).
    pub const MAILA: u16 = 254;
    /// Every type.
    pub const ANY: u16 = 255;
}

/// Response codes, the upper eight bits of which travel in OPT (RFC 6891 section 6.1.3).
pub mod rcode {
    /// No error.
    pub const NOERROR: u16 = 0;
    /// The message is broken.
    pub const FORMERR: u16 = 1;
    /// We failed to find out.
    pub const SERVFAIL: u16 = 2;
    /// There is no such name.
    pub const NXDOMAIN: u16 = 3;
    /// We do not do this kind of query.
    pub const NOTIMP: u16 = 4;
    /// We do not do it for you.
    pub const REFUSED: u16 = 5;
    /// EDNS version that we do not speak.
    pub const BADVERS: u16 = 16;
}

const CLASS_IN: u16 = 1;

/// Where [`parse`] puts the lower-cased name; lives on the caller's stack.
#[derive(Debug)]
pub struct NameBuffer([u8; NAME_OCTETS_MAX]);

impl Default for NameBuffer {
    fn default() -> Self {
        Self([0; NAME_OCTETS_MAX])
    }
}

/// What replies need of a packet, even of one that is no good query.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The header as it came.
    pub header: &'a [u8; HEADER],
    /// The client's own question bytes, case kept; empty when they cannot be told.
    pub question: &'a [u8],
    /// Whether the client speaks EDNS, so that OPT and EDE may go back.
    pub edns: bool,
    /// Whether the client wants signatures (DO); goes back in OPT (RFC 3225).
    pub dnssec_ok: bool,
    /// Most octets that the reply may have.
    pub limit: usize,
}

/// A plain question of class IN.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// What the reply repeats.
    pub asked: Asked<'a>,
    /// The name, lower-case.
    pub name: NameRef<'a>,
    /// The record type asked for.
    pub rtype: u16,
    /// RD: without it only what is already here is answered.
    pub recursion_desired: bool,
    /// CD: the client validates itself (RFC 4035 section 3.2.2).
    pub checking_disabled: bool,
}

/// What a packet is.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// Something to decide on.
    Query(Query<'a>),
    /// Something to be answered with an error: what to repeat, and the response code.
    Reject(Asked<'a>, u16),
    /// Not a query at all: too short, or itself a response. Silence, so that two servers never
    /// talk to each other for ever.
    Drop,
}

struct Opt {
    size: u16,
    version: u8,
    dnssec_ok: bool,
}

/// Reads one packet.
#[must_use]
#[inline]
pub fn parse<'a>(packet: &'a [u8], transport: Transport, buffer: &'a mut NameBuffer) -> Parsed<'a> {
    let Some((header, rest)) = packet.split_first_chunk::<HEADER>() else {
        return Parsed::Drop;
    };
    if header[2] & 0x80 != 0 {
        return Parsed::Drop;
    }
    let mut asked =
        Asked { header, question: &[], edns: false, dnssec_ok: false, limit: limit(transport, None) };
    if header[2] & 0x78 != 0 {
        return Parsed::Reject(asked, rcode::NOTIMP);
    }
    let [.., qd_high, qd, an_high, an, ns_high, ns, ar_high, ar] = *header;
    if [qd_high, qd, an_high, an, ns_high, ns, ar_high] != [0, 1, 0, 0, 0, 0, 0] || ar > 1 {
        return Parsed::Reject(asked, rcode::FORMERR);
    }
    let Some((name, rtype, class, rest)) = question(rest, buffer) else {
        return Parsed::Reject(asked, rcode::FORMERR);
    };
    asked.question = &packet[HEADER..packet.len() - rest.len()];
    let opt = match (ar, rest) {
        (0, []) => None,
        (1, rest) => match opt(rest) {
            Some(opt) => Some(opt),
            None => return Parsed::Reject(asked, rcode::FORMERR),
        },
        _ => return Parsed::Reject(asked, rcode::FORMERR),
    };
    asked.edns = opt.is_some();
    asked.dnssec_ok = opt.as_ref().is_some_and(|opt| opt.dnssec_ok);
    asked.limit = limit(transport, opt.as_ref().map(|opt| opt.size));
    if opt.is_some_and(|opt| opt.version > 0) {
        return Parsed::Reject(asked, rcode::BADVERS);
    }
    if matches!(rtype, rtype::OPT | rtype::TSIG) {
        return Parsed::Reject(asked, rcode::FORMERR);
    }
    if class != CLASS_IN || matches!(rtype, rtype::IXFR..=rtype::MAILA) {
        return Parsed::Reject(asked, rcode::REFUSED);
    }
    Parsed::Query(Query {
        asked,
        name,
        rtype,
        recursion_desired: header[2] & 0x01 != 0,
        checking_disabled: header[3] & 0x10 != 0,
    })
}

fn limit(transport: Transport, edns_size: Option<u16>) -> usize {
    match (transport, edns_size) {
        (Transport::Tcp, _) => STREAM_REPLY_MAX,
        (Transport::Udp, None) => UDP_REPLY_PLAIN,
        (Transport::Udp, Some(size)) => usize::from(size).clamp(UDP_REPLY_PLAIN, UDP_REPLY_MAX),
    }
}

/// The one question: its name (lower-cased into the buffer), type, class and what follows it.
fn question<'a>(bytes: &'a [u8], buffer: &'a mut NameBuffer) -> Option<(NameRef<'a>, u16, u16, &'a [u8])> {
    let name = NameRef::lowered(bytes, &mut buffer.0).ok()?;
    let rest = bytes.get(name.wire().len()..)?;
    let (fixed, rest) = rest.split_first_chunk::<4>()?;
    Some((name, u16::from_be_bytes([fixed[0], fixed[1]]), u16::from_be_bytes([fixed[2], fixed[3]]), rest))
}

/// The one additional record, which has to be a well-formed OPT with nothing after it.
fn opt(bytes: &[u8]) -> Option<Opt> {
    let (fixed, rdata) = bytes.split_first_chunk::<11>()?;
    let [root, type_high, type_low, size_high, size_low, _, version, flags, _, length_high, length_low] =
        *fixed;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if root != 0 || u16::from_be_bytes([type_high, type_low]) != rtype::OPT || rdata.len() != length {
        return None;
    }
    let mut options = rdata;
    let mut count = 0;
    while !options.is_empty() {
        let (head, rest) = options.split_first_chunk::<4>()?;
        options = rest.get(usize::from(u16::from_be_bytes([head[2], head[3]]))..)?;
        count += 1;
        if count > EDNS_OPTIONS_MAX {
            return None;
        }
    }
    Some(Opt { size: u16::from_be_bytes([size_high, size_low]), version, dnssec_ok: flags & 0x80 != 0 })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
