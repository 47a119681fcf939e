//! The record of changes: who did what, and that nobody can rewrite it unseen.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::actors::{Mood, School, Transport, Upstream};
use crate::scene::plan;

/// The code that `audit verify` prints.
fn head_code(school: &School) -> String {
    let found = school.run(&["audit", "verify", "--json"]);
    assert_eq!(found.code, Some(0), "{found:?}");
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(found["whole"], true);
    found["code"].as_str().unwrap().to_owned()
}

/// Action and subject of every entry, as the coordinator sees them.
fn deeds(school: &School, token: &str) -> Vec<(String, String)> {
    let told = school.coordinator().get_with(token, "/api/v1/audit").json();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(entry, "action"), text(entry, "subject")))
        .collect()
}

#[test]
fn what_people_and_files_change_is_on_record() {
    let upstream = Upstream::start();
    let school = plan().forwards_to(&upstream).open();
    let made = school.run(&["token", "new", "--name", "head", "--scope", "read"]);
    let token = made.out.trim();
    let is_told = |deed: (&str, &str)| {
        deeds(&school, token).iter().any(|(action, subject)| (action.as_str(), subject.as_str()) == deed)
    };
    school.until("start, policy and token are on record", || {
        is_told(("box.start", concat!("version ", env!("CARGO_PKG_VERSION"))))
            && is_told(("policy.revision", "1"))
            && is_told(("token.new", "head"))
    });
    school.edit("policy.toml", "version = 1", "version = 1\n# the same, in other words");
    assert_eq!(school.run(&["reload"]).code, Some(0));
    school.run(&["token", "new", "--name", "grafana", "--scope", "metrics"]);
    school.run(&["token", "revoke", "grafana"]);
    school.until("the second revision is on record", || {
        is_told(("policy.revision", "2")) && is_told(("token.revoke", "grafana"))
    });
    let first = school.coordinator().get_with(token, "/api/v1/audit?limit=1").json();
    let next = format!("/api/v1/audit?limit=1&after={}", first["next"].as_str().unwrap());
    let second = school.coordinator().get_with(token, &next).json();
    assert_eq!(second["items"][0]["prev"], first["items"][0]["hash"], "each entry seals the one before");
    let whole = school.coordinator().get_with(token, "/api/v1/audit");
    assert!(!whole.body.contains(token), "no secret is on record");
    assert!(whole.json()["items"].as_array().unwrap().iter().any(|entry| {
        entry["actor"].as_str().unwrap().starts_with("box:") && entry["action"] == "token.new"
    }));
}

#[test]
fn a_rewritten_record_is_found_by_the_command_and_the_metric() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).admin("metrics = \"open\"").open();
    let chain = |school: &School| {
        let metrics = school.coordinator().get("/metrics").body;
        metrics.lines().find_map(|line| line.strip_prefix("schoolgate_audit_chain_ok ").map(str::to_owned))
    };
    school.run(&["token", "new", "--name", "mallory", "--scope", "read"]);
    school.until("the record is whole", || chain(&school).as_deref() == Some("1"));
    let witness = head_code(&school);
    let with_witness = school.run(&["audit", "verify", "--witness", &witness]);
    assert_eq!(with_witness.code, Some(0), "{with_witness:?}");
    school.signal(Signal::SIGTERM);
    assert_eq!(school.ended().code, Some(0));

    // Somebody who is root puts another name where that of the token was.
    let store = school.path("state/store.db");
    let bytes = fs::read(&store).unwrap();
    let places: Vec<usize> =
        (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"token.newmallory")).collect();
    assert!(!places.is_empty(), "the entry is in the file");
    let mut rewritten = bytes;
    for place in places {
        rewritten[place..place + 16].copy_from_slice(b"token.newwallace");
    }
    fs::write(&store, rewritten).unwrap();
    let found = school.run(&["audit", "verify"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.contains("was changed after it was written"), "{found:?}");
    school.start().unwrap();
    school.until("the metric says it", || chain(&school).as_deref() == Some("0"));

    // A fresh start hides it from the chain, not from whoever kept the code.
    school.stop();
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(school.path("state").join(file));
    }
    school.start().unwrap();
    school.until("there is a new record", || chain(&school).as_deref() == Some("1"));
    let fresh = school.run(&["audit", "verify", "--witness", &witness]);
    assert_eq!(fresh.code, Some(1), "{fresh:?}");
    assert!(fresh.out.contains("does NOT go through the witness"), "{fresh:?}");
    assert_eq!(school.run(&["audit", "verify", "--witness", "42"]).code, Some(2), "no code at all");
}

#[test]
fn a_server_that_is_started_too_early_waits_for_the_last_answers_of_the_one_before() {
    let upstream = Upstream::start();
    upstream.is_always(Some(Mood::Silent));
    let school = plan().forwards_to(&upstream).open();
    let pupil = school.pupil("127.20.0.5");
    std::thread::scope(|scope| {
        scope.spawn(|| pupil.send(Transport::Tcp, &crate::actors::Question::new("slow.example", "A")));
        school.until("the question is under way", || upstream.times_asked("slow.example") > 0);
        school.signal(Signal::SIGTERM);
        school.until("the first has begun to stop", || {
            fs::read(school.path("state/serve.pid")).unwrap().is_empty()
        });
        let mut second = school.command(&["serve"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let is_ready =
            || school.coordinator().try_get("/readyz", None).is_some_and(|told| told.status == 200);
        school.until("the second is ready", || {
            assert_eq!(second.try_wait().unwrap(), None, "it does not give up");
            is_ready()
                && fs::read_to_string(school.path("state/serve.pid")).unwrap() == second.id().to_string()
        });
        second.kill().unwrap();
        let said = second.wait_with_output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(said.contains("waiting for the schoolgate before this one"), "{said}");
    });
}
