//! How well each category is covered, said plainly: strong, weak or none.
//!
//! A filter that has a category is not a filter that knows its sites. Governors ask which of the two
//! they have, so the answer is a fixed rule over facts and not an opinion:
//!
//! * **strong**: two fresh lists that somebody maintains, or one of trust `core`;
//! * **weak**: anything less that holds names: one list, a list that is not fresh, or only what came
//!   with this program (a start, not a maintained list);
//! * **none**: no names at all.
//!
//! A list is *fresh* when the last attempt to have it worked, it was last had within
//! [`FRESH_FOR`], and its content has changed within [`ALIVE_FOR`].

use std::collections::BTreeSet;

use blocklists::category::{BUILT_IN, CategoryId};
use blocklists::source::{Location, Trust};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::record::{Record, SourceRecord};
use crate::status::State;

/// A list that was last had longer ago is not fresh.
pub const FRESH_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A list whose content has not changed for longer is not maintained by anybody.
pub const ALIVE_FOR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How well a category is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Two fresh maintained lists, or one that is believed alone.
    Strong,
    /// Less than that.
    Weak,
    /// No names.
    None,
}

/// One category and what covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The category; names of its waiting room (`…/unconfirmed`) count with it.
    pub category: CategoryId,
    /// How well it is covered.
    pub grade: Grade,
    /// Why it is no better.
    pub why: String,
    /// Entries of its lists, a name in two lists counted twice; `None` where a list feeds several
    /// categories.
    pub entries: Option<u64>,
    /// Seconds since the list that was had longest ago was had; `None` where none is fetched.
    pub age_seconds: Option<u64>,
    /// Its lists.
    pub sources: Vec<Covering>,
}

/// A list that feeds a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covering {
    /// The source's id.
    pub id: String,
    /// Under which terms its authors give it, to be shown with it; `None` when nobody wrote it down.
    pub licence: Option<String>,
    /// Where it is from.
    pub location: String,
    /// How far it is believed alone.
    pub trust: Trust,
    /// How fresh it is.
    pub state: State,
    /// Its entries; `None` where it feeds several categories.
    pub entries: Option<u64>,
    /// Seconds since it was last had whole; `None` for lists that came with the program.
    pub age_seconds: Option<u64>,
    /// Whether it counts as fresh.
    pub fresh: bool,
    /// It came with the program.
    pub built_in: bool,
}

/// Every built-in category, and every other that is fed, in the order of their ids.
pub(crate) fn of(record: &Record, now: Timestamp) -> Vec<Coverage> {
    let fed = record.sources.iter().flat_map(feeds);
    let known: BTreeSet<CategoryId> =
        BUILT_IN.iter().filter_map(|id| CategoryId::new(id)).chain(fed.cloned()).collect();
    known.into_iter().map(|category| one(record, category, now)).collect()
}

fn feeds(known: &SourceRecord) -> impl Iterator<Item = &CategoryId> {
    known.source.category.iter().chain(&known.report.categories)
}

fn one(record: &Record, category: CategoryId, now: Timestamp) -> Coverage {
    let feeding = record.sources.iter().filter(|known| feeds(known).any(|fed| *fed == category));
    let sources: Vec<Covering> = feeding.map(|known| covering(known, now)).collect();
    let entries = sources.iter().map(|source| source.entries).sum();
    let (grade, why) = grade(&sources);
    let age_seconds = sources.iter().filter_map(|source| source.age_seconds).max();
    Coverage { category, grade, why, entries, age_seconds, sources }
}

fn covering(known: &SourceRecord, now: Timestamp) -> Covering {
    let SourceRecord { source, report, .. } = known;
    let built_in = matches!(source.location, Location::BuiltIn(_));
    let since = |at: Option<Timestamp>| at.map(|at| now.duration_since(at));
    let is_within = |at, limit| since(at).is_some_and(|age| age <= limit);
    let is_fresh = is_within(known.had_at, FRESH_FOR) && is_within(known.changed_at, ALIVE_FOR);
    Covering {
        id: source.id.clone(),
        licence: source.licence.clone(),
        location: source.location.to_string(),
        trust: source.trust,
        state: known.state,
        entries: source.category.is_some().then_some(report.entries),
        age_seconds: since(known.had_at)
            .filter(|_| !built_in)
            .map(|age| u64::try_from(age.as_secs()).unwrap_or(0)),
        fresh: known.state == State::Ok && (built_in || is_fresh),
        built_in,
    }
}

fn grade(sources: &[Covering]) -> (Grade, String) {
    let holding: Vec<&Covering> = sources.iter().filter(|source| source.entries != Some(0)).collect();
    let maintained = holding.iter().filter(|source| !source.built_in);
    let fresh: Vec<_> = maintained.clone().filter(|source| source.fresh).collect();
    let core = fresh.iter().find(|source| source.trust == Trust::Core);
    let why = match (core, fresh.len(), maintained.count(), holding.len()) {
        (Some(core), ..) => return (Grade::Strong, format!("`{}` is believed alone", core.id)),
        (None, 2.., ..) => return (Grade::Strong, format!("{} fresh lists", fresh.len())),
        (None, _, _, 0) => return (Grade::None, "no list holds names of it".to_owned()),
        (None, 1, 1, _) => "only one list",
        (None, 1, ..) => "only one of its lists is fresh",
        (None, _, 0, _) => "only what came with this program",
        (None, ..) => "none of its lists is fresh",
    };
    (Grade::Weak, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: &str, trust: Trust, fresh: bool, built_in: bool, entries: u64) -> Covering {
        Covering {
            id: id.to_owned(),
            licence: None,
            location: String::new(),
            trust,
            state: State::Ok,
            entries: Some(entries),
            age_seconds: None,
            fresh,
            built_in,
        }
    }

    #[test]
    fn a_grade_is_a_rule_over_facts() {
        let good = source("good", Trust::Normal, true, false, 9);
        let core = source("core", Trust::Core, true, false, 9);
        let old = source("old", Trust::Core, false, false, 9);
        let empty = source("empty", Trust::Core, true, false, 0);
        let ours = source("ours", Trust::Core, true, true, 9);
        for (sources, expected, words) in [
            (vec![], Grade::None, "no list"),
            (vec![&empty], Grade::None, "no list"),
            (vec![&ours], Grade::Weak, "came with this program"),
            (vec![&good], Grade::Weak, "only one list"),
            (vec![&good, &ours], Grade::Weak, "only one list"),
            (vec![&good, &old], Grade::Weak, "only one of its lists is fresh"),
            (vec![&old], Grade::Weak, "none of its lists is fresh"),
            (vec![&good, &good], Grade::Strong, "2 fresh lists"),
            (vec![&core, &old], Grade::Strong, "`core` is believed alone"),
        ] {
            let sources: Vec<Covering> = sources.into_iter().cloned().collect();
            let (grade, why) = grade(&sources);
            assert_eq!(grade, expected, "{why}");
            assert!(why.contains(words), "{why}");
        }
    }
}
