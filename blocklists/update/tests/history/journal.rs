//! The journal as it stands on disk: interrupted, damaged, too long.

use blocklists_update::as_of::{AsOfError, moment};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::years::{FIRST, Years, categories, domains};

/// A box whose list held one name more each hour: `n0.example` first.
fn growing(updates: usize) -> (Years, Vec<Timestamp>) {
    let mut school = Years::new();
    let (mut text, mut times) = (String::new(), Vec::new());
    for number in 0..updates {
        text += &format!("n{number}.example\n");
        school.update(&[(domains("bets", "gambling"), &text)], None);
        times.push(school.now);
    }
    (school, times)
}

#[test]
fn a_name_is_told_from_the_hour_it_was_listed_with_source_and_entry() {
    let (school, times) = growing(4);
    for (number, &at) in times.iter().enumerate() {
        let told = school.as_of("www.n2.example", at).unwrap();
        assert_eq!(categories(&told.index, "www.n2.example").len(), usize::from(number >= 2), "{at}");
        assert_eq!(told.listings.len(), usize::from(number >= 2));
        if let Some(listing) = told.listings.first() {
            assert_eq!((listing.source.as_str(), listing.entry.as_str()), ("bets", "||n2.example"));
            assert!(listing.still && !listing.exception && !listing.held_back);
        }
    }
    assert_eq!(school.pages().len(), 4);
}

#[test]
fn what_nobody_wrote_down_is_not_made_up() {
    let school = Years::new();
    let mut school2 = Years::new();
    school2.update(&[(domains("bets", "gambling"), "bet.example\n")], None);
    let early = FIRST.parse::<Timestamp>().unwrap();
    assert!(
        matches!(school2.as_of("bet.example", early), Err(AsOfError::BeforeJournal(begins)) if begins == school2.now)
    );
    let late = Timestamp::now().checked_add(48.hours()).unwrap();
    assert!(matches!(school2.as_of("bet.example", late), Err(AsOfError::Future(_))));
    let index = blocklists::index::Index::empty();
    let name = blocklists::name::Name::parse("bet.example").unwrap();
    assert!(matches!(school.lists.as_of(&index, name.as_ref(), 1, early), Err(AsOfError::NoJournal)));
}

#[test]
fn a_source_that_is_no_longer_declared_is_still_told_of() {
    let mut school = Years::new();
    school.update(
        &[(domains("bets", "gambling"), "bet.example\n"), (domains("play", "games"), "x.example\n")],
        None,
    );
    let then = school.now;
    school.update(&[(domains("play", "games"), "x.example\n")], None);
    assert!(categories(school.index.as_ref().unwrap(), "bet.example").is_empty());
    let told = school.as_of("bet.example", then).unwrap();
    assert_eq!(categories(&told.index, "bet.example"), ["gambling"]);
    assert!(!told.listings[0].still);
    assert!(school.as_of("bet.example", school.now).unwrap().listings.is_empty());
}

#[test]
fn an_update_that_was_cut_short_leaves_nothing_to_read_wrongly() {
    let (mut school, times) = growing(2);
    // The journal was written, then the power went: the new lists were never in force.
    school.now = school.now.checked_add(1.hours()).unwrap();
    school.begin(&[(domains("bets", "gambling"), "lost.example\n")], None);
    let unfinished = school.path("journal/.new-abc");
    std::fs::write(&unfinished, "half a page").unwrap();
    let told = school.as_of("n1.example", times[1]).unwrap();
    assert!(told.gaps.is_empty());
    assert_eq!(categories(&told.index, "n1.example"), ["gambling"]);
    school.update(&[(domains("bets", "gambling"), "n0.example\nn1.example\nn2.example\n")], None);
    assert!(!unfinished.exists(), "what was left unfinished is swept");
    for (name, at, listed) in [
        ("n1.example", times[0], false),
        ("n1.example", times[1], true),
        ("lost.example", times[1], false),
        ("n2.example", times[1], false),
    ] {
        let told = school.as_of(name, at).unwrap();
        assert_eq!(!categories(&told.index, name).is_empty(), listed, "{name} at {at}");
        assert!(told.gaps.is_empty(), "{:?}", told.gaps);
    }
}

#[test]
fn a_damaged_page_costs_itself_and_says_so() {
    let (school, times) = growing(4);
    let pages = school.pages();
    for (what, damage) in [
        ("cut", (|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 3)) as fn(&mut Vec<u8>)),
        ("flipped", |bytes| {
            let at = bytes.len() - 6;
            bytes[at] ^= 0x20;
        }),
        ("emptied", Vec::clear),
    ] {
        let whole = std::fs::read(&pages[2]).unwrap();
        let mut bytes = whole.clone();
        damage(&mut bytes);
        std::fs::write(&pages[2], bytes).unwrap();
        let after = school.as_of("n3.example", times[2]).unwrap();
        assert!(after.gaps.is_empty() && after.listings.is_empty(), "{what}: newer pages are not touched");
        let before = school.as_of("n3.example", times[0]).unwrap();
        assert!(!before.gaps.is_empty() && before.listings.is_empty(), "{what}: {:?}", before.gaps);
        let unsure = school.as_of("n2.example", times[0]).unwrap();
        assert!(unsure.gaps[0].contains("bets") && unsure.gaps[0].contains("damaged"), "{what}");
        std::fs::write(&pages[2], whole).unwrap();
    }
    std::fs::remove_file(&pages[2]).unwrap();
    let told = school.as_of("n1.example", times[0]).unwrap();
    assert!(told.gaps[0].contains("missing"), "{:?}", told.gaps);
    assert!(told.listings.is_empty(), "older pages are read all the same");
}

#[test]
fn names_of_locked_lists_stand_in_no_page_and_are_told_all_the_same() {
    let mut school = Years::new();
    let locked = domains("feed", "illegal/csam");
    school.update(&[(locked.clone(), "old.example\n")], None);
    let first = school.now;
    school.update(&[(locked, "old.example\nunspeakable.example\n")], None);
    for page in school.pages() {
        let text = zstd::decode_all(std::fs::File::open(page).unwrap()).unwrap();
        assert!(!String::from_utf8(text).unwrap().contains("unspeakable"));
    }
    let now = school.as_of("www.unspeakable.example", school.now).unwrap();
    assert_eq!(categories(&now.index, "www.unspeakable.example"), ["illegal/csam"]);
    assert!(now.listings.is_empty() && now.matched.is_empty());
    let then = school.as_of("www.unspeakable.example", first).unwrap();
    assert!(categories(&then.index, "www.unspeakable.example").is_empty());
}

#[test]
fn a_day_means_its_end_where_the_school_is() {
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let now: Timestamp = "2026-09-03T10:00:00Z".parse().unwrap();
    for (text, at) in [
        ("2026-09-02", "2026-09-02T23:00:00Z"),
        ("2026-09-03", "2026-09-03T10:00:00Z"),
        ("2026-09-02T12:30:00Z", "2026-09-02T12:30:00Z"),
    ] {
        assert_eq!(moment(text, &zone, now), Ok(at.parse().unwrap()), "{text}");
    }
    for wrong in ["", "yesterday", "2026-13-01", "02.09.2026"] {
        assert!(moment(wrong, &zone, now).is_err(), "{wrong}");
    }
    assert!(moment("2026-09-09", &zone, now).unwrap() > now);
}
