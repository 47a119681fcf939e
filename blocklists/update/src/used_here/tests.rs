//! A school's weeks, told to the sets.

use super::*;
use blocklists::name::Name;
use jiff::ToSpan;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn day(number: i8) -> Date {
    Date::constant(2026, 11, number)
}

fn note(used: &mut UsedHere, day: Date, text: &str) {
    used.note(day, name(text).as_ref(), true);
}

#[test]
fn a_name_used_on_two_days_is_known_with_its_parents_and_not_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let mut used = UsedHere::open(&dir.path().join("used-here"), day(2)).unwrap();
    note(&mut used, day(2), "www.times-tables.co.uk");
    note(&mut used, day(2), "www.times-tables.co.uk");
    note(&mut used, day(3), "play.times-tables.co.uk");
    used.note(day(3), name("refused.example").as_ref(), false);
    used.save().unwrap();

    let used = UsedHere::open(&dir.path().join("used-here"), day(4)).unwrap();
    for (text, days, last) in [
        ("www.times-tables.co.uk", 1, Some(day(2))),
        ("play.times-tables.co.uk", 1, Some(day(3))),
        ("times-tables.co.uk", 2, Some(day(3))),
        ("co.uk", 0, None),
        ("uk", 0, None),
        ("other.times-tables.co.uk", 0, None),
        ("refused.example", 0, None),
    ] {
        let asked = name(text);
        assert_eq!((used.days_used(asked.as_ref()), used.last_used(asked.as_ref())), (days, last), "{text}");
        assert_eq!(used.seen_before(asked.as_ref()), days > 0);
    }
}

#[test]
fn after_thirty_days_a_name_is_forgotten_and_its_file_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut used = UsedHere::open(dir.path(), day(1)).unwrap();
    for ahead in 0..40 {
        note(&mut used, day(1).checked_add(ahead.days()).unwrap(), "same.example");
        note(&mut used, day(1).checked_add(ahead.days()).unwrap(), &format!("only{ahead}.example"));
        used.save().unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 30);
    assert_eq!(used.days_used(name("same.example").as_ref()), 30);
    assert!(!used.seen_before(name("only9.example").as_ref()));
    assert!(used.seen_before(name("only10.example").as_ref()));
}

#[test]
fn a_clock_that_jumps_costs_no_day() {
    let dir = tempfile::tempdir().unwrap();
    let mut used = UsedHere::open(dir.path(), day(10)).unwrap();
    note(&mut used, day(10), "a.example");
    // No battery in the box: it starts in 1970, and the right time comes a minute later.
    note(&mut used, Date::constant(1970, 1, 1), "b.example");
    used.save().unwrap();
    note(&mut used, day(11), "c.example");
    used.save().unwrap();
    let mut used = UsedHere::open(dir.path(), day(11)).unwrap();
    assert!(used.seen_before(name("a.example").as_ref()));
    assert!(!used.seen_before(name("b.example").as_ref()));
    used.save().unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "the stray day is gone");
}

#[test]
fn a_damaged_day_costs_itself_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut used = UsedHere::open(dir.path(), day(1)).unwrap();
    note(&mut used, day(1), "a.example");
    note(&mut used, day(2), "b.example");
    used.save().unwrap();
    let path = dir.path().join("2026-11-01.used");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(dir.path().join("2026-11-03.used"), "cut").unwrap();
    let used = UsedHere::open(dir.path(), day(3)).unwrap();
    assert!(!used.seen_before(name("a.example").as_ref()));
    assert!(used.seen_before(name("b.example").as_ref()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_device_that_makes_names_up_does_not_use_the_day_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut used = UsedHere::open(dir.path(), day(1)).unwrap();
    for number in 0..NAMES_PER_DAY_MAX {
        note(&mut used, day(1), &format!("x{number}.tunnel.example"));
    }
    note(&mut used, day(1), "www.museum.example");
    let museum = name("museum.example");
    assert!(used.seen_before(museum.as_ref()), "there is room left for what people use");
    used.save().unwrap();
    let size = dir.path().join("2026-11-01.used").metadata().unwrap().len();
    assert!(size < 400_000, "{size} bytes");
    let unused = (0..10_000).filter(|number| used.seen_before(name(&format!("n{number}.example")).as_ref()));
    let wrong = unused.count();
    assert!(wrong < 50, "{wrong} of 10000 names that nobody used seem used");
}
