//! The bounds of the journal, and what a page holds.

use super::*;
use crate::listed::Entry;

fn step(id: &str, at: &str) -> Step {
    let at = at.parse().unwrap();
    Step { id: id.to_owned(), at, before: None, after: None, added: 1, removed: 0 }
}

fn pages(journal: &Journal) -> Vec<String> {
    journal.places().iter().map(|place| format!("{} {}", place.id, place.at)).collect()
}

#[test]
fn pages_stand_in_their_order_even_within_one_second() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::of(dir.path());
    for (id, at) in [
        ("b", "2026-09-02T04:00:00Z"),
        ("a/ä", "2026-09-02T04:00:00Z"),
        ("b", "2026-09-02T04:00:00Z"),
        ("b", "2026-09-01T04:00:00Z"),
    ] {
        journal.write(&step(id, at)).unwrap().finish().unwrap();
    }
    std::fs::write(dir.path().join("journal/notes.txt"), "not ours").unwrap();
    let lists = Lists::open(dir.path()).unwrap();
    let changes = |since: &str, source| {
        let pages = lists.changes(since.parse().unwrap(), source, 0);
        pages.into_iter().map(|page| page.source).collect::<Vec<_>>()
    };
    assert_eq!(changes("2001-01-01T00:00:00Z", None), ["b", "a/ä", "b", "b"]);
    assert_eq!(changes("2026-09-02T04:00:00Z", None).len(), 3);
    assert_eq!(changes("2001-01-01T00:00:00Z", Some("a/ä")), ["a/ä"]);
}

#[test]
fn a_page_that_was_not_finished_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::of(dir.path());
    let entry = Entry::parse("||bets.example").unwrap();
    let mut writer = journal.write(&step("b", "2026-09-02T04:00:00Z")).unwrap();
    writer.line(Sign::Added, &CategoryId::new("gambling").unwrap(), &entry, false);
    assert!(journal.places().is_empty());
    writer.finish().unwrap();
    let mut lines = Vec::new();
    journal.places()[0].read(&mut |line| lines.push(format!("{line:?}"))).unwrap();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("||bets.example") && lines[0].contains("Added"), "{}", lines[0]);
}

#[test]
fn at_its_bounds_the_oldest_pages_go() {
    let days = ["2025-07-01", "2025-09-01", "2026-01-01", "2026-06-01", "2026-09-01"];
    let now: Timestamp = "2026-09-02T00:00:00Z".parse().unwrap();
    for (files_max, room_for, left) in [(100, 9, 4), (3, 9, 3), (100, 2, 2), (0, 9, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::of(dir.path());
        for day in days {
            journal.write(&step("b", &format!("{day}T04:00:00Z"))).unwrap().finish().unwrap();
        }
        let size = journal.places()[0].path.metadata().unwrap().len();
        journal.keep_within(now, files_max, size * room_for + size / 2);
        let expected = &days[days.len() - left..];
        let kept = pages(&journal);
        assert_eq!(kept.len(), left, "{kept:?}");
        assert!(kept.iter().zip(expected).all(|(page, day)| page.contains(day)), "{kept:?}");
    }
}
