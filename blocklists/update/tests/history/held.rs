//! Lists that would take away overnight what classes work with.

use std::collections::BTreeSet;

use blocklists::category::CategoryId;
use blocklists::name::Name;
use blocklists::source::{Format, Source, Trust};
use blocklists_update::changes::{accept, settle};
use blocklists_update::held::{Ended, Held, Lessons};
use blocklists_update::used_here::UsedHere;
use jiff::ToSpan;
use jiff::civil::Date;

use crate::years::{Years, categories, domains, source};

const TODAY: Date = Date::constant(2026, 9, 1);

/// A school that blocks some categories, and used these names on so many days.
fn lessons(school: &Years, used: &[(&str, i64)]) -> Lessons {
    let dir = school.dir.path().join("used-here");
    let mut here = UsedHere::open(&dir, TODAY).unwrap();
    for &(name, days) in used {
        for ago in 0..days {
            here.note(TODAY.checked_sub(ago.days()).unwrap(), Name::parse(name).unwrap().as_ref(), true);
        }
    }
    here.note(TODAY, Name::parse("today.example").unwrap().as_ref(), true);
    here.save().unwrap();
    let category = |id: &str| CategoryId::new(id).unwrap();
    Lessons {
        blocked: ["games", "adult", "malware", "scams", "illegal/other", "local/bad"].map(category).into(),
        locked: BTreeSet::from([category("local/bad")]),
        used_here: dir,
        today: TODAY,
    }
}

fn names(held: &Held) -> Vec<&str> {
    held.held.iter().map(|held| held.covered.name.as_str()).collect()
}

#[test]
fn a_name_that_lessons_use_is_held_back_and_all_others_are_blocked_at_once() {
    let mut school = Years::new();
    let lessons = lessons(&school, &[("www.times-tables.example", 5), ("once.example", 1)]);
    school.update(&[(domains("play", "games"), "old.example\n")], Some(&lessons));
    let text = "old.example\ntimes-tables.example\nonce.example\nnever.example\n";
    let changed = school.update(&[(domains("play", "games"), text)], Some(&lessons));
    assert_eq!((changed.added, changed.removed, changed.held), (3, 0, 1));
    let held = Held::of(&school.lists);
    assert_eq!(names(&held), ["times-tables.example"]);
    let one = &held.held[0];
    assert_eq!((one.source.as_str(), one.category.as_str(), one.days_used), ("play", "games", 5));
    assert!(one.covered.subtree && one.since == school.now);
    assert_eq!(one.until.duration_since(one.since).as_hours(), 72);

    // The next update brings nothing new of it: it waits on, and is not counted anew.
    let text = format!("{text}more.example\n");
    school.update(&[(domains("play", "games"), &text)], Some(&lessons));
    assert_eq!(Held::of(&school.lists).held, held.held);

    // Three days later it is blocked like the rest of its list, and that stands written.
    assert_eq!(settle(&school.lists, one.until).unwrap(), 1);
    let held = Held::of(&school.lists);
    assert!(held.held.is_empty() && held.settled[0].how == Ended::Over);
}

#[test]
fn threats_and_what_is_locked_wait_for_nobody() {
    let mut school = Years::new();
    let lessons = lessons(&school, &[("used.example", 9)]);
    let lists = |text| {
        let mut declared_locked: Source = domains("bad", "local/bad");
        declared_locked.locked = true;
        [
            (source("bots", "malware", Format::Domains, Trust::Core), text),
            (domains("tricks", "scams"), text),
            (domains("worst", "illegal/other"), text),
            (declared_locked, text),
            // Allowed by every policy of the school: nobody is disturbed.
            (domains("news", "off-task"), text),
        ]
    };
    school.update(&lists("old.example\n"), Some(&lessons));
    school.update(&lists("old.example\nused.example\n"), Some(&lessons));
    assert_eq!(Held::of(&school.lists), Held::default());
    assert!(!std::fs::exists(school.path("held.json")).unwrap(), "not a word of it is written");
}

#[test]
fn only_what_was_open_can_be_held_back() {
    let mut school = Years::new();
    let lessons = lessons(&school, &[("www.used.example", 9)]);
    let strict = |id: &str| source(id, "adult", Format::Adblock, Trust::Normal);
    let [play, more] = ["play", "more"].map(|id| domains(id, "games"));
    school.update(&[(play.clone(), "used.example\n"), (more.clone(), "x.example\n")], Some(&lessons));
    // A second list says what the first says already.
    school
        .update(&[(play.clone(), "used.example\n"), (more, "x.example\nwww.used.example\n")], Some(&lessons));
    assert!(Held::of(&school.lists).held.is_empty());
    // What somebody declares is meant to work at once.
    school.update(&[(strict("new"), "||used.example^\n")], Some(&lessons));
    assert!(Held::of(&school.lists).held.is_empty());
    // Of an exception that goes, people are to hear as of an entry that comes.
    let before = "||used.example^\n@@||www.used.example^\n";
    school.update(&[(strict("new"), before)], Some(&lessons));
    school.update(&[(strict("new"), "||used.example^\n")], Some(&lessons));
    assert_eq!(names(&Held::of(&school.lists)), ["www.used.example"]);
    // And it is dropped when the list takes it back by itself.
    school.update(&[(strict("new"), before)], Some(&lessons));
    let held = Held::of(&school.lists);
    assert_eq!((held.held.len(), held.settled[0].how), (0, Ended::Withdrawn));
}

#[test]
fn what_opened_is_shown_beside_it() {
    let mut school = Years::new();
    let lessons = lessons(&school, &[("www.museum.example", 1)]);
    let play = || domains("play", "games");
    school.update(&[(play(), "museum.example\nunused.example\n")], Some(&lessons));
    school.update(&[(play(), "other.example\n")], Some(&lessons));
    let held = Held::of(&school.lists);
    assert_eq!(held.opened.len(), 1);
    assert_eq!((held.opened[0].covered.name.as_str(), held.opened[0].days_used), ("museum.example", 1));
    assert!(categories(school.index.as_ref().unwrap(), "museum.example").is_empty());
}

#[test]
fn the_coordinator_accepts_one_name_or_all() {
    let mut school = Years::new();
    let lessons = lessons(&school, &[("a.example", 3), ("b.example", 3), ("c.example", 3)]);
    let play = || domains("play", "games");
    school.update(&[(play(), "old.example\n")], Some(&lessons));
    school.update(&[(play(), "old.example\na.example\nb.example\nc.example\n")], Some(&lessons));
    let b = Name::parse("b.example").unwrap();
    assert_eq!(accept(&school.lists, Some(b.as_ref()), school.now).unwrap(), 1);
    assert_eq!(names(&Held::of(&school.lists)), ["a.example", "c.example"]);
    assert_eq!(accept(&school.lists, None, school.now).unwrap(), 2);
    assert_eq!(accept(&school.lists, None, school.now).unwrap(), 0);
    // What was accepted is not held back again.
    school.update(&[(play(), "old.example\na.example\nb.example\n")], Some(&lessons));
    assert!(Held::of(&school.lists).held.is_empty());
    let told = school.as_of("b.example", school.now).unwrap();
    assert!(told.listings[0].still && !told.listings[0].held_back);
    let told = school.as_of("b.example", school.now.checked_sub(1.hours()).unwrap()).unwrap();
    assert_eq!(told.listings.len(), 1);
}
