//! What is held, for how long, and what ends it.

use super::*;

fn held(name: &str, subtree: bool, until: &str) -> HeldBack {
    HeldBack {
        covered: Covered { name: name.to_owned(), subtree },
        category: CategoryId::new("games").unwrap(),
        source: "play".to_owned(),
        since: "2026-09-01T04:00:00Z".parse().unwrap(),
        until: until.parse().unwrap(),
        days_used: 5,
    }
}

fn school() -> Held {
    let all = vec![
        held("maths.example", true, "2026-09-04T04:00:00Z"),
        held("www.maths.example", false, "2026-09-04T04:00:00Z"),
        held("history.example", true, "2026-09-05T04:00:00Z"),
    ];
    Held { held: all, ..Held::default() }
}

#[test]
fn after_three_days_a_name_is_in_force_whether_anybody_looked_or_not() {
    let mut held = school();
    let before: Timestamp = "2026-09-04T03:59:59Z".parse().unwrap();
    let after: Timestamp = "2026-09-04T04:00:00Z".parse().unwrap();
    assert_eq!((held.active(before).count(), held.next_end(before)), (3, Some(after)));
    assert_eq!((held.active(after).count(), held.settle(after)), (1, 2));
    assert_eq!(held.settled.iter().map(|was| was.how).collect::<Vec<_>>(), [Ended::Over, Ended::Over]);
    assert_eq!((held.settled[0].at, held.settle(after)), (after, 0));
}

#[test]
fn accepting_a_name_accepts_what_is_below_it_and_nothing_else() {
    let now: Timestamp = "2026-09-02T09:00:00Z".parse().unwrap();
    for (name, accepted) in
        [(Some("maths.example"), 2), (Some("www.maths.example"), 1), (Some("other.example"), 0), (None, 3)]
    {
        let mut held = school();
        let name = name.map(|name| Name::parse(name).unwrap());
        assert_eq!(held.accept(name.as_ref().map(Name::as_ref), now), accepted);
        assert_eq!(held.active(now).count(), 3 - accepted);
        assert!(held.settled.iter().all(|was| was.how == Ended::Accepted && was.at == now));
    }
}

#[test]
fn it_is_known_later_what_was_held_back_when() {
    let mut held = school();
    let games = CategoryId::new("games").unwrap();
    let accepted: Timestamp = "2026-09-02T09:00:00Z".parse().unwrap();
    held.accept(None, accepted);
    for (name, at, was) in [
        ("maths.example", "2026-09-02T08:00:00Z", true),
        ("new.maths.example", "2026-09-02T08:00:00Z", true),
        ("maths.example", "2026-09-02T09:00:00Z", false),
        ("maths.example", "2026-09-01T03:00:00Z", false),
        ("other.example", "2026-09-02T08:00:00Z", false),
    ] {
        let (name, at) = (Name::parse(name).unwrap(), at.parse().unwrap());
        assert_eq!(held.was_held(name.as_ref(), &games, at), was, "{name} at {at}");
    }
}

#[test]
fn a_damaged_file_holds_nothing_back_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    change(dir.path(), |held| *held = school()).unwrap();
    assert_eq!(file::read(dir.path()), school());
    let path = dir.path().join("held.json");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(file::read(dir.path()), Held::default());
        assert_eq!(change(dir.path(), |held| held.accept(None, Timestamp::UNIX_EPOCH)).unwrap(), 0);
    }
}
