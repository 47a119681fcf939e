//! Block lists over time: what they said once, what they cover, and names that lessons use.

use blocklists::name::Name;
use blocklists_update::used_here::UsedHere;
use jiff::{Timestamp, ToSpan};

use crate::actors::School;
use crate::scene::plan;

const GAMBLING: &str = "lists/gambling.normal.domains";
const GAMES: &str = "lists/games.normal.domains";

fn update(school: &School) {
    let exit = school.run(&["lists", "update"]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
}

fn status(school: &School) -> serde_json::Value {
    let exit = school.run(&["lists", "status", "--json"]);
    serde_json::from_str(&exit.out).unwrap()
}

/// The moment, once the clock has left its second: an update after it is a later one.
fn a_moment(school: &School) -> String {
    let moment = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    school.until("the next second", || Timestamp::now().as_second() > moment.as_second());
    moment.to_string()
}

#[test]
fn a_parent_asks_what_was_blocked_before_the_list_changed() {
    let school = plan().lay_out();
    update(&school);
    let before = a_moment(&school);
    school.edit(GAMBLING, "poker.example", "raffle.example");
    update(&school);
    let ask = |name: &str, as_of: &[&str]| {
        let asked: Vec<&str> =
            ["explain", name, "--client", "127.20.0.5"].iter().chain(as_of).copied().collect();
        school.run(&asked)
    };
    assert_eq!(ask("www.poker.example", &[]).code, Some(0), "it is on no list now");
    let then = ask("www.poker.example", &["--as-of", &before]);
    assert_eq!(then.code, Some(3), "{then:?}");
    for part in
        ["With the block lists as they were", "the policy as it is now", "||poker.example", "not there now"]
    {
        assert!(then.out.contains(part), "{part} in:\n{}", then.out);
    }
    assert_eq!(ask("raffle.example", &[]).code, Some(3));
    let changes = school.run(&["lists", "changes", "--names", "--since", &before]).out;
    for part in
        ["gambling-normal-domains", "+1 -1", "-gambling ||poker.example", "+gambling ||raffle.example"]
    {
        assert!(changes.contains(part), "{part} in:\n{changes}");
    }
    assert_eq!(ask("raffle.example", &["--as-of", &before]).code, Some(0));
    let too_early = ask("poker.example", &["--as-of", "2001-01-01"]);
    assert_eq!(too_early.code, Some(1));
    assert!(too_early.err.contains("list journal begins at"), "{too_early:?}");
    assert_eq!(ask("poker.example", &["--as-of", "Tuesday"]).code, Some(2));
}

#[test]
fn a_list_does_not_take_away_overnight_what_a_class_works_with() {
    let school = plan().lay_out();
    update(&school);
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Europe/London").unwrap()).date();
    let dir = school.path("state/used-here");
    let mut used = UsedHere::open(&dir, today).unwrap();
    for ago in 0..3_i64 {
        let name = Name::parse("www.times-tables.example").unwrap();
        used.note(today.checked_sub(ago.days()).unwrap(), name.as_ref(), true);
    }
    used.note(today, Name::parse("x.example").unwrap().as_ref(), true);
    used.save().unwrap();
    school.edit(GAMES, "chess.example\n", "chess.example\ntimes-tables.example\nnever-used.example\n");
    update(&school);
    let told = status(&school);
    let names: Vec<&str> =
        told["held"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["times-tables.example"]);
    let exit = school.run(&["lists", "status"]);
    assert!(exit.out.contains("times-tables.example would be games"), "{}", exit.out);

    let accept = |what: &[&str]| school.run(&[&["lists", "accept"], what].concat()).code;
    assert_eq!(accept(&["never-used.example"]), Some(1));
    assert_eq!(accept(&["times-tables.example"]), Some(0));
    assert_eq!(accept(&["times-tables.example"]), Some(1));
    assert_eq!(accept(&["--all"]), Some(0));
    assert_eq!((accept(&[]), accept(&["a..b"])), (Some(2), Some(2)));
    assert!(status(&school)["held"].as_array().unwrap().is_empty());
}

#[test]
fn nothing_is_claimed_of_illegal_content_and_nothing_of_it_is_shown() {
    let school = plan().lay_out();
    update(&school);
    let more: String = (0..10).map(|number| format!("bad{number}.example\n")).collect();
    let text = format!("locked.example\nworse.example\nhalf a line\n{more}");
    school.edit("lists/illegal+csam.core.domains", "locked.example\n", &text);
    update(&school);
    let feeds = status(&school)["locked_feeds"].clone();
    let light = |category: &str| {
        let feed = feeds.as_array().unwrap().iter().find(|feed| feed["category"] == category).unwrap();
        (feed["status"].as_str().unwrap().to_owned(), feed["why"].as_str().unwrap().to_owned())
    };
    let (csam, why) = light("illegal/csam");
    assert_eq!(csam, "GREEN");
    assert!(why.contains("the school must know"), "{why}");
    assert_eq!(light("illegal/terrorism").0, "AMBER");
    let told = school.run(&["explain", "www.worse.example", "--client", "127.20.0.5", "--json"]);
    assert_eq!(told.code, Some(3));
    let texts = [
        told.out,
        school.run(&["explain", "worse.example", "--client", "127.20.0.5"]).out.replacen(
            "worse.example is",
            "",
            1,
        ),
        school.run(&["lists", "status"]).out,
        school.run(&["lists", "status", "--json"]).out,
        school.run(&["lists", "changes", "--names", "--json"]).out,
        school.run(&["lists", "status", "--coverage", "--json"]).out,
    ];
    for text in &texts {
        for secret in ["listed as", "half a line", "\"worse.example", " worse.example", "||worse"] {
            assert!(!text.contains(secret), "{secret} in:\n{text}");
        }
    }
}

#[test]
fn a_governor_reads_how_well_each_category_is_covered() {
    let school = plan().lay_out();
    update(&school);
    let exit = school.run(&["lists", "status", "--coverage", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&exit.out).unwrap();
    for (category, grade) in [
        ("adult", "strong"),
        ("malware", "strong"),
        ("gambling", "weak"),
        ("drugs", "none"),
        ("ads", "strong"),
    ] {
        let all = told["items"].as_array().unwrap();
        let one = all.iter().find(|one| one["category"] == category).unwrap();
        assert_eq!(one["grade"], grade, "{one}");
        assert!(!one["why"].as_str().unwrap().is_empty());
    }
    let exit = school.run(&["lists", "status", "--coverage"]);
    assert!(exit.out.contains("none") && exit.out.contains("terms not written down"), "{}", exit.out);
}
