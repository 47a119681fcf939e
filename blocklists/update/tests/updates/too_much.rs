//! A list that holds more than an index can: it is named, it alone is given up, and every other list
//! goes on being fresh.

use blocklists::source::Format;

use super::*;

/// A zone with so many different answers, in one tenth of addresses.
fn answers(tenth: u8, count: usize) -> String {
    let line =
        |number: usize| format!("n{number}.t{tenth}.example A {tenth}.0.{}.{}\n", number / 256, number % 256);
    (0..count).map(line).collect()
}

/// Rules that each spare another name.
fn sparing(count: usize) -> String {
    (0..count).map(|number| format!("||n{number}.example^$denyallow=a.n{number}.example\n")).collect()
}

#[test]
fn a_list_with_too_much_of_something_is_named_with_its_line_and_the_others_stay_fresh() {
    for (format, text, bound, line) in [
        (Format::Rpz, answers(10, 40_000), "more than 32255 kinds of rules", "line 32256"),
        (Format::Adblock, sparing(5_000), "more than 4096 sets of spared names", "line 4097"),
    ] {
        let school = School::new();
        let bets =
            |edition: &str| school.list("bets", "gambling", &format!("bet.example\n{edition}.example\n"));
        let play = |text: &str| Source { format, ..school.list("play", "games", text) };
        let sources = [bets("first"), play(&text)];
        let outcome = school.update(&sources);
        let [(id, why)] = &outcome.refused[..] else { panic!("{outcome:?}") };
        assert_eq!(id, "play");
        assert!(why.contains("source `play`") && why.contains(bound) && why.contains(line), "{why}");
        assert_eq!((school.item("play").state, school.item("play").entries), (State::Refused, 0));
        assert_eq!(school.item("play").error.as_ref(), Some(why));
        assert!(school.lists("first.example") && !school.lists("n0.example"));

        bets("second");
        assert_eq!(school.update(&sources).refused.len(), 1);
        assert!(school.lists("second.example") && school.item("bets").state == State::Ok);

        play(if format == Format::Rpz { "n0.example CNAME .\n" } else { "||n0.example^\n" });
        assert!(school.update(&sources).refused.is_empty());
        assert!(school.lists("n0.example"));
        play(&text);
        bets("third");
        let outcome = school.update(&sources);
        assert!(outcome.refused[0].1.contains(bound), "{outcome:?}");
        assert!(school.lists("n0.example") && school.lists("third.example"), "what was in force stays");
    }
}

#[test]
fn lists_that_are_too_much_together_cost_the_newest_and_not_what_is_in_force() {
    let school = School::new();
    let zone = |id: &str, tenth, count| Source {
        format: Format::Rpz,
        ..school.list(id, "games", &answers(tenth, count))
    };
    let bets = |edition: &str| school.list("bets", "gambling", &format!("{edition}.example\n"));
    let first = [bets("first"), zone("old", 10, 25_000)];
    assert!(school.update(&first).refused.is_empty());
    let [bets_now, old] = first;
    let sources = [bets_now, old, zone("new", 11, 21_000)];
    bets("second");
    let outcome = school.update(&sources);
    let [(id, why)] = &outcome.refused[..] else { panic!("{outcome:?}") };
    assert!(id == "new" && why.contains("sources and kinds of rules"), "{id}: {why}");
    assert!(school.lists("second.example") && school.lists("n24999.t10.example"));
    assert!(!school.lists("n0.t11.example"));
    assert!(school.lists.verify().unwrap().iter().all(|file| file.good));
}
