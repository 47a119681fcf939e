//! Addresses out of what the sources say: prefixes cut into stretches, each with its set.

use std::collections::HashMap;

use ipnet::IpNet;

use super::actions::Actions;
use super::gather::{Address, Group};
use super::unite::unite;
use crate::addresses::{Addresses, Listed, Row};

/// A prefix as a stretch of one address family.
struct Stretch<'a> {
    start: u128,
    end: u128,
    address: &'a Address,
}

/// Puts the addresses of one kind together.
pub(super) fn spread(said: &[Address], client: bool, groups: &[Group], actions: &mut Actions) -> Addresses {
    let mut sets = Sets { groups, actions, numbers: HashMap::new(), all: Vec::new() };
    let mine = || said.iter().filter(|address| address.said.client == client);
    let v4 = row(mine().filter(|address| address.said.net.addr().is_ipv4()), &mut sets);
    let v6 = row(mine().filter(|address| address.said.net.addr().is_ipv6()), &mut sets);
    // IPv4 starts came from IPv4 addresses.
    let starts = v4.starts.iter().map(|&start| u32::try_from(start).unwrap_or(u32::MAX)).collect();
    Addresses { v4: Row { starts, sets: v4.sets }, v6, sets: sets.all }
}

fn row<'a>(said: impl Iterator<Item = &'a Address>, sets: &mut Sets<'_>) -> Row<u128> {
    let mut stretches: Vec<Stretch<'_>> = said.map(stretch).collect();
    // Outer prefixes before inner ones; the order of equal ones is that of the sources.
    stretches.sort_by_key(|stretch| (stretch.start, u128::MAX - stretch.end));
    let mut row = Row::default();
    let mut open: Vec<Stretch<'_>> = Vec::new();
    for next in stretches {
        while open.last().is_some_and(|last| last.end < next.start) {
            close(&mut open, &mut row, sets);
        }
        let start = next.start;
        open.push(next);
        begin(&mut row, start, sets.number(&open));
    }
    while !open.is_empty() {
        close(&mut open, &mut row, sets);
    }
    row
}

fn stretch(address: &Address) -> Stretch<'_> {
    let (start, end) = match address.said.net {
        IpNet::V4(net) => (u128::from(net.network().to_bits()), u128::from(net.broadcast().to_bits())),
        IpNet::V6(net) => (net.network().to_bits(), net.broadcast().to_bits()),
    };
    Stretch { start, end, address }
}

/// Ends the innermost prefix, and those that end with it.
fn close(open: &mut Vec<Stretch<'_>>, row: &mut Row<u128>, sets: &mut Sets<'_>) {
    let Some(end) = open.pop().map(|last| last.end) else { return };
    while open.last().is_some_and(|last| last.end == end) {
        open.pop();
    }
    if let Some(next) = end.checked_add(1) {
        begin(row, next, sets.number(open));
    }
}

/// From here on it is this set.
fn begin(row: &mut Row<u128>, start: u128, set: u32) {
    if row.starts.last() == Some(&start) {
        row.starts.pop();
        row.sets.pop();
    }
    if row.sets.last().copied().unwrap_or(0) != set {
        row.starts.push(start);
        row.sets.push(set);
    }
}

/// Sets, each stored once.
struct Sets<'s> {
    groups: &'s [Group],
    actions: &'s mut Actions,
    numbers: HashMap<Vec<(u16, u16)>, u32>,
    all: Vec<Listed>,
}

impl Sets<'_> {
    /// The set of what these prefixes say together, outermost first: of each group the innermost.
    fn number(&mut self, open: &[Stretch<'_>]) -> u32 {
        let mut said: Vec<(u16, u128, bool, u16)> = Vec::new();
        for stretch in open {
            let Address { group, action, said: address } = stretch.address;
            let width = stretch.end - stretch.start;
            let known = said.iter_mut().find(|(known, ..)| known == group);
            match known {
                None => said.push((*group, width, address.exception, *action)),
                Some(known) if known.1 != width => {
                    *known = (*group, width, address.exception, *action);
                }
                Some(known) if address.exception || known.2 => known.2 = true,
                Some(known) => known.3 = self.actions.joined(known.3, *action),
            }
        }
        let mut inside: Vec<(u16, u16)> =
            said.iter().filter(|said| !said.2).map(|said| (said.0, said.3)).collect();
        if inside.is_empty() {
            return 0;
        }
        inside.sort_unstable();
        let next = u32::try_from(self.all.len() + 1).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(inside.clone()).or_insert(next);
        if number == next {
            let groups = self.groups;
            let inside: Vec<_> = inside
                .iter()
                .filter_map(|(group, action)| Some((groups.get(usize::from(*group))?, *action)))
                .collect();
            let united = unite(&inside, self.actions);
            let mut categories: Vec<u16> = united.iter().map(|one| one.category).collect();
            categories.sort_unstable();
            let with_action = united.iter().filter(|one| one.action != 0);
            let actions = with_action.map(|one| (one.category, one.action)).collect();
            self.all.push(Listed { categories, actions });
        }
        number
    }
}
