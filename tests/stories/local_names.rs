//! The school's own names, and the names that never leave the box (design section 5, steps 6 and 12).

use crate::actors::{Question, TRANSPORTS, Transport};
use crate::everywhere::{everywhere, is_blocked};
use crate::scene::{room, scene};

#[test]
fn a_local_record_answers_pupils_and_staff() {
    let scene = scene();
    for device in [scene.pupil(), scene.staff()] {
        everywhere(&device, "printer.school.example", |rtype, reply| match rtype {
            "A" | "ANY" => assert!(reply.said().contains("A 10.0.0.20"), "{rtype}: {}", reply.said()),
            _ => assert_eq!(reply.said(), "NODATA", "{rtype}"),
        });
    }
    assert_eq!(scene.upstream.times_asked("printer.school.example"), 0);
}

#[test]
fn local_answers_are_authoritative_and_others_are_not() {
    let scene = scene();
    assert_eq!(scene.pupil().ask("printer.school.example", "A").flags() & 0x400, 0x400);
    assert_eq!(scene.pupil().ask("shop.example", "A").flags() & 0x400, 0);
    assert_eq!(scene.pupil().ask("casino.example", "A").flags() & 0x400, 0);
}

#[test]
fn guests_and_unknown_devices_get_no_local_names() {
    let scene = scene();
    for device in [scene.guest(), scene.in_room(room::NOWHERE)] {
        for transport in TRANSPORTS {
            let reply = device.send(transport, &Question::new("copier.school.example", "A"));
            assert!(!reply.said().contains("10.0.0.22"), "{}", reply.said());
        }
    }
}

#[test]
fn a_sealed_name_is_no_local_name() {
    is_blocked(&scene().pupil(), "adult-printer.school.example", "NXDOMAIN", "15 sealed");
}

#[test]
fn a_local_zone_answers_whole() {
    let scene = scene();
    let pupil = scene.pupil();
    for transport in TRANSPORTS {
        let ask = |name: &str, rtype: &str| pupil.send(transport, &Question::new(name, rtype));
        assert_eq!(ask("microscope.labs.school.example", "A").said(), "A 10.0.1.2");
        assert_eq!(
            ask("scope.labs.school.example", "A").said(),
            "CNAME microscope.labs.school.example / A 10.0.1.2"
        );
        let nothing = ask("microscope.labs.school.example", "AAAA");
        assert_eq!(
            (nothing.said().as_str(), nothing.authority().unwrap().0.as_str()),
            ("NODATA", "labs.school.example")
        );
        assert_eq!(ask("none.labs.school.example", "A").said(), "NXDOMAIN");
    }
    assert_eq!(scene.upstream.times_asked_below("labs.school.example"), 0);
}

#[test]
fn localhost_is_this_machine() {
    let scene = scene();
    for name in ["localhost", "printer.localhost"] {
        assert_eq!(scene.pupil().ask(name, "A").said(), "A 127.0.0.1", "{name}");
        assert_eq!(scene.pupil().ask(name, "AAAA").said(), "AAAA ::1", "{name}");
        assert_eq!(scene.pupil().ask(name, "MX").said(), "NODATA", "{name}");
        assert_eq!(scene.upstream.times_asked(name), 0);
    }
}

#[test]
fn special_names_never_leave_the_box() {
    let scene = scene();
    let names = [
        "x.invalid",
        "x.test",
        "hidden.onion",
        "x.alt",
        "printer.local",
        "x.internal",
        "x.home.arpa",
        "wpad",
        "staffroom",
        "1.0.168.192.in-addr.arpa",
        "1.0.0.10.in-addr.arpa",
        "5.16.172.in-addr.arpa",
        "1.0.0.127.in-addr.arpa",
        "1.64.100.in-addr.arpa",
        "1.254.169.in-addr.arpa",
        "8.b.d.0.1.0.0.2.ip6.arpa",
        "1.0.0.d.f.ip6.arpa",
        "1.8.e.f.ip6.arpa",
    ];
    for name in names {
        everywhere(&scene.pupil(), name, |rtype, reply| {
            assert_eq!(reply.said(), "NXDOMAIN", "{name} {rtype}");
            assert!(reply.authority().is_some(), "{name} {rtype}");
        });
        assert_eq!(scene.upstream.times_asked(name), 0, "{name}");
    }
}

#[test]
fn documentation_names_are_ordinary() {
    let scene = scene();
    for name in ["example.com", "www.example.net", "ipv4only.arpa"] {
        assert_eq!(scene.pupil().ask(name, "A").said(), "A 198.51.100.7", "{name}");
    }
}

#[test]
fn a_conditional_forward_asks_its_own_server() {
    let scene = scene();
    for _ in 0..2 {
        assert_eq!(
            scene.pupil().ask("dc.ad.school.example", "A").said(),
            "A 10.0.0.10",
            "rebind_allow covers it"
        );
    }
    assert_eq!(scene.upstream.times_asked_below("ad.school.example"), 0);
    assert!(scene.directory.times_asked("dc.ad.school.example") > 0);
}

#[test]
fn a_local_answer_is_given_without_recursion_too() {
    let question = Question::new("printer.school.example", "A").without_recursion();
    assert_eq!(scene().pupil().send(Transport::Udp, &question).said(), "A 10.0.0.20");
}
