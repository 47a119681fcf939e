//! Every wrong input of design section 9 ends in one clear sentence and its exit code.

use std::fs;
use std::net::UdpSocket;

use crate::actors::{Exit, Plan, School, Upstream};
use crate::scene::plan;

/// Ended with this code, and said all of this in one line.
fn says(exit: &Exit, code: i32, parts: &[&str]) {
    assert_eq!(exit.code, Some(code), "{exit:?}");
    let line = exit.err.lines().find(|line| parts.iter().all(|part| line.contains(part)));
    assert!(line.is_some(), "no line with all of {parts:?} in:\n{}", exit.err);
    assert!(!exit.err.contains("panicked"), "{}", exit.err);
}

/// A small school whose files can be spoiled one at a time.
fn school() -> School {
    plan().lay_out()
}

/// Both `serve` and `check-config` end with 2 and the same sentence.
fn refuses(mut school: School, parts: &[&str]) {
    says(&school.run(&["check-config"]), 2, parts);
    says(&school.start_and_end(), 2, parts);
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_nearest_right_one() {
    let school = school();
    school.edit("schoolgate.toml", "[dns]\nlisten =", "[dns]\nlisen =");
    refuses(school, &["schoolgate.toml:3:1", "lisen", "listen"]);
}

#[test]
fn a_wrong_value_is_told_with_its_place() {
    let school = school();
    school.edit("schoolgate.toml", "[dns]\nlisten = [", "[dns]\nlisten = [\"everywhere\", ");
    refuses(school, &["schoolgate.toml:3:", "everywhere"]);
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_place() {
    let school = school();
    school.edit("schoolgate.toml", "[dns]", "[dns");
    refuses(school, &["schoolgate.toml:2:"]);
}

#[test]
fn a_version_of_the_future_is_refused() {
    let school = school();
    school.edit("schoolgate.toml", "version = 1", "version = 2");
    refuses(school, &["version 2"]);
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let school = school();
    fs::remove_file(school.path("schoolgate.toml")).unwrap();
    says(&school.run(&["serve"]), 2, &["schoolgate.toml"]);
}

#[test]
fn a_policy_with_an_unknown_key_is_told_with_its_place_and_the_nearest_right_one() {
    let school = school();
    school.edit("policy.toml", "timezone =", "timezome =");
    refuses(school, &["policy.toml:2:1", "timezome", "timezone"]);
}

#[test]
fn a_category_that_nothing_feeds_is_refused() {
    let school = school();
    school.edit(
        "policy.toml",
        "[policy.categories]\n\"local/board-games\"",
        "[policy.categories]\n\"gamblin\" = \"block\"\n\"local/board-games\"",
    );
    refuses(school, &["policy.toml:", "gamblin", "gambling"]);
}

#[test]
fn ids_that_are_used_must_be_declared() {
    for (from, to, id) in [
        ("policy = \"staff\"", "policy = \"stafff\"", "stafff"),
        ("networks = [\"pupils\"]", "networks = [\"pupil\"]", "pupil"),
        ("devices = [\"ipad-07\"]", "devices = [\"ipad-08\"]", "ipad-08"),
        ("policies = [\"pupils\"]", "policies = [\"pupilz\"]", "pupilz"),
        ("extends = \"ks2\"", "extends = \"ks9\"", "ks9"),
    ] {
        let school = school();
        school.edit("policy.toml", from, to);
        refuses(school, &["policy.toml:", id]);
    }
}

#[test]
fn the_same_subnet_in_two_networks_is_refused() {
    let school = school();
    school.edit(
        "policy.toml",
        "subnets = [\"127.90.0.0/16\"]",
        "subnets = [\"127.90.0.0/16\", \"127.30.0.0/16\"]",
    );
    refuses(school, &["policy.toml:", "127.30.0.0/16", "staff"]);
}

#[test]
fn a_verb_that_does_not_exist_is_told_with_its_place() {
    let school = school();
    school.edit("policy.toml", "\"local/board-games\" = \"block\"", "\"local/board-games\" = \"blok\"");
    refuses(school, &["policy.toml:", "blok", "block"]);
}

#[test]
fn an_allow_rule_for_a_whole_public_suffix_is_refused() {
    let school = school();
    school.edit("policy.toml", "name = \"museum.casino.example\"", "name = \"co.uk\"");
    refuses(school, &["co.uk", "public suffix"]);
}

#[test]
fn a_forward_zone_for_a_whole_public_suffix_is_refused() {
    for zone in ["com", "co.uk"] {
        let school = plan()
            .upstream(&format!("[[upstream.zone]]\nname = \"{zone}\"\nservers = [\"udp://127.0.0.1:9\"]\n"))
            .lay_out();
        refuses(school, &[zone, "public suffix"]);
    }
}

#[test]
fn a_policy_file_that_is_not_there_ends_the_first_start() {
    let school = school();
    fs::remove_file(school.path("policy.toml")).unwrap();
    refuses(school, &["policy.toml"]);
}

#[test]
fn a_later_start_with_a_bad_policy_goes_on_with_the_last_good_one() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).admin("metrics = \"open\"").open();
    school.stop();
    school.write("policy.toml", "version = 1\n[[network]]\nid = \"all\"\nsubnet = []\n");
    school.start().unwrap();
    assert_eq!(school.pupil("127.20.0.5").ask("poker.example", "A").said(), "NXDOMAIN");
    assert!(school.log().contains("policy.toml:4"), "the alarm names the place:\n{}", school.log());
    assert!(school.coordinator().get("/metrics").body.contains("\nschoolgate_reload_failed 1\n"));
    says(&school.run(&["check-config"]), 2, &["policy.toml:4"]);
}

#[test]
fn a_port_in_use_is_named() {
    let mut school = plan().lay_out();
    let taken = UdpSocket::bind(school.server()).unwrap();
    says(&school.start_and_end(), 1, &[&school.server().to_string()]);
    drop(taken);
    let _taken = std::net::TcpListener::bind(school.server()).unwrap();
    says(&school.start_and_end(), 1, &[&school.server().to_string()]);
}

#[test]
fn a_second_program_on_the_same_state_is_refused() {
    let school = plan().open();
    let exit = school.run(&["serve"]);
    says(&exit, 1, &["state"]);
    assert_eq!(school.pupil("127.20.0.5").ask("poker.example", "A").said(), "NXDOMAIN", "the first goes on");
}

#[test]
fn an_admin_port_in_use_is_named() {
    let mut school = plan().lay_out();
    let address = school.coordinator().address();
    let _taken = std::net::TcpListener::bind(address).unwrap();
    school.launch();
    let exit = school.ended();
    says(&exit, 1, &[&address.to_string()]);
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named() {
    let mut school = plan().file("state", "a file where a folder should be").lay_out();
    let exit = school.start_and_end();
    says(&exit, 1, &["state"]);
}

#[test]
fn an_open_admin_address_without_tls_is_refused() {
    let school = Plan::new().lay_out();
    let admin = school.coordinator().address();
    school.edit("schoolgate.toml", &admin.to_string(), &format!("0.0.0.0:{}", admin.port()));
    refuses(school, &["admin", "loopback"]);
}

#[test]
fn what_a_lock_or_seal_overrides_is_a_warning() {
    let school = school();
    let exit = school.run(&["check-config"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    school.edit(
        "policy.toml",
        "\"local/board-games\" = \"block\"",
        "\"local/board-games\" = \"block\"\n\"illegal/csam\" = \"allow\"",
    );
    let exit = school.run(&["check-config"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert!(exit.out.contains("warning") && exit.out.contains("illegal/csam"), "{exit:?}");
}

#[test]
fn a_device_that_may_not_have_its_policy_is_a_warning() {
    let exit = school().run(&["check-config"]);
    assert!(exit.out.contains("warning") && exit.out.contains("borrowed"), "{exit:?}");
}

#[test]
fn a_policy_without_networks_says_that_everybody_is_unknown() {
    let upstream = Upstream::start();
    let school =
        Plan::new().policy("version = 1\ntimezone = \"Europe/London\"\n").forwards_to(&upstream).open();
    assert!(school.log().contains("unknown"), "{}", school.log());
    assert_eq!(school.pupil("127.0.0.1").ask("shop.example", "A").said(), "A 198.51.100.7");
}

#[test]
fn a_bad_line_never_fails_a_list() {
    let upstream = Upstream::start();
    let rubbish =
        "casino.example\n\0\u{1}\u{2}\n..\nhttps://url.example/path\n192.0.2.7\npoker.example\n<html>\n"
            .repeat(3);
    let school = plan()
        .file("lists/gambling.normal.domains", format!("{}{rubbish}", "good.casino.example\n".repeat(60)))
        .forwards_to(&upstream)
        .open();
    let pupil = school.pupil("127.20.0.5");
    assert_eq!(pupil.ask("www.poker.example", "A").said(), "NXDOMAIN");
    assert_eq!(pupil.ask("url.example", "A").said(), "A 198.51.100.7");
}
