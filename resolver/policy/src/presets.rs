//! The built-in policies (`data/presets.tsv`): a verb for every category, and the policy settings.
//!
//! Presets are ordinary policies: a school may use them, extend them, or declare its own of the same
//! id. The `ks2` column is also the last resort of a policy that names no parent.

use std::collections::BTreeMap;

use blocklists::category::CategoryId;

use crate::decision::BlockStyle;
use crate::school::policies::{Action, Chosen, HttpsRecords, Policy, YouTube};
use crate::verb::Verb;

const TABLE: &str = include_str!("../data/presets.tsv");

/// Ids of the built-in policies.
pub const PRESETS: [&str; 15] = [
    "ks1",
    "ks2",
    "staff",
    "supply",
    "screen",
    "guest",
    "byod",
    "office",
    "unknown",
    "nursery",
    "equipment",
    "kiosk",
    "exam",
    "woodsetton-staff",
    "woodsetton-ks2",
];

/// The preset whose verbs hold where nobody says otherwise.
pub(crate) const ROOT: &str = "ks2";

/// Built-in categories by which what an answer points at is judged too: threats, what is sealed,
/// ways round the filter, adverts, trackers, gambling. Kinds of hosting are left out, because many
/// innocent sites are served from them.
const TARGETS: [&str; 11] = [
    "adult",
    "malware",
    "scams",
    "bypass",
    "ads",
    "tracking",
    "gambling",
    "extremism",
    "self-harm",
    "chat-rooms",
    "dating",
];

/// Whether the product itself judges targets by a category.
pub(crate) fn judges_targets(category: &CategoryId) -> bool {
    category.is_locked() || TARGETS.contains(&category.as_str())
}

/// A built-in policy.
pub(crate) fn preset(id: &str) -> Option<Policy> {
    match id {
        "nursery" => walled("nursery", "Nursery"),
        "equipment" => walled("equipment", "Equipment"),
        "kiosk" => walled("kiosk", "Kiosk"),
        "exam" => walled("exam", "Exam"),
        "woodsetton-staff" => woodsetton("woodsetton-staff", "staff", &WOODSETTON_STAFF),
        "woodsetton-ks2" => woodsetton("woodsetton-ks2", "ks2", &WOODSETTON_KS2),
        _ => column(id),
    }
}

/// The table of acceptable use in Woodsetton Primary's policy, for adults.
const WOODSETTON_STAFF: [(&str, Verb); 6] = [
    ("messaging", Verb::Allow),
    ("chat-rooms", Verb::Block),
    ("social", Verb::Block),
    ("webmail", Verb::Allow),
    ("blogs-personal", Verb::Block),
    ("blogs-educational", Verb::Allow),
];

/// The same for pupils.
const WOODSETTON_KS2: [(&str, Verb); 6] = [
    ("messaging", Verb::Block),
    ("chat-rooms", Verb::Block),
    ("social", Verb::Block),
    ("webmail", Verb::Block),
    ("blogs-personal", Verb::Ask),
    ("blogs-educational", Verb::Ask),
];

fn woodsetton(id: &str, base: &str, verbs: &[(&str, Verb)]) -> Option<Policy> {
    let mut policy = column(base)?;
    policy.id = id.to_owned();
    policy.title = format!("{} (Woodsetton)", policy.title);
    for (category, verb) in verbs {
        policy.verbs.insert(CategoryId::new(category)?, Chosen { verb: *verb, periods: Vec::new() });
    }
    Some(policy)
}

/// A walled garden: core names, essentials, approved lists and allow rules, nothing else. No list
/// opens anything: what `ks1` would allow is blocked, what it seals stays sealed.
fn walled(id: &str, title: &str) -> Option<Policy> {
    let mut policy = column("ks1")?;
    policy.id = id.to_owned();
    policy.title = title.to_owned();
    policy.default = Action::Block;
    for chosen in policy.verbs.values_mut() {
        chosen.verb = chosen.verb.max(Verb::Block);
    }
    Some(policy)
}

/// One column of the table.
fn column(id: &str) -> Option<Policy> {
    let mut lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let place = lines.next()?.split('\t').position(|head| head == id).filter(|&place| place > 0)?;
    let mut policy = plain(id);
    for line in lines {
        let mut cells = line.split('\t');
        let (Some(row), Some(cell)) = (cells.next(), cells.nth(place - 1)) else {
            continue;
        };
        match row.strip_prefix('(').and_then(|row| row.strip_suffix(')')) {
            Some(key) => set(&mut policy, key, cell),
            None => {
                if let (Some(category), Some(verb)) = (CategoryId::new(row), Verb::from_word(cell)) {
                    policy.verbs.insert(category, Chosen { verb, periods: Vec::new() });
                }
            }
        }
    }
    Some(policy)
}

fn plain(id: &str) -> Policy {
    Policy {
        id: id.to_owned(),
        title: title(id).to_owned(),
        default: Action::Allow,
        local: true,
        safe_search: true,
        youtube: YouTube::Strict,
        unsafe_search_engines: Action::Block,
        https_records: HttpsRecords::StripEch,
        block_answer: BlockStyle::Nxdomain,
        max_ttl: 300,
        rules: Vec::new(),
        verbs: BTreeMap::new(),
    }
}

fn set(policy: &mut Policy, key: &str, cell: &str) {
    match key {
        "youtube" => {
            policy.youtube = match cell {
                "off" => YouTube::Off,
                "moderate" => YouTube::Moderate,
                _ => YouTube::Strict,
            }
        }
        "safe_search" => policy.safe_search = cell == "on",
        "unsafe_search_engines" => policy.unsafe_search_engines = action(cell),
        "https_records" => {
            policy.https_records = match cell {
                "keep" => HttpsRecords::Keep,
                "drop" => HttpsRecords::Drop,
                _ => HttpsRecords::StripEch,
            }
        }
        "local" => policy.local = cell == "on",
        "default" => policy.default = action(cell),
        _ => {}
    }
}

fn action(cell: &str) -> Action {
    if cell == "allow" { Action::Allow } else { Action::Block }
}

fn title(id: &str) -> &str {
    match id {
        "ks1" => "Key stage 1",
        "ks2" => "Key stage 2",
        "staff" => "Staff",
        "supply" => "Supply teachers",
        "screen" => "Classroom screens",
        "guest" => "Guests",
        "byod" => "Personal devices",
        "office" => "Office",
        "unknown" => "Unknown devices",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(id: &str, category: &str) -> Verb {
        preset(id).unwrap().verb(&CategoryId::new(category).unwrap())
    }

    #[test]
    fn every_preset_has_a_verb_for_every_open_category() {
        for id in PRESETS {
            let policy = preset(id).unwrap();
            assert_eq!(policy.id, id);
            for category in blocklists::category::BUILT_IN {
                let category = CategoryId::new(category).unwrap();
                assert_eq!(policy.verbs.contains_key(&category), !category.is_locked(), "{id} {category}");
            }
        }
        assert!(preset("category").is_none());
    }

    #[test]
    fn verbs_are_those_of_the_table() {
        for (id, category, expected) in [
            ("ks1", "gambling", Verb::Block),
            ("ks2", "blogs-personal", Verb::Ask),
            ("staff", "adult", Verb::Seal),
            ("staff", "messaging", Verb::Allow),
            ("guest", "social", Verb::Block),
            ("byod", "social", Verb::Times),
            ("office", "ads", Verb::Watch),
            ("unknown", "shorteners", Verb::Block),
            ("kiosk", "translation", Verb::Block),
            ("kiosk", "adult", Verb::Seal),
            ("ks2", "local/board-games", Verb::Block),
            ("ks2", "adult/unconfirmed", Verb::Block),
            ("woodsetton-staff", "blogs-personal", Verb::Block),
            ("woodsetton-ks2", "chat-rooms", Verb::Block),
            ("woodsetton-ks2", "gambling", Verb::Block),
        ] {
            assert_eq!(verb(id, category), expected, "{id} {category}");
        }
    }

    #[test]
    fn settings_are_those_of_the_table() {
        let staff = preset("staff").unwrap();
        assert_eq!((staff.youtube, staff.unsafe_search_engines), (YouTube::Moderate, Action::Allow));
        assert!(!preset("guest").unwrap().local && preset("ks1").unwrap().local);
        assert_eq!(preset("exam").unwrap().default, Action::Block);
    }
}
