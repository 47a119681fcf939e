//! Changes while the program runs: lists, policy, reloads. Nobody waits, nothing opens in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::actors::{School, Upstream};
use crate::scene::plan;

/// What a change may take to be seen: the second that we promise, and a busy machine.
const SOON: Duration = Duration::from_secs(2);

fn school() -> (School, Upstream) {
    let upstream = Upstream::start();
    (plan().forwards_to(&upstream).admin("metrics = \"open\"").open(), upstream)
}

fn said(school: &School, name: &str) -> String {
    school.pupil("127.20.0.5").ask(name, "A").said()
}

#[test]
fn an_update_of_the_lists_is_seen_within_a_second_and_judges_cached_answers_again() {
    let (school, upstream) = school();
    upstream.has("alias.example CNAME www.fresh-ads.example");
    for name in ["www.fresh-casino.example", "alias.example"] {
        assert!(said(&school, name).ends_with("A 198.51.100.7"), "open, and now in the cache");
    }
    school.write("lists/gambling.normal.domains", "casino.example\npoker.example\nfresh-casino.example\n");
    school.write("lists/ads.normal.domains", "ads.example\nfresh-ads.example\n");
    let exit = school.run(&["lists", "update"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let took =
        school.until("the new list is seen", || said(&school, "www.fresh-casino.example") == "NXDOMAIN");
    assert!(took < SOON, "{took:?}");
    assert!(!said(&school, "alias.example").contains("198.51"), "a cached chain is judged again");
    assert_eq!(said(&school, "shop.example"), "A 198.51.100.7");
}

#[test]
fn an_update_without_news_changes_nothing() {
    let (school, _upstream) = school();
    let current = std::fs::read(school.path("state/lists/current")).unwrap();
    let exit = school.run(&["lists", "update"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert_eq!(std::fs::read(school.path("state/lists/current")).unwrap(), current);
}

#[test]
fn a_list_that_became_rubbish_is_refused_and_its_last_good_copy_stays() {
    let (school, _upstream) = school();
    for rubbish in ["", "<!DOCTYPE html>\n<html><body>404 not found</body></html>\n"] {
        school.write("lists/gambling.normal.domains", rubbish);
        let exit = school.run(&["lists", "update"]);
        assert_eq!(exit.code, Some(1), "{exit:?}");
        assert!(exit.err.contains("gambling-normal-domains"), "{exit:?}");
        assert_eq!(said(&school, "www.poker.example"), "NXDOMAIN");
    }
    let status = school.run(&["lists", "status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    let item = status["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] == "gambling-normal-domains")
        .unwrap();
    assert_eq!(item["state"], "refused", "{item}");
}

#[test]
fn a_locked_list_never_goes_empty() {
    let (school, _upstream) = school();
    school.write("lists/illegal+csam.core.domains", "");
    school.run(&["lists", "update"]);
    school.until("the update is over", || school.run(&["lists", "verify"]).code == Some(0));
    assert_eq!(school.pupil("127.30.0.5").ask("locked.example", "A").extended_errors(), ["16 locked"]);
}

#[test]
fn reload_makes_a_changed_policy_live_before_it_returns() {
    let (school, _upstream) = school();
    assert_eq!(said(&school, "www.shop.example"), "A 198.51.100.7");
    school.edit("policy.toml", "name = \"news.example\"", "name = \"shop.example\"");
    let exit = school.run(&["reload"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert_eq!(said(&school, "www.shop.example"), "NXDOMAIN", "although it was in the cache");
    assert_eq!(said(&school, "www.news.example"), "A 198.51.100.7");
}

#[test]
fn a_hangup_reads_both_files_again() {
    let (school, _upstream) = school();
    school.edit("policy.toml", "name = \"news.example\"", "name = \"shop.example\"");
    school.signal(Signal::SIGHUP);
    let took = school.until("the new policy is live", || said(&school, "www.shop.example") == "NXDOMAIN");
    assert!(took < SOON, "{took:?}");
}

#[test]
fn a_reload_of_a_broken_file_keeps_what_runs_and_says_so() {
    let (school, _upstream) = school();
    let failed = |school: &School| {
        school.coordinator().get("/metrics").body.contains("\nschoolgate_reload_failed 1\n")
    };
    for (file, from, to) in [
        ("policy.toml", "[[network]]\nid = \"staff\"", "[[network]]\nidd = \"staff\""),
        ("schoolgate.toml", "[upstream]", "[upstraem]"),
    ] {
        school.edit(file, from, to);
        // The command itself refuses a broken schoolgate.toml (2), the server a broken policy (1).
        let exit = school.run(&["reload"]);
        assert!(matches!(exit.code, Some(1 | 2)), "{exit:?}");
        if exit.code == Some(2) {
            school.signal(Signal::SIGHUP);
        }
        school.until("the failure shows", || failed(&school));
        assert_eq!(said(&school, "www.poker.example"), "NXDOMAIN");
        school.edit(file, to, from);
        assert_eq!(school.run(&["reload"]).code, Some(0));
        assert!(!failed(&school));
    }
}

#[test]
fn what_needs_a_restart_is_said_by_the_reload() {
    let (school, _upstream) = school();
    school.edit("schoolgate.toml", "[::1]", "127.0.0.9");
    let exit = school.run(&["reload"]);
    let told = format!("{}{}{}", exit.out, exit.err, school.log());
    assert!(told.contains("restart"), "{told}");
}

#[test]
fn reload_without_a_server_says_what_to_do() {
    let school = plan().lay_out();
    let exit = school.run(&["reload"]);
    assert_eq!(exit.code, Some(1), "{exit:?}");
    assert!(exit.err.contains("serve"), "{exit:?}");
}

#[test]
fn no_answer_is_lost_or_opened_while_everything_changes() {
    let (school, _upstream) = school();
    let done = AtomicBool::new(false);
    let pupil = school.pupil("127.20.0.5");
    thread::scope(|threads| {
        let asking = threads.spawn(|| {
            let mut answers = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(pupil.ask("www.poker.example", "A").said(), "NXDOMAIN");
                assert_eq!(pupil.ask("shop.example", "A").said(), "A 198.51.100.7");
                answers += 2;
            }
            answers
        });
        for edition in 0..3 {
            school.write(
                "lists/games.normal.domains",
                format!("games.example\nchess.example\nedition-{edition}.example\n"),
            );
            assert_eq!(school.run(&["lists", "update"]).code, Some(0));
            assert_eq!(school.run(&["reload"]).code, Some(0));
        }
        done.store(true, Ordering::Relaxed);
        assert!(asking.join().unwrap() > 50);
    });
}

#[test]
fn a_stop_signal_ends_it_cleanly() {
    let (mut school, _upstream) = school();
    school.signal(Signal::SIGTERM);
    assert_eq!(school.ended().code, Some(0));
}

#[test]
fn what_the_school_uses_is_kept_without_any_client() {
    let (mut school, upstream) = school();
    upstream.has("www.lesson.example A 198.51.100.7");
    assert_eq!(said(&school, "www.lesson.example"), "A 198.51.100.7");
    assert_eq!(said(&school, "www.poker.example"), "NXDOMAIN");
    school.signal(Signal::SIGTERM);
    assert_eq!(school.ended().code, Some(0));
    let folder = school.path("state/used-here");
    let london = jiff::tz::TimeZone::get("Europe/London").unwrap();
    let today = jiff::Timestamp::now().to_zoned(london).date();
    let sets = blocklists_update::used_here::UsedHere::open(&folder, today).unwrap();
    let days = |name: &str| sets.days_used(blocklists::name::Name::parse(name).unwrap().as_ref());
    assert_eq!((days("www.lesson.example"), days("lesson.example")), (1, 1));
    assert_eq!(days("www.poker.example"), 0, "a blocked name was not used");
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"127.20.0.5\n" || part == b"\x06lesson\x07exa"));
    }
}
