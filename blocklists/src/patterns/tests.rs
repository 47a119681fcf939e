//! Patterns find what they mean, whatever way they are found, and damage is never more than damage.

use proptest::prelude::*;

use super::*;
use crate::name::Name;

fn patterns(texts: &[&str]) -> Patterns {
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    let built = build(&texts);
    assert_eq!(built.refused, []);
    built.patterns
}

fn found(patterns: &Patterns, name: NameRef<'_>) -> Vec<u32> {
    let mut found = Vec::new();
    patterns.matching(name, |pattern| found.push(pattern));
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn a_name_finds_the_patterns_that_it_matches() {
    let texts = [
        r"^ad(s|v)?\d*[_.-]",
        r"(?:^|\.)ads.*\.example\.com$",
        r"casino",
        r"(casino|poker|bingo-)[0-9]+\.",
        r"^a\.b$",
        r"x",
        r"^.{40,}\.top$",
        r"Tracker",
    ];
    let patterns = patterns(&texts);
    for (name, expected) in [
        ("ads.example", vec![0, 5]),
        ("ads9.cdn.example.com", vec![0, 1, 5]),
        ("www.ads-here.example.com", vec![1, 5]),
        ("my-casino.org", vec![2]),
        ("casino77.org", vec![2, 3]),
        ("poker1.org", vec![3]),
        ("bingo-5.org", vec![3]),
        ("a.b", vec![4]),
        ("c.a.b", vec![]),
        ("tracker.net", vec![7]),
        ("unlisted.net", vec![]),
    ] {
        assert_eq!(found(&patterns, Name::parse(name).unwrap().as_ref()), expected, "{name}");
    }
    assert_eq!(found(&patterns, Name::root().as_ref()), [0_u32; 0]);
    // A dot inside a label is none between labels.
    let odd = Name::from_wire(b"\x03a.b\x00").unwrap();
    assert_eq!(found(&patterns, odd.as_ref()), [0_u32; 0]);
}

#[test]
fn letters_that_a_match_needs_are_found() {
    for (text, expected) in [
        ("casino", Some(vec!["casino"])),
        (r"(?:^|\.)ads.*\.example\.com$", Some(vec![".example.com\u{2}"])),
        ("^www", Some(vec!["\u{1}www"])),
        ("(casino|poker)[0-9]", Some(vec!["casino", "poker"])),
        ("(casino|bet)[0-9]", None),
        ("^ad[sv]?[0-9]*[_.-]", None),
        ("(longer)?x", None),
        ("(longer)+x", Some(vec!["longer"])),
    ] {
        let expression =
            regex_automata::util::syntax::parse_with(text, &crate::parse::pattern::syntax()).unwrap();
        let needed = fragments::needed(&expression);
        let needed = needed
            .map(|runs| runs.into_iter().map(|run| String::from_utf8(run).unwrap()).collect::<Vec<_>>());
        let expected = expected.map(|runs| runs.into_iter().map(str::to_owned).collect());
        assert_eq!(needed, expected, "{text}");
    }
}

#[test]
fn what_cannot_be_built_is_refused_with_its_reason() {
    let texts = ["(?=ahead)", r"(a)\1", "ok-this", "[a-z]{200}{200}", "(.{1,90}x){60}"].map(str::to_owned);
    let built = build(&texts);
    let refused: Vec<usize> = built.refused.iter().map(|(number, _)| *number).collect();
    assert_eq!(refused, [0, 1, 3, 4]);
    assert!(matches!(built.refused[0].1, PatternError::Unreadable(_)));
    assert_eq!(built.refused[2].1, PatternError::TooLarge);
    assert_eq!(found(&built.patterns, Name::parse("ok-this.example").unwrap().as_ref()), [2]);
    let refused = build::build_within(&texts, 4).refused;
    assert_eq!(refused.last(), Some(&(4, PatternError::TooMany)));
}

#[test]
fn patterns_read_back_as_they_were_written() {
    let before = patterns(&["^ad[sv]?[0-9]*[_.-]", "casino[0-9]+", "[.]x[0-9]", "poker"]);
    let mut bytes = Vec::new();
    before.write(&mut bytes);
    let after = Patterns::from_bytes(&bytes, 4).unwrap();
    for name in ["ads.example", "casino1.example", "a.x5", "poker.example", "none.example"] {
        let name = Name::parse(name).unwrap();
        assert_eq!(found(&before, name.as_ref()), found(&after, name.as_ref()), "{name}");
    }
    let mut again = Vec::new();
    after.write(&mut again);
    assert_eq!(bytes, again);
    assert!(Patterns::from_bytes(&bytes, 3).is_none());
}

/// Built once: four patterns, found by fragment and always run.
fn written() -> &'static [u8] {
    static BYTES: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut bytes = Vec::new();
        patterns(&["^ad[sv]?[0-9]*[_.-]", "casino[0-9]+", "[.]x[0-9]", "poker"]).write(&mut bytes);
        bytes
    });
    &BYTES
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_patterns_never_panic(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), cuts in any::<bool>()) {
        let mut bytes = written().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Some(patterns) = Patterns::from_bytes(&bytes, 4) {
            for name in ["ads.casino12.poker.x1", "a.b.c", "www.poker"] {
                let _ = found(&patterns, Name::parse(name).unwrap().as_ref());
            }
        }
    }

    #[test]
    fn fragments_never_hide_a_match(name in "[a-z.-]{1,12}", text in "[a-c]{1,6}(\\.|[0-9]?|-?)[a-d]{0,5}") {
        let Ok(name) = Name::parse(&name) else { return Ok(()) };
        let name = name.as_ref();
        let texts = [text.clone(), format!("^{text}"), format!("({text}|abcd)+x?"), format!("{text}$")];
        let built = build(&texts);
        let all = found(&built.patterns, name);
        for (number, text) in texts.iter().enumerate() {
            let alone = Tester::new(text).unwrap().matches(name);
            prop_assert_eq!(alone, all.contains(&(number as u32)), "{} {}", name, text);
        }
    }
}
