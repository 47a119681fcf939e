//! What a look-up must find: only names at which something changes, each with its effect.
//!
//! A name whose three views are what a look-up would find without it is folded into its ancestor.
//! Many names change the same thing, so effects are stored once, numbered as they are first met.

use std::collections::HashMap;
use std::rc::Rc;

use super::gather::Gathered;
use super::spill::{Says, Spill};
use super::state::{Resolver, Views};
use super::tree::Tree;
use super::unite::Marker;
use super::{CompileError, Stop};
use crate::index::action::Stored;
use crate::index::effect::{Change, Changes};
use crate::index::extras::Extras;
use crate::index::meaning::Meaning;
use crate::index::table::{Parts, buckets_for};
use crate::name::Name;
use crate::scratch::Room;

/// Resolves everything gathered under one key. The sources' records are left to the caller; `listed`
/// is told each name of which something is said.
///
/// # Errors
/// [`Stop::Collision`] when two names share a hash under this key, [`Stop::Error`] at a bound or a
/// failing disk.
pub(super) fn tables(
    gathered: &Gathered,
    key: u64,
    room: Room<'_>,
    listed: &mut dyn FnMut(Name),
) -> Result<Parts, Stop> {
    let mut emitter = Emitter::new(gathered, room)?;
    let (names, resolver) = Tree::walk(gathered, key, &mut emitter, listed)?;
    let meaning = Meaning {
        rtypes: gathered.rtypes.clone(),
        marks: emitter.marker.marks,
        actions: resolver.actions.all().iter().map(Stored::from).collect(),
        ..Meaning::default()
    };
    drop(resolver);
    let mut effect_starts = vec![0];
    let mut effect_words = Vec::new();
    for effect in &emitter.effects {
        effect.write(&mut effect_words);
        let end = u32::try_from(effect_words.len()).ok();
        effect_starts.push(end.ok_or(CompileError::TooMany { what: "effects", limit: u64::from(u32::MAX) })?);
    }
    let buckets = buckets_for(emitter.spill.entries(), emitter.effects.len())
        .ok_or(CompileError::TooMany { what: "names", limit: u64::from(u32::MAX) })?;
    drop((emitter.places, emitter.numbers));
    let (records, entries) = emitter.spill.build(buckets, room)?;
    Ok(Parts {
        key,
        names,
        records,
        entries,
        effect_starts,
        effect_words,
        categories: gathered.categories.clone(),
        sources: Vec::new(),
        extras: Extras { meaning, ..Extras::default() },
    })
}

/// What a look-up of a place must find, and what it inherits; numbers of standings.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) views: Views,
    pub(super) inherited: u32,
    pub(super) opens_below: bool,
}

/// Takes names as they are left, and numbers their effects.
pub(super) struct Emitter<'g> {
    marker: Marker<'g>,
    /// Of each standing, what it comes to.
    categories: Vec<Vec<u16>>,
    places: HashMap<Place, u32>,
    numbers: HashMap<Rc<Changes>, u32>,
    effects: Vec<Rc<Changes>>,
    spill: Spill,
}

impl<'g> Emitter<'g> {
    fn new(gathered: &'g Gathered, room: Room<'_>) -> Result<Self, Stop> {
        Ok(Self {
            marker: Marker::new(&gathered.groups, gathered.categories.len()),
            categories: Vec::new(),
            places: HashMap::new(),
            numbers: HashMap::new(),
            effects: Vec::new(),
            spill: Spill::new(room)?,
        })
    }

    /// Learns what standings come to that it does not know yet.
    pub(super) fn learn(&mut self, resolver: &Resolver<'_>) {
        for standing in resolver.standings(self.categories.len()) {
            self.categories.push(self.marker.numbers(standing, &resolver.actions));
        }
    }

    fn categories(&self, standing: u32) -> &[u16] {
        self.categories.get(standing as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether two names look the same, whatever is asked.
    pub(super) fn is_same(&self, one: Views, two: Views) -> bool {
        let same = |one: u32, two: u32| one == two || self.categories(one) == self.categories(two);
        same(one.here, two.here) && same(one.service, two.service) && same(one.below, two.below)
    }

    /// Categories that are inherited and do not hold in one of the views. (That a block is answered in
    /// another way opens nothing.)
    pub(super) fn cut(&self, views: Views, inherited: u32) -> Rc<[u16]> {
        let all = [views.here, views.service, views.below];
        let holds =
            |category: &u16| all.iter().all(|&view| self.categories(view).binary_search(category).is_ok());
        let is_cut = |category: &&u16| !self.marker.is_answer(**category) && !holds(category);
        self.categories(inherited).iter().filter(is_cut).copied().collect()
    }

    /// Whether a standing comes to one of these categories.
    pub(super) fn shares(&self, standing: u32, cut: &[u16]) -> bool {
        cut.iter().any(|category| self.categories(standing).binary_search(category).is_ok())
    }

    /// Takes a name that was left: where it has an entry, what that must say, and whether a name
    /// below it has one.
    ///
    /// # Errors
    /// When it cannot be put away.
    pub(super) fn leave(&mut self, hash: u64, place: Option<Place>, is_passed: bool) -> Result<(), Stop> {
        let says = match (place, is_passed) {
            (Some(place), _) => Says::Effect(self.number(place)?),
            (None, true) => Says::Passed,
            (None, false) => Says::Nothing,
        };
        Ok(self.spill.push(hash, says)?)
    }

    fn number(&mut self, place: Place) -> Result<u32, Stop> {
        if let Some(&number) = self.places.get(&place) {
            return Ok(number);
        }
        let inherited = self.categories(place.inherited);
        let change = |view| Change::between(inherited, self.categories(view));
        let changes = Changes {
            here: change(place.views.here),
            service: change(place.views.service),
            below: change(place.views.below),
            opens_below: place.opens_below,
        };
        let next = u32::try_from(self.effects.len()).ok().filter(|&next| next <= Says::EFFECT_MAX);
        let next = next.ok_or(CompileError::TooMany { what: "effects", limit: Says::EFFECT_MAX.into() })?;
        let changes = Rc::new(changes);
        let number = *self.numbers.entry(Rc::clone(&changes)).or_insert(next);
        if number == next {
            self.effects.push(changes);
        }
        self.places.insert(place, number);
        Ok(number)
    }
}
