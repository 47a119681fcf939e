//! Explanations over one small school.

use std::path::Path;
use std::sync::Arc;

use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use policy::{Document, School, Snapshot, World};

use super::{ExplainError, ExplainRequest, Explanation, Subject, explain};

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

/// A policy, its index, and the folder with the copies.
struct Desk {
    copies: tempfile::TempDir,
    snapshot: Snapshot,
}

impl Desk {
    fn new() -> Self {
        let copies = tempfile::tempdir().unwrap();
        std::fs::write(copies.path().join("county"), "# a list\nbets.example\nfair.example\n").unwrap();
        std::fs::write(copies.path().join("illegal"), "worst.example\n").unwrap();
        let document = Document::parse(POLICY).unwrap();
        let (school, _) = School::new(&document, Path::new("."), &mut |_| Err(String::new())).unwrap();
        let inputs: Vec<Input> = school
            .sources()
            .iter()
            .map(|source| Input {
                source: source.clone(),
                copy: copies.path().join(&source.id),
                copy_name: source.id.clone(),
            })
            .collect();
        let index = Index::from_bytes(&compile(&inputs).unwrap().bytes).unwrap();
        let snapshot = Snapshot::build(&school, &World::default(), Arc::new(index));
        Self { copies, snapshot }
    }

    fn explain(&self, name: &str, subject: Subject) -> Result<Explanation, ExplainError> {
        let request = ExplainRequest { name: name.to_owned(), subject, rtype: "A".to_owned(), at: None };
        explain(&self.snapshot, self.copies.path(), &request)
    }

    fn pupil(&self, name: &str) -> Explanation {
        self.explain(name, Subject::Client([127, 20, 0, 1].into())).unwrap()
    }
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
    std::fs::remove_file(desk.copies.path().join("county")).unwrap();
    let told = desk.pupil("bets.example");
    assert_eq!((told.verdict, told.reason.line), ("block", None));
    assert!(told.note.unwrap().contains("could not be read"));
    assert!(told.sentence.contains("gambling, which this policy does not allow."), "{}", told.sentence);
}
