//! Record types as people write them.

/// The types that people ask about by name; others are written `TYPE` and their number (RFC 3597).
const NAMED: [(&str, u16); 24] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("NULL", 10),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("NAPTR", 35),
    ("DNAME", 39),
    ("DS", 43),
    ("SSHFP", 44),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("TLSA", 52),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("ANY", 255),
    ("URI", 256),
    ("CAA", 257),
];

/// The number of a type; upper and lower case are one.
pub(super) fn number(text: &str) -> Option<u16> {
    let text = text.to_ascii_uppercase();
    let named = NAMED.iter().find(|(name, _)| *name == text).map(|&(_, number)| number);
    named.or_else(|| {
        let digits = text.strip_prefix("TYPE")?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    })
}

/// The usual way to write a number.
pub(super) fn text(number: u16) -> String {
    match NAMED.iter().find(|&&(_, known)| known == number) {
        Some((name, _)) => (*name).to_owned(),
        None => format!("TYPE{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_people_write_them() {
        for (written, number_is, shown) in [
            ("a", 1, "A"),
            ("HTTPS", 65, "HTTPS"),
            ("type65", 65, "HTTPS"),
            ("TYPE65000", 65_000, "TYPE65000"),
        ] {
            assert_eq!(number(written), Some(number_is));
            assert_eq!(text(number_is), shown);
        }
        for wrong in ["", "B", "TYPE", "TYPE+1", "TYPE65536", "65"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
