//! What numbers in an effect mean that are no categories: *marks*.
//!
//! Most names are on lists for every question alike, and their categories say it all. A mark says
//! more: "in this category for these types", "this source with patterns says this of the name by its
//! lines", "a block by this category is answered so". Marks are numbers above the categories, are
//! inherited as they are, and are resolved when a name that carries one is asked for.

use serde::{Deserialize, Serialize};

use crate::category::{CATEGORIES_MAX, CategorySet};
use crate::name::{Name, NameError, NameRef};
use crate::parse::Types;

/// Most record types that the rules of one index tell apart.
pub(crate) const RTYPES_MAX: usize = 15;
/// Every type, over every transport.
pub(crate) const EVERY: u32 = u32::MAX;
/// Every type, over a stream (TCP).
pub(crate) const STREAM: u32 = 0xaaaa_aaaa;

/// Record types that some rule tells apart, as bits: two for each, the lower one for datagrams and
/// the upper one for streams. The first two stand for all types that no rule names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Rtypes(Vec<u16>);

impl Rtypes {
    /// The first [`RTYPES_MAX`] different ones.
    pub(crate) fn new(listed: impl Iterator<Item = u16>) -> Self {
        let mut all: Vec<u16> = Vec::new();
        for rtype in listed {
            if !all.contains(&rtype) && all.len() < RTYPES_MAX {
                all.push(rtype);
            }
        }
        Self(all)
    }

    /// The bit of one question.
    pub(crate) fn bit(&self, rtype: u16, stream: bool) -> u32 {
        let place = self.0.iter().position(|&known| known == rtype).map_or(0, |place| place + 1);
        1_u32.checked_shl(u32::try_from(2 * place).unwrap_or(0) + u32::from(stream)).unwrap_or(1)
    }

    /// The bits of some types; `None` when one of them is not told apart.
    pub(crate) fn mask(&self, types: &Types) -> Option<u32> {
        let (Types::Only(listed) | Types::But(listed)) = types;
        let mut mask = 0;
        for rtype in listed {
            let known = self.0.contains(rtype);
            mask |= known.then(|| self.bit(*rtype, false) | self.bit(*rtype, true))?;
        }
        Some(if matches!(types, Types::Only(_)) { mask } else { !mask })
    }
}

/// What one source says of a name by its lines, and by its patterns: bits.
pub(crate) mod says {
    /// Listed by an ordinary line.
    pub(crate) const IN: u8 = 1;
    /// Listed by an `$important` line.
    pub(crate) const IMPORTANT_IN: u8 = 2;
    /// Taken out by an `$important` line.
    pub(crate) const IMPORTANT_OUT: u8 = 4;
    /// Taken out by an ordinary line.
    pub(crate) const OUT: u8 = 8;
    /// The same by patterns, four bits further up.
    pub(crate) const PATTERN: u32 = 4;

    /// What comes of it: `$important` first, then lines before patterns, exceptions on a tie.
    pub(crate) const fn is_in(bits: u8) -> bool {
        let (lines, patterns) = (bits & 15, bits >> PATTERN);
        if lines & (IMPORTANT_IN | IMPORTANT_OUT) != 0 {
            lines & IMPORTANT_IN != 0
        } else if patterns & (IMPORTANT_IN | IMPORTANT_OUT) != 0 {
            patterns & IMPORTANT_OUT == 0
        } else if lines & (IN | OUT) != 0 {
            lines & IN != 0
        } else {
            patterns & (IN | OUT) == IN
        }
    }
}

/// One mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// In a category, for these types and transports only.
    Typed {
        /// Its number.
        category: u16,
        /// See [`Rtypes`].
        types: u32,
    },
    /// What the lines of a source with patterns say.
    Lines {
        /// Place in [`Meaning::patterned`].
        patterned: u16,
        /// See [`says`].
        says: u8,
        /// For which types and transports.
        types: u32,
    },
    /// How a block by a category is answered.
    Action {
        /// Its number.
        category: u16,
        /// For a strict category: where names go that nothing confirms; else the category again.
        unconfirmed: u16,
        /// Number of the action.
        action: u16,
        /// For which types and transports.
        types: u32,
    },
}

/// A source and category that patterns feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Patterned {
    /// Number of the category.
    pub(crate) category: u16,
    /// For a strict category: where names go that nothing confirms.
    pub(crate) unconfirmed: Option<u16>,
    /// A `core` source: it confirms what it lists.
    pub(crate) core: bool,
    /// Some of its patterns take out what its lines list: nothing is sure below a name.
    pub(crate) opens: bool,
}

/// One rule that a pattern stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PatternRule {
    /// Number of the pattern; rules are sorted by it.
    pub(crate) pattern: u32,
    /// Place in [`Meaning::patterned`].
    pub(crate) patterned: u16,
    /// One of [`says`], patterns' bits.
    pub(crate) says: u8,
    /// For which types and transports.
    pub(crate) types: u32,
    /// How a block by it is answered.
    pub(crate) action: u16,
    /// Names, in presentation form, of which with all below it says nothing.
    pub(crate) spared: Vec<Spared>,
}

/// A spared name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Spared(pub(crate) Name);

impl TryFrom<String> for Spared {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Name::parse(&text).map(Self)
    }
}

impl From<Spared> for String {
    fn from(spared: Spared) -> Self {
        spared.0.to_string()
    }
}

/// What an index knows beside categories.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Meaning {
    /// Record types that are told apart.
    pub(crate) rtypes: Rtypes,
    /// The marks; the first has the number behind the last category.
    pub(crate) marks: Vec<Mark>,
    /// Sources and categories with patterns.
    pub(crate) patterned: Vec<Patterned>,
    /// Their rules, by pattern.
    pub(crate) rules: Vec<PatternRule>,
    /// How many patterns there are.
    pub(crate) patterns: usize,
    /// How entries are answered; number 0 is as the policy answers.
    pub(crate) actions: Vec<super::action::Stored>,
}

/// One question put to marks.
pub(crate) struct Resolving<'m> {
    meaning: &'m Meaning,
    categories: usize,
    bit: u32,
    /// What each source with patterns says.
    says: [u8; PATTERNED_MAX],
    /// Something that holds does not hold for every type and transport.
    pub(crate) partial: bool,
}

/// Most sources and categories with patterns.
pub(crate) const PATTERNED_MAX: usize = 256;

impl Meaning {
    /// Starts with nothing said. `categories` is how many there are.
    pub(crate) fn resolving(&self, categories: usize, bit: u32) -> Resolving<'_> {
        Resolving { meaning: self, categories, bit, says: [0; PATTERNED_MAX], partial: false }
    }

    /// The rules of a pattern.
    pub(crate) fn rules_of(&self, pattern: u32) -> &[PatternRule] {
        let from = self.rules.partition_point(|rule| rule.pattern < pattern);
        let rest = self.rules.get(from..).unwrap_or(&[]);
        rest.get(..rest.partition_point(|rule| rule.pattern == pattern)).unwrap_or(&[])
    }

    /// The mark of a number that is no category's.
    pub(crate) fn mark(&self, number: u16, categories: usize) -> Option<&Mark> {
        self.marks.get(usize::from(number).checked_sub(categories)?)
    }

    /// The action of a category among marks of a set.
    pub(crate) fn action_in(
        &self,
        set: &CategorySet,
        categories: usize,
        category: u16,
        bit: u32,
    ) -> Option<u16> {
        set.iter().find_map(|number| match self.mark(number, categories)? {
            Mark::Action { category: of, unconfirmed, action, types }
                if (*of == category || *unconfirmed == category) && types & bit != 0 =>
            {
                Some(*action)
            }
            _ => None,
        })
    }

    /// Categories of whose names some entry says how they are answered, and whether patterns do.
    pub(crate) fn acting(&self) -> (CategorySet, bool) {
        let mut acting = CategorySet::EMPTY;
        for mark in &self.marks {
            if let Mark::Action { category, unconfirmed, .. } = mark {
                acting.insert(*category);
                acting.insert(*unconfirmed);
            }
        }
        let mut patterns_act = false;
        for rule in self.rules.iter().filter(|rule| rule.action != 0) {
            patterns_act = true;
            if let Some(of) = self.patterned.get(usize::from(rule.patterned)) {
                acting.insert(of.category);
                acting.insert(of.unconfirmed.unwrap_or(of.category));
            }
        }
        (acting, patterns_act)
    }

    /// Whether no number is left for another mark.
    pub(crate) fn is_full(&self, categories: usize) -> bool {
        categories + self.marks.len() >= CATEGORIES_MAX
    }

    /// Whether everything in it points inside it and at known categories.
    pub(crate) fn is_sound(&self, categories: usize) -> bool {
        let category = |number: u16| usize::from(number) < categories;
        let patterned = |number: u16| usize::from(number) < self.patterned.len();
        let action = |number: u16| usize::from(number) < self.actions.len();
        categories + self.marks.len() <= CATEGORIES_MAX
            && self.rtypes.0.len() <= RTYPES_MAX
            && self.patterned.len() <= PATTERNED_MAX
            && self.patterned.iter().all(|one| category(one.category) && one.unconfirmed.is_none_or(category))
            && self.rules.is_sorted_by_key(|rule| rule.pattern)
            && self.rules.iter().all(|rule| patterned(rule.patterned) && action(rule.action))
            && self.marks.iter().all(|mark| match *mark {
                Mark::Typed { category: of, .. } => category(of),
                Mark::Lines { patterned: of, .. } => patterned(of),
                Mark::Action { category: of, action: how, .. } => category(of) && action(how),
            })
    }
}

impl PatternRule {
    /// Whether it says anything of a name that its pattern matches.
    pub(crate) fn speaks(&self, name: NameRef<'_>, bit: u32) -> bool {
        self.types & bit != 0 && !self.spared.iter().any(|spared| name.is_at_or_below(spared.0.as_ref()))
    }
}

impl Resolving<'_> {
    /// Takes note of what the rules of a pattern say of a name that it matches.
    pub(crate) fn matched(&mut self, rules: &[PatternRule], name: NameRef<'_>) {
        for rule in rules.iter().filter(|rule| rule.speaks(name, self.bit)) {
            self.partial |= rule.types != EVERY;
            if let Some(says) = self.says.get_mut(usize::from(rule.patterned)) {
                *says |= rule.says;
            }
        }
    }

    /// The categories that a set with marks comes to, for the name itself.
    pub(crate) fn here(&mut self, raw: &CategorySet) -> CategorySet {
        let mut set = self.unmarked(raw, false);
        for (patterned, says) in self.meaning.patterned.iter().zip(&self.says) {
            if says::is_in(*says) {
                patterned.join(&mut set);
            }
        }
        set
    }

    /// The same for whatever lies below: only what holds for every type and transport, and whatever a
    /// pattern says.
    pub(crate) fn below(&self, raw: &CategorySet) -> CategorySet {
        let mut asked = Resolving { says: [0; PATTERNED_MAX], partial: false, ..*self };
        let mut set = asked.unmarked(raw, true);
        for (patterned, says) in self.meaning.patterned.iter().zip(&asked.says) {
            let sure = !patterned.opens || says & says::IMPORTANT_IN != 0;
            if sure && says::is_in(*says) {
                patterned.join(&mut set);
            }
        }
        set
    }

    fn unmarked(&mut self, raw: &CategorySet, wholly: bool) -> CategorySet {
        let mut set = *raw;
        for number in raw.iter() {
            let Some(mark) = self.meaning.mark(number, self.categories) else { continue };
            set.remove(number);
            let holds = |types: u32| if wholly { types == EVERY } else { types & self.bit != 0 };
            match *mark {
                Mark::Typed { category, types } if holds(types) => {
                    self.partial = true;
                    set.insert(category);
                }
                Mark::Lines { patterned, says, types } if holds(types) => {
                    self.partial |= types != EVERY;
                    if let Some(known) = self.says.get_mut(usize::from(patterned)) {
                        *known |= says;
                    }
                }
                Mark::Typed { .. } | Mark::Lines { .. } | Mark::Action { .. } => {}
            }
        }
        set
    }
}

impl Patterned {
    /// Adds what this source says to what others say: two sources confirm each other.
    fn join(&self, set: &mut CategorySet) {
        match self.unconfirmed {
            Some(unconfirmed) if !self.core && !set.contains(self.category) && !set.contains(unconfirmed) => {
                set.insert(unconfirmed);
            }
            Some(unconfirmed) => {
                set.remove(unconfirmed);
                set.insert(self.category);
            }
            None => set.insert(self.category),
        }
    }
}
