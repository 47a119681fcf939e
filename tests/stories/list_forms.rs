//! Lists in every form and wrapping that schools get them in (design section 4), asked over the wire.

use std::process::Command;

use serde_json::Value;

use crate::actors::{Exit, Plan, Publisher, School, Upstream};
use crate::scene::{plan, policy};

const POLICY: &str = r#"
version = 1
timezone = "Europe/London"
[[source]]
id = "ut1"
format = "ut1"
path = "lists/blacklists.tar.gz"
map = { jeux = "games" }
[[source]]
id = "trails"
category = "malware"
format = "domains"
path = "lists/trails"
trust = "core"
[[source]]
id = "packed"
category = "gambling"
format = "domains"
path = "lists/gambling.txt.gz"
[[source]]
id = "exactly"
category = "ads"
format = "domains"
path = "lists/ads.txt"
match = "exact"
[[source]]
id = "hosts-below"
category = "scams"
format = "hosts"
path = "lists/scams.hosts"
match = "subtree"
[[network]]
id = "pupils"
subnets = ["127.20.0.0/16"]
policy = "ks2"
"#;

/// Runs a tool of every Debian in the school's folder.
fn tool(school: &School, name: &str, arguments: &[&str]) {
    let exit = Exit::of(Command::new(name).args(arguments).current_dir(school.path("")));
    assert_eq!(exit.code, Some(0), "{name} {arguments:?}: {exit:?}");
}

fn school(upstream: &Upstream) -> School {
    let mut school = Plan::new()
        .policy(POLICY)
        .forwards_to(upstream)
        .admin("metrics = \"open\"")
        .file("blacklists/social_networks/domains", "ut1-social.example\n192.0.2.1\n")
        .file("blacklists/social_networks/urls", "good.example/bad-page\n")
        .file("blacklists/publicite/domains", "ut1-ads.example\n")
        .file("blacklists/jeux/domains", "ut1-games.example\n")
        .file("blacklists/never_heard_of/domains", "ut1-unmapped.example\n")
        .file("lists/trails/one.txt", "# trail\ntrail-one.example\n192.0.2.9:443\n")
        .file("lists/trails/deep/two.txt", "trail-two.example # inline\n")
        .file("lists/gambling.txt", "packed-casino.example\n")
        .file("lists/ads.txt", "\u{feff}exactly-ads.example\r\nMIXED-Case-Ads.Example\r\n")
        .file(
            "lists/scams.hosts",
            ":: scam-one.example scam-two.example\n0.0.0.0 0.0.0.0\n127.0.0.1 localhost\n",
        )
        .lay_out();
    tool(&school, "tar", &["-czf", "lists/blacklists.tar.gz", "blacklists"]);
    tool(&school, "gzip", &["lists/gambling.txt"]);
    school.start().unwrap();
    school
}

#[test]
fn folders_archives_and_packed_files_are_read() {
    let upstream = Upstream::start();
    let school = school(&upstream);
    let pupil = school.pupil("127.20.0.5");
    for (name, said, error) in [
        ("www.ut1-social.example", "NXDOMAIN", "15 category social"),
        ("www.ut1-ads.example", "NXDOMAIN", "15 category ads"),
        ("www.ut1-games.example", "NXDOMAIN", "15 category games"),
        ("www.trail-one.example", "NXDOMAIN", "15 sealed"),
        ("www.trail-two.example", "NXDOMAIN", "15 sealed"),
        ("www.packed-casino.example", "NXDOMAIN", "15 category gambling"),
        ("exactly-ads.example", "NODATA", "15 category ads"),
        ("mixed-case-ads.example", "NODATA", "15 category ads"),
        ("scam-one.example", "NXDOMAIN", "15 category scams"),
        ("www.scam-two.example", "NXDOMAIN", "15 category scams"),
    ] {
        let reply = pupil.ask(name, "A");
        assert_eq!(
            (reply.said().as_str(), reply.extended_errors()),
            (said, vec![error.to_owned()]),
            "{name}"
        );
    }
    for name in ["www.exactly-ads.example", "ut1-unmapped.example", "good.example"] {
        assert_eq!(pupil.ask(name, "A").said(), "A 198.51.100.7", "{name}");
    }
}

#[test]
fn explain_names_the_file_inside_and_its_line() {
    let upstream = Upstream::start();
    let school = school(&upstream);
    for (name, source, line, file) in [
        ("www.ut1-social.example", "ut1", 1, "social_networks/domains"),
        ("trail-two.example", "trails", 1, "deep/two.txt"),
        ("trail-one.example", "trails", 2, "one.txt"),
        ("packed-casino.example", "packed", 1, ""),
        ("mixed-case-ads.example", "exactly", 2, ""),
    ] {
        let exit = school.run(&["explain", name, "--client", "127.20.0.5", "--json"]);
        let told: Value = serde_json::from_str(&exit.out).unwrap();
        let reason = &told["reason"];
        assert_eq!((&reason["source"], &reason["line"]), (&source.into(), &line.into()), "{told}");
        assert!(reason["file"].as_str().unwrap_or_default().ends_with(file), "{told}");
    }
}

#[test]
fn what_dns_cannot_enforce_is_counted_not_hidden() {
    let upstream = Upstream::start();
    let school = school(&upstream);
    let status: Value = serde_json::from_str(&school.run(&["lists", "status", "--json"]).out).unwrap();
    let items = status["items"].as_array().unwrap();
    let of = |id: &str| items.iter().find(|item| item["id"] == id).unwrap();
    assert_eq!(of("trails")["not_enforceable"], 1, "an address with a port: {}", of("trails"));
    assert!(of("ut1")["not_enforceable"].as_u64().unwrap() >= 1, "the page: {}", of("ut1"));
    for item in items {
        assert_eq!((&item["state"], &item["rejected_lines"]), (&"ok".into(), &0.into()), "{item}");
    }
}

#[test]
fn a_list_from_the_web_is_fetched_kept_and_never_lost() {
    let (upstream, publisher) = (Upstream::start(), Publisher::start());
    let source = format!(
        "[[source]]\nid = \"web\"\ncategory = \"hate\"\nformat = \"domains\"\nurl = \"{}\"\n",
        publisher.url()
    );
    let school = plan().forwards_to(&upstream).file("policy.toml", policy() + &source).open();
    let said = |name: &str| school.pupil("127.20.0.5").ask(name, "A").said();
    let state = || -> String {
        let status: Value = serde_json::from_str(&school.run(&["lists", "status", "--json"]).out).unwrap();
        let items = status["items"].as_array().unwrap().clone();
        items.iter().find(|item| item["id"] == "web").unwrap()["state"].as_str().unwrap().to_owned()
    };
    // Nobody could be reached: the rest filters, and the gap shows.
    assert_eq!((said("www.poker.example").as_str(), state().as_str()), ("NXDOMAIN", "missing"));

    publisher.publishes(200, "web-hate.example\n");
    assert_eq!(school.run(&["lists", "update"]).code, Some(0));
    school.until("the list is in force", || said("www.web-hate.example") == "NXDOMAIN");
    assert_eq!(state(), "ok");

    for (code, body) in
        [(500, ""), (404, "<html>gone</html>"), (200, ""), (200, "<!DOCTYPE html><html></html>")]
    {
        publisher.publishes(code, body);
        let exit = school.run(&["lists", "update"]);
        assert_eq!(exit.code, Some(1), "{code} {body}: {exit:?}");
        assert!(exit.err.contains("web"), "{exit:?}");
        assert!(["stale", "refused"].contains(&state().as_str()), "{code} {body}: {}", state());
        assert_eq!(said("www.web-hate.example"), "NXDOMAIN", "the last good copy stays");
    }
}
