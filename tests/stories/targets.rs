//! After the answer (design section 5, step 15): where a name leads, on the first ask and the second.

use crate::actors::{Pupil, Question, Reply, TRANSPORTS, Transport};
use crate::scene::{room, scene};

/// Asks twice (the second may be cached) over UDP and TCP.
fn each_time(pupil: &Pupil, name: &str, rtype: &str, check: impl Fn(&Reply)) {
    for transport in TRANSPORTS {
        for _ in 0..2 {
            check(&pupil.send(transport, &Question::new(name, rtype)));
        }
    }
}

/// Nothing of the answer is left, and the reason is the target.
fn leads_nowhere(pupil: &Pupil, name: &str, rtype: &str, error: &str) {
    each_time(pupil, name, rtype, |reply| {
        assert!(["NXDOMAIN", "NODATA"].contains(&reply.said().as_str()), "{name} {rtype}: {}", reply.said());
        assert_eq!(reply.extended_errors(), [error], "{name} {rtype}");
        assert!(reply.ttl_max() <= 30, "{name} {rtype}");
    });
}

#[test]
fn an_alias_to_a_tracker_is_a_tracker() {
    let scene = scene();
    for rtype in ["A", "AAAA", "HTTPS", "TXT"] {
        leads_nowhere(&scene.pupil(), "to-ads.example", rtype, "15 target ads");
        leads_nowhere(&scene.pupil(), "to-ads-late.example", rtype, "15 target ads");
        leads_nowhere(&scene.pupil(), "x.dname.example", rtype, "15 target ads");
    }
    leads_nowhere(&scene.pupil(), "to-casino.example", "A", "15 target gambling");
}

#[test]
fn the_alias_itself_is_no_way_to_learn_the_target() {
    leads_nowhere(&scene().pupil(), "to-ads.example", "CNAME", "15 target ads");
}

#[test]
fn an_alias_to_a_locked_or_sealed_name_leads_nowhere_and_names_no_category() {
    let scene = scene();
    for device in [scene.pupil(), scene.staff(), scene.guest()] {
        leads_nowhere(&device, "to-locked.example", "A", "16 locked");
        leads_nowhere(&device, "locked-behind-a-rule.example", "A", "16 locked");
    }
    leads_nowhere(&scene.pupil(), "to-adult.example", "A", "15 target");
    leads_nowhere(&scene.pupil(), "to-malware.example", "A", "15 target");
    leads_nowhere(&scene.pupil(), "sealed-behind-a-rule.example", "A", "15 target");
}

#[test]
fn a_service_record_to_a_tracker_is_a_tracker() {
    let scene = scene();
    leads_nowhere(&scene.pupil(), "svcb-to-ads.example", "HTTPS", "15 target ads");
    leads_nowhere(&scene.pupil(), "svcb-to-ads.example", "SVCB", "15 target ads");
    leads_nowhere(&scene.pupil(), "svcb-alias.example", "HTTPS", "15 target ads");
}

#[test]
fn hosting_kinds_judge_the_asked_name_only() {
    let scene = scene();
    each_time(&scene.pupil(), "to-games.example", "A", |reply| {
        assert_eq!(reply.said(), "CNAME cdn.games.example / A 198.51.100.7");
    });
    each_time(&scene.pupil(), "to-video.example", "A", |reply| {
        assert_eq!(reply.code(), "NOERROR");
    });
    each_time(&scene.pupil(), "x.good-dname.example", "A", |reply| {
        assert!(reply.said().ends_with("CNAME x.shop.example / A 198.51.100.7"));
    });
}

#[test]
fn a_rule_blocks_a_target_too() {
    let scene = scene();
    for transport in TRANSPORTS {
        for _ in 0..2 {
            let reply = scene.pupil().send(transport, &Question::new("to-trouble.example", "A"));
            assert_eq!(reply.record_counts()[0], 0, "{}", reply.said());
            assert!(reply.extended_errors()[0].starts_with("15 "), "{:?}", reply.extended_errors());
        }
    }
    assert_eq!(scene.staff().ask("to-trouble.example", "A").code(), "NOERROR", "the rule is the pupils'");
}

#[test]
fn who_was_allowed_by_a_person_may_lead_to_a_tracker() {
    let scene = scene();
    each_time(&scene.pupil(), "cloaked-but-allowed.example", "A", |reply| {
        assert_eq!(reply.said(), "CNAME tickets.ads.example / A 198.51.100.7");
    });
    each_time(&scene.pupil(), "learning.example", "A", |reply| {
        assert!(reply.said().contains("198.51.100.7"));
    });
}

#[test]
fn one_policys_verdict_on_a_cached_answer_is_not_anothers() {
    let scene = scene();
    for _ in 0..2 {
        assert_eq!(scene.in_room(room::KEEP).ask("cloaked-but-allowed.example", "A").record_counts()[0], 0);
        assert_eq!(scene.pupil().ask("cloaked-but-allowed.example", "A").code(), "NOERROR");
    }
}

#[test]
fn public_names_get_no_private_addresses() {
    let scene = scene();
    let names = [
        ("rebind.example", "A"),
        ("rebind.example", "AAAA"),
        ("rebind-mapped.example", "AAAA"),
        ("rebind-nat64.example", "AAAA"),
        ("rebind-loopback.example", "A"),
        ("rebind-link.example", "A"),
        ("rebind-shared.example", "A"),
        ("rebind-alias.example", "A"),
    ];
    for (name, rtype) in names {
        each_time(&scene.pupil(), name, rtype, |reply| {
            assert!(
                !reply.said().contains("A 1") && !reply.said().contains("AAAA "),
                "{name} {rtype}: {}",
                reply.said()
            );
            assert!(
                reply.extended_errors().iter().any(|error| error.starts_with("4 rebind")),
                "{name}: {:?}",
                reply.extended_errors()
            );
        });
    }
}

#[test]
fn only_the_private_part_of_an_answer_is_removed() {
    let scene = scene();
    each_time(&scene.pupil(), "rebind-mixed.example", "A", |reply| {
        assert_eq!(reply.said(), "A 198.51.100.30");
        assert!(reply.extended_errors()[0].starts_with("4 "), "{:?}", reply.extended_errors());
    });
    each_time(&scene.pupil(), "rebind-hint.example", "HTTPS", |reply| {
        assert!(!reply.contains(&[10, 0, 0, 1]), "the private hint is gone: {}", reply.said());
        assert!(!reply.contains(&[0xfd, 0, 0, 0]), "the private IPv6 hint is gone: {}", reply.said());
        assert!(reply.contains(b"h2"), "the rest stays: {}", reply.said());
    });
}

#[test]
fn names_in_rebind_allow_may_be_private() {
    each_time(&scene().pupil(), "wiki.intranet.example", "A", |reply| {
        assert_eq!(reply.said(), "A 10.0.0.30");
    });
}

#[test]
fn encrypted_hello_keys_are_taken_out() {
    let scene = scene();
    for device in [scene.pupil(), scene.staff(), scene.guest()] {
        each_time(&device, "ech.example", "HTTPS", |reply| {
            assert!(!reply.contains(b"secret-key-config"), "{}", reply.said());
            assert!(
                reply.said().contains("h3") && reply.said().contains("198.51.100.40"),
                "the rest stays: {}",
                reply.said()
            );
        });
        each_time(&device, "ech-mandatory.example", "HTTPS", |reply| {
            assert!(!reply.contains(b"secret-key-config") && reply.contains(b"h2"), "{}", reply.said());
            // Key 0 (mandatory) now lists alpn (1) alone.
            assert!(reply.contains(&[0, 0, 0, 2, 0, 1, 0, 1, 0, 3]), "{:02x?}", reply.bytes);
        });
        each_time(&device, "ech-only.example", "SVCB", |reply| {
            assert!(!reply.contains(b"secret-key-config"), "{}", reply.said());
            assert_eq!(
                reply.record_counts()[0],
                1,
                "an empty `mandatory` goes, the record stays: {}",
                reply.said()
            );
        });
    }
}

#[test]
fn a_policy_may_keep_or_drop_service_records() {
    let scene = scene();
    each_time(&scene.in_room(room::KEEP), "ech.example", "HTTPS", |reply| {
        assert!(reply.contains(b"secret-key-config"));
    });
    each_time(&scene.in_room(room::DROP), "ech.example", "HTTPS", |reply| assert_eq!(reply.said(), "NODATA"));
    each_time(&scene.in_room(room::DROP), "shop.example", "SVCB", |reply| assert_eq!(reply.said(), "NODATA"));
    each_time(&scene.in_room(room::DROP), "ech.example", "A", |reply| {
        assert_eq!(reply.said(), "A 198.51.100.41");
    });
    each_time(&scene.pupil(), "ech.example", "HTTPS", |reply| {
        assert!(!reply.contains(b"secret-key-config"));
    });
}

#[test]
fn checking_disabled_and_dnssec_flags_change_no_verdict() {
    let scene = scene();
    for (flags, edns) in [(0x10, 0), (0x20, 0x8000), (0x30, 0x8000)] {
        for (name, rtype) in [("to-ads.example", "A"), ("casino.example", "A"), ("ech.example", "HTTPS")] {
            let question = Question::new(name, rtype).flags(flags).edns(0, 1232, edns, &[]);
            let reply = scene.pupil().send(Transport::Udp, &question);
            assert!(
                !reply.contains(b"secret-key-config") && !reply.said().contains("A 198"),
                "{name}: {}",
                reply.said()
            );
        }
    }
}
