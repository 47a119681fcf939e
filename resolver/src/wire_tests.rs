//! Packets by rows: what is a query, what earns which error, and that no bytes at all panic.

use proptest::prelude::*;

use super::*;

const HEADER_GOOD: [u8; 12] = [0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const QUESTION: &[u8] = b"\x03WwW\x07exAmple\x00\x00\x01\x00\x01";

fn packet(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = [&HEADER_GOOD[..], QUESTION].concat();
    edit(&mut packet);
    packet
}

fn with_opt(size: u16, version: u8, flags: u8, options: &[u8]) -> Vec<u8> {
    packet(|packet| {
        packet[11] = 1;
        packet.extend([0, 0, 41]);
        packet.extend(size.to_be_bytes());
        packet.extend([0, version, flags, 0]);
        packet.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        packet.extend(options);
    })
}

fn rejected(packet: &[u8]) -> Option<u16> {
    match parse(packet, Transport::Udp, &mut NameBuffer::default()) {
        Parsed::Reject(_, rcode) => Some(rcode),
        Parsed::Query(_) | Parsed::Drop => None,
    }
}

#[test]
fn a_plain_question_is_read() {
    let packet = with_opt(4096, 0, 0x80, &[0, 8, 0, 1, 9]);
    let mut buffer = NameBuffer::default();
    let Parsed::Query(query) = parse(&packet, Transport::Udp, &mut buffer) else { panic!("a query") };
    assert_eq!(query.name.to_string(), "www.example");
    assert_eq!(query.asked.question, QUESTION);
    assert_eq!((query.rtype, query.recursion_desired, query.checking_disabled), (1, true, false));
    assert!(query.asked.edns && query.asked.dnssec_ok);
}

#[test]
fn what_is_no_query_is_dropped() {
    for bytes in [vec![], HEADER_GOOD[..11].to_vec(), packet(|packet| packet[2] = 0x81)] {
        assert!(matches!(parse(&bytes, Transport::Udp, &mut NameBuffer::default()), Parsed::Drop));
    }
}

/// The good packet with one octet changed.
fn edit(at: usize, byte: u8) -> Vec<u8> {
    packet(|packet| packet[at] = byte)
}

/// The good header, then these bytes.
fn after_header(bytes: &[u8]) -> Vec<u8> {
    [&HEADER_GOOD[..], bytes].concat()
}

/// The good packet asking for another type.
fn qtype(rtype: u16) -> Vec<u8> {
    packet(|packet| {
        let at = packet.len() - 4;
        packet[at..at + 2].copy_from_slice(&rtype.to_be_bytes());
    })
}

#[test]
fn broken_messages_earn_formerr() {
    let too_long = [&[1, b'a'].repeat(128)[..], b"\x00\x00\x01\x00\x01"].concat();
    let many_options = [0, 10, 0, 0].repeat(EDNS_OPTIONS_MAX + 1);
    let mut after_opt = with_opt(512, 0, 0, &[]);
    after_opt.push(0);
    let mut opt_with_name = with_opt(1232, 0, 0, &[]);
    opt_with_name[29] = 1;
    for (what, bytes) in [
        ("no question", edit(5, 0)),
        ("two questions", edit(5, 2)),
        ("256 questions", edit(4, 1)),
        ("an answer", edit(7, 1)),
        ("an authority", edit(9, 1)),
        ("two additionals", edit(11, 2)),
        ("an additional that is not there", edit(11, 1)),
        ("trailing bytes", packet(|packet| packet.push(0))),
        ("bytes after OPT", after_opt),
        ("header only", HEADER_GOOD.to_vec()),
        ("a pointer as name", after_header(b"\xc0\x0c\x00\x01\x00\x01")),
        ("a pointer", after_header(b"\x03www\xc0\x0c\x00\x01\x00\x01")),
        ("a name without end", after_header(b"\x03www")),
        ("a name too long", after_header(&too_long)),
        ("OPT asked", qtype(41)),
        ("TSIG asked", qtype(250)),
        ("101 options", with_opt(1232, 0, 0, &many_options)),
        ("a cut option", with_opt(1232, 0, 0, &[0, 10, 0, 4, 1])),
        ("OPT with a name", opt_with_name),
    ] {
        assert_eq!(rejected(&bytes), Some(rcode::FORMERR), "{what}");
    }
    let at_the_bound = [0, 10, 0, 0].repeat(EDNS_OPTIONS_MAX);
    assert_eq!(rejected(&with_opt(1232, 0, 0, &at_the_bound)), None);
}

#[test]
fn what_we_do_not_do_is_said() {
    let class = QUESTION.len() + HEADER - 1;
    for (what, bytes, rcode) in [
        ("IXFR", qtype(251), rcode::REFUSED),
        ("AXFR", qtype(252), rcode::REFUSED),
        ("MAILB", qtype(253), rcode::REFUSED),
        ("MAILA", qtype(254), rcode::REFUSED),
        ("class CH", edit(class, 3), rcode::REFUSED),
        ("class ANY", edit(class, 255), rcode::REFUSED),
        ("inverse query", edit(2, 0x09), rcode::NOTIMP),
        ("status", edit(2, 0x11), rcode::NOTIMP),
        ("notify", edit(2, 0x21), rcode::NOTIMP),
        ("update", edit(2, 0x29), rcode::NOTIMP),
        ("opcode 15", edit(2, 0x79), rcode::NOTIMP),
        ("EDNS 1", with_opt(1232, 1, 0, &[]), rcode::BADVERS),
    ] {
        assert_eq!(rejected(&bytes), Some(rcode), "{what}");
    }
}

#[test]
fn the_reply_fits_what_the_client_can_take() {
    let limit = |packet: &[u8], transport| match parse(packet, transport, &mut NameBuffer::default()) {
        Parsed::Query(query) => query.asked.limit,
        Parsed::Reject(..) | Parsed::Drop => 0,
    };
    for (size, expected) in [(0, 512), (511, 512), (800, 800), (1232, 1232), (4096, 1232), (65_535, 1232)] {
        assert_eq!(limit(&with_opt(size, 0, 0, &[]), Transport::Udp), expected, "{size}");
    }
    assert_eq!(limit(&packet(|_| ()), Transport::Udp), 512);
    assert_eq!(limit(&packet(|_| ()), Transport::Tcp), 65_535);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes, Transport::Udp, &mut NameBuffer::default());
    }

    #[test]
    fn no_damage_to_a_good_packet_panics(at in 0_usize..60, byte: u8, cut in 0_usize..60) {
        let mut bytes = with_opt(1232, 0, 0x80, &[0, 10, 0, 2, 1, 2]);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        let _ = parse(&bytes, Transport::Tcp, &mut NameBuffer::default());
    }
}
