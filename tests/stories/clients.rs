//! Who asks (design section 5, step 2): networks, groups, devices, and those in none of them.

use crate::everywhere::{is_blocked, is_open};
use crate::scene::{room, scene};

#[test]
fn the_longest_subnet_decides() {
    let scene = scene();
    // ks1 blocks shorteners and asks for video; the room 127.20.8/24 lies inside 127.20/16.
    let suite = scene.school.pupil("127.20.8.1");
    assert_eq!(suite.ask("board-games.example", "A").said(), "NXDOMAIN");
    is_blocked(&suite, "chess.example", "NXDOMAIN", "15 category games");
    is_open(&scene.school.pupil("127.20.7.255"), "chess.example");
    is_open(&scene.school.pupil("127.20.9.1"), "chess.example");
}

#[test]
fn a_device_in_a_group_gets_the_groups_policy() {
    let scene = scene();
    is_blocked(&scene.school.pupil("127.20.3.7"), "year6-only.example", "NXDOMAIN", "15 rule");
    is_open(&scene.school.pupil("127.20.3.8"), "year6-only.example");
}

#[test]
fn an_address_alone_moves_nobody_to_a_looser_policy() {
    let scene = scene();
    is_blocked(&scene.school.pupil("127.20.9.9"), "social.example", "NXDOMAIN", "15 category social");
    is_blocked(&scene.school.pupil("127.20.9.9"), "games.example", "NXDOMAIN", "15 category games");
    is_open(&scene.staff(), "games.example");
}

#[test]
fn a_private_address_in_no_network_gets_the_strictest_policy() {
    let scene = scene();
    let unknown = scene.in_room(room::NOWHERE);
    is_open(&unknown, "shop.example");
    is_blocked(&unknown, "video.example", "NXDOMAIN", "15 category video");
    is_blocked(&unknown, "games.example", "NXDOMAIN", "15 category games");
    is_blocked(&unknown, "tunnel.example", "NXDOMAIN", "15 sealed");
    let asked = unknown.ask("class-blog.example", "A");
    assert_eq!(
        asked.authority(),
        Some(("example".into(), 30, 30)),
        "nothing is grantable to an unknown device"
    );
}

#[test]
fn a_stranger_is_refused_and_explain_says_so() {
    let scene = scene();
    for address in ["203.0.113.9", "2001:db8::9"] {
        let exit = scene.school.run(&["explain", "shop.example", "--client", address, "--json"]);
        assert_eq!(exit.code, Some(3), "{exit:?}");
        let told: serde_json::Value = serde_json::from_str(&exit.out).unwrap();
        assert_eq!(told["verdict"], "refuse");
        assert_eq!(told["reason"]["id"], "unknown-client");
        assert_eq!(told["answer"]["rcode"], "REFUSED");
        assert!(told["answer"]["ede"].to_string().contains("18"), "{told}");
    }
}

#[test]
fn mapped_addresses_are_unmapped() {
    let scene = scene();
    let exit = scene.school.run(&["explain", "games.example", "--client", "::ffff:127.30.0.5", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&exit.out).unwrap();
    assert_eq!(told["network"], "staff", "{told}");
}

#[test]
fn a_pupil_on_ipv6_is_a_pupil() {
    let scene = scene();
    let pupil = scene.school.pupil("::1");
    is_blocked(&pupil, "casino.example", "NODATA", "15 category gambling");
    is_open(&pupil, "shop.example");
}

#[test]
fn what_the_client_says_about_itself_chooses_no_policy() {
    use crate::actors::{Question, Transport};
    let scene = scene();
    // EDNS client subnet (8) naming the staff network, and a MAC address option (65001).
    let options =
        [&[0, 8, 0, 8, 0, 1, 32, 0, 127, 30, 0, 5][..], &[0xfd, 0xe9, 0, 6, 2, 0, 0x5e, 0x10, 0, 1]].concat();
    let question = Question::new("games.example", "A").edns(0, 1232, 0, &options);
    assert_eq!(scene.pupil().send(Transport::Udp, &question).said(), "NXDOMAIN");
    let question = Question::new("subnet-teller.example", "A").edns(0, 1232, 0, &options);
    scene.pupil().send(Transport::Udp, &question);
    for packet in scene.upstream.packets_about("subnet-teller.example") {
        assert!(
            !packet.windows(4).any(|window| window == [127, 30, 0, 5]),
            "the client's EDNS goes no further"
        );
    }
}
