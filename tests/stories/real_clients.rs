//! The tools that network managers really use: dig, kdig and curl.
//!
//! `tests/run` installs them; without them these stories fail, they are not skipped.

use std::process::Command;

use crate::actors::Exit;
use crate::scene::{Scene, scene};

/// Runs `tool` against the scene's DNS port from a pupil's address.
fn ask(scene: &Scene, tool: &str, arguments: &[&str]) -> String {
    let server = scene.school.server();
    let mut command = Command::new(tool);
    command
        .args([&format!("@{}", server.ip()), "-p", &server.port().to_string(), "-b", "127.20.0.5"])
        .args(arguments);
    let exit = Exit::of(&mut command);
    assert_eq!(exit.code, Some(0), "{command:?}: {exit:?}");
    exit.out
}

#[test]
fn dig_reads_a_block_with_its_reason() {
    let scene = scene();
    for extra in ["+notcp", "+tcp"] {
        let told = ask(&scene, "dig", &[extra, "www.poker.example", "AAAA"]);
        assert!(told.contains("status: NXDOMAIN"), "{told}");
        assert!(told.contains("EDE: 15") && told.contains("category gambling"), "{told}");
        assert!(!told.contains("WARNING") && !told.contains("malformed"), "{told}");
    }
}

#[test]
fn dig_reads_ordinary_answers() {
    let scene = scene();
    assert_eq!(ask(&scene, "dig", &["+short", "shop.example"]).trim(), "198.51.100.20");
    assert_eq!(ask(&scene, "dig", &["+short", "+tcp", "shop.example", "MX"]).trim(), "10 mail.shop.example.");
    assert!(ask(&scene, "dig", &["+short", "www.google.com"]).contains("forcesafesearch.google.com."));
    assert!(ask(&scene, "dig", &["+short", "ech.example", "HTTPS"]).contains("alpn"));
    // Cookies are sent by default, and answered or ignored without complaint.
    assert!(ask(&scene, "dig", &["+cookie", "shop.example"]).contains("NOERROR"));
    assert!(
        ask(&scene, "dig", &["+nsid", "+dnssec", "+subnet=127.30.0.1/32", "games.example"])
            .contains("NXDOMAIN")
    );
}

#[test]
fn kdig_reads_both_over_either_transport() {
    let scene = scene();
    for transport in ["+notcp", "+tcp"] {
        let told = ask(&scene, "kdig", &["+edns", transport, "www.poker.example"]);
        assert!(told.contains("NXDOMAIN"), "{told}");
        assert!(told.contains("15 (Blocked)"), "{told}");
        let told = ask(&scene, "kdig", &["+edns", "+padding", transport, "shop.example"]);
        assert!(told.contains("198.51.100.20"), "{told}");
    }
}

#[test]
fn curl_reads_the_admin_api() {
    let scene = scene();
    let admin = scene.school.coordinator().address();
    let exit = Exit::of(Command::new("curl").args([
        "--silent",
        "--fail",
        "--noproxy",
        "*",
        &format!("http://{admin}/readyz"),
    ]));
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert!(exit.out.contains("\"ready\":true"), "{exit:?}");
    let denied = Exit::of(Command::new("curl").args([
        "--silent",
        "--fail",
        "--noproxy",
        "*",
        &format!("http://{admin}/metrics"),
    ]));
    assert_eq!(denied.code, Some(22), "401 without a token: {denied:?}");
}
