//! What a school would ask of its lists, one story each.

use blocklists::category::CategoryId;
use blocklists::evidence::{EvidenceError, evidence};
use blocklists::index::{Found, Index};
use blocklists::name::Name;
use blocklists::source::{Format, Location, Source, Trust};
use blocklists::starter::{starter_sources, starter_text};

use crate::{compiled, ids, source};

fn index_of(copies: &std::path::Path, lists: &[(Source, &str)]) -> Index {
    for (source, text) in lists {
        std::fs::write(copies.join(&source.id), text).unwrap();
    }
    let sources: Vec<_> = lists.iter().map(|(source, _)| source.clone()).collect();
    Index::from_bytes(&compiled(copies, &sources).bytes).unwrap()
}

fn find(index: &Index, name: &str) -> Found {
    index.find(Name::parse(name).unwrap().as_ref(), 1)
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let copies = tempfile::tempdir().unwrap();
    let text: String = (0..5000).map(|number| format!("n{number}.{}.example\n", number % 97)).collect();
    let more: String =
        (0..5000).map(|number| format!("||n{}.example^\n@@||x.n{number}.example^\n", number % 83)).collect();
    std::fs::write(copies.path().join("one"), text).unwrap();
    std::fs::write(copies.path().join("two"), more).unwrap();
    let sources = [source("one", "games", Format::Domains), source("two", "ads", Format::Adblock)];
    let first = compiled(copies.path(), &sources);
    assert_eq!(first.bytes, compiled(copies.path(), &sources).bytes);
    assert_eq!(Index::from_bytes(&first.bytes).unwrap().id(), first.id);
    assert_eq!(Index::from_bytes(&first.bytes).unwrap().entries(), first.entries);
}

#[test]
fn a_name_under_a_listed_one_costs_nothing() {
    let copies = tempfile::tempdir().unwrap();
    let children: String = (0..10_000).map(|number| format!("n{number}.a.example\n")).collect();
    let index = index_of(
        copies.path(),
        &[(source("one", "games", Format::Domains), &format!("a.example\n{children}"))],
    );
    assert_eq!(index.entries(), 10_001);
    let directory = 4 * (1 << 16);
    assert!(index.bytes() < directory + 1000, "folded names take room: {}", index.bytes());
    assert_eq!(ids(&index, &find(&index, "x.n7.a.example").here), ["games"]);
}

#[test]
fn sealing_needs_a_second_source() {
    let copies = tempfile::tempdir().unwrap();
    let core = Source { trust: Trust::Core, ..source("core", "adult", Format::Domains) };
    let index = index_of(
        copies.path(),
        &[
            (source("one", "adult", Format::Domains), "both.example\none.example\n"),
            (source("two", "adult", Format::Domains), "www.both.example\n"),
            (core, "core.example\n"),
        ],
    );
    for (name, wanted) in [
        ("one.example", "adult/unconfirmed"),
        ("both.example", "adult/unconfirmed"),
        ("www.both.example", "adult"),
        ("core.example", "adult"),
    ] {
        assert_eq!(ids(&index, &find(&index, name).here), [wanted], "{name}");
    }
}

#[test]
fn an_exception_opens_its_own_source_only() {
    let copies = tempfile::tempdir().unwrap();
    let index = index_of(
        copies.path(),
        &[
            (source("one", "ads", Format::Adblock), "||a.example^\n@@||b.c.a.example^\n"),
            (source("two", "tracking", Format::Domains), "a.example\n"),
        ],
    );
    let opened = find(&index, "x.b.c.a.example");
    assert_eq!(ids(&index, &opened.here), ["tracking"]);
    let above = find(&index, "c.a.example");
    assert_eq!(
        (ids(&index, &above.here), above.opens_below),
        (vec!["ads".to_owned(), "tracking".to_owned()], true)
    );
    assert!(find(&index, "a.example").opens_below);
    assert!(!find(&index, "d.a.example").opens_below && !find(&index, "example").opens_below);
}

#[test]
fn evidence_names_source_and_line() {
    let copies = tempfile::tempdir().unwrap();
    let index = index_of(
        copies.path(),
        &[
            (source("hosts", "adult", Format::Hosts), "# head\n0.0.0.0 a.example www.a.example\n"),
            (
                source("rules", "adult", Format::Adblock),
                "||a.example^\n||www.a.example^\n||www.a.example^$badfilter\n@@|a.example^\n",
            ),
            (source("other", "games", Format::Domains), "a.example\n"),
            (source("locked", "illegal/other", Format::Domains), "a.example\n"),
        ],
    );
    let told = |name: &str, category: &str| {
        let (name, category) = (Name::parse(name).unwrap(), CategoryId::new(category).unwrap());
        let lines = evidence(&index, copies.path(), name.as_ref(), &category).unwrap();
        let row = |line: &blocklists::evidence::Evidence| {
            let sign = if line.exception { "-" } else { "+" };
            format!("{sign}{}:{} {} `{}`", line.source, line.line, line.matched, line.text)
        };
        lines.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(
        told("www.a.example", "adult/unconfirmed"),
        ["+hosts:2 www.a.example `0.0.0.0 a.example www.a.example`", "+rules:1 a.example `||a.example^`"]
    );
    assert_eq!(
        told("_443._https.a.example", "adult"),
        [
            "+hosts:2 a.example `0.0.0.0 a.example www.a.example`",
            "+rules:1 a.example `||a.example^`",
            "-rules:4 a.example `@@|a.example^`"
        ]
    );
    assert_eq!(told("a.example", "illegal/other"), ["+locked:1 a.example ``"]);
    assert!(told("b.example", "adult").is_empty());
    std::fs::remove_file(copies.path().join("other")).unwrap();
    let missing = evidence(
        &index,
        copies.path(),
        Name::parse("a.example").unwrap().as_ref(),
        &CategoryId::new("games").unwrap(),
    );
    assert!(matches!(missing, Err(EvidenceError::Copy { id, .. }) if id == "other"));
}

#[test]
fn starter_lists_are_whole() {
    let sources = starter_sources();
    let nowhere = tempfile::tempdir().unwrap();
    let compiled = compiled(nowhere.path(), &sources);
    for (source, report) in sources.iter().zip(&compiled.reports) {
        let Location::BuiltIn(file) = &source.location else { panic!("{source:?}") };
        assert!(starter_text(file).is_some_and(|text| !text.is_empty()), "{file}");
        assert!(
            report.entries > 0 && report.rejected_lines == 0 && report.not_enforceable == 0,
            "{report:?}"
        );
    }
}

#[test]
fn slips_of_a_list_are_dropped_and_shown() {
    let copies = tempfile::tempdir().unwrap();
    let text = "0.0.0.0 ads.example track.topmarks.co.uk\n0.0.0.0 account.live.com\nno name at all here\n";
    std::fs::write(copies.path().join("one"), text).unwrap();
    let text = "||google.com^\n||phish.github.io^\n||github.io^\n@@||www.topmarks.co.uk^\n";
    std::fs::write(copies.path().join("two"), text).unwrap();
    std::fs::write(copies.path().join("three"), "google.com\n").unwrap();
    let sources = [
        source("one", "ads", Format::Hosts),
        source("two", "malware", Format::Adblock),
        source("three", "illegal/other", Format::Domains),
    ];
    let compiled = compiled(copies.path(), &sources);
    let told: Vec<_> = compiled.reports.iter().map(|report| (report.dropped, report.entries)).collect();
    assert_eq!(told, [(1, 2), (2, 2), (0, 1)]);
    let samples: Vec<_> = compiled.reports.iter().flat_map(|report| &report.samples).collect();
    let dropped: Vec<_> = samples.iter().filter(|sample| sample.why.starts_with("dropped")).collect();
    assert_eq!((dropped.len(), dropped[0].line), (3, 2));
    assert!(dropped[0].why.contains("on the must-open list: `0.0.0.0 account.live.com`"), "{dropped:?}");
    let index = Index::from_bytes(&compiled.bytes).unwrap();
    let ids = |name| ids(&index, &find(&index, name).here);
    assert_eq!(ids("google.com"), ["illegal/other"]);
    assert_eq!(ids("phish.github.io"), ["malware/unconfirmed"]);
    assert_eq!(ids("other.github.io"), [] as [&str; 0]);
    // What is dropped is no evidence either.
    let category = CategoryId::new("ads").unwrap();
    let name = Name::parse("account.live.com").unwrap();
    assert_eq!(evidence(&index, copies.path(), name.as_ref(), &category).unwrap(), []);
}

#[test]
fn the_services_catalogue_is_a_source_with_evidence() {
    let copies = tempfile::tempdir().unwrap();
    let catalogue = blocklists::services::source();
    std::fs::write(copies.path().join(&catalogue.id), starter_text(blocklists::services::FILE).unwrap())
        .unwrap();
    let compiled = compiled(copies.path(), std::slice::from_ref(&catalogue));
    let index = Index::from_bytes(&compiled.bytes).unwrap();
    let report = &compiled.reports[0];
    assert_eq!((report.rejected_lines, report.not_enforceable, report.dropped), (0, 0, 0));
    assert_eq!(report.lines, blocklists::services::services().len() as u64);
    assert_eq!(ids(&index, &find(&index, "www.netflix.com").here), ["service/netflix"]);
    let category = CategoryId::new("service/netflix").unwrap();
    let name = Name::parse("www.netflix.com").unwrap();
    let found = evidence(&index, copies.path(), name.as_ref(), &category).unwrap();
    assert_eq!(found.len(), 1);
    let line = starter_text(blocklists::services::FILE).unwrap().lines().nth(found[0].line as usize - 1);
    assert!(line.unwrap().starts_with("netflix\t"), "{found:?}");
}
