//! Policy documents as people write them, right and wrong: every mistake is one clear sentence with
//! its place.

use std::path::Path;

use policy::{Document, School};
use proptest::prelude::*;

/// Every key of the format.
const WHOLE: &str = r#"version = 1
timezone = "Europe/London"
[[source]]
id = "ut1-gambling"
category = "gambling"
format = "domains"
url = "https://lists.example/gambling.txt"
refresh = "24h"
match = "subtree"
trust = "normal"
licence = "CC BY-SA 4.0"
[[source]]
id = "ut1"
format = "ut1"
path = "ut1.tar"
map = { publicite = "ads", cooking = "none" }
[[source]]
id = "board-games"
category = "local/board-games"
format = "hosts"
path = "lists/board-games.txt"
trust = "extra"
[[source]]
id = "zone"
category = "scams"
format = "rpz"
path = "lists/scams.rpz"
actions = "policy"
[[category]]
id = "local/board-games"
title = "Board game shops"
locked = false
targets = false
[[approved]]
id = "county-approved"
path = "approved.txt"
clears = ["games", "video"]
policies = ["ks1", "ks2"]
[essentials]
names = ["learning.example", "*.mis.example"]
[[policy]]
id = "year6"
title = "Year 6"
extends = "ks2"
default = "allow"
local = true
never_looser_than = "staff"
safe_search = true
youtube = "strict"
unsafe_search_engines = "block"
https_records = "strip-ech"
block_answer = "nxdomain"
max_ttl = 300
[policy.categories]
gambling = "block"
social = "ask"
games = { verb = "times", periods = ["lunch"] }
"local/board-games" = "block"
[[policy.rule]]
action = "allow"
name = "museum.example"
reason = "Year 6 history"
owner = "Ms Ray"
review = "2027-02-28"
[[network]]
id = "pupils"
subnets = ["10.20.0.0/16"]
interfaces = ["eth0.20"]
listen = ["10.20.0.1"]
policy = "ks2"
trusts = ["mac"]
[[group]]
id = "year6-ipads"
devices = ["ipad-07"]
policy = "year6"
[[device]]
id = "ipad-07"
match = ["10.20.3.7", "02:00:5e:10:00:01"]
networks = ["pupils"]
[calendar]
periods.lunch = { days = "mon-fri", from = "12:00", until = "13:15", in = "term" }
terms = [{ name = "autumn", from = "2026-09-02", until = "2026-12-18" }]
closed = ["2026-10-26..2026-10-30", "2026-11-20"]
"#;

/// What is wrong with a document: in itself, or when it is put together.
fn mistake(text: &str) -> Option<String> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return Some(error.to_string()),
    };
    let mut read = |_: &Path| Ok(b"play.example\n".to_vec());
    School::new(&document, Path::new("/etc/school"), &mut read).err().map(|error| error.to_string())
}

#[test]
fn every_key_of_the_format_is_read() {
    assert_eq!(
        mistake(
            &WHOLE
                .replace("\"byod\"", "\"supply\"")
                .replace("\"ask\"", "\"block\"")
                .replace("= \"watch\"", "= \"block\"")
        ),
        None
    );
}

#[test]
fn a_bound_that_is_broken_says_what_is_looser() {
    assert_eq!(mistake(WHOLE), None, "one rule for one name, and what waits for permission, break no bound");
    let looser =
        WHOLE.replace("\"staff\"", "\"byod\"").replace("gambling = \"block\"", "gambling = \"watch\"");
    assert_eq!(
        mistake(&looser).unwrap(),
        "line 47, column 21: policy `year6` is looser than `byod`: the school's own names are answered; \
         gambling is watch, not block; games is open in other periods"
    );
}

#[test]
fn mistakes_have_a_place_and_a_right_word() {
    let cases: Vec<_> = include_str!("mistakes.txt").split("\n\n").skip(1).collect();
    assert!(cases.len() > 30);
    for case in cases {
        let (text, expected) = case.trim_end().rsplit_once("\n=> ").unwrap();
        let told = mistake(text).unwrap_or_default();
        assert!(told.starts_with(expected), "{text}\n  told: {told}\n  want: {expected}");
        assert!(!told.contains('\n'), "one sentence: {told}");
    }
}

#[test]
fn blocks_of_a_public_suffix_are_fine() {
    let text = "version = 1\n[[policy]]\nid = \"x\"\n[[policy.rule]]\naction = \"block\"\nname = \"zip\"";
    assert_eq!(mistake(text), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_text_never_panics(text in "\\PC{0,200}") {
        let _ = mistake(&text);
        let _ = mistake(&format!("version = 1\n{text}"));
    }

    #[test]
    fn a_spoilt_document_never_panics(at in 0..WHOLE.len(), length in 0usize..40, put in "[\\PC\\n]{0,12}") {
        let until = (at + length).min(WHOLE.len());
        let _ = mistake(&format!("{}{put}{}", &WHOLE[..at], &WHOLE[until..]));
    }
}
