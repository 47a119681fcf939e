//! Safe search (design section 5, step 13): every engine, every host, every record type.

use crate::actors::{Mood, Question, TRANSPORTS, Upstream};
use crate::everywhere::{everywhere, is_blocked, is_open};
use crate::scene::{plan, room, scene};

/// Hosts and where their safe form lives, as the engines document it.
const ENGINES: [(&str, &str); 22] = [
    ("www.google.com", "forcesafesearch.google.com"),
    ("google.com", "forcesafesearch.google.com"),
    ("www.google.co.uk", "forcesafesearch.google.com"),
    ("google.co.uk", "forcesafesearch.google.com"),
    ("www.google.de", "forcesafesearch.google.com"),
    ("www.google.com.au", "forcesafesearch.google.com"),
    ("encrypted.google.com", "forcesafesearch.google.com"),
    ("ipv6.google.com", "forcesafesearch.google.com"),
    ("www.bing.com", "strict.bing.com"),
    ("bing.com", "strict.bing.com"),
    ("edgeservices.bing.com", "strict.bing.com"),
    ("duckduckgo.com", "safe.duckduckgo.com"),
    ("www.duckduckgo.com", "safe.duckduckgo.com"),
    ("start.duckduckgo.com", "safe.duckduckgo.com"),
    ("www.ecosia.org", "strict-safe-search.ecosia.org"),
    ("pixabay.com", "safesearch.pixabay.com"),
    ("www.youtube.com", "restrict.youtube.com"),
    ("m.youtube.com", "restrict.youtube.com"),
    ("youtube.com", "restrict.youtube.com"),
    ("youtubei.googleapis.com", "restrict.youtube.com"),
    ("youtube.googleapis.com", "restrict.youtube.com"),
    ("www.youtube-nocookie.com", "restrict.youtube.com"),
];

#[test]
fn every_engine_is_answered_in_its_safe_form_for_every_type() {
    let scene = scene();
    for (host, target) in ENGINES {
        everywhere(&scene.pupil(), host, |rtype, reply| {
            assert!(reply.said().starts_with(&format!("CNAME {target}")), "{host} {rtype}: {}", reply.said());
            assert!(
                reply.extended_errors()[0].starts_with("4 safe-search"),
                "{host} {rtype}: {:?}",
                reply.extended_errors()
            );
            assert!(reply.ttl_max() <= 300, "{host} {rtype}");
            if rtype == "A" {
                assert!(
                    reply.said().contains(" / A "),
                    "{host}: the safe host's own address: {}",
                    reply.said()
                );
            }
        });
        assert_eq!(scene.upstream.times_asked(host), 0, "{host} itself is never asked for");
    }
}

#[test]
fn the_whole_list_of_hosts_is_enforced() {
    let scene = scene();
    let pupil = scene.pupil();
    let google = include_str!("../../resolver/policy/data/google_domains.txt");
    let domains: Vec<&str> = google.lines().filter(|line| line.starts_with("google.")).collect();
    assert!(domains.len() >= 180, "Google has some 190 domains: {}", domains.len());
    for host in domains.iter().flat_map(|domain| [(*domain).to_owned(), format!("www.{domain}")]) {
        assert_eq!(
            pupil.ask(&host, "A").said(),
            "CNAME forcesafesearch.google.com / A 216.239.38.120",
            "{host}"
        );
    }
    let others = include_str!("../../resolver/policy/data/safe_search.tsv");
    for line in others.lines().filter(|line| !line.starts_with('#') && line.contains('\t')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (host, kind, target, mode) = (columns[1], columns[2], columns[3], columns[4]);
        let said = pupil.ask(host, "A").said();
        match (kind, mode) {
            ("A", _) => assert_eq!(said, format!("A {target}"), "{host}"),
            (_, "moderate") => {
                assert!(
                    scene.staff().ask(host, "A").said().starts_with(&format!("CNAME {target}")),
                    "{host}"
                );
            }
            _ => assert!(said.starts_with(&format!("CNAME {target} / A ")), "{host}: {said}"),
        }
    }
}

#[test]
fn the_alias_alone_answers_a_question_for_the_alias() {
    let scene = scene();
    for transport in TRANSPORTS {
        let reply = scene.pupil().send(transport, &Question::new("www.google.com", "CNAME"));
        assert_eq!(reply.said(), "CNAME forcesafesearch.google.com");
    }
}

#[test]
fn all_addresses_of_the_safe_host_are_passed_on() {
    let scene = scene();
    assert_eq!(
        scene.pupil().ask("www.google.com", "A").said(),
        "CNAME forcesafesearch.google.com / A 216.239.38.120"
    );
    assert_eq!(
        scene.pupil().ask("www.google.com", "AAAA").said(),
        "CNAME forcesafesearch.google.com / AAAA 2001:4860:4802:32::78"
    );
    assert_eq!(scene.pupil().ask("www.google.com", "TXT").said(), "CNAME forcesafesearch.google.com");
}

#[test]
fn an_engine_that_is_an_address_answers_with_it() {
    let scene = scene();
    everywhere(&scene.pupil(), "yandex.ru", |rtype, reply| match rtype {
        "A" => assert_eq!(reply.said(), "A 213.180.193.56"),
        "ANY" => {
            assert!(reply.said().contains("213.180.193.56") || reply.said() == "NODATA", "{}", reply.said());
        }
        _ => assert_eq!(reply.said(), "NODATA", "{rtype}"),
    });
    assert_eq!(scene.upstream.times_asked("yandex.ru"), 0);
}

#[test]
fn youtube_is_as_strict_as_the_policy_says() {
    let scene = scene();
    let leads_to = |device: &crate::actors::Pupil| device.ask("www.youtube.com", "A").said();
    assert!(leads_to(&scene.pupil()).starts_with("CNAME restrict.youtube.com"));
    assert!(leads_to(&scene.staff()).starts_with("CNAME restrictmoderate.youtube.com"));
    assert!(leads_to(&scene.guest()).starts_with("CNAME restrictmoderate.youtube.com"));
    // A host of its own: other stories prove that nobody asks the upstream for the usual ones.
    let unrestricted = scene.in_room(room::UNSAFE).ask("youtube-nocookie.com", "A").said();
    assert_eq!(unrestricted, "A 198.51.100.7");
}

#[test]
fn a_policy_without_safe_search_asks_the_engine_itself() {
    let scene = scene();
    is_open(&scene.in_room(room::UNSAFE), "www.google.fr");
    assert!(scene.upstream.times_asked("www.google.fr") > 0);
    assert!(scene.pupil().ask("www.google.fr", "A").said().starts_with("CNAME forcesafesearch.google.com"));
}

#[test]
fn engines_without_a_safe_form_are_blocked_where_the_policy_says_so() {
    let scene = scene();
    for host in ["startpage.com", "www.startpage.com", "searx.be", "strange-search.example"] {
        everywhere(&scene.pupil(), host, |rtype, reply| {
            assert!(
                ["NXDOMAIN", "NODATA"].contains(&reply.said().as_str()),
                "{host} {rtype}: {}",
                reply.said()
            );
            assert!(
                reply.extended_errors()[0].starts_with("15 "),
                "{host} {rtype}: {:?}",
                reply.extended_errors()
            );
        });
        assert_eq!(scene.upstream.times_asked(host), 0, "{host}");
    }
    is_open(&scene.staff(), "www.startpage.com");
}

#[test]
fn other_names_of_an_engine_are_left_alone() {
    is_open(&scene().pupil(), "maps.example.google.example");
    assert_eq!(scene().pupil().ask("drive.google.com", "A").said(), "A 198.51.100.7");
}

#[test]
fn without_the_safe_host_there_is_no_answer_rather_than_the_unsafe_one() {
    let upstream = Upstream::start();
    let school = plan().forwards_to(&upstream).open();
    for mood in [Mood::Servfail, Mood::Silent, Mood::Refused] {
        upstream.is(mood, "safe.duckduckgo.com");
        for transport in TRANSPORTS {
            let question = Question::new("duckduckgo.com", "A");
            let reply = school.pupil("127.20.0.5").send(transport, &question);
            assert_eq!(reply.said(), "SERVFAIL", "{mood:?}");
            let errors = reply.extended_errors();
            assert!(errors[0].starts_with("4 safe-search"), "{errors:?}");
            // 22, 23: the upstream; 13: its failure, kept for a moment.
            let why = ["22", "23", "13"].iter().any(|code| errors[1].starts_with(code));
            assert!(why, "{errors:?}");
        }
    }
    assert_eq!(upstream.times_asked("duckduckgo.com"), 0);
}

#[test]
fn a_blocked_engine_is_not_rewritten() {
    let scene = scene();
    is_blocked(&scene.in_room(room::WALLED), "www.google.com", "NXDOMAIN", "15 default");
}
