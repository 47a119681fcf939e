//! Messages that no honest client sends (design section 5, step 1): an answer to each, and no way round.

use std::time::Duration;

use crate::actors::{Question, Reply, TRANSPORTS, Transport};
use crate::scene::scene;

/// Sends raw bytes over both transports and gives each reply's code.
fn codes(packet: &[u8]) -> Vec<&'static str> {
    let scene = scene();
    let send = |transport| scene.pupil().exchange(transport, packet, Duration::from_secs(8));
    TRANSPORTS.into_iter().map(|transport| Reply::read(send(transport).unwrap()).code()).collect()
}

#[test]
fn an_answer_is_not_a_question() {
    let scene = scene();
    let packet = Question::new("shop.example", "A").flags(0x8000).bytes();
    assert!(scene.pupil().hears_nothing(Transport::Udp, &packet, &["localhost", "www.example.org"]));
}

#[test]
fn too_short_to_have_a_header_is_dropped() {
    let scene = scene();
    for packet in [&b""[..], b"\x5c", b"\x5c\x67\x01\x00\x00\x01"] {
        let behind = ["localhost", "www.example.org"];
        assert!(scene.pupil().hears_nothing(Transport::Udp, packet, &behind), "{packet:?}");
    }
}

#[test]
fn a_message_needs_exactly_one_question() {
    let mut none = Question::new("casino.example", "A").without_edns().bytes();
    none.truncate(12);
    none[5] = 0;
    assert_eq!(codes(&none), ["FORMERR"; 2]);
    let mut two = Question::new("shop.example", "A").without_edns().bytes();
    two[5] = 2;
    two.extend(b"\x06casino\x07example\x00\x00\x01\x00\x01");
    assert_eq!(codes(&two), ["FORMERR"; 2]);
}

#[test]
fn a_compressed_or_broken_name_is_a_format_error() {
    let mut compressed = b"\x5c\x67\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    compressed.extend(b"\x03www\xc0\x0c\x00\x01\x00\x01");
    assert_eq!(codes(&compressed), ["FORMERR"; 2]);
    for broken in [
        &b"\x3fshort"[..],
        b"\x40xx\x00\x00\x01\x00\x01",
        b"\x04shop\x07example",
        b"\x04shop\x07example\x00\x00",
    ] {
        let mut packet = b"\x5c\x67\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
        packet.extend(broken);
        assert_eq!(codes(&packet), ["FORMERR"; 2], "{broken:?}");
    }
}

#[test]
fn a_name_longer_than_names_are_is_a_format_error() {
    let mut packet = b"\x5c\x67\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    packet.extend(b"\x09abcdefghi".repeat(26));
    packet.extend(b"\x00\x00\x01\x00\x01");
    assert_eq!(codes(&packet), ["FORMERR"; 2]);
}

#[test]
fn bytes_after_the_message_are_a_format_error() {
    for question in [Question::new("casino.example", "A"), Question::new("shop.example", "A").without_edns()]
    {
        let mut packet = question.bytes();
        packet.extend(b"\x06casino\x07example\x00\x00\x01\x00\x01");
        assert_eq!(codes(&packet), ["FORMERR"; 2]);
    }
}

#[test]
fn other_opcodes_are_not_implemented_and_open_nothing() {
    for opcode in [1, 2, 3, 4, 5, 6, 15] {
        for name in ["shop.example", "casino.example", "locked.example"] {
            assert_eq!(
                codes(&Question::new(name, "A").opcode(opcode).bytes()),
                ["NOTIMP"; 2],
                "opcode {opcode}"
            );
        }
    }
    assert_eq!(scene().upstream.times_asked("locked.example"), 0);
}

#[test]
fn other_classes_and_zone_transfers_are_refused() {
    for class in [3, 4, 254, 255] {
        assert_eq!(
            codes(&Question::new("casino.example", "TXT").class(class).bytes()),
            ["REFUSED"; 2],
            "class {class}"
        );
    }
    for rtype in ["AXFR", "IXFR", "MAILB"] {
        assert_eq!(codes(&Question::new("shop.example", rtype).bytes()), ["REFUSED"; 2], "{rtype}");
    }
    for rtype in ["OPT", "TSIG"] {
        assert_eq!(codes(&Question::new("shop.example", rtype).bytes()), ["FORMERR"; 2], "{rtype}");
    }
}

#[test]
fn a_later_edns_version_is_told_ours() {
    for name in ["shop.example", "casino.example"] {
        assert_eq!(codes(&Question::new(name, "A").edns(1, 1232, 0, &[]).bytes()), ["BADVERS"; 2]);
    }
}

#[test]
fn unknown_edns_options_and_flags_are_ignored() {
    let scene = scene();
    let question =
        Question::new("poker.example", "A").edns(0, 100, 0x7fff, &[0xff, 0xfe, 0, 2, 1, 2, 0, 12, 0, 0]);
    assert_eq!(scene.pupil().send(Transport::Udp, &question).said(), "NXDOMAIN");
}

#[test]
fn without_recursion_only_what_is_here_is_said() {
    let scene = scene();
    let pupil = scene.pupil();
    let ask = |name: &str| pupil.send(Transport::Udp, &Question::new(name, "A").without_recursion()).said();
    assert_eq!(ask("poker.example"), "NXDOMAIN");
    assert_eq!(ask("never-asked-before.example"), "REFUSED");
    assert_eq!(scene.upstream.times_asked("never-asked-before.example"), 0);
    assert_eq!(pupil.ask("never-asked-before.example", "A").said(), "A 198.51.100.7");
    assert_eq!(ask("never-asked-before.example"), "A 198.51.100.7", "from the cache");
}

#[test]
fn any_byte_may_stand_in_a_label() {
    let scene = scene();
    let mut packet = b"\x5c\x67\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    packet.extend(b"\x04\x00\xff.\\\x06CaSiNo\x07eXample\x00\x00\x01\x00\x01");
    let reply = Reply::read(scene.pupil().exchange(Transport::Udp, &packet, Duration::from_secs(8)).unwrap());
    assert_eq!(reply.said(), "NXDOMAIN");
    assert!(reply.contains(b"\x04\x00\xff.\\\x06CaSiNo\x07eXample\x00"), "the client's own bytes come back");
}

#[test]
fn the_root_and_top_level_names_are_answered() {
    let scene = scene();
    assert_ne!(scene.pupil().ask("", "NS").code(), "SERVFAIL");
    assert_eq!(
        scene.pupil().ask("com", "DS").code(),
        "NOERROR",
        "a public suffix is no single label of ours"
    );
}
