//! Resolving: what each source says of a name once its most specific line has won.
//!
//! A *standing* is that, for one way of asking: every feed that says anything, with bits for in,
//! in by `$important`, out by `$important`. A name has three standings, its *views*: itself, itself
//! behind service labels, and whatever lies below. Lists repeat themselves, so views, standings and
//! the steps between them are stored once; most names take a step that was taken before.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use super::gather::{Feed, Marks};
use super::lines::Line;
use crate::parse::Reach;

/// In by an ordinary line.
const IN: u8 = 1;
/// In by an `$important` line.
const IMPORTANT_IN: u8 = 2;
/// Out by an `$important` exception.
const IMPORTANT_OUT: u8 = 4;

/// Numbers of the three standings of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Views {
    pub(super) here: u32,
    pub(super) service: u32,
    pub(super) below: u32,
}

/// Feeds that say something, rising, with what they say.
type Standing = [(u16, u8)];
/// The lines of one name without the name: feeds and marks, rising, each once.
type Saying = [(u16, Marks)];

/// Remembers standings, views and steps.
pub(super) struct Resolver {
    sayings: Store<Saying>,
    standings: Store<Standing>,
    steps: HashMap<(Views, bool, u32), Views>,
    scratch: Vec<(u16, Marks)>,
}

impl Resolver {
    /// Knows one standing, number 0: no feed says anything.
    pub(super) fn new() -> Self {
        let mut standings = Store::new();
        standings.number(&[]);
        Self { sayings: Store::new(), standings, steps: HashMap::new(), scratch: Vec::new() }
    }

    /// The views of a name with these lines (sorted), whose nearest listed ancestor has the views
    /// `above`; `is_service` when only service labels stand between the two.
    pub(super) fn step(&mut self, above: Views, is_service: bool, lines: &[Line]) -> Views {
        self.scratch.clear();
        self.scratch.extend(lines.iter().map(|line| (line.feed, line.marks)));
        self.scratch.dedup();
        let saying = self.sayings.number(&self.scratch);
        if let Some(&views) = self.steps.get(&(above, is_service, saying)) {
            return views;
        }
        let lines = without_cancelled(&self.scratch);
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
        for group in lines.chunk_by(|one, two| one.0 == two.0) {
            let Some(&(feed, _)) = group.first() else { continue };
            let winner = |important: bool| {
                let mine = group.iter().map(|(_, marks)| marks);
                mine.filter(|marks| marks.is_important() == important && reaches.contains(&marks.reach()))
                    .max_by_key(|marks| (marks.reach(), marks.is_exception()))
            };
            let place = standing.partition_point(|&(known, _)| known < feed);
            let before = standing.get(place).filter(|said| said.0 == feed).map(|said| said.1);
            let mut bits = before.unwrap_or(0);
            if let Some(marks) = winner(false) {
                bits = if marks.is_exception() { bits & !IN } else { bits | IN };
            }
            if let Some(marks) = winner(true) {
                let (on, off) = if marks.is_exception() {
                    (IMPORTANT_OUT, IMPORTANT_IN)
                } else {
                    (IMPORTANT_IN, IMPORTANT_OUT)
                };
                bits = (bits & !off) | on;
            }
            match (before, bits) {
                (None, 0) => {}
                (None, _) => standing.insert(place, (feed, bits)),
                (Some(_), 0) => _ = standing.remove(place),
                (Some(_), _) => standing[place].1 = bits,
            }
        }
        self.standings.number(&standing)
    }

    /// The categories of every standing, by number: each list sorted.
    pub(super) fn categories(&self, feeds: &[Feed]) -> Vec<Vec<u16>> {
        self.standings.items.iter().map(|standing| categories_of(standing, feeds)).collect()
    }
}

/// Unites the feeds of a standing. A strict category is confirmed by a core source or by two
/// different sources; what one ordinary source says alone waits in `…/unconfirmed`.
fn categories_of(standing: &Standing, feeds: &[Feed]) -> Vec<u16> {
    let says_in =
        |&(_, bits): &&(u16, u8)| bits & IMPORTANT_IN != 0 || (bits & IN != 0 && bits & IMPORTANT_OUT == 0);
    let inside: Vec<&Feed> =
        standing.iter().filter(says_in).filter_map(|&(feed, _)| feeds.get(usize::from(feed))).collect();
    let confirmed = |feed: &Feed| {
        let mut agreeing = inside.iter().filter(|other| other.category == feed.category);
        agreeing.any(|other| other.core || other.source != feed.source)
    };
    let category_of = |feed: &Feed| match feed.unconfirmed {
        Some(unconfirmed) if !confirmed(feed) => unconfirmed,
        _ => feed.category,
    };
    let mut categories: Vec<u16> = inside.iter().map(|feed| category_of(feed)).collect();
    categories.sort_unstable();
    categories.dedup();
    categories
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
