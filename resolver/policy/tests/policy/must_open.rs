//! What lists must not take from a school, and what the services catalogue adds.

use std::collections::BTreeMap;

use blocklists::category::CategoryId;
use blocklists::must_open::must_open;
use blocklists::name::Name;
use policy::{Client, PRESETS, Question, ReasonId, School, Snapshot, Standing, Verb, Verdict, World};

use crate::stage::{List, ask, index, list, name, school, snapshot};

const NEEDED: &str = include_str!("needed.txt");
const CORE: &str = include_str!("../../data/core.tsv");
const OVER_BLOCKED: &str = include_str!("over_blocked.tsv");

fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

/// Every name that no list may take away.
fn needed() -> Vec<Name> {
    let core = rows(CORE).filter_map(|row| row.split('\t').next());
    let written = rows(NEEDED).chain(core).map(|text| name(text.trim()));
    let rows = must_open().iter();
    let sites = rows.clone().filter(|row| row.subtree).map(|row| name(&format!("www.{}", row.name)));
    written.chain(rows.map(|row| row.name.clone())).chain(sites).collect()
}

/// Names that a preset takes away; of a walled garden, which opens nothing unasked, what it seals.
fn lost(snapshot: &Snapshot, names: &[Name]) -> Vec<String> {
    let mut lost = Vec::new();
    for id in PRESETS {
        let policy = snapshot.school().policy_number(id).unwrap();
        let client = Client {
            network: None,
            group: None,
            device: None,
            policy,
            standing: Standing::Known,
            listed: blocklists::index::Listing::NOTHING,
            stream: false,
        };
        for asked in names {
            let decision = snapshot.decide(&client, &Question { name: asked.as_ref(), rtype: 1 });
            let is_closed = matches!(decision.verdict, Verdict::Block(_) | Verdict::Refuse);
            let by_wall = snapshot.policy(policy).is_walled() && decision.reason.id != ReasonId::Sealed;
            if is_closed && !by_wall {
                lost.push(format!("{id}: {asked} {}", decision.reason.id.as_str()));
            }
        }
    }
    lost
}

fn loaded(lists: &[List]) -> Snapshot {
    let (school, _) = school("", lists, &[]);
    Snapshot::build(&school, &World::default(), index(&school, lists))
}

/// The measured lines, one list a category, of the trust that seals alone.
fn over_blocked() -> Vec<List> {
    let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in rows(OVER_BLOCKED) {
        let cells: Vec<&str> = row.split('\t').collect();
        lists.entry(cells[0]).or_default().push(format!("||{}^", cells[2]));
    }
    let list =
        |(category, lines): (&str, Vec<String>)| List { category: category.to_owned(), trust: "core", lines };
    lists.into_iter().map(list).collect()
}

#[test]
fn real_lists_take_nothing_that_a_school_needs() {
    assert_eq!(rows(NEEDED).count(), 96);
    assert_eq!(lost(&loaded(&over_blocked()), &needed()), [] as [String; 0]);
}

#[test]
fn starter_lists_and_services_take_nothing_that_a_school_needs() {
    let school = School::built_in();
    let input = |source: &blocklists::source::Source| blocklists::compile::Input {
        source: source.clone(),
        copy: std::path::PathBuf::new(),
        copy_name: String::new(),
    };
    let inputs: Vec<_> = school.sources().iter().map(input).collect();
    let compiled = blocklists::compile::compile(&inputs).unwrap();
    assert!(compiled.reports.iter().all(|report| report.rejected_lines + report.dropped == 0));
    let index = blocklists::index::Index::from_bytes(&compiled.bytes).unwrap();
    let snapshot = Snapshot::build(&school, &World::default(), index.into());
    assert_eq!(lost(&snapshot, &needed()), [] as [String; 0]);
}

#[test]
fn not_even_a_list_of_all_of_them_and_all_above_them_does() {
    let lines = |exact: bool| -> Vec<String> {
        let all = needed().into_iter().flat_map(|name| {
            let above: Vec<String> = name.as_ref().suffixes().map(|suffix| suffix.to_string()).collect();
            above.into_iter().filter(|suffix| suffix.contains('.'))
        });
        all.map(|name| if exact { format!("|{name}^") } else { format!("||{name}^") }).collect()
    };
    for category in ["adult", "games"] {
        let list = |exact| List { category: category.to_owned(), trust: "core", lines: lines(exact) };
        assert_eq!(lost(&loaded(&[list(true), list(false)]), &needed()), [] as [String; 0], "{category}");
    }
}

#[test]
fn a_persons_block_beats_what_every_school_must_have() {
    let toml = "[[policy]]\nid = \"p\"\nextends = \"ks2\"\n[[policy.rule]]\naction = \"block\"\nname = \"kahoot.it\"\n";
    let lists = [list("games", &["||kahoot.it^", "||maths.org^", "||other.maths.org^"])];
    let snapshot = snapshot(toml, &lists, &[], &World::default());
    assert_eq!(ask(&snapshot, "kahoot.it"), "block nxdomain rule");
    assert_eq!(ask(&snapshot, "nrich.maths.org"), "allow essential");
    assert_eq!(ask(&snapshot, "other.maths.org"), "block nxdomain category games");
    assert_eq!(ask(&snapshot, "maths.org"), "block nodata category games");
}

#[test]
fn a_walled_garden_opens_only_what_the_school_names() {
    let toml = "[essentials]\nnames = [\"learning.example\"]\n[[policy]]\nid = \"p\"\nextends = \"exam\"\n";
    let snapshot = snapshot(toml, &[], &[], &World::default());
    assert_eq!(ask(&snapshot, "learning.example"), "allow essential");
    assert_eq!(ask(&snapshot, "nrich.maths.org"), "block nxdomain default");
    assert_eq!(ask(&snapshot, "captive.apple.com"), "allow core");
}

#[test]
fn locked_lists_have_no_guard() {
    let lists = [list("illegal/other", &["||kahoot.it^"])];
    let snapshot = snapshot("[[policy]]\nid = \"p\"\n", &lists, &[], &World::default());
    assert_eq!(ask(&snapshot, "kahoot.it"), "block nxdomain locked illegal/other");
}

#[test]
fn a_service_of_an_open_category_opens_no_walled_garden_unnamed() {
    let lists = [list("service/netflix", &["||netflix.com^"]), list("video", &["||ours.example^"])];
    let toml = "[[policy]]\nid = \"p\"\nextends = \"staff\"\ndefault = \"block\"\n";
    let unnamed = snapshot(toml, &lists, &[], &World::default());
    assert_eq!(ask(&unnamed, "netflix.com"), "block nodata default");
    assert_eq!(ask(&unnamed, "ours.example"), "allow category video");
    let toml = format!("{toml}[policy.categories]\n\"service/netflix\" = \"allow\"\n");
    let named = snapshot(&toml, &lists, &[], &World::default());
    assert_eq!(ask(&named, "netflix.com"), "allow category service/netflix");
}

/// A list that feeds services stands for the catalogue, which tests of policies do not load.
#[test]
fn a_service_follows_its_category_until_a_policy_names_it() {
    let toml = "[[policy]]\nid = \"p\"\nextends = \"staff\"\n[policy.categories]\n\"service/netflix\" = \"block\"\n\
        [[approved]]\nid = \"films\"\npath = \"films\"\nclears = [\"social\"]\npolicies = [\"p\"]\n";
    let lists = [
        list("service/netflix", &["||netflix.com^"]),
        list("service/itvx", &["||itv.com^"]),
        list("service/tiktok", &["||tiktok.com^"]),
        list("social", &["||tiktok.com^"]),
    ];
    let snapshot = snapshot(toml, &lists, &[("films", "about.tiktok.com\n")], &World::default());
    assert_eq!(ask(&snapshot, "www.netflix.com"), "block nxdomain category service/netflix");
    assert_eq!(ask(&snapshot, "www.tiktok.com"), "block nxdomain category social");
    assert_eq!(ask(&snapshot, "about.tiktok.com"), "allow approved");
    let policies = snapshot.school();
    let verb = |policy: &str, category: &str| {
        policies.policy(policies.policy_number(policy).unwrap()).verb(&CategoryId::new(category).unwrap())
    };
    for (policy, category, expected) in [
        ("ks2", "service/netflix", Verb::Ask),
        ("staff", "service/netflix", Verb::Allow),
        ("p", "service/netflix", Verb::Block),
        ("kiosk", "service/netflix", Verb::Block),
        ("ks2", "service/nordvpn", Verb::Seal),
        ("staff", "service/of-nobody", Verb::Block),
    ] {
        assert_eq!(verb(policy, category), expected, "{policy} {category}");
    }
}

#[test]
fn a_walled_garden_may_be_opened_to_the_list_that_comes_with_the_program() {
    let toml = "[[approved]]\nid = \"uk-primary\"\nclears = []\npolicies = [\"nursery\"]\n";
    let (school, warnings) = school(toml, &[], &[]);
    assert_eq!(warnings.len(), 1, "only that there is no network: {warnings:?}");
    let snapshot = Snapshot::build(&school, &World::default(), index(&school, &[]));
    let verdict = |preset: &str, asked: &str| {
        let policy = school.policy_number(preset).unwrap();
        let client = Client {
            network: None,
            group: None,
            device: None,
            policy,
            standing: Standing::Known,
            listed: blocklists::index::Listing::NOTHING,
            stream: false,
        };
        let decision = snapshot.decide(&client, &Question { name: name(asked).as_ref(), rtype: 1 });
        (matches!(decision.verdict, Verdict::Allow), decision.reason.id)
    };
    assert_eq!(verdict("nursery", "www.topmarks.co.uk"), (true, ReasonId::Approved));
    assert_eq!(verdict("exam", "www.topmarks.co.uk"), (false, ReasonId::Default));
    assert_eq!(verdict("nursery", "app.parentpay.com"), (false, ReasonId::Default));
}
