//! Is one policy looser than another? Conservative: where it cannot be sure, it says "looser".
//!
//! The promise, tested against `decide`: if `new` is not looser than `old`, there is no name and no
//! list for which `new` answers what `old` blocks.

use std::collections::{BTreeMap, BTreeSet};

use blocklists::category::CategoryId;
use blocklists::services;

use crate::names::Covered;
use crate::school::policies::{Action, Policy};
use crate::school::{Approved, School};
use crate::verb::Verb;

/// Compares two policies of one school, by number.
///
/// # Errors
/// What is looser in `new` than in `old`, in sentences.
pub fn not_looser(school: &School, new: u16, old: u16) -> Result<(), Vec<String>> {
    if new == old {
        return Ok(());
    }
    let mut looser = beyond_bound(school, new, old);
    let (mine, theirs) = (rules_of(school, new), rules_of(school, old));
    for covered in allowed(&mine) {
        if theirs.get(covered) != Some(&Action::Allow) {
            looser.push(format!("a rule allows {}", covered.name));
        }
    }
    if looser.is_empty() { Ok(()) } else { Err(looser) }
}

/// What takes `new` beyond a policy that it must never be looser than (`never_looser_than`).
///
/// It differs from [`not_looser`] in one thing: a rule that allows a single name is somebody's
/// decision about that name, and breaks the bound only where the other policy decided against it.
pub(crate) fn beyond_bound(school: &School, new: u16, old: u16) -> Vec<String> {
    let mut looser = Vec::new();
    settings(school.policy(new), school.policy(old), &mut looser);
    verbs(school, school.policy(new), school.policy(old), &mut looser);
    approved(school, new, old, &mut looser);
    let (mine, theirs) = (rules_of(school, new), rules_of(school, old));
    for (covered, action) in &theirs {
        if *action == Action::Block && mine.get(covered) != Some(&Action::Block) {
            looser.push(format!("no rule blocks {}", covered.name));
        }
    }
    for covered in allowed(&mine).filter(|covered| theirs.get(covered) != Some(&Action::Allow)) {
        let name = covered.name.as_ref();
        let against = theirs.iter().filter(|(_, action)| **action == Action::Block);
        if against.into_iter().any(|(other, _)| {
            other.name == covered.name || other.subtree && name.is_at_or_below(other.name.as_ref())
        }) {
            looser.push(format!("a rule allows {}, which a rule there blocks", covered.name));
        }
    }
    looser
}

fn settings(new: &Policy, old: &Policy, looser: &mut Vec<String>) {
    let mut check = |is_looser: bool, sentence: &str| {
        if is_looser {
            looser.push(sentence.to_owned());
        }
    };
    check(new.default < old.default, "names of no category are allowed, not blocked");
    check(new.local && !old.local, "the school's own names are answered");
    check(!new.safe_search && old.safe_search, "safe search is off");
    check(new.youtube < old.youtube, "YouTube is restricted less");
    check(
        new.unsafe_search_engines < old.unsafe_search_engines,
        "search engines without safe search are allowed",
    );
    check(new.https_records < old.https_records, "HTTPS records are filtered less");
}

fn verbs(school: &School, new: &Policy, old: &Policy, looser: &mut Vec<String>) {
    let named: BTreeSet<&CategoryId> =
        new.verbs.keys().chain(old.verbs.keys()).chain(school.categories.keys()).collect();
    let waiting: Vec<CategoryId> = named.iter().filter_map(|category| category.unconfirmed()).collect();
    for category in named.into_iter().chain(&waiting) {
        if school.is_locked(category) {
            continue;
        }
        let verb =
            |policy: &Policy| if policy.ignores(category) { Verb::Block } else { policy.verb(category) };
        let (mine, theirs) = (verb(new), verb(old));
        // What waits for a teacher's permission is as closed as what is blocked, until somebody
        // permits it; whether that may be permitted is asked then.
        if mine < theirs && (mine, theirs) != (Verb::Ask, Verb::Block) {
            looser.push(format!("{category} is {mine}, not {theirs}"));
        }
        let extra = new.periods(category).iter().any(|period| !old.periods(category).contains(period));
        if mine == Verb::Times && theirs == Verb::Times && extra {
            looser.push(format!("{category} is open in other periods"));
        }
    }
}

/// A policy's rules by what they cover.
fn rules_of(school: &School, policy: u16) -> BTreeMap<Covered, Action> {
    let known = school.policy(policy).rules.iter().filter_map(|&number| school.rule(number));
    known.map(|rule| (rule.covers.clone(), rule.action)).collect()
}

fn allowed(rules: &BTreeMap<Covered, Action>) -> impl Iterator<Item = &Covered> {
    rules.iter().filter(|(_, action)| **action == Action::Allow).map(|(covered, _)| covered)
}

/// What a list clears, the services that go with it as well.
fn cleared(list: &Approved) -> impl Iterator<Item = &CategoryId> {
    let services = services::services().iter().map(|service| &service.id);
    list.clears.iter().chain(services.filter(|service| list.clears(service)))
}

/// An approved list opens nothing new where the other policy has it too, or opens everything that
/// the list clears.
fn approved(school: &School, new: u16, old: u16, looser: &mut Vec<String>) {
    let other = school.policy(old);
    for list in &school.approved {
        let opened_anyway =
            other.default == Action::Allow && cleared(list).all(|category| other.verb(category).opens());
        if list.policies.contains(&new) && !list.policies.contains(&old) && !opened_anyway {
            looser.push(format!("the approved list {} holds", list.id));
        }
    }
}
