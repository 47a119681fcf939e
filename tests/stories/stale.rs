//! Answers past their time: better than none while upstreams fail, and there again after a restart.

use std::fs;
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::actors::{Mood, School, Upstream};
use crate::scene::plan;

/// A school that keeps its answers over a restart.
fn school() -> (School, Upstream) {
    let upstream = Upstream::start();
    let school = plan().forwards_to(&upstream).tables("[cache]\nfile = \"cache.bin\"").open();
    (school, upstream)
}

/// Stops as a person does, and starts again.
fn restart(school: &mut School) {
    school.signal(Signal::SIGTERM);
    assert_eq!(school.ended().code, Some(0));
    school.start().unwrap();
}

#[test]
fn an_old_answer_is_given_while_upstreams_fail_and_says_so() {
    let (school, upstream) = school();
    upstream.has("short.example 1 A 198.51.100.70");
    let pupil = school.pupil("127.20.0.5");
    assert_eq!(pupil.ask("short.example", "A").said(), "A 198.51.100.70");
    upstream.is_always(Some(Mood::Servfail));
    let start = Instant::now();
    school.until("the old answer stands in", || {
        let reply = pupil.ask("short.example", "A");
        assert_eq!(
            reply.said(),
            "A 198.51.100.70",
            "after {:?}: {:?}",
            start.elapsed(),
            reply.extended_errors()
        );
        reply.extended_errors().iter().any(|error| error.trim() == "3")
    });
    assert!(pupil.ask("short.example", "A").ttl_max() <= 30);
    upstream.is_always(None);
    upstream.has("short.example 600 A 198.51.100.71");
    school.until("the new answer has come", || {
        pupil.ask("short.example", "A").said().contains("198.51.100.71")
    });
}

#[test]
fn answers_are_there_after_a_restart_and_judged_again() {
    let (mut school, upstream) = school();
    let ask = |school: &School, name: &str| school.pupil("127.20.0.5").ask(name, "A").said();
    upstream.has("kept.example 600 A 198.51.100.72");
    upstream.has("later-blocked.example 600 A 198.51.100.73");
    ask(&school, "kept.example");
    ask(&school, "later-blocked.example");
    school.write("lists/gambling.normal.domains", "casino.example\npoker.example\nlater-blocked.example\n");
    upstream.is_always(Some(Mood::Silent));
    let asked = upstream.times_asked("kept.example");
    restart(&mut school);
    assert_eq!(ask(&school, "kept.example"), "A 198.51.100.72");
    assert_eq!(upstream.times_asked("kept.example"), asked, "nobody had to be asked");
    assert_eq!(school.run(&["lists", "update"]).code, Some(0));
    school
        .until("the new list judges what was saved", || ask(&school, "later-blocked.example") == "NXDOMAIN");
}

#[test]
fn a_damaged_saved_cache_is_dropped() {
    let (mut school, upstream) = school();
    upstream.has("kept.example 600 A 198.51.100.72");
    school.pupil("127.20.0.5").ask("kept.example", "A");
    school.signal(Signal::SIGTERM);
    assert_eq!(school.ended().code, Some(0));
    let path = school.path("cache.bin");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    school.start().unwrap();
    assert!(school.log().contains("the saved cache"), "{}", school.log());
    assert!(!path.exists());
    let asked = upstream.times_asked("kept.example");
    assert_eq!(school.pupil("127.20.0.5").ask("kept.example", "A").said(), "A 198.51.100.72");
    assert_eq!(upstream.times_asked("kept.example"), asked + 1);
}

#[test]
fn a_person_makes_the_server_forget_a_name() {
    let (mut school, upstream) = school();
    let ask = |name: &str| school.pupil("127.20.0.5").ask(name, "A").said();
    for name in ["moved.example", "www.moved.example", "stays.example"] {
        upstream.has(&format!("{name} 600 A 198.51.100.74"));
        ask(name);
    }
    let asked = |name: &str| upstream.times_asked(name);
    let forgotten = school.run(&["cache", "flush", "moved.example", "--json"]);
    assert_eq!((forgotten.code, forgotten.out.contains("\"answers\": 1")), (Some(0), true), "{forgotten:?}");
    let forgotten = school.run(&["cache", "flush", "moved.example", "--subtree"]);
    assert!(forgotten.out.starts_with("1 answers of moved.example and below"), "{forgotten:?}");
    for (name, times) in [("moved.example", 2), ("www.moved.example", 2), ("stays.example", 1)] {
        ask(name);
        assert_eq!(asked(name), times, "{name}");
    }
    assert_eq!(school.run(&["cache", "flush", "a..b"]).code, Some(2));
    school.stop();
    let alone = school.run(&["cache", "flush", "moved.example"]);
    assert_eq!((alone.code, alone.err.contains("no server runs")), (Some(1), true), "{alone:?}");
}
