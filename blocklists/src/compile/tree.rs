//! The listed names as a tree, walked once from the top.
//!
//! Names come with each right behind the one above it (see [`runs`](super::runs)), so all that is held
//! is the way from the root to the name at hand. Going down, each source's most specific line wins over
//! what is inherited; going up again, a name is left and is known to the last detail: whether
//! anything changes at it, and whether an exception below opens part of what covers it. Then a block
//! there must not deny that anything exists below (RFC 8020), so every name between the two gets an
//! entry that says so.

use std::collections::HashMap;
use std::rc::Rc;

use super::emit::{Emitter, Place};
use super::gather::{Gathered, Marks};
use super::runs::{Merge, Said};
use super::state::{Resolver, Views};
use super::{CompileError, Stop};
use crate::index::hash::prepend;
use crate::name::Name;

/// Most unlisted names between exceptions and what they open; a hostile list could ask for 126 a
/// line.
const OPENINGS_MAX: usize = 1 << 22;

/// A name on the way from the root to the name at hand.
struct Step {
    hash: u64,
    /// Where its label ends in the turned name.
    end: usize,
    /// Its own, or where it is not listed, those of its nearest listed ancestor.
    views: Views,
    is_listed: bool,
    /// Only service labels stand between it and its nearest listed ancestor, its own label among them.
    is_service: bool,
    /// Something below opens a part of what it hands down.
    opens_below: bool,
    /// It, or a name below, has an entry.
    is_kept: bool,
}

/// The walk.
pub(super) struct Tree<'g, 'e> {
    gathered: &'g Gathered,
    resolver: Resolver<'g>,
    emitter: &'e mut Emitter<'g>,
    /// The turned name at hand, and the way to it: first the root.
    name: Vec<u8>,
    way: Vec<Step>,
    /// Of the lines of the name at hand.
    lines: Vec<(u16, Marks)>,
    /// By views and what is inherited: the categories that are inherited and do not hold.
    cuts: HashMap<(Views, u32), Rc<[u16]>>,
    openings: usize,
    /// Different names listed.
    names: u64,
}

impl<'g, 'e> Tree<'g, 'e> {
    /// Walks all names that were gathered; gives how many different ones there are, and the resolver
    /// with what it learned. `listed` is told each.
    ///
    /// # Errors
    /// [`Stop::Error`] at a bound, and when what was put away cannot be read.
    pub(super) fn walk(
        gathered: &'g Gathered,
        key: u64,
        emitter: &'e mut Emitter<'g>,
        listed: &mut dyn FnMut(Name),
    ) -> Result<(u64, Resolver<'g>), Stop> {
        let mut merge = Merge::new(&gathered.scratch, &gathered.runs)?;
        let mut tree = Self {
            gathered,
            resolver: Resolver::new(gathered),
            emitter,
            name: Vec::new(),
            way: vec![Step::root(key)],
            lines: Vec::new(),
            cuts: HashMap::new(),
            openings: 0,
            names: 0,
        };
        tree.emitter.learn(&tree.resolver);
        let mut said = Said::default();
        while merge.next(&mut said)? {
            tree.hear(&said);
            if tree.lines.is_empty() {
                continue;
            }
            tree.go_to(&said.name)?;
            tree.resolve()?;
            tree.names += 1;
            listed(turned_back(&said.name));
        }
        tree.climb(0)?;
        Ok((tree.names, tree.resolver))
    }

    /// Takes the lines of a name, each once, under the numbers that all sources share.
    fn hear(&mut self, said: &Said) {
        let gathered = self.gathered;
        self.lines.clear();
        let lines = said.lines.iter();
        self.lines
            .extend(lines.filter_map(|&(source, voice, marks)| Some((gathered.feed(source, voice)?, marks))));
        self.lines.sort_unstable();
        self.lines.dedup();
    }

    /// Leaves what is not above a name, and goes down to it.
    fn go_to(&mut self, name: &[u8]) -> Result<(), Stop> {
        let shared = self.name.iter().zip(name).take_while(|(one, two)| one == two).count();
        let on_both = self.way.iter().take_while(|step| step.end <= shared).count();
        self.climb(on_both.max(1))?;
        let mut at = self.way.last().map_or(0, |step| step.end);
        self.name.truncate(at);
        while let Some(&length) = name.get(at) {
            let end = at + 1 + usize::from(length);
            let label = name.get(at + 1..end).unwrap_or(&[]);
            let Some(above) = self.way.last() else { break };
            let is_service = label.first() == Some(&b'_') && (above.is_listed || above.is_service);
            let views = self.above(self.way.len());
            let below = Step {
                hash: prepend(above.hash, label),
                end,
                views,
                is_listed: false,
                is_service,
                opens_below: false,
                is_kept: false,
            };
            self.way.push(below);
            at = end;
        }
        self.name.extend_from_slice(name.get(self.name.len()..).unwrap_or(&[]));
        Ok(())
    }

    /// Resolves the name at hand, and marks those above it that it opens a part of.
    fn resolve(&mut self) -> Result<(), Stop> {
        let above = self.above(self.way.len().saturating_sub(1));
        let Some(step) = self.way.last_mut() else { return Ok(()) };
        let views = self.resolver.step(above, step.is_service, &self.lines);
        (step.views, step.is_listed) = (views, true);
        self.emitter.learn(&self.resolver);
        if above.below != 0 {
            let emitter = &*self.emitter;
            let cut =
                self.cuts.entry((views, above.below)).or_insert_with(|| emitter.cut(views, above.below));
            if !cut.is_empty() {
                let cut = Rc::clone(cut);
                self.mark_above(&cut)?;
            }
        }
        Ok(())
    }

    /// Marks every name between the one at hand and the top of what it opens.
    fn mark_above(&mut self, cut: &[u16]) -> Result<(), Stop> {
        for step in self.way.iter_mut().skip(1).rev().skip(1) {
            if !self.emitter.shares(step.views.below, cut) {
                break;
            }
            if !step.is_listed && !step.opens_below {
                self.openings += 1;
            }
            step.opens_below = true;
        }
        if self.openings > OPENINGS_MAX {
            let limit = OPENINGS_MAX as u64;
            return Err(CompileError::TooMany { what: "names above exceptions", limit }.into());
        }
        Ok(())
    }

    /// What a place of the way inherits. Nothing comes from the root: a look-up starts below it.
    fn above(&self, place: usize) -> Views {
        let above = place.checked_sub(1).filter(|&above| above > 0).and_then(|above| self.way.get(above));
        above.map_or_else(Views::default, |step| step.views)
    }

    /// Leaves the names at the end of the way, until so many are left.
    fn climb(&mut self, left: usize) -> Result<(), Stop> {
        while self.way.len() > left {
            let above = self.above(self.way.len() - 1);
            let Some(step) = self.way.pop() else { break };
            let itself = if step.is_service { above.service } else { above.below };
            let inherited = Views { here: itself, service: itself, below: above.below };
            let views = if step.is_listed { step.views } else { inherited };
            let says = step.opens_below || (step.is_listed && !self.emitter.is_same(views, inherited));
            let place = Place { views, inherited: above.below, opens_below: step.opens_below };
            self.emitter.leave(step.hash, says.then_some(place), step.is_kept)?;
            if let Some(parent) = self.way.last_mut() {
                parent.is_kept |= says || step.is_kept;
            }
        }
        Ok(())
    }
}

impl Step {
    fn root(key: u64) -> Self {
        let views = Views::default();
        Self {
            hash: key,
            end: 0,
            views,
            is_listed: false,
            is_service: false,
            opens_below: false,
            is_kept: false,
        }
    }
}

/// A turned name as it is written.
fn turned_back(turned: &[u8]) -> Name {
    let mut labels = Vec::new();
    let mut rest = turned;
    while let Some((label, tail)) =
        rest.first().and_then(|&length| rest.split_at_checked(1 + usize::from(length)))
    {
        labels.push(label);
        rest = tail;
    }
    labels.reverse();
    Name::from_wire(&[labels.concat().as_slice(), &[0]].concat()).unwrap_or_else(|_| Name::root())
}
