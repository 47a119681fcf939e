//! Who asks, when only the network can tell: arrival interface, address asked, strangers.

use crate::site::{ANYWHERE, GUEST, LATE, MANAGEMENT, OUTSIDE, PUPIL, SECOND, STAFF, Site, site};

const BOTH: [&str; 2] = ["+notcp", "+tcp"];

#[test]
fn a_link_local_client_is_known_by_the_interface_it_came_in_on() {
    let site = site();
    let (pupil, staff, guest) = (site.device(PUPIL), site.device(STAFF), site.device(GUEST));
    // The box has the same link-local address on every VLAN, so only the interface tells them apart.
    for transport in BOTH {
        let asked = format!("{transport} games.example");
        assert_eq!(pupil.ask("fe80::1%eth0", &asked).said(), "NXDOMAIN [15 category games]");
        assert_eq!(staff.ask("fe80::1%eth0", &asked).said(), ANYWHERE[0]);
        assert_eq!(guest.ask("fe80::1%eth0", &asked).said(), "A 0.0.0.0 [15 category games]");
    }
}

#[test]
fn a_global_ipv6_address_on_the_vlan_is_known_by_its_interface() {
    let site = site();
    let (pupil, staff, guest) = (site.device(PUPIL), site.device(STAFF), site.device(GUEST));
    for transport in BOTH {
        let asked = format!("{transport} games.example");
        assert_eq!(pupil.ask(&PUPIL.global(1), &asked).said(), "NXDOMAIN [15 category games]");
        assert_eq!(staff.ask(&STAFF.global(1), &asked).said(), ANYWHERE[0]);
        assert_eq!(guest.ask(&GUEST.global(1), &asked).said(), "A 0.0.0.0 [15 category games]");
    }
}

#[test]
fn the_answer_leaves_from_the_address_that_was_asked() {
    let site = site();
    let pupil = site.device(PUPIL);
    // dig takes no answer from another address than the one it asked.
    let on_the_vlan = [PUPIL.host(1), PUPIL.host(SECOND), PUPIL.global(1), PUPIL.global(SECOND)];
    for server in on_the_vlan.iter().map(String::as_str).chain(["fe80::1%eth0"]) {
        for transport in BOTH {
            // One answer from upstream or the cache, one made here.
            assert_eq!(
                pupil.ask(server, &format!("{transport} shop.example")).said(),
                ANYWHERE[0],
                "{server}"
            );
            let blocked = pupil.ask(server, &format!("{transport} games.example")).said();
            assert_eq!(blocked, "NXDOMAIN [15 category games]", "{server}");
        }
    }
}

#[test]
fn asking_the_staffs_address_makes_nobody_staff() {
    let site = site();
    let pupil = site.device(PUPIL);
    for transport in BOTH {
        let told = pupil.ask(&STAFF.host(1), &format!("{transport} games.example")).said();
        assert_eq!(told, "NXDOMAIN [15 category games]");
    }
}

#[test]
fn a_stranger_is_refused_with_a_reason_and_nothing_is_asked_for_it() {
    let site = site();
    let stranger = site.stranger(&["203.0.113.9", "2001:db8:9::9"]);
    for server in OUTSIDE {
        for transport in BOTH {
            for name in ["stranger.example", "games.example", "printer.school.example"] {
                let told = stranger.ask(server, &format!("{transport} {name}")).said();
                assert_eq!(told, "REFUSED [18 unknown-client]", "{server} {transport} {name}");
            }
        }
    }
    // What a pupil asks reaches the resolver; by then the stranger's questions would have.
    site.device(PUPIL).ask(&PUPIL.host(1), "for-a-pupil.example");
    site.resolver.hears("query[A] for-a-pupil.example");
    assert_eq!(site.resolver.times_said(&["query", " stranger.example"]), 0);
}

#[test]
fn a_private_address_that_nobody_declared_gets_the_strictest_policy() {
    let site = site();
    // A VLAN that the policy forgot, and a private address that some router lets in.
    let printer = site.device(MANAGEMENT);
    let leaked = site.stranger(&["10.200.0.9"]);
    for (device, server) in [(&printer, MANAGEMENT.host(1)), (&leaked, OUTSIDE[0].to_owned())] {
        for transport in BOTH {
            let ask = |name: &str| device.ask(&server, &format!("{transport} {name}")).said();
            assert_eq!(ask("shop.example"), ANYWHERE[0]);
            assert_eq!(ask("video.example"), "NXDOMAIN [15 category video]");
            assert_eq!(ask("printer.school.example"), ANYWHERE[0], "no local names for unknown devices");
        }
    }
}

#[test]
fn local_names_are_for_pupils_and_staff_and_not_for_guests() {
    let site = site();
    for (vlan, answer) in [(PUPIL, "A 10.10.99.20"), (STAFF, "A 10.10.99.20"), (GUEST, ANYWHERE[0])] {
        let device = site.device(vlan);
        for transport in BOTH {
            let told = device.ask(&vlan.host(1), &format!("{transport} printer.school.example")).said();
            assert_eq!(told, answer, "{vlan:?}");
        }
    }
}

#[test]
fn a_vlan_that_is_made_after_the_start_is_known_after_a_reload() {
    let site = Site::build();
    site.make(LATE);
    let device = site.device(LATE);
    let reloaded = site.on_the_box(&["reload"]);
    assert_eq!(reloaded.code, Some(0), "{reloaded:?}");
    for server in [LATE.host(1), LATE.global(1), "fe80::1%eth0".into()] {
        for transport in BOTH {
            assert_eq!(
                device.ask(&server, &format!("{transport} games.example")).said(),
                ANYWHERE[0],
                "{server}"
            );
        }
    }
}
