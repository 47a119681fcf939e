//! Names that the policy takes out of a category: the lists stay as they are, and the overlay says so.

use blocklists_update::Watch;
use jiff::Timestamp;

use super::*;

pub(crate) fn out_of_gambling(name: &str) -> Vec<Correction> {
    let category = CategoryId::new("gambling").unwrap();
    vec![Correction { name: Name::parse(name).unwrap(), exact: false, category, into: false }]
}

#[test]
fn a_correction_is_in_force_with_the_next_update_and_leaves_the_index_alone() {
    let school = School::new();
    let sources = [school.list("bets", "gambling", "bet.example\nmaths.example\n")];
    let first = school.run(&Order::new(), &sources);
    let order = Order { corrections: out_of_gambling("maths.example"), ..Order::new() };
    let mut watch = Watch::default();
    let mut is_due = |corrections: &[Correction]| {
        watch.is_anything_due(
            &school.lists,
            &sources,
            &order.upkeep,
            &order.promotion,
            corrections,
            Timestamp::now(),
        )
    };
    assert!(is_due(&order.corrections) && !is_due(&[]));
    let corrected = school.run(&order, &sources);
    assert_eq!((corrected.id, corrected.unchanged), (first.id, false));
    assert!(!school.lists("www.maths.example") && school.lists("bet.example"));
    assert!(!is_due(&order.corrections) && is_due(&[]));
    assert!(school.run(&order, &sources).unchanged);
    assert!(school.lists.verify().unwrap().iter().any(|file| file.good && file.file.ends_with(".ovl")));
    let told = |entries_max| {
        let pages = school.lists.changes(Timestamp::UNIX_EPOCH, Some("corrections"), entries_max);
        pages.into_iter().map(|page| (page.added, page.removed, page.entries)).collect::<Vec<_>>()
    };
    assert_eq!(told(9), [(1, 0, vec!["+gambling takes out maths.example".to_owned()])]);
    assert_eq!(told(0), [(1, 0, vec![])]);
    let later = Timestamp::now().checked_add(jiff::SignedDuration::from_secs(9)).unwrap();
    assert!(school.lists.changes(later, None, 9).is_empty());

    // A list that changes keeps the correction; without it the overlay goes.
    let sources = [school.list("bets", "gambling", "bet.example\nmaths.example\nbingo.example\n")];
    school.run(&order, &sources);
    assert!(school.lists("bingo.example") && !school.lists("maths.example"));
    school.run(&Order::new(), &sources);
    assert!(school.lists("maths.example") && school.lists.current_overlay().is_none());
    assert_eq!(told(9), [(0, 1, vec!["-gambling takes out maths.example".to_owned()])]);
}

#[test]
fn a_damaged_overlay_costs_the_corrections_and_the_next_update_heals_it() {
    let school = School::new();
    let sources = [school.list("bets", "gambling", "bet.example\nmaths.example\n")];
    let order = Order { corrections: out_of_gambling("maths.example"), ..Order::new() };
    school.run(&order, &sources);
    let overlay = school.state(&format!("{}.ovl", school.lists.current_overlay().unwrap()));
    damage(&overlay);
    assert!(school.lists("bet.example") && school.lists("maths.example"));
    assert!(school.lists.verify().unwrap().iter().any(|file| !file.good));
    school.run(&order, &sources);
    assert!(!school.lists("maths.example"));
}
