//! Reading and parsing: every source on its own, in parallel.
//!
//! Names go into one arena a source, as wire names end to end; a line is then eight bytes. What a
//! source feeds is a *feed*: the source and one category (a `ut1` source has many feeds).

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::over::Removals;
use super::{CompileError, Input};
use crate::category::{CATEGORIES_MAX, CategoryId, Stand};
use crate::name::{Name, NameRef};
use crate::parse::{ListFile, Reach, Rule};
use crate::read::{ReadError, read_files};
use crate::report::SourceReport;
use crate::source::{Location, Trust};
use crate::starter::starter_text;

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
    /// All feeds.
    pub(super) feeds: Vec<Feed>,
    /// All categories, sorted.
    pub(super) categories: Vec<CategoryId>,
    digest: [u8; 32],
}

/// One source and one category that it feeds.
pub(super) struct Feed {
    pub(super) source: usize,
    /// Number of the category.
    pub(super) category: u16,
    /// For a strict category: where names go that nothing confirms.
    pub(super) unconfirmed: Option<u16>,
    /// A `core` source: it confirms what it lists.
    pub(super) core: bool,
}

/// One rule: where its name stands in the arena, what it feeds, how it is marked.
#[derive(Clone, Copy)]
pub(super) struct Said {
    pub(super) offset: u32,
    pub(super) feed: u16,
    pub(super) marks: Marks,
}

/// A rule's reach and flags in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Marks(u8);

impl Marks {
    const EXCEPTION: u8 = 4;
    const IMPORTANT: u8 = 8;
    const CANCELS: u8 = 16;

    pub(super) fn of(rule: &Rule<'_>) -> Self {
        let flag = |on, bit| if on { bit } else { 0 };
        Self(
            rule.reach as u8
                | flag(rule.exception, Self::EXCEPTION)
                | flag(rule.important, Self::IMPORTANT)
                | flag(rule.cancels, Self::CANCELS),
        )
    }

    /// Of a line that has no other mark.
    fn plain(reach: Reach, exception: bool) -> Self {
        Self(reach as u8 | if exception { Self::EXCEPTION } else { 0 })
    }

    pub(super) fn reach(self) -> Reach {
        match self.0 & 3 {
            0 => Reach::Subtree,
            1 => Reach::Below,
            _ => Reach::Exact,
        }
    }

    pub(super) fn is_exception(self) -> bool {
        self.0 & Self::EXCEPTION != 0
    }

    pub(super) fn is_important(self) -> bool {
        self.0 & Self::IMPORTANT != 0
    }

    /// The marks of the rule that this one cancels.
    pub(super) fn cancelled(self) -> Option<Self> {
        (self.0 & Self::CANCELS != 0).then_some(Self(self.0 & !Self::CANCELS))
    }
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

/// What one source said, its feeds still its own.
struct Parsed {
    arena: Vec<u8>,
    said: Vec<Said>,
    categories: Vec<CategoryId>,
    /// It confirms what it lists.
    core: bool,
    digest: [u8; 32],
    report: SourceReport,
}

/// Reads and parses all sources.
///
/// # Errors
/// [`CompileError`] of the first source that cannot be read.
pub(super) fn gather(fed: &[Fed<'_>]) -> Result<(Gathered, Vec<SourceReport>), CompileError> {
    let parsed = fed.par_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let known = || parsed.iter().flat_map(|source| &source.categories);
    let mut categories: Vec<_> =
        known().cloned().chain(known().filter_map(CategoryId::unconfirmed)).collect();
    categories.sort();
    categories.dedup();
    if categories.len() > CATEGORIES_MAX {
        return Err(CompileError::TooMany { what: "categories", limit: CATEGORIES_MAX as u64 });
    }
    let number = |category: &CategoryId| {
        categories.binary_search(category).ok().and_then(|place| u16::try_from(place).ok())
    };
    let mut digest = Sha256::new();
    let mut gathered = Gathered {
        arenas: Vec::new(),
        said: Vec::new(),
        feeds: Vec::new(),
        categories: Vec::new(),
        digest: [0; 32],
    };
    let mut reports = Vec::with_capacity(fed.len());
    for (source, mut parsed) in parsed.into_iter().enumerate() {
        let too_many = CompileError::TooMany { what: "sources and categories", limit: u64::from(u16::MAX) };
        let base = u16::try_from(gathered.feeds.len()).ok();
        let base =
            base.filter(|base| usize::from(u16::MAX - base) > parsed.categories.len()).ok_or(too_many)?;
        parsed.said.par_iter_mut().for_each(|said| said.feed += base);
        gathered.feeds.extend(parsed.categories.iter().map(|category| Feed {
            source,
            category: number(category).unwrap_or(0),
            unconfirmed: category.unconfirmed().as_ref().and_then(number),
            core: parsed.core,
        }));
        digest.update(parsed.digest);
        gathered.arenas.push(parsed.arena);
        gathered.said.push(parsed.said);
        reports.push(SourceReport { categories: parsed.categories, ..parsed.report });
    }
    gathered.digest = digest.finalize().into();
    gathered.categories = categories;
    Ok((gathered, reports))
}

fn parse(fed: &Fed<'_>) -> Result<Parsed, CompileError> {
    match fed {
        Fed::Copy(input) => parse_copy(input, None),
        Fed::Below(input, removals) => parse_copy(input, Some(removals)),
        Fed::Lines(lines, categories) => Ok(of_lines(lines, categories.clone())),
    }
}

fn parse_copy(input: &Input, removals: Option<&Removals>) -> Result<Parsed, CompileError> {
    let category = input.source.category.iter().filter(|_| removals.is_none());
    let mut parsed = Parsed {
        arena: Vec::new(),
        said: Vec::new(),
        categories: category.cloned().collect(),
        core: input.source.trust == Trust::Core,
        digest: [0; 32],
        report: SourceReport { id: input.source.id.clone(), ..SourceReport::default() },
    };
    let mut full = false;
    let read = read_input(input, &mut |name, bytes| {
        full |= parse_file(input, removals, name, bytes, &mut parsed).is_none();
    });
    read.map_err(|error| CompileError::Read { id: input.source.id.clone(), error })?;
    if full {
        return Err(CompileError::TooMany {
            what: "bytes of names in one source",
            limit: u64::from(u32::MAX),
        });
    }
    parsed.digest = Sha256::digest(&parsed.arena).into();
    parsed.report.unmapped.sort();
    Ok(parsed)
}

fn of_lines(lines: &[Line], categories: Vec<CategoryId>) -> Parsed {
    let mut parsed = Parsed {
        arena: Vec::new(),
        said: Vec::new(),
        categories,
        core: true,
        digest: [0; 32],
        report: SourceReport::default(),
    };
    for Line { name, category, reach, exception } in lines {
        let feed = parsed.feed(category);
        // Corrections are made by people: there are never so many that the numbers end.
        let offset = u32::try_from(parsed.arena.len()).unwrap_or(u32::MAX);
        parsed.arena.extend_from_slice(name.as_ref().wire());
        let marks = Marks::plain(*reach, *exception);
        parsed.said.push(Said { offset, feed: feed.unwrap_or(u16::MAX), marks });
    }
    parsed
}

impl Parsed {
    /// The number of the feed into a category; `None` when there are too many.
    fn feed(&mut self, category: &CategoryId) -> Option<u16> {
        let feed = self.categories.iter().position(|known| known == category).unwrap_or_else(|| {
            self.categories.push(category.clone());
            self.categories.len() - 1
        });
        u16::try_from(feed).ok()
    }
}

fn read_input(input: &Input, sink: &mut dyn FnMut(&str, &[u8])) -> Result<(), ReadError> {
    match &input.source.location {
        Location::BuiltIn(file) => {
            sink("", starter_text(file).unwrap_or_default().as_bytes());
            Ok(())
        }
        _ if input.copy.as_os_str().is_empty() => Ok(()),
        Location::Path(_) | Location::Url(_) => read_files(&input.copy, sink),
    }
}

/// Parses one file of a source; `None` when the source's arena is full.
fn parse_file(
    input: &Input,
    removals: Option<&Removals>,
    name: &str,
    bytes: &[u8],
    parsed: &mut Parsed,
) -> Option<()> {
    let mut report = std::mem::take(&mut parsed.report);
    let mut room = Some(());
    for file in ListFile::all(&input.source, name, bytes, &mut report) {
        let whole = if removals.is_none() { parsed.feed(file.category()) } else { None };
        file.parse(&mut report, &mut |_, rule| {
            let feed = match removals {
                None => whole,
                Some(removals) => match removals.above(file.category(), rule.name) {
                    Some(level) => parsed.feed(&Stand::Again(level).id(file.category())),
                    None => return,
                },
            };
            match (u32::try_from(parsed.arena.len()).ok(), feed) {
                (Some(offset), Some(feed)) => {
                    parsed.arena.extend_from_slice(rule.name.wire());
                    parsed.said.push(Said { offset, feed, marks: Marks::of(&rule) });
                }
                _ => room = None,
            }
        });
    }
    parsed.report = report;
    room
}
