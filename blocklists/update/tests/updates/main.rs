//! Updates end to end: what is in force after good, bad and interrupted ones.

#![allow(clippy::unwrap_used, reason = "in a test, a panic names the line that failed")]

mod collided;
mod corrected;
mod fetched;
mod proved;
mod provider;
mod rolled_back;
mod scheduled;
mod secured;
mod small;
mod too_much;
mod waiting;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocklists::category::CategoryId;
use blocklists::name::Name;
use blocklists::overlay::Correction;
use blocklists::source::{Actions, Format, Location, Source, Trust};
use blocklists::upkeep::Upkeep;
use blocklists_update::{
    Access, Bounds, Job, Lists, LoadedFrom, Outcome, Promotion, SourceStatus, State, Take, is_compiled_from,
};
use provider::{Offer, Provider};
use tempfile::TempDir;

/// A box with a lists directory and a folder of list files beside it.
struct School {
    dir: TempDir,
    lists: Lists,
}

impl School {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lists = Lists::open(&dir.path().join("lists")).unwrap();
        Self { dir, lists }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn state(&self, name: &str) -> PathBuf {
        self.dir.path().join("lists").join(name)
    }

    /// Writes a list file and gives its source.
    fn list(&self, id: &str, category: &str, text: &str) -> Source {
        std::fs::write(self.path(id), text).unwrap();
        source(id, category, Location::Path(self.path(id)))
    }

    fn update(&self, sources: &[Source]) -> Outcome {
        self.lists.update(sources, false, &mut |_| {}).unwrap()
    }

    /// An update as an order says.
    fn run(&self, order: &Order, sources: &[Source]) -> Outcome {
        let job = Job {
            sources,
            upkeep: &order.upkeep,
            access: &order.access,
            take: order.take,
            promotion: order.promotion.clone(),
            forget_rollback: order.forget_rollback,
            lessons: None,
            corrections: &order.corrections,
        };
        self.lists.run(&job, &mut |_| {}).unwrap()
    }

    fn lists(&self, name: &str) -> bool {
        let (index, _) = self.lists.load_best().unwrap();
        !index.find(Name::parse(name).unwrap().as_ref(), 1).here.is_empty()
    }

    fn item(&self, id: &str) -> SourceStatus {
        self.lists.status(None).items.into_iter().find(|item| item.id == id).unwrap()
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.state(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// How an update is to go; providers have little time.
struct Order {
    upkeep: BTreeMap<String, Upkeep>,
    access: Access,
    take: Take,
    promotion: Promotion,
    forget_rollback: bool,
    corrections: Vec<Correction>,
}

impl Order {
    fn new() -> Self {
        let bounds = Bounds {
            silence: Duration::from_millis(500),
            rate_window: Duration::from_millis(300),
            wire_bytes: 100_000,
            content_bytes: 1_000_000,
            ..Bounds::default()
        };
        Self {
            upkeep: BTreeMap::new(),
            access: Access { bounds, ..Access::default() },
            take: Take::All,
            promotion: Promotion::AtOnce,
            forget_rollback: false,
            corrections: Vec::new(),
        }
    }

    /// With one source kept in a special way.
    fn keeps(mut self, id: &str, upkeep: Upkeep) -> Self {
        self.upkeep.insert(id.to_owned(), upkeep);
        self
    }

    /// As the server does it: only what is due, and lessons come first.
    fn waits(self) -> Self {
        let zone = jiff::tz::TimeZone::UTC;
        Self { promotion: Promotion::At { time: jiff::civil::time(5, 0, 0, 0), zone }, ..self }
    }

    fn due(self) -> Self {
        Self { take: Take::Due, ..self }
    }
}

/// So many names of a kind, one a line.
fn names(kind: &str, count: usize) -> String {
    (0..count).map(|number| format!("{kind}{number}.example\n")).collect()
}

fn source(id: &str, category: &str, location: Location) -> Source {
    Source {
        id: id.to_owned(),
        category: CategoryId::new(category),
        format: Format::Domains,
        location,
        span: None,
        trust: Trust::Normal,
        map: BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    }
}

#[test]
fn an_update_puts_lists_in_force_and_the_same_lists_change_nothing() {
    let school = School::new();
    let sources =
        [school.list("bets", "gambling", "bet.example\n"), school.list("play", "games", "play.example\n")];
    assert!(school.lists.current().is_none() && school.lists.load_best().is_none());
    let first = school.update(&sources);
    assert!(!first.unchanged && first.refused.is_empty());
    assert_eq!(school.lists.current().as_ref(), Some(&first.id));
    assert!(school.lists("www.bet.example") && !school.lists("other.example"));
    let (index, from) = school.lists.load_best().unwrap();
    assert_eq!(from, LoadedFrom::Current);
    assert!(is_compiled_from(&index, &sources) && !is_compiled_from(&index, &sources[..1]));

    assert_eq!(school.update(&sources), Outcome { unchanged: true, ..first.clone() });
    let status = school.lists.status(Some(&index));
    let told = status.index.unwrap();
    assert_eq!((told.id, told.entries, told.generation), (first.id.clone(), 2, 1));
    assert!(
        status
            .items
            .iter()
            .all(|item| item.state == State::Ok && item.entries == 1 && item.age_seconds.is_some())
    );

    let sources = [school.list("bets", "gambling", "bet.example\nbingo.example\n"), sources[1].clone()];
    let second = school.update(&sources);
    assert!(!second.unchanged && school.lists("bingo.example"));
    assert_eq!(std::fs::read_to_string(school.state("previous")).unwrap().trim(), first.id);
    assert!(school.lists.verify().unwrap().iter().all(|file| file.good));
}

#[test]
fn only_two_indexes_and_their_copies_are_kept() {
    let school = School::new();
    for round in 0..4 {
        let sources = [school.list("bets", "gambling", &format!("bet{round}.example\n"))];
        std::fs::write(school.state(".new-left-behind"), "cut short").unwrap();
        std::fs::write(school.state("copies/.new-left-behind"), "cut short").unwrap();
        school.update(&sources);
    }
    assert_eq!(school.files(".").iter().filter(|name| name.ends_with(".idx")).count(), 2);
    assert_eq!(school.files("copies").len(), 2);
    assert!(!school.files(".").iter().any(|name| name.starts_with(".new-")));
}

#[test]
fn a_folder_is_one_source_and_its_copy_depends_on_content_only() {
    let school = School::new();
    let folder = school.path("trails");
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    std::fs::write(folder.join("deep/one.txt"), "one.example\n").unwrap();
    std::fs::write(folder.join("two.txt"), "two.example\n").unwrap();
    let sources = [source("trails", "malware", Location::Path(folder.clone()))];
    let first = school.update(&sources);
    assert!(school.lists("one.example") && school.lists("two.example"));
    std::fs::remove_file(folder.join("two.txt")).unwrap();
    std::fs::write(folder.join("two.txt"), "two.example\n").unwrap();
    assert_eq!(school.update(&sources).id, first.id);
    assert_eq!(school.files("copies").len(), 1);
}

#[test]
fn what_cannot_be_had_keeps_its_last_copy() {
    let school = School::new();
    let sources =
        [school.list("bets", "gambling", "bet.example\n"), school.list("play", "games", "play.example\n")];
    school.update(&sources);
    std::fs::remove_file(school.path("bets")).unwrap();
    let outcome = school.update(&sources);
    assert!(outcome.unchanged);
    assert!(matches!(&*outcome.refused, [(id, why)] if id == "bets" && why.contains("No such file")));
    assert!(school.lists("bet.example"));
    let item = school.item("bets");
    assert_eq!((item.state, item.entries), (State::Stale, 1));

    let nowhere = [sources[1].clone(), source("never", "ads", Location::Path(school.path("nowhere")))];
    let outcome = school.update(&nowhere);
    assert_eq!(outcome.refused.len(), 1);
    assert_eq!(school.item("never").state, State::Missing);
    let (index, _) = school.lists.load_best().unwrap();
    assert!(is_compiled_from(&index, &nowhere), "a missing source is known to the index");
    assert!(school.lists("play.example"));
}

#[test]
fn what_is_not_fit_never_replaces_what_was() {
    let gibberish = "one two three\n".repeat(20);
    let packed = zstd::encode_all("x.example\n".repeat(9999).as_bytes(), 1).unwrap();
    let rows: [(&[u8], &str); 6] = [
        (b"", "empty"),
        (b"# nothing left\n", "empty"),
        (b"<!DOCTYPE html><title>Log in</title>", "web page"),
        (b"192.0.2.1\n", "gives a name"),
        (&[b"bet.example\n", gibberish.as_bytes()].concat(), "understood"),
        (&packed[..packed.len() - 5], "bets."),
    ];
    for (bytes, why) in rows {
        let school = School::new();
        let good = school.list("bets", "illegal/other", "bet.example\nbingo.example\n");
        let first = school.update(std::slice::from_ref(&good));
        std::fs::write(school.path("bets"), bytes).unwrap();
        let outcome = school.update(&[good]);
        assert_eq!((&outcome.id, outcome.unchanged), (&first.id, true), "{why}");
        assert!(matches!(&*outcome.refused, [(_, told)] if told.contains(why)), "{why}: {outcome:?}");
        let item = school.item("bets");
        assert!(matches!(item.state, State::Refused | State::Stale) && item.entries == 2, "{why}");
        assert!(item.samples.is_empty() && school.lists("bet.example"));
    }
}

#[test]
fn a_list_half_understood_is_better_than_nothing_and_says_so() {
    let school = School::new();
    let list = school.list("bets", "gambling", "bet.example\nno name here\n");
    assert!(school.update(&[list]).refused.is_empty());
    let item = school.item("bets");
    assert_eq!((item.state, item.entries, item.rejected_lines), (State::Ok, 1, 1));
    assert!(item.error.is_some_and(|error| error.contains("understood")) && item.samples.len() == 1);
}

#[test]
fn damage_falls_back_and_the_next_update_heals_it() {
    let school = School::new();
    let first = school.update(&[school.list("bets", "gambling", "bet.example\n")]);
    let sources = [school.list("bets", "gambling", "bet.example\nbingo.example\n")];
    let second = school.update(&sources);
    let index = school.state(&format!("{}.idx", second.id));
    damage(&index);
    let (usable, from) = school.lists.load_best().unwrap();
    assert_eq!((usable.id(), from), (&*first.id, LoadedFrom::Previous));
    assert!(school.lists.verify().unwrap().iter().any(|file| !file.good && file.file.contains(&second.id)));
    assert!(!school.update(&sources).unchanged);
    assert_eq!(school.lists.load_best().unwrap().1, LoadedFrom::Current);
    assert!(school.lists("bingo.example"));

    // A damaged copy is taken anew; a lost or damaged note of the last update is written anew.
    damage(&school.state("copies").join(&school.files("copies")[0]));
    std::fs::write(school.state("status.json"), "{").unwrap();
    std::fs::write(school.state("current"), "not an index\n").unwrap();
    assert!(school.lists.current().is_none());
    school.update(&sources);
    assert_eq!(school.lists.current(), Some(second.id));
    assert!(school.lists.verify().unwrap().iter().all(|file| file.good));
}

#[test]
fn a_lost_note_loses_no_copy() {
    let school = School::new();
    let sources = [school.list("bets", "illegal/other", "bet.example\n")];
    school.update(&sources);
    std::fs::write(school.state("status.json"), "").unwrap();
    std::fs::write(school.path("bets"), "").unwrap();
    assert_eq!(school.update(&sources).refused.len(), 1);
    assert_eq!(school.item("bets").state, State::Refused);
    assert!(school.lists("bet.example"));
}

#[test]
fn a_damaged_copy_with_nothing_in_its_place_is_missing() {
    let school = School::new();
    let sources = [school.list("bets", "gambling", "bet.example\n")];
    school.update(&sources);
    std::fs::remove_file(school.path("bets")).unwrap();
    damage(&school.state("copies").join(&school.files("copies")[0]));
    school.update(&sources);
    assert_eq!(school.item("bets").state, State::Missing);
}

#[test]
fn a_directory_that_cannot_be_written_says_so() {
    let school = School::new();
    std::fs::remove_dir(school.state("copies")).unwrap();
    std::fs::write(school.state("copies"), "in the way").unwrap();
    let sources = [school.list("bets", "gambling", "bet.example\n")];
    let error = school.lists.update(&sources, false, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("copies") && error.contains("free space"), "{error}");
    assert!(Lists::open(&school.state("copies")).is_err());
}

#[test]
fn a_second_update_waits_for_the_first() {
    let school = School::new();
    let sources = [school.list("bets", "gambling", "bet.example\n")];
    let held = std::fs::File::create(school.state("lock")).unwrap();
    held.lock().unwrap();
    let mut told = Vec::new();
    let mut held = Some(held);
    // The other update ends as soon as this one says that it waits.
    let progress = &mut |sentence: &str| {
        held.take();
        told.push(sentence.to_owned());
    };
    school.lists.update(&sources, false, progress).unwrap();
    assert!(told[0].contains("waiting"), "{told:?}");
}

fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
