//! Uniting: what the groups of all sources say together, as numbers of an index.
//!
//! A strict category is confirmed by a core source or by two different sources; what one ordinary
//! source says alone waits in `…/unconfirmed`. What sources with patterns say is not united here: a
//! pattern may still speak, so their part is a mark that a look-up unites.

use std::collections::HashMap;

use super::actions::Actions;
use super::gather::{Group, split};
use super::state::{Stand, Standing};
use crate::category::CATEGORIES_MAX;
use crate::index::meaning::says::{IMPORTANT_IN, IN};
use crate::index::meaning::{EVERY, Mark};

/// One category that some groups come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct United {
    pub(super) category: u16,
    /// For a strict category its number, then that of `…/unconfirmed`; else the category twice.
    pub(super) either: (u16, u16),
    pub(super) action: u16,
}

/// Unites groups that each list one thing and want it answered in one way.
pub(super) fn unite(inside: &[(&Group, u16)], actions: &Actions) -> Vec<United> {
    let confirmed = |group: &Group| {
        let mut agreeing = inside.iter().filter(|(other, _)| other.category == group.category);
        agreeing.any(|(other, _)| other.core || other.source != group.source)
    };
    let mut united: Vec<United> = Vec::new();
    for (group, _) in inside {
        let category = match group.unconfirmed {
            Some(unconfirmed) if !confirmed(group) => unconfirmed,
            _ => group.category,
        };
        if united.iter().all(|one| one.category != category) {
            let action = wanted(inside, group.category, actions);
            united.push(United { category, either: group.either(), action });
        }
    }
    united
}

/// How the groups of one category want to be answered: the first that wants anything, in the order
/// of sources. To let it through over TCP all have to want it.
fn wanted(inside: &[(&Group, u16)], category: u16, actions: &Actions) -> u16 {
    let all = || inside.iter().filter(|(group, _)| group.category == category).map(|(_, action)| *action);
    let only_tcp = all().all(|action| actions.is_tcp_only(action));
    all().find(|&action| action != 0 && (only_tcp || !actions.is_tcp_only(action))).unwrap_or(0)
}

/// Numbers marks, above the categories, while there are numbers.
pub(super) struct Marker<'g> {
    groups: &'g [Group],
    first: usize,
    pub(super) marks: Vec<Mark>,
    numbers: HashMap<Mark, u16>,
}

impl<'g> Marker<'g> {
    /// `categories` is how many there are.
    pub(super) fn new(groups: &'g [Group], categories: usize) -> Self {
        Self { groups, first: categories, marks: Vec::new(), numbers: HashMap::new() }
    }

    /// The numbers, rising, that a standing comes to. `actions` are those that it may speak of.
    pub(super) fn numbers(&mut self, standing: &Standing, actions: &Actions) -> Vec<u16> {
        let mut pieces = vec![EVERY];
        standing
            .iter()
            .filter(|stand| stand.piece != EVERY)
            .for_each(|stand| split(&mut pieces, stand.piece));
        let mut said = Said::default();
        for &piece in &pieces {
            let speaking = standing.iter().filter(|stand| stand.piece & piece != 0);
            self.listen(speaking, piece, actions, &mut said);
        }
        let mut numbers = Vec::new();
        for (category, types) in said.categories {
            let typed = (types != EVERY).then_some(Mark::Typed { category, types });
            // Without a number left the category holds for every type: rather too much than too little.
            numbers.push(typed.and_then(|mark| self.number(mark)).unwrap_or(category));
        }
        for ((group, patterned, says), types) in said.lines {
            let otherwise = says & (IN | IMPORTANT_IN) != 0;
            let number = self.number(Mark::Lines { patterned, says, types });
            numbers.extend(number.or_else(|| otherwise.then(|| self.alone(group)).flatten()));
        }
        for (((category, unconfirmed), action), types) in said.actions {
            numbers.extend(self.number(Mark::Action { category, unconfirmed, action, types }));
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Adds what is said for one piece of the types.
    fn listen<'s>(
        &self,
        speaking: impl Iterator<Item = &'s Stand>,
        piece: u32,
        actions: &Actions,
        said: &mut Said,
    ) {
        let mut inside: Vec<(&Group, u16)> = Vec::new();
        for stand in speaking {
            let Some(group) = self.groups.get(usize::from(stand.group)) else { continue };
            let is_in = stand.is_in();
            match group.patterned {
                None if is_in => inside.push((group, stand.action())),
                None => {}
                Some(patterned) => {
                    let says = match (group.spares, is_in) {
                        (false, _) => stand.bits,
                        (true, true) => {
                            if stand.bits & IMPORTANT_IN != 0 {
                                IMPORTANT_IN
                            } else {
                                IN
                            }
                        }
                        (true, false) => continue,
                    };
                    add(&mut said.lines, (stand.group, patterned, says), piece);
                    if is_in && stand.action() != 0 {
                        add(&mut said.actions, (group.either(), stand.action()), piece);
                    }
                }
            }
        }
        for one in unite(&inside, actions) {
            add(&mut said.categories, one.category, piece);
            if one.action != 0 {
                add(&mut said.actions, (one.either, one.action), piece);
            }
        }
    }

    /// Where a name goes that one group alone lists.
    fn alone(&self, group: u16) -> Option<u16> {
        let group = self.groups.get(usize::from(group))?;
        Some(group.unconfirmed.filter(|_| !group.core).unwrap_or(group.category))
    }

    /// Whether a number says nothing but how a block is answered.
    pub(super) fn is_answer(&self, number: u16) -> bool {
        let mark = usize::from(number).checked_sub(self.first).and_then(|place| self.marks.get(place));
        matches!(mark, Some(Mark::Action { .. }))
    }

    fn number(&mut self, mark: Mark) -> Option<u16> {
        if let Some(&number) = self.numbers.get(&mark) {
            return Some(number);
        }
        let place = self.first + self.marks.len();
        let number = u16::try_from(place).ok().filter(|_| place < CATEGORIES_MAX)?;
        self.marks.push(mark);
        self.numbers.insert(mark, number);
        Some(number)
    }
}

/// A category under both its numbers (see [`United::either`]), and the action that is wanted for it.
type Wanted = ((u16, u16), u16);

/// What is said, each with the types for which it is.
#[derive(Default)]
struct Said {
    categories: Vec<(u16, u32)>,
    /// Group, place among those with patterns, what its lines say.
    lines: Vec<((u16, u16, u8), u32)>,
    actions: Vec<(Wanted, u32)>,
}

fn add<K: PartialEq>(all: &mut Vec<(K, u32)>, key: K, types: u32) {
    match all.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known |= types,
        None => all.push((key, types)),
    }
}
