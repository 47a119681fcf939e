//! What an index may hold beside its table of names: marks and their meaning, patterns, addresses.
//!
//! Most lists have none of it, and then there are no sections for it and a look-up pays one test.

use std::io::{self, Write};

use super::Found;
use super::IndexError;
use super::meaning::{Meaning, PATTERNED_MAX, Resolving};
use super::sections::{SectionWriter, Sections, Tag};
use crate::addresses::Addresses;
use crate::category::CategorySet;
use crate::name::NameRef;
use crate::patterns::Patterns;

/// What marks mean, JSON.
const MEANING: Tag = *b"meaning ";
/// Automata of patterns.
const PATTERNS: Tag = *b"patterns";
/// Addresses of answers.
const ANSWERS: Tag = *b"answers ";
/// Addresses of clients.
const CLIENTS: Tag = *b"clients ";

/// The tags of all these sections.
pub(super) const TAGS: [Tag; 4] = [MEANING, PATTERNS, ANSWERS, CLIENTS];

/// Marks, patterns and addresses.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) meaning: Meaning,
    pub(crate) patterns: Option<Patterns>,
    pub(crate) answers: Addresses,
    pub(crate) clients: Addresses,
    /// How many categories there are: numbers from here on are marks.
    pub(crate) categories: usize,
    /// All marks.
    pub(crate) marks: CategorySet,
    /// Categories of whose names some entry says how they are answered.
    pub(crate) acting: CategorySet,
    /// Some pattern says how the names that match it are answered.
    pub(crate) patterns_act: bool,
}

impl Extras {
    /// Adds the sections that there is anything for.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write<W: Write>(&self, writer: &mut SectionWriter<W>) -> io::Result<()> {
        let means = !self.meaning.marks.is_empty() || self.meaning.actions.len() > 1;
        if means || self.patterns.is_some() {
            writer.section(MEANING, &serde_json::to_vec(&self.meaning)?)?;
        }
        let mut bytes = Vec::new();
        if let Some(patterns) = &self.patterns {
            patterns.write(&mut bytes);
            writer.section(PATTERNS, &bytes)?;
        }
        for (tag, addresses) in [(ANSWERS, &self.answers), (CLIENTS, &self.clients)] {
            if !addresses.is_empty() {
                bytes.clear();
                addresses.write(&mut bytes);
                writer.section(tag, &bytes)?;
            }
        }
        Ok(())
    }

    /// Reads the sections that are there. `categories` is how many categories there are.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] for anything that [`write`](Self::write) would not have written.
    pub(super) fn read(sections: &Sections, categories: usize) -> Result<Self, IndexError> {
        let broken = IndexError::Damaged;
        let meaning: Meaning = match sections.get(MEANING) {
            None => Meaning::default(),
            Some(bytes) => serde_json::from_slice(bytes).map_err(|_| broken("its marks cannot be read"))?,
        };
        if !meaning.is_sound(categories) {
            return Err(broken("its marks point outside it"));
        }
        let patterns = sections.get(PATTERNS).map(|bytes| {
            Patterns::from_bytes(bytes, meaning.patterns).ok_or(broken("its patterns cannot be read"))
        });
        let addresses = |tag| match sections.get(tag) {
            None => Ok(Addresses::default()),
            Some(bytes) => Addresses::from_bytes(bytes, categories, meaning.actions.len().max(1))
                .ok_or(broken("its addresses cannot be read")),
        };
        let numbers =
            (categories..categories + meaning.marks.len()).map(|number| u16::try_from(number).unwrap_or(0));
        let (acting, patterns_act) = meaning.acting();
        Ok(Self {
            acting,
            patterns_act,
            patterns: patterns.transpose()?,
            answers: addresses(ANSWERS)?,
            clients: addresses(CLIENTS)?,
            categories,
            marks: numbers.collect(),
            meaning,
        })
    }

    /// How many marks there are.
    pub(super) fn marks(&self) -> usize {
        self.meaning.marks.len()
    }

    /// Makes of what the table says of a name, marks and all, what marks and patterns come to for one
    /// question. Most names have none: that is found out before anything is made ready for them.
    #[inline]
    pub(super) fn resolve(&self, name: NameRef<'_>, rtype: u16, stream: bool, found: &mut Found) {
        let start = || self.meaning.resolving(self.categories, self.meaning.rtypes.bit(rtype, stream));
        let mut resolving = None;
        if let Some(patterns) = &self.patterns {
            patterns.matching(name, |pattern| {
                let resolving = resolving.get_or_insert_with(start);
                resolving.matched(self.meaning.rules_of(pattern), name);
            });
        }
        let marked = || found.here.intersects(&self.marks) || found.below.intersects(&self.marks);
        if resolving.is_some() || marked() {
            finish(resolving.unwrap_or_else(start), found);
        }
    }

    /// Whether any entry of a category says how its names are answered; of most none does.
    #[inline]
    pub(super) fn may_act(&self, category: u16) -> bool {
        self.acting.contains(category)
    }

    /// How the entries that put a name in a category want the block answered: a number of
    /// [`Meaning::actions`], `None` when they leave it to the policy.
    pub(super) fn action(
        &self,
        name: NameRef<'_>,
        rtype: u16,
        stream: bool,
        raw: &Found,
        category: u16,
    ) -> Option<u16> {
        let bit = self.meaning.rtypes.bit(rtype, stream);
        let marked = self.meaning.action_in(&raw.here, self.categories, category, bit);
        if marked.is_some() || !self.patterns_act {
            return marked;
        }
        let mut wanted = None;
        self.patterns.as_ref()?.matching(name, |pattern| {
            for rule in self.meaning.rules_of(pattern).iter().filter(|rule| rule.action != 0) {
                let feeds = self.meaning.patterned.get(usize::from(rule.patterned));
                let feeds =
                    feeds.is_some_and(|of| of.category == category || of.unconfirmed == Some(category));
                if wanted.is_none() && feeds && rule.speaks(name, bit) {
                    wanted = Some(rule.action);
                }
            }
        });
        wanted
    }

    /// Bytes in memory, about.
    pub(super) fn bytes(&self) -> u64 {
        let patterns = self.patterns.as_ref().map_or(0, Patterns::bytes);
        patterns + self.answers.bytes() + self.clients.bytes()
    }
}

#[cold]
fn finish(mut resolving: Resolving<'_>, found: &mut Found) {
    found.here = resolving.here(&found.here);
    // What does not hold for every type denies nothing: neither the name nor what is below.
    found.below = if resolving.partial { CategorySet::EMPTY } else { resolving.below(&found.below) };
}

const _: () = assert!(PATTERNED_MAX <= u16::MAX as usize);
