//! The tables of an index out of the tree: only names at which something changes.
//!
//! A name whose three views are what a look-up would find without it is folded into its ancestor.
//! Where an exception opens part of what is covered from above, every name between the two gets an
//! entry that says so: a block there must not deny that anything exists below (RFC 8020).

use std::collections::HashMap;

use rayon::prelude::*;

use super::gather::Gathered;
use super::lines;
use super::state::{Resolver, Views};
use super::tree::Tree;
use super::unite::Marker;
use super::{CompileError, Stop};
use crate::index::action::Stored;
use crate::index::effect::{Change, Changes};
use crate::index::extras::Extras;
use crate::index::hash::SuffixHashes;
use crate::index::meaning::Meaning;
use crate::index::table::{Parts, RecordBuilder, buckets_for};
use crate::name::NameRef;

/// Most unlisted names between exceptions and what they open; a hostile list could ask for 126 a
/// line.
const OPENINGS_MAX: usize = 1 << 22;

/// Entries whose ancestors are hashed at once, so that their hashes take little memory.
const WAYS_AT_ONCE: usize = 1 << 16;

/// Resolves everything gathered under one key. The sources' records are left to the caller.
///
/// # Errors
/// [`Stop::Collision`] when two names share a hash under this key, [`Stop::Error`] at a bound.
pub(super) fn tables(gathered: &Gathered, seed: &[u8; 32]) -> Result<Parts, Stop> {
    let key = seed.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    let tree = Tree::grow(gathered, key, lines::sorted(gathered, key)?)?;
    let mut resolver = Resolver::new(gathered);
    let mut views = vec![Views::default(); tree.len()];
    for node in tree.top_down() {
        let node = node as usize;
        let parent = tree.parent(node);
        let above = parent.node().and_then(|parent| views.get(parent)).copied().unwrap_or_default();
        let own = resolver.step(above, parent.is_service(), tree.lines(node));
        if let Some(slot) = views.get_mut(node) {
            *slot = own;
        }
    }
    let mut marker = Marker::new(&gathered.groups, &resolver.actions, gathered.categories.len());
    let categories: Vec<_> = resolver.standings().map(|standing| marker.numbers(standing)).collect();
    let meaning = Meaning {
        rtypes: gathered.rtypes.clone(),
        marks: marker.marks,
        actions: resolver.actions.all().iter().map(Stored::from).collect(),
        ..Meaning::default()
    };
    let emitter = Emitter { tree: &tree, views: &views, categories: &categories };
    let openings = emitter.openings()?;
    let (entries, effects) = emitter.entries(&openings);
    let mut effect_starts = vec![0];
    let mut effect_words = Vec::new();
    for effect in &effects {
        effect.write(&mut effect_words);
        let end = u32::try_from(effect_words.len()).ok();
        effect_starts.push(end.ok_or(CompileError::TooMany { what: "effects", limit: u64::from(u32::MAX) })?);
    }
    let buckets = buckets_for(entries.len(), effects.len())
        .ok_or(CompileError::TooMany { what: "names", limit: u64::from(u32::MAX) })?;
    let mut records = RecordBuilder::new(buckets, &entries);
    emitter.open_ways(&openings, &entries, &mut records);
    let (records, entries) = records.finish();
    Ok(Parts {
        key,
        names: tree.len() as u64,
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
struct Place {
    views: Views,
    inherited: u32,
    opens_below: bool,
}

/// Names below which something is opened again: nodes by number; other names by hash, with what
/// they show and a node and label count that spell them.
struct Openings {
    nodes: Vec<bool>,
    others: HashMap<u64, (Views, u32, Spelt)>,
}

/// A name as the last `labels` labels of a node's name.
#[derive(Clone, Copy)]
struct Spelt {
    node: usize,
    labels: usize,
}

struct Emitter<'t, 'g> {
    tree: &'t Tree<'g>,
    views: &'t [Views],
    /// Of each standing.
    categories: &'t [Vec<u16>],
}

impl Emitter<'_, '_> {
    fn categories(&self, standing: u32) -> &[u16] {
        self.categories.get(standing as usize).map_or(&[], Vec::as_slice)
    }

    fn views_of(&self, node: Option<usize>) -> Views {
        node.and_then(|node| self.views.get(node)).copied().unwrap_or_default()
    }

    /// What a node inherits.
    fn above(&self, node: usize) -> Views {
        self.views_of(self.tree.parent(node).node())
    }

    fn spell(&self, spelt: Spelt) -> NameRef<'_> {
        let name = self.tree.name(spelt.node);
        let starts = name.label_starts();
        starts
            .len()
            .checked_sub(spelt.labels)
            .and_then(|at| starts.get(at))
            .map_or(name, |&at| name.suffix_at(at))
    }

    /// Marks every name between an exception and the top of what it opens.
    fn openings(&self) -> Result<Openings, Stop> {
        let mut openings = Openings { nodes: vec![false; self.tree.len()], others: HashMap::new() };
        let mut known: HashMap<(Views, u32), bool> = HashMap::new();
        for (node, &views) in self.views.iter().enumerate() {
            let inherited = self.above(node).below;
            let opens = inherited != 0
                && *known.entry((views, inherited)).or_insert_with(|| !self.cut(views, inherited).is_empty());
            if opens {
                self.mark_above(node, &self.cut(views, inherited), &mut openings)?;
            }
        }
        Ok(openings)
    }

    /// Categories that are inherited and do not hold in one of the views.
    fn cut(&self, views: Views, inherited: u32) -> Vec<u16> {
        let all = [views.here, views.service, views.below];
        let holds = |category| all.iter().all(|&view| self.categories(view).binary_search(category).is_ok());
        self.categories(inherited).iter().filter(|category| !holds(category)).copied().collect()
    }

    fn mark_above(&self, node: usize, cut: &[u16], openings: &mut Openings) -> Result<(), Stop> {
        let hashes = SuffixHashes::of(self.tree.name(node), self.tree.key);
        let mut below = node;
        for (place, &hash) in hashes.iter().enumerate().skip(1) {
            let spelt = Spelt { node, labels: hashes.len() - place };
            let name = self.spell(spelt);
            let parent = self.tree.parent(below);
            if let Some(listed) = self.tree.find(hash, name)? {
                if !self.shares(self.views_of(Some(listed)).below, cut) {
                    break;
                }
                if let Some(mark) = openings.nodes.get_mut(listed) {
                    *mark = true;
                }
                below = listed;
                continue;
            }
            let above = self.views_of(parent.node());
            if !self.shares(above.below, cut) {
                break;
            }
            let itself = if self.is_service_below(name, parent.node()) { above.service } else { above.below };
            let views = Views { here: itself, service: itself, below: above.below };
            if openings.others.len() >= OPENINGS_MAX {
                let limit = OPENINGS_MAX as u64;
                return Err(CompileError::TooMany { what: "names above exceptions", limit }.into());
            }
            let known = openings.others.entry(hash).or_insert((views, above.below, spelt));
            if self.spell(known.2) != name {
                return Err(Stop::Collision);
            }
        }
        Ok(())
    }

    fn shares(&self, standing: u32, cut: &[u16]) -> bool {
        cut.iter().any(|category| self.categories(standing).binary_search(category).is_ok())
    }

    /// Whether only service labels stand in front of the listed ancestor.
    fn is_service_below(&self, name: NameRef<'_>, ancestor: Option<usize>) -> bool {
        let Some(ancestor) = ancestor else { return false };
        let more = name.label_count().saturating_sub(self.tree.name(ancestor).label_count());
        name.labels().take(more).all(|label| label.first() == Some(&b'_'))
    }

    /// The entries in order of hash, each with its effect's number, and the effects.
    fn entries(&self, openings: &Openings) -> (Vec<(u64, u32)>, Vec<Changes>) {
        let mut effects =
            Effects { emitter: self, places: HashMap::new(), numbers: HashMap::new(), all: Vec::new() };
        let mut entries = Vec::new();
        for (node, &views) in self.views.iter().enumerate() {
            let parent = self.tree.parent(node);
            let above = self.views_of(parent.node());
            let itself = if parent.is_service() { above.service } else { above.below };
            let opens_below = openings.nodes.get(node).copied().unwrap_or(false);
            let same = |one: u32, two: u32| one == two || self.categories(one) == self.categories(two);
            let is_folded =
                same(views.here, itself) && same(views.service, itself) && same(views.below, above.below);
            if !is_folded || opens_below {
                let effect = effects.number(Place { views, inherited: above.below, opens_below });
                entries.push((self.tree.hash(node), effect));
            }
        }
        let mut others: Vec<_> = openings.others.iter().collect();
        others.sort_unstable_by_key(|(hash, _)| **hash);
        for (&hash, &(views, inherited, _)) in others {
            entries.push((hash, effects.number(Place { views, inherited, opens_below: true })));
        }
        entries.sort_unstable();
        (entries, effects.all)
    }

    /// Lets pass the hashes of all entries and of their ancestors.
    fn open_ways(&self, openings: &Openings, entries: &[(u64, u32)], records: &mut RecordBuilder) {
        let name_of = |hash: u64| match openings.others.get(&hash) {
            Some((_, _, spelt)) => self.spell(*spelt),
            None => self.tree.name(self.tree.node_of(hash)),
        };
        // Hashed many at a time, let in one after the other: the order changes nothing.
        for some in entries.chunks(WAYS_AT_ONCE) {
            let hashes: Vec<u64> = some
                .par_iter()
                .flat_map_iter(|&(hash, _)| {
                    let hashes = SuffixHashes::of(name_of(hash), self.tree.key);
                    (0..hashes.len()).filter_map(move |place| hashes.get(place).copied())
                })
                .collect();
            hashes.into_iter().for_each(|hash| records.open(hash));
        }
    }
}

/// Effects stored once, numbered as they are first met.
struct Effects<'e> {
    emitter: &'e Emitter<'e, 'e>,
    places: HashMap<Place, u32>,
    numbers: HashMap<Changes, u32>,
    all: Vec<Changes>,
}

impl Effects<'_> {
    fn number(&mut self, place: Place) -> u32 {
        if let Some(&number) = self.places.get(&place) {
            return number;
        }
        let inherited = self.emitter.categories(place.inherited);
        let change = |view| Change::between(inherited, self.emitter.categories(view));
        let changes = Changes {
            here: change(place.views.here),
            service: change(place.views.service),
            below: change(place.views.below),
            opens_below: place.opens_below,
        };
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(changes.clone()).or_insert(next);
        if number == next {
            self.all.push(changes);
        }
        self.places.insert(place, number);
        number
    }
}
