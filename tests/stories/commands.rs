//! The command line: every command helps, and its exit code means what it says.

use crate::actors::Exit;
use crate::scene::{plan, scene};

const COMMANDS: [&[&str]; 17] = [
    &[],
    &["serve"],
    &["check-config"],
    &["reload"],
    &["explain"],
    &["lists"],
    &["lists", "update"],
    &["lists", "status"],
    &["lists", "accept"],
    &["lists", "changes"],
    &["lists", "verify"],
    &["token"],
    &["token", "new"],
    &["token", "list"],
    &["token", "revoke"],
    &["healthcheck"],
    &["help"],
];

#[test]
fn every_command_helps_with_an_example() {
    let school = plan().lay_out();
    for command in COMMANDS.iter().filter(|command| **command != ["help"]) {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let exit = school.run(&arguments);
        assert_eq!(exit.code, Some(0), "{command:?}: {exit:?}");
        assert!(exit.out.contains("Example"), "{command:?} shows no example:\n{}", exit.out);
        assert!(exit.out.contains("--config"), "{command:?} does not say --config:\n{}", exit.out);
    }
}

#[test]
fn wrong_use_ends_with_two() {
    let school = plan().lay_out();
    for command in [
        &["explian"][..],
        &["explain"],
        &["token", "new"],
        &["lists", "status", "--jsno"],
        &["token", "new", "--name", "x", "--scope", "everything"],
    ] {
        assert_eq!(school.run(command).code, Some(2), "{command:?}");
    }
    let scene = scene();
    for command in [
        &["explain", "a..b"][..],
        &["explain", "x.example", "--client", "nobody"],
        &["explain", "x.example", "--policy", "ks9"],
        &["explain", "x.example", "--type", "NONSENSE"],
    ] {
        let exit = scene.school.run(command);
        assert_eq!(exit.code, Some(2), "{command:?}: {exit:?}");
        assert!(!exit.err.is_empty(), "{command:?}");
    }
}

#[test]
fn explain_tells_a_person_what_happens_and_why() {
    let scene = scene();
    let exit = scene.school.run(&["explain", "www.poker.example", "--client", "127.20.0.5"]);
    assert_eq!(exit.code, Some(3));
    for part in ["www.poker.example", "gambling", "pupils"] {
        assert!(exit.out.contains(part), "{part} in:\n{}", exit.out);
    }
    for (who, value, code) in [
        ("--network", "staff", 0),
        ("--group", "year6-ipads", 3),
        ("--policy", "ks1", 3),
        ("--policy", "guest", 3),
    ] {
        let exit = scene.school.run(&["explain", "games.example", who, value]);
        assert_eq!(exit.code, Some(code), "{who} {value}: {exit:?}");
    }
}

#[test]
fn explain_says_what_can_be_done_about_a_block() {
    let scene = scene();
    for (name, way_out) in [
        ("www.poker.example", "[[policy.rule]]"),
        ("locked.example", "Nothing opens it"),
        ("adult.example", "No rule opens a sealed name"),
    ] {
        let exit = scene.school.run(&["explain", name, "--client", "127.20.0.5"]);
        assert!(exit.out.contains(way_out), "{name}: {exit:?}");
    }
    let open = scene.school.run(&["explain", "shop.example", "--client", "127.20.0.5"]);
    assert!(!open.out.contains("policy.toml"), "nothing is to be done: {open:?}");
}

#[test]
fn explain_works_without_a_server() {
    let mut school = plan().open();
    school.stop();
    let exit = school.run(&["explain", "adult.example", "--client", "127.20.0.5", "--json"]);
    assert_eq!(exit.code, Some(3), "{exit:?}");
    let told: serde_json::Value = serde_json::from_str(&exit.out).unwrap();
    assert_eq!(told["reason"]["id"], "sealed");
}

#[test]
fn healthcheck_says_whether_the_server_is_ready() {
    let scene = scene();
    assert_eq!(scene.school.run(&["healthcheck"]).code, Some(0));
    let closed = plan().lay_out();
    let exit = closed.run(&["healthcheck"]);
    assert_eq!(exit.code, Some(1), "{exit:?}");
    assert!(!exit.err.is_empty());
}

#[test]
fn a_good_configuration_is_said_to_be_good() {
    let school = plan().lay_out();
    let exit = school.run(&["check-config"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert!(exit.out.contains("good"), "{exit:?}");
    assert!(!school.path("state").exists(), "checking changes nothing");
    let exit = school.run(&["check-config", "--json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&exit.out).is_ok(), "{exit:?}");
}

#[test]
fn lists_are_updated_and_verified_without_a_server() {
    let school = plan().lay_out();
    let exit = school.run(&["lists", "update"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert_eq!(school.run(&["lists", "verify"]).code, Some(0));
    assert_eq!(school.run(&["explain", "poker.example", "--client", "127.20.0.5"]).code, Some(3));
    let current = std::fs::read_to_string(school.path("state/lists/current")).unwrap();
    school.write(format!("state/lists/{}.idx", current.trim()), "torn");
    let exit = school.run(&["lists", "verify"]);
    assert_eq!(exit.code, Some(1), "{exit:?}");
}

#[test]
fn the_version_is_told() {
    let school = plan().lay_out();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_schoolgate"));
    let exit = Exit::of(command.current_dir(school.path("")).arg("--version"));
    assert_eq!(exit.code, Some(0));
    assert!(exit.out.contains(env!("CARGO_PKG_VERSION")), "{exit:?}");
}
