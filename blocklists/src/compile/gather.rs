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
use super::source::{self, AddressSaid, Parsed, PatternSaid, Said, Voice, reject};
use super::{CompileError, Input};
use crate::category::{CATEGORIES_MAX, CategoryId};
use crate::index::meaning::{EVERY, PATTERNED_MAX, RTYPES_MAX, Rtypes, STREAM};
use crate::name::{Name, NameRef};
use crate::parse::{Reach, Types};
use crate::report::SourceReport;

pub(super) use super::source::Marks;

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
    /// Wire names end to end, one arena a source.
    pub(super) arenas: Vec<Vec<u8>>,
    /// What each source says, `feed` being a number of [`feeds`](Self::feeds).
    pub(super) said: Vec<Vec<Said>>,
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
    pub(super) source: usize,
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

    /// All names, as often as something is said of them.
    pub(super) fn names(&self) -> impl Iterator<Item = NameRef<'_>> {
        self.said.iter().flatten().map(|said| self.name(said.feed, said.offset))
    }

    /// The name of a rule.
    pub(super) fn name(&self, feed: u16, offset: u32) -> NameRef<'_> {
        let source = self.feeds.get(usize::from(feed)).map_or(0, |feed| feed.source);
        let arena = self.arenas.get(source).map_or(&[][..], |arena| arena.as_slice());
        NameRef::at(arena, offset as usize)
    }
}

/// Reads and parses all sources.
///
/// # Errors
/// [`CompileError`] of the first source that cannot be read.
pub(super) fn gather(fed: &[Fed<'_>]) -> Result<(Gathered, Vec<SourceReport>), CompileError> {
    let parse = |fed: &Fed<'_>| match fed {
        Fed::Copy(input) => source::parse(input),
        Fed::Below(input, removals) => source::parse_below(input, removals),
        Fed::Lines(lines, categories) => source::of_lines(lines, categories.clone()),
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
    let rtypes = Rtypes::new(parsed.iter().flat_map(|source| &source.types).flat_map(listed));
    let mut gathered = Gathered {
        arenas: Vec::new(),
        said: Vec::new(),
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
        let base = u16::try_from(self.feeds.len()).map_err(|_| too_many())?;
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
        let mut unknown = Vec::new();
        // Every category has its group, whether names or only patterns and addresses feed it.
        for voice in std::mem::take(&mut parsed.voices) {
            let group = self.group(source, &parsed, (voice.category, voice.spared), &mut groups);
            let types = self.types_of(&parsed, voice, &actions);
            unknown.push(types.is_none());
            let types = types.unwrap_or(0);
            self.feeds.push(Feed { source, group, types, action: number(&actions, voice.action) });
            if let Some(group) = self.groups.get_mut(usize::from(group)) {
                split(&mut group.pieces, types);
            }
        }
        if unknown.contains(&true) {
            let is_unknown = |said: &Said| unknown.get(usize::from(said.feed)) == Some(&true);
            let before = parsed.said.len();
            parsed.said.retain(|said| !is_unknown(said));
            count_unknown(&mut parsed.report, before - parsed.said.len());
        }
        parsed.said.par_iter_mut().for_each(|said| said.feed += base);
        self.add_subjects(source, &mut parsed, &actions, &mut groups);
        self.arenas.push(parsed.arena);
        self.said.push(parsed.said);
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
                count_unknown(&mut parsed.report, 1);
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

fn count_unknown(report: &mut SourceReport, lines: usize) {
    report.ignore_types(lines as u64, RTYPES_MAX);
}

/// Cuts pieces so that each lies wholly inside or outside these types.
pub(super) fn split(pieces: &mut Vec<u32>, types: u32) {
    let cut: Vec<u32> = pieces.iter().flat_map(|piece| [piece & types, piece & !types]).collect();
    *pieces = cut.into_iter().filter(|&piece| piece != 0).collect();
    pieces.sort_unstable();
}
