//! What an answer says (design section 6): codes, SOA, TTL, extended errors, styles of blocking.

use crate::actors::{Question, TRANSPORTS, Transport};
use crate::everywhere::{TYPES, everywhere};
use crate::scene::{room, scene};

#[test]
fn the_soa_of_a_block_lets_it_be_forgotten_after_thirty_seconds() {
    let scene = scene();
    let pupil = scene.pupil();
    for transport in TRANSPORTS {
        let soa = |name: &str| pupil.send(transport, &Question::new(name, "A")).authority();
        assert_eq!(
            soa("www.casino.example"),
            Some(("casino.example".into(), 30, 30)),
            "NXDOMAIN: the parent"
        );
        assert_eq!(soa("poker.example"), Some(("example".into(), 30, 30)), "NXDOMAIN: the parent");
        assert_eq!(soa("casino.example"), Some(("casino.example".into(), 30, 30)), "NODATA: the name itself");
        assert_eq!(
            soa("exact-ads.example"),
            Some(("exact-ads.example".into(), 30, 30)),
            "NODATA: the name itself"
        );
    }
}

#[test]
fn a_name_with_something_open_below_is_no_nxdomain() {
    let scene = scene();
    let pupil = scene.pupil();
    // RFC 8020: NXDOMAIN means that nothing exists below either.
    for (name, why) in [
        ("casino.example", "a rule opens museum.casino.example"),
        ("news.example", "a rule opens sport.news.example"),
        ("scam.example", "its list re-opens honest.scam.example"),
        ("exact-ads.example", "the match is exact"),
    ] {
        assert_eq!(pupil.ask(name, "A").said(), "NODATA", "{why}");
    }
    assert_eq!(scene.staff().ask("casino.example", "A").said(), "NXDOMAIN", "the rule is the pupils'");
    assert_eq!(
        scene.in_room(room::WALLED).ask("school-maths.example", "A").said(),
        "NODATA",
        "tables.school-maths.example is essential"
    );
    assert_eq!(
        scene.in_room(room::WALLED).ask("example", "A").said().as_str(),
        "NODATA",
        "much is open below"
    );
}

#[test]
fn extended_errors_come_only_to_who_speaks_edns() {
    let scene = scene();
    for transport in TRANSPORTS {
        let plain = scene.pupil().send(transport, &Question::new("poker.example", "A").without_edns());
        assert_eq!((plain.said().as_str(), plain.has_edns()), ("NXDOMAIN", false));
        let modern = scene.pupil().send(transport, &Question::new("poker.example", "A"));
        assert_eq!((modern.said().as_str(), modern.has_edns()), ("NXDOMAIN", true));
    }
}

#[test]
fn null_blocks_answer_addresses_that_lead_nowhere() {
    let scene = scene();
    everywhere(&scene.in_room(room::NULL), "www.casino.example", |rtype, reply| {
        let expected = match rtype {
            "A" => "A 0.0.0.0",
            "AAAA" => "AAAA ::",
            // "Any" may have either.
            "ANY" if reply.said() != "NODATA" => "A 0.0.0.0 / AAAA ::",
            _ => "NODATA",
        };
        assert_eq!(reply.said(), expected, "{rtype}");
        assert_eq!(reply.extended_errors(), ["15 category gambling"], "{rtype}");
        assert!(reply.ttl_max() <= 30, "{rtype}");
    });
}

#[test]
fn refused_blocks_answer_refused() {
    let scene = scene();
    everywhere(&scene.in_room(room::REFUSED), "casino.example", |rtype, reply| {
        assert_eq!(reply.said(), "REFUSED", "{rtype}");
        assert_eq!(reply.extended_errors(), ["15 category gambling"], "{rtype}");
    });
}

#[test]
fn nodata_blocks_answer_nothing() {
    let scene = scene();
    everywhere(&scene.in_room(room::NODATA), "www.casino.example", |rtype, reply| {
        assert_eq!(reply.said(), "NODATA", "{rtype}");
        assert_eq!(reply.authority().unwrap().0, "www.casino.example", "{rtype}");
        assert_eq!(reply.extended_errors(), ["15 category gambling"], "{rtype}");
    });
}

#[test]
fn a_block_page_without_an_address_is_nodata() {
    let scene = scene();
    everywhere(&scene.in_room(room::PAGE), "www.casino.example", |rtype, reply| {
        assert_eq!(reply.said(), "NODATA", "{rtype}");
        assert_eq!(reply.extended_errors(), ["15 category gambling"], "{rtype}");
    });
}

#[test]
fn a_locked_name_says_sixteen_in_every_style() {
    let scene = scene();
    for style in [room::NULL, room::REFUSED, room::PAGE, room::NODATA] {
        for rtype in TYPES {
            let reply = scene.in_room(style).ask("www.locked.example", rtype);
            assert_eq!(reply.extended_errors(), ["16 locked"], "{rtype}");
        }
    }
}

#[test]
fn no_answer_lives_longer_than_its_policy_allows() {
    let scene = scene();
    for _ in 0..2 {
        assert_eq!(scene.pupil().ask("long.example", "A").ttl_max(), 300);
        assert_eq!(scene.in_room(room::BRIEF).ask("long.example", "A").ttl_max(), 60);
        assert!(scene.pupil().ask("short.example", "A").ttl_max() <= 17);
        assert!(scene.pupil().ask("nothing.nowhere.example", "A").ttl_max() <= 300, "negative answers too");
    }
}

#[test]
fn any_gets_the_least_that_is_an_answer() {
    let scene = scene();
    let reply = scene.pupil().ask("shop.example", "ANY");
    assert!(reply.said().starts_with("HINFO"), "RFC 8482: {}", reply.said());
    assert_eq!(scene.pupil().ask("poker.example", "ANY").said(), "NXDOMAIN");
    assert!(
        scene.pupil().ask("www.google.com", "ANY").said().starts_with("CNAME forcesafesearch.google.com")
    );
}

#[test]
fn ordinary_answers_come_through_as_they_are() {
    let scene = scene();
    let said = |rtype: &str| scene.pupil().ask("shop.example", rtype).said();
    assert_eq!(said("A"), "A 198.51.100.20");
    assert_eq!(said("AAAA"), "AAAA 2001:db8::20");
    assert_eq!(said("TXT"), "TXT v=spf1");
    assert_eq!(said("MX"), "MX 10 mail.shop.example");
    assert_eq!(said("NS"), "NS ns.shop.example");
    assert!(said("HTTPS").contains("198.51.100.20"), "{}", said("HTTPS"));
    assert_eq!(scene.pupil().ask("nothing.nowhere.example", "A").said(), "NXDOMAIN");
    assert!(scene.pupil().ask("nothing.nowhere.example", "A").authority().is_some());
}

#[test]
fn an_answer_too_long_for_a_datagram_says_so() {
    let scene = scene();
    let records: String =
        (0..60).map(|last| format!("crowd.example A 198.51.100.{}\n", last + 100)).collect();
    scene.upstream.has(&records);
    for _ in 0..2 {
        let short = scene.pupil().send(Transport::Udp, &Question::new("crowd.example", "A").without_edns());
        assert_eq!(short.flags() & 0x200, 0x200, "TC");
        assert!(short.bytes.len() <= 512, "{}", short.bytes.len());
        let whole = scene.pupil().send(Transport::Tcp, &Question::new("crowd.example", "A"));
        assert_eq!(whole.record_counts()[0], 60);
        let modern =
            scene.pupil().send(Transport::Udp, &Question::new("crowd.example", "A").edns(0, 4096, 0, &[]));
        assert!(modern.bytes.len() <= 1232, "never more than 1232 over UDP: {}", modern.bytes.len());
    }
}
