//! Step 15: what an answer points at.

use std::net::IpAddr;

use policy::{Hop, Inspection, Question, Snapshot, World};

use crate::stage::{client, decide, list, name, snapshot, told};

fn stage() -> Snapshot {
    let toml = "[essentials]\nnames = [\"must.example\", \"also.example\"]\n\
        [[approved]]\nid = \"a\"\npath = \"a\"\nclears = [\"games\"]\npolicies = [\"p\"]\n\
        [[policy]]\nid = \"p\"\nextends = \"ks2\"\n\
        [[policy.rule]]\naction = \"allow\"\nname = \"opened.example\"\n\
        [[policy.rule]]\naction = \"block\"\nname = \"closed.example\"\n";
    let lists = [
        list("illegal/other", &["||locked.example^"]),
        list("adult", &["||sealed.example^"]),
        list("ads", &["||ads.example^", "||opened.example^", "||also.example^", "||core.example^"]),
        list("tracking", &["||counted.example^"]),
        list("video", &["||hosted.example^"]),
        list("games", &["||played.example^"]),
    ];
    let all = |texts: &[&str]| texts.iter().map(|text| name(text)).collect();
    let world = World {
        local_zones: all(&["school.example"]),
        forward_zones: all(&["ad.example"]),
        rebind_allow: all(&["fine.example"]),
        ..World::default()
    };
    snapshot(toml, &lists, &[("a", "played.example")], &world)
}

fn through(snapshot: &Snapshot, asked: &str, hop: Hop<'_>) -> String {
    let client = client(snapshot, "10.1.1.1");
    let first = decide(snapshot, "10.1.1.1", asked);
    let asked = name(asked);
    let found = snapshot.inspect(&client, &first, &Question { name: asked.as_ref(), rtype: 1 }, hop);
    assert!(!snapshot.passes_for_all(hop, 1) || found == Inspection::Pass, "{asked} {hop:?}");
    match found {
        Inspection::Pass => "pass".to_owned(),
        Inspection::Strip => "strip".to_owned(),
        Inspection::Block(decision) => told(snapshot, &decision),
    }
}

#[test]
fn targets_are_judged_by_what_opened_the_question() {
    let snapshot = stage();
    for (asked, target, expected) in [
        ("www.example.org", "other.example", "pass"),
        ("www.example.org", "x.locked.example", "block nodata locked illegal/other"),
        ("www.example.org", "sealed.example", "block nodata target adult"),
        ("www.example.org", "x.ads.example", "block nodata target ads"),
        ("www.example.org", "closed.example", "block nodata target"),
        ("www.example.org", "opened.example", "pass"),
        ("www.example.org", "also.example", "pass"),
        ("www.example.org", "counted.example", "pass"),
        ("www.example.org", "hosted.example", "pass"),
        ("counted.example", "ads.example", "block nodata target ads"),
        ("opened.example", "ads.example", "pass"),
        ("opened.example", "closed.example", "pass"),
        ("opened.example", "sealed.example", "block nodata target adult"),
        ("opened.example", "locked.example", "block nodata locked illegal/other"),
        ("played.example", "ads.example", "pass"),
        ("played.example", "sealed.example", "block nodata target adult"),
        ("must.example", "sealed.example", "pass"),
        ("must.example", "locked.example", "block nodata locked illegal/other"),
        ("captive.apple.com", "sealed.example", "pass"),
        ("captive.apple.com", "locked.example", "block nodata locked illegal/other"),
        ("www.example.org", "captive.apple.com", "pass"),
    ] {
        assert_eq!(
            through(&snapshot, asked, Hop::Target(name(target).as_ref())),
            expected,
            "{asked} -> {target}"
        );
    }
}

#[test]
fn of_our_own_safe_search_target_only_locked_is_asked() {
    let toml = "[[policy]]\nid = \"p\"\nextends = \"ks2\"\n[[policy.rule]]\naction = \"block\"\nname = \"safe.duckduckgo.com\"\n";
    let lists =
        [list("illegal/other", &["||strict.bing.com^"]), list("adult", &["||forcesafesearch.google.com^"])];
    let snapshot = snapshot(toml, &lists, &[], &World::default());
    for (asked, target, expected) in [
        ("www.google.com", "forcesafesearch.google.com", "pass"),
        ("duckduckgo.com", "safe.duckduckgo.com", "pass"),
        ("www.bing.com", "strict.bing.com", "block nodata locked illegal/other"),
        ("www.bing.com", "safe.duckduckgo.com", "block nodata target"),
    ] {
        assert_eq!(
            through(&snapshot, asked, Hop::Target(name(target).as_ref())),
            expected,
            "{asked} -> {target}"
        );
    }
}

#[test]
fn private_addresses_of_public_names_are_taken_out() {
    let snapshot = stage();
    for (asked, address, expected) in [
        ("www.example.org", "10.0.0.1", "strip"),
        ("www.example.org", "64:ff9b::192.168.0.1", "strip"),
        ("www.example.org", "::ffff:127.0.0.1", "strip"),
        ("www.example.org", "192.0.2.1", "pass"),
        ("opened.example", "10.0.0.1", "strip"),
        ("captive.apple.com", "10.0.0.1", "strip"),
        ("x.fine.example", "10.0.0.1", "pass"),
        ("dc.ad.example", "10.0.0.1", "pass"),
        ("www.school.example", "10.0.0.1", "pass"),
        ("localhost", "127.0.0.1", "pass"),
        ("ipv4only.arpa", "192.0.0.170", "pass"),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(through(&snapshot, asked, Hop::Address(address)), expected, "{asked} {address}");
    }
}

#[test]
fn what_nobody_speaks_of_passes_for_all() {
    let snapshot = stage();
    for (target, passes) in [
        ("other.example", true),
        ("must.example", true),
        ("ads.example", false),
        ("x.hosted.example", false),
        ("closed.example", false),
        ("x.opened.example", false),
    ] {
        assert_eq!(snapshot.passes_for_all(Hop::Target(name(target).as_ref()), 1), passes, "{target}");
    }
    for (address, passes) in [("192.0.2.1", true), ("10.0.0.1", false), ("64:ff9b::10.0.0.1", false)] {
        assert_eq!(snapshot.passes_for_all(Hop::Address(address.parse().unwrap()), 1), passes, "{address}");
    }
}

#[test]
fn the_reply_does_not_tell_sealed_and_locked_categories() {
    let snapshot = stage();
    let client = client(&snapshot, "10.1.1.1");
    let first = decide(&snapshot, "10.1.1.1", "www.example.org");
    for (target, tells) in [("sealed.example", false), ("locked.example", false), ("ads.example", true)] {
        let target = name(target);
        let asked = name("www.example.org");
        let question = Question { name: asked.as_ref(), rtype: 1 };
        let hop = snapshot.inspect(&client, &first, &question, Hop::Target(target.as_ref()));
        let Inspection::Block(decision) = hop else { panic!("{target} is blocked") };
        assert_eq!(decision.reason.tells_category(), tells, "{target}");
    }
}
