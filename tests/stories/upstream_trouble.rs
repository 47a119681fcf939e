//! When the resolver that the school forwards to fails, lies or mumbles.

use std::time::Instant;

use crate::actors::{Mood, Question, TRANSPORTS, Transport, Upstream};
use crate::scene::{plan, scene};

#[test]
fn another_server_is_asked_when_the_first_fails_or_refuses() {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.has("answer.example A 198.51.100.80");
    let school = plan().forwards_to(&first).forwards_to(&second).upstream("strategy = \"ordered\"\n").open();
    for mood in [Mood::Servfail, Mood::Refused, Mood::Silent, Mood::WrongId, Mood::WrongQuestion] {
        first.is_always(Some(mood));
        let name = format!("{mood:?}.answer.example").to_lowercase();
        second.has(&format!("{name} A 198.51.100.81"));
        assert_eq!(school.pupil("127.20.0.5").ask(&name, "A").said(), "A 198.51.100.81", "{mood:?}");
    }
}

#[test]
fn when_nobody_answers_the_client_hears_so_in_time() {
    let scene = scene();
    for (mood, errors) in [(Mood::Servfail, ["22", "23"]), (Mood::Silent, ["22", "23"])] {
        let name = format!("{mood:?}-always.example").to_lowercase();
        scene.upstream.is(mood, &name);
        let start = Instant::now();
        let reply = scene.pupil().ask(&name, "A");
        assert_eq!(reply.said(), "SERVFAIL", "{mood:?}");
        assert!(start.elapsed().as_millis() < 5000, "{mood:?} took {:?}", start.elapsed());
        let said = reply.extended_errors();
        assert!(
            said.iter().any(|error| errors.iter().any(|code| error.starts_with(code))),
            "{mood:?}: {said:?}"
        );
    }
}

#[test]
fn a_truncated_answer_is_fetched_over_tcp() {
    let scene = scene();
    scene.upstream.has("long-answer.example A 198.51.100.82");
    scene.upstream.is(Mood::Truncated, "long-answer.example");
    for transport in TRANSPORTS {
        assert_eq!(
            scene.pupil().send(transport, &Question::new("long-answer.example", "A")).said(),
            "A 198.51.100.82"
        );
    }
}

#[test]
fn records_that_nobody_asked_for_are_not_passed_on() {
    let scene = scene();
    scene.upstream.is(Mood::Stuffed, "stuffed.example");
    for _ in 0..2 {
        let reply = scene.pupil().ask("stuffed.example", "A");
        assert_eq!(reply.said(), "A 198.51.100.7");
        assert!(!reply.contains(b"\x04bank"), "{:02x?}", reply.bytes);
    }
    assert_eq!(scene.pupil().ask("bank.example", "A").said(), "A 198.51.100.7", "and not believed either");
}

#[test]
fn a_broken_record_never_reaches_a_client() {
    let scene = scene();
    scene.upstream.is(Mood::BrokenRecord, "broken.example");
    assert_eq!(scene.pupil().ask("broken.example", "A").said(), "SERVFAIL");
}

#[test]
fn an_answer_to_somebody_elses_question_is_not_believed() {
    let scene = scene();
    for mood in [Mood::WrongId, Mood::WrongQuestion] {
        let name = format!("{mood:?}.example").to_lowercase();
        scene.upstream.is(mood, &name);
        assert_eq!(scene.pupil().ask(&name, "A").said(), "SERVFAIL", "{mood:?}");
    }
}

#[test]
fn with_no_resolver_to_ask_what_needs_none_still_works() {
    // Port 9 (discard) of loopback: nobody is there.
    let school = plan().forwards_to_url("udp://127.0.0.1:9").open();
    let pupil = school.pupil("127.20.0.5");
    assert_eq!(pupil.ask("poker.example", "A").said(), "NXDOMAIN");
    assert_eq!(pupil.ask("printer.school.example", "A").said(), "A 10.0.0.20");
    assert_eq!(pupil.ask("shop.example", "A").said(), "SERVFAIL");
}

#[test]
fn a_server_written_with_tcp_is_asked_over_tcp() {
    let upstream = Upstream::start();
    let school = plan().forwards_to_url(&format!("tcp://{}", upstream.address())).open();
    upstream.is_always(Some(Mood::Truncated));
    assert_eq!(school.pupil("127.20.0.5").ask("shop.example", "A").said(), "A 198.51.100.7");
    assert_eq!(upstream.times_asked("shop.example"), 1, "only TCP was tried");
}

#[test]
fn endless_aliases_end() {
    let scene = scene();
    scene.upstream.has("loop-a.example CNAME loop-b.example\nloop-b.example CNAME loop-a.example");
    let reply = scene.pupil().send(Transport::Udp, &Question::new("loop-a.example", "A"));
    assert!(reply.bytes.len() < 1232, "{}", reply.said());
}
