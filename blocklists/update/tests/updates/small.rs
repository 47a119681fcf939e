//! Small lists beside a big one: they live in the overlay, and the index is left alone for them.

use std::os::unix::fs::MetadataExt;

use blocklists::overlay::LINES_MAX;
use blocklists_update::held::{Held, Lessons};
use blocklists_update::used_here::UsedHere;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::*;

/// A list that is too long for the overlay.
fn big(school: &School) -> Source {
    bets(school, LINES_MAX + 1)
}

/// So many names, and one that a list of gambling must have to be believed.
fn bets(school: &School, count: usize) -> Source {
    school.list("bets", "gambling", &(names("bet", count) + "bet365.com\n"))
}

impl School {
    /// The categories of a name, with the index and overlay in force.
    fn categories(&self, name: &str) -> Vec<String> {
        let index = self.lists.load_current().unwrap().unwrap();
        let here = index.find(Name::parse(name).unwrap().as_ref(), 1).here;
        here.iter().map(|number| index.categories()[usize::from(number)].to_string()).collect()
    }

    /// The sources that the big index holds.
    fn in_the_index(&self) -> Vec<String> {
        let index = self.lists.load(&self.lists.current().unwrap()).unwrap();
        index.sources().iter().map(|indexed| indexed.source.id.clone()).collect()
    }

    /// What tells whether the file of the index was touched.
    fn index_file(&self) -> (u64, i64, i64) {
        let id = self.lists.current().unwrap();
        let metadata = self.state(&format!("{id}.idx")).metadata().unwrap();
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
    }

    fn indexes(&self) -> usize {
        self.files(".").iter().filter(|name| name.ends_with(".idx")).count()
    }

    fn is_whole(&self) -> bool {
        self.lists.verify().unwrap().iter().all(|file| file.good)
    }
}

#[test]
fn a_small_list_that_changes_beside_a_big_one_is_in_force_and_the_index_untouched() {
    let school = School::new();
    // The small one comes first: the order of the policy says nothing.
    let sources = [school.list("play", "games", "play.example\n"), big(&school)];
    let first = school.update(&sources);
    let file = school.index_file();
    assert_eq!(school.in_the_index(), ["bets"]);
    assert!(school.lists("www.play.example") && school.lists("bet20000.example"));
    let (index, _) = school.lists.load_best().unwrap();
    assert!(is_compiled_from(&index, &sources) && !is_compiled_from(&index, &sources[1..]));
    assert!(school.update(&sources).unchanged);

    let overlay = school.lists.current_overlay();
    std::fs::remove_dir_all(school.state("journal")).unwrap();
    school.list("play", "games", "play.example\nchess.example\n");
    let second = school.update(&sources);
    assert_eq!((&second.id, second.unchanged), (&first.id, false));
    assert!(school.lists.current_overlay() != overlay && school.index_file() == file);
    assert!(school.lists("chess.example") && school.lists("bet0.example"));
    assert_eq!((school.item("play").entries, school.item("bets").entries), (2, 20_002));
    assert!(school.is_whole() && school.indexes() == 1);
    assert_eq!(school.files("journal").len(), 1, "the journal knows of this list's change and of no other");
    assert!(school.update(&sources).unchanged);

    // The other way round: a list that goes, and the big one changes.
    let sources = [bets(&school, LINES_MAX + 2)];
    assert_ne!(school.update(&sources).id, first.id);
    assert!(!school.lists("play.example") && school.lists("bet20001.example"));
    assert!(school.lists.current_overlay().is_none() && school.is_whole());
}

#[test]
fn lists_that_are_all_small_are_all_in_the_index() {
    let school = School::new();
    let sources =
        [school.list("bets", "gambling", "bet.example\n"), school.list("play", "games", "play.example\n")];
    school.update(&sources);
    assert!(school.lists.current_overlay().is_none());
    assert_eq!(school.in_the_index(), ["bets", "play"]);
}

#[test]
fn a_strict_category_is_confirmed_by_a_big_list_and_a_small_one_together() {
    let school = School::new();
    let text = names("adult", LINES_MAX + 1);
    let sources = [
        school.list("long", "adult", &text),
        school.list("short", "adult", "adult7.example\nours.example\n"),
    ];
    school.update(&sources);
    assert_eq!(school.in_the_index(), ["long"]);
    for (name, category) in [
        ("adult7.example", "adult"),
        ("www.adult7.example", "adult"),
        ("adult8.example", "adult/unconfirmed"),
        ("ours.example", "adult/unconfirmed"),
    ] {
        assert_eq!(school.categories(name), [category], "{name}");
    }
    school.list("short", "adult", "adult8.example\n");
    school.update(&sources);
    assert_eq!(school.categories("adult7.example"), ["adult/unconfirmed"]);
    assert_eq!(school.categories("adult8.example"), ["adult"]);
}

#[test]
fn a_list_that_crosses_the_line_changes_sides_in_one_promotion_and_loses_no_name() {
    let school = School::new();
    let text = |count: usize| names("play", count);
    let sources = [big(&school), school.list("play", "games", &text(LINES_MAX - 1))];
    let order = Order { corrections: corrected::out_of_gambling("bet7.example"), ..Order::new() };
    school.run(&order, &sources);
    let mut changes =
        school.lists.status(school.lists.load_best().as_ref().map(|(index, _)| index)).index.unwrap();
    for (count, sides) in [
        (LINES_MAX + 1, &["bets", "play"][..]),
        (LINES_MAX - 2, &["bets"]),
        (LINES_MAX + 2, &["bets", "play"]),
    ] {
        school.list("play", "games", &text(count));
        assert_eq!(school.run(&order, &sources).refused, []);
        assert_eq!(school.in_the_index(), sides);
        let index = school.lists.load_current().unwrap().unwrap();
        assert!(is_compiled_from(&index, &sources), "each once");
        let told = school.lists.status(Some(&index)).index.unwrap();
        assert_eq!(told.generation, changes.generation + 1);
        changes = told;
        let games = |name: &str| school.categories(name) == ["games"];
        assert!(games("play0.example") && games(&format!("www.play{}.example", count - 1)));
        assert!(!games(&format!("play{count}.example")));
        assert!(school.lists("bet20000.example") && !school.lists("bet7.example"));
        assert!(school.is_whole());
    }
}

#[test]
fn the_way_back_leads_over_a_change_of_the_overlay_alone() {
    let (school, provider) = (School::new(), Provider::open());
    let sources = [big(&school), source("play", "games", Location::Url(provider.url("/play")))];
    let order = Order::new();
    let corrected = Order { corrections: corrected::out_of_gambling("bet7.example"), ..Order::new() };
    provider.lists("/play", "play.example\n");
    let first = school.run(&order, &sources);
    let file = school.index_file();
    assert!(school.lists.roll_back(&mut |_| {}).is_err(), "there is nothing to go back to");
    // A correction is no other edition of the lists.
    school.run(&corrected, &sources);
    assert!(school.lists.roll_back(&mut |_| {}).is_err());

    provider.lists("/play", "play.example\nmaths.example\n");
    school.run(&order, &sources);
    school.run(&corrected, &sources);
    assert!(school.lists("maths.example") && !school.lists("bet7.example"));
    let done = school.lists.roll_back(&mut |_| {}).unwrap();
    assert_eq!((&done.to, &*done.set_aside), (&first.id, &["play".to_owned()][..]));
    assert!(!school.lists("maths.example") && school.lists("play.example") && school.is_whole());
    for order in [&corrected, &order] {
        let outcome = school.run(order, &sources);
        assert!(outcome.refused.len() == 1 && !school.lists("maths.example"), "{outcome:?}");
        assert!(school.lists.roll_back(&mut |_| {}).unwrap_err().to_string().contains("already"));
    }
    assert_eq!(school.index_file(), file);
    provider.lists("/play", "play.example\nchess.example\n");
    assert!(school.run(&order, &sources).refused.is_empty());
    assert!(school.lists("chess.example") && school.is_whole());
}

#[test]
fn a_small_list_that_is_not_fit_keeps_what_it_had() {
    let school = School::new();
    let sources = [big(&school), school.list("play", "games", "play.example\n")];
    school.update(&sources);
    let file = school.index_file();
    for bad in ["# nothing left\n", "192.0.2.1\n", "play.example\nno name here\nnor here, really\n"] {
        std::fs::write(school.path("play"), bad).unwrap();
        let outcome = school.update(&sources);
        assert!(outcome.unchanged && outcome.refused.len() == 1, "{bad}: {outcome:?}");
        assert_eq!(school.item("play").state, State::Refused);
        assert!(school.lists("play.example") && school.index_file() == file);
    }
    // A good change of the one and a bad one of the other: each is judged alone.
    bets(&school, LINES_MAX + 2);
    let outcome = school.update(&sources);
    assert!(!outcome.unchanged && outcome.refused.len() == 1);
    assert!(school.lists("play.example") && school.lists("bet20001.example"));
    // And the other way round: the bad one would be big.
    school.list("bets", "gambling", "bet0.example\n");
    school.list("play", "games", "play.example\nchess.example\n");
    let outcome = school.update(&sources);
    assert!(matches!(&*outcome.refused, [(id, why)] if id == "bets" && why.contains("fewer")), "{outcome:?}");
    assert!(school.lists("chess.example") && school.lists("bet20001.example"));
    assert!(school.is_whole() && school.indexes() == 1, "{:?}", school.files("."));
}

#[test]
fn a_damaged_overlay_costs_no_list_and_the_next_update_heals_it() {
    let school = School::new();
    let sources = [big(&school), school.list("police", "illegal/other", "locked.example\n")];
    school.update(&sources);
    school.list("police", "illegal/other", "locked.example\nworse.example\n");
    school.update(&sources);
    let spoil = || damage(&school.state(&format!("{}.ovl", school.lists.current_overlay().unwrap())));
    spoil();
    let (index, from) = school.lists.load_best().unwrap();
    assert_eq!(from, LoadedFrom::Previous);
    assert!(is_compiled_from(&index, &sources) && school.lists("locked.example"));
    assert!(!school.is_whole());
    // The list itself is gone: the note and the kept copy are enough.
    std::fs::remove_file(school.path("police")).unwrap();
    school.update(&sources);
    assert!(school.lists("worse.example") && school.is_whole());

    // Nothing whole is left: what the index alone holds is in force until the next update.
    spoil();
    std::fs::remove_file(school.state("previous")).unwrap();
    assert!(school.lists("bet0.example") && !school.lists("locked.example"));
    let copies = school.files("copies");
    let copy = copies.iter().find(|name| name.starts_with("police")).unwrap();
    let kept = std::fs::read(school.state("copies").join(copy)).unwrap();
    damage(&school.state("copies").join(copy));
    let error = school.lists.update(&sources, false, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("`police` is damaged"), "{error}");
    std::fs::write(school.state("copies").join(copy), kept).unwrap();
    school.update(&sources);
    assert!(school.lists("worse.example") && school.is_whole());
}

#[test]
fn an_update_that_was_killed_before_its_note_is_picked_up_in_the_overlay_too() {
    let school = School::new();
    let sources = [big(&school), school.list("play", "games", "play.example\n")];
    school.update(&sources);
    let note = std::fs::read(school.state("status.json")).unwrap();
    school.list("play", "games", "play.example\nchess.example\n");
    let second = school.update(&sources);
    std::fs::write(school.state("status.json"), note).unwrap();
    std::fs::remove_file(school.path("play")).unwrap();
    let outcome = school.update(&sources);
    assert_eq!((outcome.id, outcome.unchanged), (second.id, true));
    assert!(school.lists("chess.example"));
    assert_eq!(school.item("play").entries, 2);
}

#[test]
fn corrections_speak_of_small_lists_too_and_one_that_is_refused_takes_no_list_away() {
    let school = School::new();
    let sources = [
        big(&school),
        school.list("play", "gambling", "play.example\nbet8.example\nwww.bet7.example\n"),
        school.list("police", "illegal/other", "locked.example\n"),
    ];
    let mut corrections = corrected::out_of_gambling("bet8.example");
    corrections.extend(corrected::out_of_gambling("bet7.example"));
    corrections.extend(corrected::out_of_gambling("play.example"));
    let order = Order { corrections: corrections.clone(), ..Order::new() };
    school.run(&order, &sources);
    let file = school.index_file();
    for (name, listed) in [
        ("bet8.example", false),
        ("bet7.example", false),
        ("www.bet7.example", true),
        ("play.example", false),
        ("bet9.example", true),
        ("locked.example", true),
    ] {
        assert_eq!(school.lists(name), listed, "{name}");
    }
    let category = CategoryId::new("illegal/other").unwrap();
    corrections.push(Correction { category, ..corrected::out_of_gambling("locked.example").remove(0) });
    school.run(&Order { corrections, ..Order::new() }, &sources);
    for name in ["bet8.example", "play.example", "bet9.example", "locked.example"] {
        assert!(school.lists(name), "{name}");
    }
    assert!(school.index_file() == file && school.is_whole());
}

#[test]
fn what_lessons_use_is_held_back_from_a_small_list_beside_a_big_one() {
    let school = School::new();
    let today = Date::constant(2026, 9, 1);
    let dir = school.path("used-here");
    let mut here = UsedHere::open(&dir, today).unwrap();
    for ago in 0..5 {
        let name = Name::parse("www.times-tables.example").unwrap();
        here.note(today.checked_sub(ago.days()).unwrap(), name.as_ref(), true);
    }
    here.save().unwrap();
    let blocked = ["games", "gambling"].map(|id| CategoryId::new(id).unwrap()).into();
    let lessons = Lessons { blocked, locked: [].into(), used_here: dir, today };
    let order = Order::new();
    let run = |sources: &[Source]| {
        let job = Job {
            sources,
            upkeep: &order.upkeep,
            access: &order.access,
            take: order.take,
            promotion: order.promotion.clone(),
            forget_rollback: false,
            lessons: Some(&lessons),
            corrections: &[],
        };
        school.lists.run(&job, &mut |_| {}).unwrap()
    };
    let sources = [big(&school), school.list("play", "games", "play.example\n")];
    run(&sources);
    let file = school.index_file();
    school.list("play", "games", "play.example\ntimes-tables.example\nchess.example\n");
    run(&sources);
    assert!(school.lists("play.example") && school.lists("chess.example"));
    assert!(!school.lists("www.times-tables.example"));
    assert_eq!(Held::of(&school.lists).held.len(), 1);
    // The next change is compared with the lists, not with what is held back from them.
    school.list("play", "games", "play.example\ntimes-tables.example\nchess.example\ngo.example\n");
    run(&sources);
    assert!(school.lists("go.example") && !school.lists("times-tables.example"));
    assert_eq!(Held::of(&school.lists).held.len(), 1);
    blocklists_update::changes::accept(&school.lists, None, Timestamp::now()).unwrap();
    run(&sources);
    assert!(school.lists("times-tables.example") && school.index_file() == file);
}
