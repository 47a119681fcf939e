//! Record types by the words that lists use (IANA registry of resource record types).

pub(super) const A: u16 = 1;
pub(super) const NS: u16 = 2;
pub(super) const CNAME: u16 = 5;
pub(super) const SOA: u16 = 6;
pub(super) const PTR: u16 = 12;
pub(super) const MX: u16 = 15;
pub(super) const TXT: u16 = 16;
pub(super) const AAAA: u16 = 28;
pub(super) const SRV: u16 = 33;
pub(super) const DNAME: u16 = 39;
pub(super) const SPF: u16 = 99;

/// Types that a zone has for itself: servers, and keys and signatures of DNSSEC (RFC 4034, RFC 5155,
/// BIND's private type).
const FURNITURE: [u16; 9] = [NS, SOA, 43, 46, 47, 48, 50, 51, 65_534];

/// Types that lists name, and those whose records zones hold.
const TYPES: [(&str, u16); 36] = [
    ("A", A),
    ("NS", NS),
    ("CNAME", CNAME),
    ("SOA", SOA),
    ("NULL", 10),
    ("PTR", PTR),
    ("HINFO", 13),
    ("MX", MX),
    ("TXT", TXT),
    ("RP", 17),
    ("AFSDB", 18),
    ("SIG", 24),
    ("KEY", 25),
    ("AAAA", AAAA),
    ("LOC", 29),
    ("SRV", SRV),
    ("NAPTR", 35),
    ("KX", 36),
    ("CERT", 37),
    ("DNAME", DNAME),
    ("DS", 43),
    ("SSHFP", 44),
    ("IPSECKEY", 45),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("SMIMEA", 53),
    ("OPENPGPKEY", 61),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("SPF", SPF),
    ("CAA", 257),
    ("ANY", 255),
];

/// The number of a type, written in letters of either case, or as `TYPE65534` (RFC 3597).
pub(super) fn number(word: &[u8]) -> Option<u16> {
    let known = TYPES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    known.map(|(_, number)| *number).or_else(|| {
        let (head, digits) = word.split_at_checked(4)?;
        let is_number = head.eq_ignore_ascii_case(b"TYPE") && digits.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
    })
}

/// Whether records of a type are a zone's own affair, whatever name they stand at.
pub(super) fn is_furniture(rtype: u16) -> bool {
    FURNITURE.contains(&rtype)
}

/// The word for a number; `TYPE` for one that has none here.
pub(super) fn word(number: u16) -> &'static str {
    TYPES.iter().find(|(_, known)| *known == number).map_or("TYPE", |(name, _)| name)
}
