//! The monitoring that we ship, against the real thing: a real Prometheus scrapes the real program.
//!
//! A dashboard rots silently: a metric is renamed, and a panel is empty in every school. So every
//! panel and every recording rule of `image/monitoring` is evaluated here by Prometheus over what
//! the program really exports, while pupils ask it for names of every kind, and must give a number.
//! The other way round, every exported metric must be explained. Windows are shortened (minutes
//! become seconds) by replacing text; nothing else of the shipped files is touched.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use actors::{Plan, Question, School, Transport, Upstream};
use prometheus::{Prometheus, promtool};
use shipped::{FOLDER, Panel};

#[allow(dead_code, unused_imports, reason = "the actors know more than one test program needs")]
#[path = "../stories/actors/mod.rs"]
mod actors;
mod prometheus;
mod shipped;

/// Longest wait until everything has a number; it takes some ten scrapes of a second each.
const PATIENCE: Duration = Duration::from_secs(90);
/// Every window of the rules and panels, in this test.
const WINDOW: &str = "10s";

const POLICY: &str = r#"
version = 1
[[source]]
id = "gambling"
category = "gambling"
format = "domains"
path = "lists/gambling.txt"
[[source]]
id = "bypass"
category = "bypass"
format = "domains"
path = "lists/bypass.txt"
trust = "core"
[[source]]
id = "police"
category = "illegal/other"
format = "domains"
path = "lists/police.txt"
trust = "core"
[[network]]
id = "pupils"
subnets = ["127.20.0.0/16"]
policy = "ks2"
[[network]]
id = "guests"
subnets = ["127.90.0.0/16"]
policy = "guest"
"#;

const LOCAL: &str =
    "[[local.record]]\nname = \"printer.school.example\"\ntype = \"A\"\nvalue = \"10.0.0.20\"\n";

/// A school, what it forwards to, and a token for Prometheus.
fn school() -> (School, Upstream, String) {
    let upstream = Upstream::start();
    upstream.has("forcesafesearch.google.com A 216.239.38.120");
    let school = Plan::new()
        .listens(&["127.0.0.1"])
        .forwards_to(&upstream)
        .policy(POLICY)
        .tables(LOCAL)
        .file("lists/gambling.txt", "casino.example\n")
        .file("lists/bypass.txt", "vpn.example\n")
        .file("lists/police.txt", "locked.example\n")
        .open();
    let made = school.run(&["token", "new", "--name", "prometheus", "--scope", "metrics"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    (school, upstream, made.out.trim().to_owned())
}

/// One round of every kind of look-up; `round` makes names that nobody asked for before.
fn ask_around(school: &School, round: u32) {
    let pupil = school.pupil("127.20.0.5");
    let fresh = format!("lesson-{round}.example");
    let names = [
        "shop.example",
        "casino.example",
        "vpn.example",
        "locked.example",
        "www.google.com",
        "printer.school.example",
        "mask.icloud.com",
        &fresh,
    ];
    for name in names {
        pupil.ask(name, "A");
    }
    pupil.send(Transport::Tcp, &Question::new("shop.example", "A"));
    school.pupil("127.90.0.5").ask("casino.example", "A");
    school.pupil("127.99.0.5").ask("shop.example", "A");
}

/// The shipped files in the school's folder, for this box, with short windows. Returns the folder.
fn lay_out(school: &School, token: &str) -> std::path::PathBuf {
    let folder = school.path("monitoring");
    let token_file = folder.join("token");
    school.write(&token_file, token);
    let mut main = shipped::read("prometheus.yml");
    for (written, here) in [
        ("127.0.0.1:8053", school.coordinator().address().to_string()),
        ("/etc/prometheus/schoolgate.token", token_file.display().to_string()),
        ("15s", "1s".to_owned()),
    ] {
        assert!(main.contains(written), "prometheus.yml no longer holds {written}");
        main = main.replace(written, &here);
    }
    school.write(folder.join("prometheus.yml"), main);
    for rules in ["rules/recording.yml", "rules/alerts.yml"] {
        school.write(folder.join(rules), shipped::shortened(&shipped::read(rules), WINDOW));
    }
    folder
}

#[test]
fn a_real_prometheus_has_a_number_for_every_panel_and_every_recording_rule() {
    let (school, _upstream, token) = school();
    let prometheus = Prometheus::start(&lay_out(&school, &token));
    let mut questions: BTreeMap<String, String> =
        prometheus.rules("record").into_iter().map(|rule| (rule.name.clone(), rule.name)).collect();
    assert!(questions.len() >= 10, "the recording rules were not loaded: {questions:?}");
    for Panel { title, expressions, .. } in shipped::panels() {
        for expression in expressions {
            questions
                .insert(format!("panel {title}: {expression}"), shipped::substituted(&expression, WINDOW));
        }
    }
    let started = Instant::now();
    for round in 0.. {
        ask_around(&school, round);
        questions.retain(|_, expression| !prometheus.query(expression).iter().any(|value| value.is_finite()));
        if questions.is_empty() {
            break;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "these never gave a number: {questions:#?}\n{}",
            prometheus.log()
        );
        prometheus.listen_for_a_moment();
    }
    assert_eq!(prometheus.query("up{job=\"schoolgate\"}"), [1.0]);
    for rule in prometheus.rules("record").into_iter().chain(prometheus.rules("alert")) {
        assert_eq!(rule.error, "", "{}", rule.name);
    }
    prometheus.query(&shipped::substituted(&shipped::annotation(), WINDOW));
}

#[test]
fn every_alert_says_what_is_wrong_and_the_way_out() {
    let (school, _upstream, token) = school();
    let prometheus = Prometheus::start(&lay_out(&school, &token));
    let cases = shipped::read("rules/tests.yml");
    let alerts = prometheus.rules("alert");
    assert!(!alerts.is_empty());
    for alert in alerts {
        for annotation in ["summary", "description", "action"] {
            let text = alert.annotations.get(annotation).map_or("", String::as_str);
            assert!(text.len() > 20, "{}: say its {annotation}", alert.name);
        }
        let severity = alert.labels.get("severity").map_or("", String::as_str);
        assert!(["critical", "warning", "notice"].contains(&severity), "{}: {severity:?}", alert.name);
        let fires = format!("alertname=\"{}\"", alert.name);
        assert!(cases.contains(&fires), "{}: rules/tests.yml has no case in which it fires", alert.name);
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_shipped_files() {
    let (school, _upstream, token) = school();
    let laid_out = lay_out(&school, &token);
    promtool(&["check", "config", "prometheus.yml"], &laid_out);
    let rules = std::path::Path::new(FOLDER).join("rules");
    promtool(&["check", "rules", "recording.yml", "alerts.yml"], &rules);
    promtool(&["test", "rules", "tests.yml"], &rules);
}

#[test]
fn every_metric_is_explained_and_no_rule_or_panel_names_one_that_is_not_there() {
    let (school, _upstream, token) = school();
    ask_around(&school, 0);
    let page = school.coordinator().get_with(&token, "/metrics").body;
    let exported = shipped::families(&page);
    assert!(exported.len() > 20, "{page}");
    let explained = shipped::explained();
    let mut complaints = Vec::new();
    for (name, labels) in &exported {
        match explained.get(name) {
            None => {
                complaints.push(format!("{name}{labels:?} is exported: explain it under \"Every metric\""));
            }
            Some(said) if said != labels => {
                complaints.push(format!("{name} has the labels {labels:?}, but is explained with {said:?}"));
            }
            Some(_) => {}
        }
    }
    let gone = explained.keys().filter(|name| !exported.contains_key(*name));
    complaints.extend(gone.map(|name| format!("{name} is explained, but not exported")));
    for file in ["grafana/schoolgate.json", "rules/recording.yml", "rules/alerts.yml"] {
        for name in shipped::metrics_named_in(&shipped::read(file)) {
            if !exported.keys().any(|known| shipped::is_of(&name, known)) {
                complaints.push(format!("{file} names {name}, which is not exported"));
            }
        }
    }
    assert!(complaints.is_empty(), "image/monitoring/README.md:\n{}", complaints.join("\n"));
}

#[test]
fn every_panel_says_what_it_shows_and_follows_the_variables() {
    let mut ids = BTreeSet::new();
    for panel in shipped::panels() {
        let title = &panel.title;
        assert!(ids.insert(panel.id), "{title}: its id {} is taken", panel.id);
        assert!(panel.description.len() > 10, "{title}: say what it shows");
        assert!(!panel.unit.is_empty(), "{title}: give it a unit");
        assert!(!panel.expressions.is_empty(), "{title}: it asks nothing");
        assert!(panel.sources.iter().all(|source| source == "${datasource}"), "{title}: {:?}", panel.sources);
        for expression in &panel.expressions {
            let selectors = expression.matches("schoolgate_").count();
            let followed = expression.matches("instance=~\"$instance\"").count();
            assert_eq!(selectors, followed, "{title}: each selector needs instance=~\"$instance\"");
        }
    }
    assert!(ids.len() > 20);
}
