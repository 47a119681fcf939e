//! What is due, and when: refreshes, rests after failures, files that changed.

use blocklists_update::Watch;
use jiff::{SignedDuration, Timestamp};

use super::*;

fn hours(count: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(count)
}

/// Whether anything is due at a time.
fn due(school: &School, sources: &[Source], at: Timestamp) -> bool {
    let mut watch = Watch::default();
    let order = Order::new().waits();
    watch.is_anything_due(&school.lists, sources, &order.upkeep, &order.promotion, &[], at)
}

#[test]
fn a_list_is_due_when_its_refresh_is_over_and_not_before() {
    let (school, provider) = (School::new(), Provider::open());
    let sources = [source("bets", "gambling", Location::Url(provider.url("/bets")))];
    provider.lists("/bets", "bet.example\n");
    assert!(due(&school, &sources, hours(0)), "what was never had is due");
    school.run(&Order::new().due(), &sources);
    assert!(!due(&school, &sources, hours(0)) && !due(&school, &sources, hours(21)));
    assert!(due(&school, &sources, hours(27)));
    provider.asked();
    school.run(&Order::new().due(), &sources);
    assert!(provider.asked().is_empty(), "nothing is asked before its time");

    // The policy wants it more often now; a clock that was set back does not put it off.
    let hourly =
        Order::new().keeps("bets", Upkeep { refresh: Duration::from_secs(3600), ..Upkeep::default() });
    let is_due = |at| {
        Watch::default().is_anything_due(&school.lists, &sources, &hourly.upkeep, &hourly.promotion, &[], at)
    };
    assert!(is_due(hours(2)) && !is_due(hours(0)));
    assert!(due(&school, &sources, hours(-30)));

    let moved = [source("bets", "gambling", Location::Url(provider.url("/moved")))];
    assert!(due(&school, &moved, hours(0)), "at another address it is another list");
}

#[test]
fn a_list_that_fails_rests_and_the_rest_holds_over_restarts() {
    let (school, provider) = (School::new(), Provider::open());
    let sources = [source("bets", "gambling", Location::Url(provider.url("/bets")))];
    let order = Order::new().due();
    assert_eq!(school.run(&order, &sources).refused.len(), 1);
    assert_eq!((school.item("bets").failures, provider.asked().len()), (1, 1));
    assert!(school.run(&order, &sources).refused.is_empty() && provider.asked().is_empty());
    assert!(!due(&school, &sources, hours(0)) && due(&school, &sources, hours(1)));
    for failures in 2..=7 {
        school.run(&Order::new(), &sources);
        assert_eq!(school.item("bets").failures, failures);
    }
    assert!(!due(&school, &sources, hours(1)), "each failure doubles the rest");
    assert!(due(&school, &sources, hours(26)));

    provider.offers("/bets", Offer::Status("503 Busy", "Retry-After: 36000\r\n".to_owned()));
    std::fs::remove_file(school.state("status.json")).unwrap();
    school.run(&Order::new(), &sources);
    assert!(!due(&school, &sources, hours(9)), "a provider that asks to be left alone is");
}

#[test]
fn a_file_that_changes_is_due_as_soon_as_it_is_quiet() {
    let school = School::new();
    let folder = school.path("folder");
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    std::fs::write(folder.join("deep/list"), "deep.example\n").unwrap();
    let sources = [
        school.list("bets", "gambling", "bet.example\n"),
        source("deep", "games", Location::Path(folder.clone())),
    ];
    let (mut watch, order) = (Watch::default(), Order::new().waits().due());
    let mut looks = || {
        watch.is_anything_due(&school.lists, &sources, &order.upkeep, &order.promotion, &[], Timestamp::now())
    };
    assert!(looks());
    school.run(&order, &sources);
    assert!(!looks() && !looks());
    school.list("bets", "gambling", "bet.example\nbingo");
    assert!(!looks(), "it may still be written");
    school.list("bets", "gambling", "bet.example\nbingo.example\n");
    assert!(!looks());
    assert!(looks() && looks());
    school.run(&order, &sources);
    assert!(school.lists("bingo.example") && !looks() && !looks());

    std::fs::write(folder.join("deep/more"), "more.example\n").unwrap();
    assert!(!looks() && looks());
    school.run(&order, &sources);
    assert!(school.lists("more.example") && !looks());

    // Gone: once is enough.
    std::fs::remove_file(school.path("bets")).unwrap();
    assert!(!looks() && looks());
    assert_eq!(school.run(&order, &sources).refused.len(), 1);
    assert!(!looks() && !looks() && school.lists("bet.example"));
}

#[test]
fn another_program_or_other_built_in_tables_compile_anew() {
    let school = School::new();
    let sources = [school.list("bets", "gambling", "bet.example\n")];
    school.update(&sources);
    assert!(!due(&school, &sources, hours(0)));
    let status = school.state("status.json");
    let text = std::fs::read_to_string(&status).unwrap();
    let other = text.replacen(&blocklists::tables::fingerprint(), "another", 1);
    assert_ne!(text, other);
    std::fs::write(&status, other).unwrap();
    assert!(due(&school, &sources, hours(0)));
    let mut told = Vec::new();
    school.lists.update(&sources, true, &mut |sentence| told.push(sentence.to_owned())).unwrap();
    assert!(told.contains(&"compiling".to_owned()), "{told:?}");
    assert!(!due(&school, &sources, hours(0)));
}
