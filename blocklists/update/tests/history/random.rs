//! Random lists, changed at random for some days: what `as_of` says of every name on every day is what
//! the index of that day said.

use blocklists::source::{Format, Source, Trust};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::years::{Years, categories, source};

const NAMES: [&str; 7] = [
    "shop.example",
    "www.shop.example",
    "a.www.shop.example",
    "_443._tcp.shop.example",
    "_tcp.shop.example",
    "example",
    "other.example",
];
const MARKS: [(&str, &str); 10] = [
    ("||", "^"),
    ("|", "^"),
    ("@@||", "^"),
    ("@@|", "^"),
    ("||", "^$important"),
    ("@@||", "^$important"),
    ("||", "^$badfilter"),
    ("@@||", "^$badfilter"),
    ("|", "^$important"),
    ("", ""),
];

fn sources() -> Vec<Source> {
    vec![
        source("one", "adult", Format::Adblock, Trust::Normal),
        source("two", "adult", Format::Adblock, Trust::Normal),
        source("core", "adult", Format::Adblock, Trust::Core),
        source("games", "games", Format::Hosts, Trust::Normal),
        source("worst", "illegal/csam", Format::Domains, Trust::Normal),
    ]
}

/// The text of each source on one day; an empty one is a source that was not declared.
fn day() -> impl Strategy<Value = Vec<String>> {
    let adblock = || {
        vec((0..NAMES.len(), 0..MARKS.len()), 0..4).prop_map(|lines| {
            lines
                .iter()
                .map(|&(name, marks)| format!("{}{}{}\n", MARKS[marks].0, NAMES[name], MARKS[marks].1))
                .collect()
        })
    };
    let hosts = vec((0..NAMES.len(), any::<bool>()), 0..4).prop_map(|lines| {
        let line = |&(name, below): &(usize, bool)| {
            format!("0.0.0.0 {}{}\n", if below { "*." } else { "" }, NAMES[name])
        };
        lines.iter().map(line).collect()
    });
    let domains = vec(0..NAMES.len(), 0..3)
        .prop_map(|lines| lines.iter().map(|&name| format!("{}\n", NAMES[name])).collect());
    (adblock(), adblock(), adblock(), hosts, domains).prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_journal_read_backwards_says_what_the_lists_said(days in vec(day(), 2..5)) {
        let mut school = Years::new();
        let sources = sources();
        let mut said = Vec::new();
        for texts in &days {
            let declared: Vec<(Source, &str)> = sources
                .iter()
                .zip(texts)
                .filter(|(_, text)| !text.is_empty())
                .map(|(source, text)| (source.clone(), text.as_str()))
                .collect();
            school.update(&declared, None);
            let index = school.index.as_ref().unwrap();
            said.push((school.now, NAMES.map(|name| categories(index, name))));
        }
        let begins = school.pages().first().map(|_| ());
        for (at, then) in &said {
            for (name, then) in NAMES.iter().zip(then) {
                match school.as_of(name, *at) {
                    Ok(told) => {
                        prop_assert_eq!(&categories(&told.index, name), then, "{} at {}", name, at);
                        prop_assert!(told.gaps.is_empty(), "{:?}", told.gaps);
                        prop_assert!(told.listings.iter().all(|one| !one.category.is_locked()));
                    }
                    // Before anything was declared there is nothing to know.
                    Err(_) => prop_assert!(then.is_empty() || begins.is_none()),
                }
            }
        }
    }
}
