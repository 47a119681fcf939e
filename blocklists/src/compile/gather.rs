//! All sources put together: what each says alone, under numbers that they share.
//!
//! A *feed* is a voice of a source: what its lines add to their names. Feeds that are resolved
//! together (their most specific line wins) are a *group*: a source and one category, or the rules of
//! such that spare the same names.

use std::collections::HashMap;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::actions::Actions;
use super::over::Removals;
use super::runs::Run;
use super::source::{self, AddressSaid, Desk, Heard, Parsed, PatternSaid, Voice, reject};
use super::{CompileError, Input};
use crate::category::{CATEGORIES_MAX, CategoryId};
use crate::index::meaning::{EVERY, PATTERNED_MAX, RTYPES_MAX, Rtypes, STREAM};
use crate::name::Name;
use crate::parse::{Reach, Types};
use crate::report::SourceReport;
use crate::scratch::{Room, Scratch};

pub(super) use super::source::Marks;

/// Most labels, all names together. Real lists have about three a name; the gate holds a hash for
/// each in the worst case.
const LABELS_MAX: u64 = 1 << 26;

/// What is to be gathered.
pub(super) enum Fed<'a> {
    /// A source.
    Copy(&'a Input),
    /// What a source says below names that corrections take out, once more and in categories of its
    /// own.
    Below(&'a Input, &'a Removals),
    /// Lines of our own, and categories that are to be known.
    Lines(Vec<Line>, Vec<CategoryId>),
}

/// One line of our own.
pub(super) struct Line {
    pub(super) name: Name,
    pub(super) category: CategoryId,
    pub(super) reach: Reach,
    pub(super) exception: bool,
}

/// All that the sources say.
pub(super) struct Gathered {
    /// Where what is said of names was put away.
    pub(super) scratch: Scratch,
    /// What each source says, in runs.
    pub(super) runs: Vec<Vec<Run>>,
    /// By source, and by the number of a voice in its runs, the number among [`feeds`](Self::feeds);
    /// `None` where its lines say nothing.
    pub(super) numbers: Vec<Vec<Option<u16>>>,
    /// All feeds, those of one group together.
    pub(super) feeds: Vec<Feed>,
    /// All groups.
    pub(super) groups: Vec<Group>,
    /// All categories, sorted.
    pub(super) categories: Vec<CategoryId>,
    /// How entries are answered.
    pub(super) actions: Actions,
    /// Record types that rules tell apart.
    pub(super) rtypes: Rtypes,
    /// Patterns of all sources.
    pub(super) patterns: Vec<Pattern>,
    /// The groups that have patterns, by the number in [`Group::patterned`].
    pub(super) patterned: Vec<u16>,
    /// Addresses of all sources.
    pub(super) addresses: Vec<Address>,
    digest: [u8; 32],
}

/// A source's rules that add the same to their names.
pub(super) struct Feed {
    pub(super) group: u16,
    /// For which types and transports they speak, see [`Rtypes`].
    pub(super) types: u32,
    pub(super) action: u16,
}

/// Feeds that are resolved together.
pub(super) struct Group {
    pub(super) source: usize,
    /// Number of the category.
    pub(super) category: u16,
    /// For a strict category: where names go that nothing confirms.
    pub(super) unconfirmed: Option<u16>,
    /// A `core` source: it confirms what it lists.
    pub(super) core: bool,
    /// Types and transports that are to be told apart.
    pub(super) pieces: Vec<u32>,
    /// The source has patterns for this category.
    pub(super) patterned: Option<u16>,
    /// Rules that spare names: what they take out is nothing to the source's other rules.
    pub(super) spares: bool,
}

impl Group {
    /// Its category, and where names of it go that nothing confirms.
    pub(super) fn either(&self) -> (u16, u16) {
        (self.category, self.unconfirmed.unwrap_or(self.category))
    }
}

/// A pattern of a group.
pub(super) struct Pattern {
    pub(super) group: u16,
    pub(super) types: u32,
    pub(super) action: u16,
    pub(super) said: PatternSaid,
}

/// An address of a group.
pub(super) struct Address {
    pub(super) group: u16,
    pub(super) action: u16,
    pub(super) said: AddressSaid,
}

impl Gathered {
    /// A key for hashes, different for each attempt, that nobody can choose who writes only some of
    /// the lists.
    pub(super) fn key(&self, attempt: u8) -> u64 {
        let digest = Sha256::new().chain_update(self.digest).chain_update([attempt]).finalize();
        digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }

    /// The number of a source's voice among all feeds; `None` where its lines say nothing.
    pub(super) fn feed(&self, source: usize, voice: u16) -> Option<u16> {
        self.numbers.get(source)?.get(usize::from(voice)).copied().flatten()
    }
}

/// Reads and parses all sources.
///
/// # Errors
/// [`CompileError`] of the first source that cannot be read, or cannot be put away.
pub(super) fn gather(fed: &[Fed<'_>], room: Room<'_>) -> Result<(Gathered, Vec<SourceReport>), CompileError> {
    let scratch = room.scratch().map_err(CompileError::Disk)?;
    // As many sources are read at once as there are threads.
    let sorting = room.sorting / rayon::current_num_threads().max(1);
    let desk = Desk { scratch: &scratch, sorting };
    let parse = |fed: &Fed<'_>| match fed {
        Fed::Copy(input) => source::parse(input, desk),
        Fed::Below(input, removals) => source::parse_below(input, removals, desk),
        Fed::Lines(lines, categories) => source::of_lines(lines, categories.clone(), desk),
    };
    let parsed = fed.par_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let known = || parsed.iter().flat_map(|source| &source.categories);
    let mut categories: Vec<_> =
        known().cloned().chain(known().filter_map(CategoryId::unconfirmed)).collect();
    categories.sort();
    categories.dedup();
    if categories.len() > CATEGORIES_MAX {
        return Err(CompileError::TooMany { what: "categories", limit: CATEGORIES_MAX as u64 });
    }
    if parsed.iter().map(|source| source.labels).sum::<u64>() > LABELS_MAX {
        return Err(CompileError::TooMany { what: "labels in listed names", limit: LABELS_MAX });
    }
    let rtypes = Rtypes::new(parsed.iter().flat_map(|source| &source.types).flat_map(listed));
    let mut gathered = Gathered {
        scratch,
        runs: Vec::new(),
        numbers: Vec::new(),
        feeds: Vec::new(),
        groups: Vec::new(),
        categories,
        actions: Actions::new(),
        rtypes,
        patterns: Vec::new(),
        patterned: Vec::new(),
        addresses: Vec::new(),
        digest: [0; 32],
    };
    let mut digest = Sha256::new();
    let mut reports = Vec::with_capacity(fed.len());
    for (source, parsed) in parsed.into_iter().enumerate() {
        digest.update(parsed.digest);
        reports.push(gathered.add(source, parsed)?);
    }
    gathered.digest = digest.finalize().into();
    Ok((gathered, reports))
}

fn listed(types: &Types) -> impl Iterator<Item = u16> {
    let (Types::Only(types) | Types::But(types)) = types;
    types.iter().copied()
}

impl Gathered {
    /// Takes over what one source said.
    fn add(&mut self, source: usize, mut parsed: Parsed) -> Result<SourceReport, CompileError> {
        let too_many =
            || CompileError::TooMany { what: "sources and kinds of rules", limit: u64::from(u16::MAX) };
        if self.feeds.len() + self.groups.len() + 2 * parsed.voices.len() + parsed.categories.len()
            > usize::from(u16::MAX)
        {
            return Err(too_many());
        }
        let actions: Vec<u16> =
            parsed.actions.all().iter().map(|action| self.actions.number(action)).collect();
        // The first is the policy's own; another one that became it found no room.
        if actions.iter().skip(1).any(|&number| number == 0) {
            parsed.report.widen();
        }
        let mut groups: HashMap<(u16, u16), u16> = HashMap::new();
        let mut numbers = vec![None; parsed.voices.len()];
        // Every category has its group, whether names or only patterns and addresses feed it.
        for Heard { voice, feed, lines } in std::mem::take(&mut parsed.voices) {
            let group = self.group(source, &parsed, (voice.category, voice.spared), &mut groups);
            let Some(types) = self.types_of(&parsed, voice, &actions) else {
                parsed.report.ignore_types(lines, RTYPES_MAX);
                continue;
            };
            if let Some(number) = numbers.get_mut(usize::from(feed)) {
                *number = Some(u16::try_from(self.feeds.len()).map_err(|_| too_many())?);
            }
            self.feeds.push(Feed { group, types, action: number(&actions, voice.action) });
            if let Some(group) = self.groups.get_mut(usize::from(group)) {
                split(&mut group.pieces, types);
            }
        }
        self.add_subjects(source, &mut parsed, &actions, &mut groups);
        self.runs.push(parsed.runs);
        self.numbers.push(numbers);
        Ok(SourceReport { categories: parsed.categories, ..parsed.report })
    }

    /// Takes over patterns and addresses.
    fn add_subjects(
        &mut self,
        source: usize,
        parsed: &mut Parsed,
        actions: &[u16],
        groups: &mut HashMap<(u16, u16), u16>,
    ) {
        for said in std::mem::take(&mut parsed.patterns) {
            let Some(types) = self.types_of(parsed, said.voice, actions) else {
                parsed.report.ignore_types(1, RTYPES_MAX);
                continue;
            };
            let group = self.group(source, parsed, (said.voice.category, 0), groups);
            if self.patterned(group).is_none() {
                reject(
                    &mut parsed.report,
                    &said.file,
                    said.line,
                    "too many sources have patterns",
                    parsed.locked,
                );
                continue;
            }
            self.patterns.push(Pattern { group, types, action: number(actions, said.voice.action), said });
        }
        // The rules that spare names belong to the same source and category.
        for (&(category, _), &group) in groups.iter() {
            let own = groups.get(&(category, 0)).and_then(|own| self.groups.get(usize::from(*own)));
            let patterned = own.and_then(|own| own.patterned);
            if let Some(group) = self.groups.get_mut(usize::from(group)) {
                group.patterned = patterned;
            }
        }
        for said in std::mem::take(&mut parsed.addresses) {
            let group = self.group(source, parsed, (said.category, 0), groups);
            self.addresses.push(Address { group, action: number(actions, said.action), said });
        }
    }

    /// The number of a source's group, by category and spared names.
    fn group(
        &mut self,
        source: usize,
        parsed: &Parsed,
        key: (u16, u16),
        groups: &mut HashMap<(u16, u16), u16>,
    ) -> u16 {
        *groups.entry(key).or_insert_with(|| {
            let category = parsed.categories.get(usize::from(key.0));
            let number = |category: &CategoryId| {
                self.categories.binary_search(category).ok().and_then(|place| u16::try_from(place).ok())
            };
            self.groups.push(Group {
                source,
                category: category.and_then(number).unwrap_or(0),
                unconfirmed: category.and_then(CategoryId::unconfirmed).as_ref().and_then(number),
                core: parsed.core,
                pieces: vec![EVERY],
                patterned: None,
                spares: key.1 != 0,
            });
            u16::try_from(self.groups.len() - 1).unwrap_or(u16::MAX)
        })
    }

    /// The number of a group among those with patterns.
    fn patterned(&mut self, group: u16) -> Option<u16> {
        let own = self.groups.get_mut(usize::from(group))?;
        if own.patterned.is_none() && self.patterned.len() < PATTERNED_MAX {
            own.patterned = u16::try_from(self.patterned.len()).ok();
            self.patterned.push(group);
        }
        own.patterned
    }

    /// For which types and transports a voice speaks; `None` when it names too rare a type.
    fn types_of(&self, parsed: &Parsed, voice: Voice, actions: &[u16]) -> Option<u32> {
        let types = match voice.types.checked_sub(1) {
            None => EVERY,
            Some(place) => self.rtypes.mask(parsed.types.get(usize::from(place))?)?,
        };
        let tcp_only = self.actions.is_tcp_only(number(actions, voice.action));
        Some(if tcp_only { types & !STREAM } else { types })
    }
}

fn number(numbers: &[u16], own: u16) -> u16 {
    numbers.get(usize::from(own)).copied().unwrap_or(0)
}

/// Cuts pieces so that each lies wholly inside or outside these types.
pub(super) fn split(pieces: &mut Vec<u32>, types: u32) {
    let cut: Vec<u32> = pieces.iter().flat_map(|piece| [piece & types, piece & !types]).collect();
    *pieces = cut.into_iter().filter(|&piece| piece != 0).collect();
    pieces.sort_unstable();
}
