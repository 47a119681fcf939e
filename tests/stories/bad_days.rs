//! Bad days of the resolver that the school forwards to: dead, a second slow, losing half of all packets.
//! What the box knows itself is answered as ever, what it knew stands in, the rest ends in time and says why,
//! and nobody has to do anything for all to be well again.

use std::thread;

use crate::actors::{Mood, Reply, School, Upstream};
use crate::scene::plan;

/// Names that nobody has asked for, each asked once on a bad day.
const NEW: usize = 40;

fn school() -> (School, Upstream) {
    let upstream = Upstream::start();
    upstream.has("known.example 600 A 198.51.100.60\nbrief.example 1 A 198.51.100.61");
    let school = plan().forwards_to(&upstream).open();
    assert_eq!(school.pupil("127.20.0.5").ask("known.example", "A").said(), "A 198.51.100.60");
    assert_eq!(school.pupil("127.20.0.5").ask("brief.example", "A").said(), "A 198.51.100.61");
    (school, upstream)
}

fn has_error(reply: &Reply, codes: &[&str]) -> bool {
    reply.extended_errors().iter().any(|error| codes.contains(&error.split(' ').next().unwrap()))
}

/// Asks for new names, all at once, and meanwhile for what is blocked, cached and the school's own; gives
/// the answers to the new ones.
fn ask_on(school: &School, upstream: &Upstream, mood: Mood) -> Vec<Reply> {
    let asked = upstream.times_asked("known.example");
    upstream.is_always(Some(mood));
    let new = |number: usize| {
        let name = format!("{mood:?}-{number}.example").to_lowercase();
        school.pupil("127.20.0.6").ask(&name, "A")
    };
    let replies = thread::scope(|threads| {
        let asking: Vec<_> = (0..NEW).map(|number| threads.spawn(move || new(number))).collect();
        let pupil = school.pupil("127.20.0.5");
        let mut all_done = false;
        while !all_done {
            all_done = asking.iter().all(thread::ScopedJoinHandle::is_finished);
            assert_eq!(pupil.ask("known.example", "A").said(), "A 198.51.100.60", "{mood:?}");
            assert_eq!(pupil.ask("poker.example", "A").said(), "NXDOMAIN", "{mood:?}");
            assert_eq!(pupil.ask("printer.school.example", "A").said(), "A 10.0.0.20", "{mood:?}");
        }
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert_eq!(upstream.times_asked("known.example"), asked, "{mood:?}: nobody was asked for what is known");
    assert_eq!(upstream.times_asked("poker.example"), 0);
    replies
}

/// The one answer that its time ends soon is given all along, and in the end as an old one.
fn stands_in(school: &School, may_be_fresh: bool) {
    school.until("the old answer stands in", || {
        let reply = school.pupil("127.20.0.5").ask("brief.example", "A");
        assert_eq!(reply.said(), "A 198.51.100.61");
        has_error(&reply, &["3"]) || may_be_fresh
    });
}

fn is_well_again(school: &School, upstream: &Upstream, mood: Mood) {
    upstream.is_always(None);
    school.until("it is well again", || {
        let again = format!("{mood:?}-0.example").to_lowercase();
        school.pupil("127.20.0.5").ask(&again, "A").said() == "A 198.51.100.7"
    });
}

#[test]
fn behind_a_dead_upstream_what_is_known_is_answered_and_the_rest_fails_in_time() {
    for mood in [Mood::Silent, Mood::Servfail] {
        let (school, upstream) = school();
        for reply in ask_on(&school, &upstream, mood) {
            assert_eq!(reply.said(), "SERVFAIL", "{mood:?}");
            assert!(has_error(&reply, &["22", "23"]), "{mood:?}: {:?}", reply.extended_errors());
        }
        stands_in(&school, false);
        is_well_again(&school, &upstream, mood);
    }
}

#[test]
fn an_upstream_that_is_a_second_slow_is_waited_for() {
    let (school, upstream) = school();
    for reply in ask_on(&school, &upstream, Mood::Slow) {
        assert_eq!(reply.said(), "A 198.51.100.7");
    }
    stands_in(&school, true);
    is_well_again(&school, &upstream, Mood::Slow);
}

#[test]
fn an_upstream_that_loses_half_of_all_packets_is_asked_again() {
    let (school, upstream) = school();
    let replies = ask_on(&school, &upstream, Mood::Lossy);
    let (good, failed): (Vec<&Reply>, Vec<&Reply>) =
        replies.iter().partition(|reply| reply.said() == "A 198.51.100.7");
    // Of four tries all are lost for one name in sixteen.
    assert!(good.len() >= NEW * 3 / 4, "{} of {NEW}", good.len());
    for reply in failed {
        assert_eq!(reply.said(), "SERVFAIL");
        assert!(has_error(reply, &["22", "23"]), "{:?}", reply.extended_errors());
    }
    stands_in(&school, true);
    is_well_again(&school, &upstream, Mood::Lossy);
}
