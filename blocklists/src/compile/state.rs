//! Resolving: what each source says of a name once its most specific line has won.
//!
//! A *standing* is that, for one way of asking: every group that says anything, for each piece of
//! the record types that it tells apart, with bits for in, in by `$important`, out by `$important`.
//! A name has three standings, its *views*: itself, itself behind service labels, and whatever lies
//! below. Lists repeat themselves, so views, standings and the steps between them are stored once;
//! most names take a step that was taken before.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use super::actions::Actions;
use super::gather::{Feed, Gathered, Group, Marks};
use crate::index::meaning::says::{IMPORTANT_IN, IMPORTANT_OUT, IN, OUT};
use crate::parse::Reach;

/// Numbers of the three standings of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Views {
    pub(super) here: u32,
    pub(super) service: u32,
    pub(super) below: u32,
}

/// What one group says, for one piece of the types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stand {
    pub(super) group: u16,
    pub(super) piece: u32,
    pub(super) bits: u8,
    /// How it wants to be answered, by the ordinary line and by the `$important` one.
    actions: [u16; 2],
}

impl Stand {
    /// Whether the name is in, by lines alone.
    pub(super) fn is_in(&self) -> bool {
        self.bits & IMPORTANT_IN != 0 || (self.bits & IN != 0 && self.bits & IMPORTANT_OUT == 0)
    }

    /// How the line that puts it in wants to be answered.
    pub(super) fn action(&self) -> u16 {
        let [ordinary, important] = self.actions;
        if self.bits & IMPORTANT_IN != 0 { important } else { ordinary }
    }
}

/// Groups that say something, rising, with what they say.
pub(super) type Standing = [Stand];
/// The lines of one name without the name: feeds and marks, rising, each once.
pub(super) type Saying = [(u16, Marks)];

/// Remembers standings, views and steps.
pub(super) struct Resolver<'g> {
    feeds: &'g [Feed],
    groups: &'g [Group],
    /// All that entries want, and what they want together.
    pub(super) actions: Actions,
    sayings: Store<Saying>,
    standings: Store<Standing>,
    steps: HashMap<(Views, bool, u32), Views>,
}

impl<'g> Resolver<'g> {
    /// Knows one standing, number 0: no group says anything.
    pub(super) fn new(gathered: &'g Gathered) -> Self {
        let mut standings = Store::new();
        standings.number(&[]);
        Self {
            feeds: &gathered.feeds,
            groups: &gathered.groups,
            actions: gathered.actions.clone(),
            sayings: Store::new(),
            standings,
            steps: HashMap::new(),
        }
    }

    /// The views of a name with these lines, whose nearest listed ancestor has the views
    /// `above`; `is_service` when only service labels stand between the two.
    pub(super) fn step(&mut self, above: Views, is_service: bool, lines: &Saying) -> Views {
        let saying = self.sayings.number(lines);
        if let Some(&views) = self.steps.get(&(above, is_service, saying)) {
            return views;
        }
        let lines = without_cancelled(lines);
        let itself = if is_service { above.service } else { above.below };
        let views = Views {
            here: self.say(itself, &lines, &[Reach::Subtree, Reach::Exact]),
            service: self.say(itself, &lines, &[Reach::Subtree, Reach::Below, Reach::Exact]),
            below: self.say(above.below, &lines, &[Reach::Subtree, Reach::Below]),
        };
        self.steps.insert((above, is_service, saying), views);
        views
    }

    /// The standing after a name's own lines of these reaches (later ones are more specific).
    fn say(&mut self, inherited: u32, lines: &Saying, reaches: &[Reach]) -> u32 {
        let mut standing = self.standings.item(inherited).to_vec();
        let (feeds, groups) = (self.feeds, self.groups);
        let group_of = |line: &(u16, Marks)| feeds.get(usize::from(line.0)).map_or(0, |feed| feed.group);
        for lines in lines.chunk_by(|one, two| group_of(one) == group_of(two)) {
            let number = lines.first().map_or(0, group_of);
            let Some(group) = groups.get(usize::from(number)) else { continue };
            for &piece in &group.pieces {
                let speaks = |line: &&(u16, Marks)| {
                    reaches.contains(&line.1.reach())
                        && feeds.get(usize::from(line.0)).is_some_and(|feed| feed.types & piece != 0)
                };
                let lines: Vec<_> = lines.iter().filter(speaks).copied().collect();
                let place = standing.partition_point(|stand| (stand.group, stand.piece) < (number, piece));
                let before =
                    standing.get(place).filter(|stand| (stand.group, stand.piece) == (number, piece));
                let silent = Stand { group: number, piece, bits: 0, actions: [0; 2] };
                let after = self.said(before.copied().unwrap_or(silent), group, &lines);
                match (before.is_some(), after.bits) {
                    (false, 0) => {}
                    (false, _) => standing.insert(place, after),
                    (true, 0) => _ = standing.remove(place),
                    (true, _) => standing[place] = after,
                }
            }
        }
        self.standings.number(&standing)
    }

    /// What a group says after these lines of its own.
    fn said(&mut self, mut stand: Stand, group: &Group, lines: &Saying) -> Stand {
        if let Some((exception, action)) = self.winner(lines, false) {
            // That a line took the name out matters only to patterns, which say less than it.
            let out = if group.patterned.is_some() && !group.spares { OUT } else { 0 };
            stand.bits = if exception { stand.bits & !IN | out } else { stand.bits & !OUT | IN };
            stand.actions[0] = action;
        }
        if let Some((exception, action)) = self.winner(lines, true) {
            let (on, off) =
                if exception { (IMPORTANT_OUT, IMPORTANT_IN) } else { (IMPORTANT_IN, IMPORTANT_OUT) };
            stand.bits = (stand.bits & !off) | on;
            stand.actions[1] = action;
        }
        stand
    }

    /// The most specific of the lines: whether it is an exception, and how it wants to be answered.
    fn winner(&mut self, lines: &Saying, important: bool) -> Option<(bool, u16)> {
        let rank = |marks: Marks| (marks.reach(), marks.is_exception());
        let mine = || lines.iter().filter(|(_, marks)| marks.is_important() == important);
        let best = mine().map(|&(_, marks)| rank(marks)).max()?;
        let mut action = 0;
        for (feed, _) in mine().filter(|(_, marks)| rank(*marks) == best && !best.1) {
            let own = self.feeds.get(usize::from(*feed)).map_or(0, |feed| feed.action);
            action = self.actions.joined(action, own);
        }
        Some((best.1, action))
    }

    /// The standings from a number on.
    pub(super) fn standings(&self, from: usize) -> impl Iterator<Item = &Standing> {
        self.standings.items.iter().skip(from).map(|standing| &**standing)
    }
}

/// Takes out `$badfilter` lines and the lines that they cancel.
fn without_cancelled(lines: &Saying) -> Vec<(u16, Marks)> {
    let cancelled: Vec<_> =
        lines.iter().filter_map(|&(feed, marks)| Some((feed, marks.cancelled()?))).collect();
    let holds = |line: &&(u16, Marks)| line.1.cancelled().is_none() && !cancelled.contains(line);
    lines.iter().filter(holds).copied().collect()
}

/// Equal things stored once, by number.
struct Store<T: ?Sized> {
    numbers: HashMap<Rc<T>, u32>,
    items: Vec<Rc<T>>,
}

impl<E: Copy + Eq + Hash> Store<[E]> {
    fn new() -> Self {
        Self { numbers: HashMap::new(), items: Vec::new() }
    }

    fn number(&mut self, item: &[E]) -> u32 {
        if let Some(&number) = self.numbers.get(item) {
            return number;
        }
        // There are never more than lines, which are fewer than 2^31.
        let number = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let item: Rc<[E]> = item.into();
        self.items.push(Rc::clone(&item));
        self.numbers.insert(item, number);
        number
    }

    fn item(&self, number: u32) -> &[E] {
        self.items.get(number as usize).map_or(&[], |item| item)
    }
}
