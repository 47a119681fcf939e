//! Explanations over one small school.

use std::path::Path;
use std::sync::Arc;

use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::overlay::compile_overlay;
use blocklists_update::Lists;
use blocklists_update::changes::keep;
use blocklists_update::used_here::UsedHere;
use jiff::Timestamp;
use policy::{Document, School, Snapshot, World};

use super::{ExplainError, ExplainRequest, Explanation, Records, Subject, explain};

const POLICY: &str = r#"
version = 1
[[source]]
id = "county"
category = "gambling"
format = "domains"
path = "county"
[[source]]
id = "illegal"
category = "illegal/other"
format = "domains"
path = "illegal"
trust = "core"
[[correction]]
name = "maths.example"
category = "gambling"
action = "remove"
reason = "A times-table game"
[[correction]]
name = "=scratch.example"
category = "gambling"
action = "add"
[essentials]
names = ["learning.example"]
[[policy]]
id = "year6"
title = "Year 6"
extends = "ks2"
[[policy.rule]]
action = "allow"
name = "=fair.example"
reason = "Maths week"
[[network]]
id = "pupils"
subnets = ["127.20.0.0/16"]
policy = "year6"
[[group]]
id = "loose"
devices = []
[[group]]
id = "tight"
devices = []
policy = "ks1"
"#;

/// A policy, its index, and the state directory.
struct Desk {
    state: tempfile::TempDir,
    lists: Lists,
    snapshot: Snapshot,
}

impl Desk {
    fn new() -> Self {
        Self::with("# a list\nbets.example\nfair.example\n")
    }

    fn with(county: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let lists = Lists::open(&state.path().join("lists")).unwrap();
        let index = index(&lists, "county.1", county);
        let snapshot = Snapshot::build(&school(), &World::default(), Arc::new(index));
        Self { state, lists, snapshot }
    }

    /// The county list changes, as an update does it.
    fn update(&mut self, copy: &str, county: &str, is_first: bool, now: Timestamp) {
        let index = index(&self.lists, copy, county);
        let before = (!is_first).then(|| self.snapshot.index().as_ref());
        keep(&self.lists, before, &index, None, now).unwrap();
        self.snapshot = self.snapshot.over(Arc::new(index));
    }

    fn ask(&self, name: &str, subject: Subject, as_of: Option<&str>) -> Result<Explanation, ExplainError> {
        let as_of = as_of.map(ToOwned::to_owned);
        let request =
            ExplainRequest { name: name.to_owned(), subject, rtype: "A".to_owned(), at: None, as_of };
        let used_here = &self.state.path().join("used-here");
        explain(&self.snapshot, Records { lists: &self.lists, used_here }, &request)
    }

    fn explain(&self, name: &str, subject: Subject) -> Result<Explanation, ExplainError> {
        self.ask(name, subject, None)
    }

    fn pupil(&self, name: &str) -> Explanation {
        self.explain(name, Subject::Client([127, 20, 0, 1].into())).unwrap()
    }
}

fn school() -> School {
    let document = Document::parse(POLICY).unwrap();
    School::new(&document, Path::new("."), &mut |_| Err(String::new())).unwrap().0
}

/// The index over the county list in a copy of this name, and the list of what is illegal.
fn index(lists: &Lists, copy: &str, county: &str) -> Index {
    std::fs::write(lists.copies().join(copy), county).unwrap();
    std::fs::write(lists.copies().join("illegal.1"), "worst.example\n").unwrap();
    let school = school();
    let inputs = school.sources().iter().map(|source| {
        let copy_name = match source.id.as_str() {
            "county" => copy.to_owned(),
            "illegal" => "illegal.1".to_owned(),
            _ => String::new(),
        };
        Input { source: source.clone(), copy: lists.copies().join(&copy_name), copy_name }
    });
    let inputs: Vec<Input> = inputs.collect();
    Index::from_bytes(&compile(&inputs).unwrap().bytes).unwrap()
}

#[test]
fn every_reason_has_a_sentence_that_says_it() {
    let desk = Desk::new();
    for (name, verdict, reason, words) in [
        ("www.bets.example", "block", "category", "listed as bets.example in county, line 2"),
        ("worst.example", "block", "locked", "nobody can allow"),
        ("fair.example", "allow", "rule", "(Maths week)"),
        ("learning.example", "allow", "essential", "must work"),
        ("museum.example", "allow", "default", "no block list"),
        ("use-application-dns.net", "block", "canary", "go round the filter"),
        ("printer.internal", "block", "local-name", "only inside a network"),
        ("www.bing.com", "rewrite", "safe-search", "strict.bing.com"),
        ("localhost", "local", "local-name", "this box itself"),
    ] {
        let told = desk.pupil(name);
        assert_eq!((told.verdict, told.reason.id), (verdict, reason), "{told:#?}");
        assert!(told.sentence.contains(words), "{}", told.sentence);
        assert!(told.sentence.starts_with(name) && told.sentence.ends_with('.'));
        assert!(!told.trace.is_empty());
        assert_eq!(told.note, None);
    }
}

#[test]
fn it_tells_who_asks() {
    let desk = Desk::new();
    let told = desk.pupil("bets.example");
    assert_eq!((told.network.as_deref(), told.policy.as_str()), (Some("pupils"), "year6"));
    assert!(told.sentence.contains("127.20.0.1 in network pupils, policy “Year 6”"), "{}", told.sentence);
    let stranger = desk.explain("x.example", Subject::Client([192, 0, 2, 1].into())).unwrap();
    assert_eq!((stranger.verdict, stranger.answer.ede), ("refuse", Some(18)));
    let unknown = desk.explain("x.example", Subject::Client([10, 9, 9, 9].into())).unwrap();
    assert_eq!(unknown.policy, "unknown");
    assert!(unknown.sentence.contains("in no network"), "{}", unknown.sentence);

    for subject in [Subject::Network("pupils".to_owned()), Subject::Policy("year6".to_owned())] {
        assert_eq!(desk.explain("x.example", subject).unwrap().policy, "year6");
    }
    let group = desk.explain("x.example", Subject::Group("tight".to_owned())).unwrap();
    assert_eq!((group.policy.as_str(), group.group.as_deref()), ("ks1", Some("tight")));
}

#[test]
fn what_cannot_be_explained_says_why() {
    let desk = Desk::new();
    let error = |subject| desk.explain("x.example", subject).unwrap_err();
    assert_eq!(
        error(Subject::Network("nowhere".to_owned())),
        ExplainError::Unknown { kind: "network", id: "nowhere".to_owned() }
    );
    let loose = "loose".to_owned();
    assert_eq!(error(Subject::Group(loose.clone())), ExplainError::GroupWithoutPolicy(loose));
    assert!(matches!(error(Subject::Policy("x".to_owned())), ExplainError::Unknown { .. }));
    let subject = Subject::Client([127, 0, 0, 1].into());
    assert!(matches!(desk.explain("a b", subject), Err(ExplainError::Name { .. })));
}

#[test]
fn copies_that_are_gone_are_a_note_and_not_an_error() {
    let desk = Desk::new();
    std::fs::remove_file(desk.lists.copies().join("county.1")).unwrap();
    let told = desk.pupil("bets.example");
    assert_eq!((told.verdict, told.reason.line), ("block", None));
    assert!(told.note.unwrap().contains("could not be read"));
    assert!(told.sentence.contains("gambling, which this policy does not allow."), "{}", told.sentence);
}

#[test]
fn of_illegal_content_nobody_is_told_more_than_that() {
    let desk = Desk::new();
    let told = desk.pupil("www.worst.example");
    assert_eq!((told.verdict, told.reason.id), ("block", "locked"));
    let reason = &told.reason;
    assert_eq!((&reason.source, &reason.matched, &reason.file, reason.line), (&None, &None, &None, None));
    assert_eq!(told.used_here, None);
    let json = serde_json::to_string(&told).unwrap();
    for secret in ["\"illegal\"", "listed as", "\"worst.example\""] {
        assert!(!json.contains(secret), "{secret}: {json}");
    }
}

#[test]
fn what_the_school_corrects_is_told_with_the_list_and_the_reason() {
    let mut desk = Desk::with("bets.example\nmaths.example\nworse.maths.example\n");
    let copies = desk.lists.copies();
    let overlay = compile_overlay(desk.snapshot.index(), copies, &[], school().corrections()).unwrap();
    let index = desk.snapshot.index().with_overlay(&overlay.bytes).unwrap();
    desk.snapshot = desk.snapshot.over(Arc::new(index));
    let told = desk.pupil("www.maths.example");
    assert_eq!((told.verdict, told.reason.id), ("allow", "default"));
    let sentence = "The school's correction takes maths.example out of gambling, where county has it (A times-table game).";
    assert!(told.sentence.ends_with(sentence), "{}", told.sentence);
    let [corrected] = told.corrections.as_slice() else { panic!("{told:#?}") };
    assert_eq!((corrected.kind, corrected.into, corrected.until), ("correction", false, None));
    assert_eq!(corrected.sources, ["county"]);

    let told = desk.pupil("scratch.example");
    assert_eq!((told.verdict, told.reason.id, told.note.as_deref()), ("block", "category", None));
    assert!(told.sentence.ends_with("puts =scratch.example into gambling."), "{}", told.sentence);
    for name in ["worse.maths.example", "bets.example", "x.scratch.example"] {
        assert_eq!(desk.pupil(name).corrections, [], "{name}");
    }
}

#[test]
fn what_is_held_back_for_lessons_is_told_with_its_end() {
    let desk = Desk::with("bets.example\n");
    let until = Timestamp::now() + jiff::SignedDuration::from_hours(50);
    let held = serde_json::json!({ "opened": [], "settled": [], "held": [{ "name": "museum.example",
        "subtree": true, "category": "gambling", "source": "county", "since": until, "until": until, "days_used": 3 }] });
    std::fs::write(desk.state.path().join("lists/held.json"), held.to_string()).unwrap();
    let told = desk.pupil("www.museum.example");
    let [corrected] = told.corrections.as_slice() else { panic!("{told:#?}") };
    assert_eq!((corrected.kind, corrected.until), ("held-back", Some(until)));
    assert!(
        told.sentence.contains("held back from gambling, where county has it, until"),
        "{}",
        told.sentence
    );
}

#[test]
fn what_was_blocked_last_week_is_told_with_the_lists_of_last_week() {
    let mut desk = Desk::with("bets.example\nlotto.example\n");
    let [monday, tuesday]: [Timestamp; 2] =
        ["2026-09-07T04:00:00Z", "2026-09-08T04:00:00Z"].map(|time| time.parse().unwrap());
    desk.update("county.1", "bets.example\nlotto.example\n", true, monday);
    desk.update("county.2", "bets.example\nraffle.example\n", false, tuesday);
    let pupil = || Subject::Client([127, 20, 0, 1].into());
    let (mon, tue) = ("2026-09-07T12:00:00Z", "2026-09-08T12:00:00Z");
    for (name, as_of, verdict, listed) in [
        ("www.lotto.example", mon, "block", Some((false, "||lotto.example"))),
        ("www.lotto.example", tue, "allow", None),
        ("raffle.example", mon, "allow", None),
        ("raffle.example", tue, "block", Some((true, "||raffle.example"))),
        ("bets.example", mon, "block", Some((true, "||bets.example"))),
        // The policy is that of today.
        ("fair.example", mon, "allow", None),
    ] {
        let told = desk.ask(name, pupil(), Some(as_of)).unwrap();
        assert_eq!(told.verdict, verdict, "{name} at {as_of}: {}", told.sentence);
        let then = told.as_of.unwrap();
        let said = then.listings.first().map(|one| (one.still, one.entry.as_str()));
        assert_eq!((said, then.gaps.len()), (listed, 0), "{name} at {as_of}");
        assert!(
            told.sentence.contains("With the block lists as they were at 2026-09-0"),
            "{}",
            told.sentence
        );
        assert!(told.sentence.contains("the policy as it is now"), "{}", told.sentence);
        assert_eq!(told.index, desk.snapshot.index().id());
        assert_eq!(told.reason.line, None);
        assert_eq!(told.reason.source.is_some(), listed.is_some());
    }
    let worst = desk.ask("worst.example", pupil(), Some(mon)).unwrap();
    assert_eq!((worst.verdict, worst.reason.id), ("block", "locked"));
    assert!(worst.as_of.unwrap().listings.is_empty() && worst.reason.matched.is_none());
    for (as_of, words) in
        [("2026-09-01", "begins at"), ("2126-09-01", "has not come"), ("Tuesday", "not a time")]
    {
        let error = desk.ask("bets.example", pupil(), Some(as_of)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn whether_the_school_uses_a_name_is_told_without_by_whom() {
    let desk = Desk::new();
    assert_eq!(desk.pupil("museum.example").used_here, None, "nothing was ever noted");
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::system()).date();
    let mut used = UsedHere::open(&desk.state.path().join("used-here"), today).unwrap();
    used.note(today, Name::parse("www.museum.example").unwrap().as_ref(), true);
    used.save().unwrap();
    let told = desk.pupil("museum.example").used_here.unwrap();
    assert_eq!((told.days, told.last), (1, Some(today)));
    assert_eq!(desk.pupil("new.example").used_here.unwrap().days, 0);
}
