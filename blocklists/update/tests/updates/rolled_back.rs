//! Back to the index before, and what becomes of the content that was taken back.

use super::*;

#[test]
fn what_was_rolled_back_stays_out_until_its_list_changes() {
    let (school, provider) = (School::new(), Provider::open());
    let sources = [
        source("bets", "gambling", Location::Url(provider.url("/bets"))),
        school.list("play", "games", "play.example\n"),
    ];
    let order = Order::new();
    provider.lists("/bets", "bet.example\n");
    let first = school.run(&order, &sources);
    assert!(school.lists.roll_back(&mut |_| {}).is_err(), "there is nothing to go back to");
    provider.lists("/bets", "bet.example\nmaths.example\n");
    let second = school.run(&order, &sources);
    let done = school.lists.roll_back(&mut |_| {}).unwrap();
    assert_eq!((&done.from, &done.to), (&second.id, &first.id));
    assert_eq!(done.set_aside, ["bets"]);
    assert!(!school.lists("maths.example") && school.lists("bet.example"));
    assert!(school.lists.roll_back(&mut |_| {}).unwrap_err().to_string().contains("already"));

    for order in [Order::new().waits(), Order::new(), Order::new().waits().due()] {
        let outcome = school.run(&order, &sources);
        assert!(outcome.unchanged && outcome.id == first.id);
        assert!(!school.lists("maths.example"));
    }
    let item = school.item("bets");
    assert_eq!((item.state, item.entries), (State::Refused, 1));
    assert!(item.error.unwrap().contains("rolled back"));

    provider.lists("/bets", "bet.example\nbingo.example\n");
    assert!(school.run(&order, &sources).refused.is_empty());
    assert!(school.lists("bingo.example"));
    provider.lists("/bets", "bet.example\nmaths.example\n");
    assert_eq!(school.run(&order, &sources).refused.len(), 1, "the same mistake again");
    assert!(school.run(&Order { forget_rollback: true, ..order }, &sources).refused.is_empty());
    assert!(school.lists("maths.example"));
}

#[test]
fn a_lost_note_does_not_stop_the_way_back() {
    let school = School::new();
    let first = school.update(&[school.list("bets", "gambling", "bet.example\n")]);
    school.update(&[school.list("bets", "gambling", "bet.example\nbingo.example\n")]);
    std::fs::remove_file(school.state("status.json")).unwrap();
    assert_eq!(school.lists.roll_back(&mut |_| {}).unwrap().to, first.id);
    assert!(!school.lists("bingo.example"));
}

#[test]
fn an_update_that_was_killed_before_its_note_is_picked_up() {
    let school = School::new();
    let sources = [school.list("bets", "gambling", "bet.example\n")];
    school.update(&sources);
    let note = std::fs::read(school.state("status.json")).unwrap();
    school.list("bets", "gambling", "bet.example\nbingo.example\n");
    let second = school.update(&sources);
    // The note of the update before, and the list is gone: the index says which copy counts.
    std::fs::write(school.state("status.json"), note).unwrap();
    std::fs::remove_file(school.path("bets")).unwrap();
    let outcome = school.update(&sources);
    assert_eq!((outcome.id, outcome.unchanged), (second.id, true));
    assert!(school.lists("bingo.example"));
    assert_eq!(school.item("bets").entries, 2);
}
