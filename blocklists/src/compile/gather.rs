//! Reading and parsing: every source on its own, in parallel.
//!
//! Names go into one arena a source, as wire names end to end; a line is then eight bytes. What a
//! source feeds is a *feed*: the source and one category (a `ut1` source has many feeds).

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{CompileError, Input};
use crate::category::{CATEGORIES_MAX, CategoryId};
use crate::name::NameRef;
use crate::parse::{ListFile, Reach, Rule, Subject};
use crate::read::{ReadError, read_files};
use crate::report::SourceReport;
use crate::source::{Location, Trust};
use crate::starter::starter_text;

/// Kind under which rules are counted that parsers know and the index does not: all that is not a name.
const NOT_COMPILED: &str = "not compiled yet";

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

    pub(super) fn of(rule: &Rule<'_>, reach: Reach) -> Self {
        let flag = |on, bit| if on { bit } else { 0 };
        Self(
            reach as u8
                | flag(rule.exception, Self::EXCEPTION)
                | flag(rule.important, Self::IMPORTANT)
                | flag(rule.cancels, Self::CANCELS),
        )
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
    /// A key for hashes and gate, different for each attempt, that nobody can choose who writes
    /// only some of the lists.
    pub(super) fn seed(&self, attempt: u8) -> [u8; 32] {
        Sha256::new().chain_update(self.digest).chain_update([attempt]).finalize().into()
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
    digest: [u8; 32],
    report: SourceReport,
}

/// Reads and parses all sources.
///
/// # Errors
/// [`CompileError`] of the first source that cannot be read.
pub(super) fn gather(inputs: &[Input]) -> Result<(Gathered, Vec<SourceReport>), CompileError> {
    let parsed = inputs.par_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let fed = || parsed.iter().flat_map(|source| &source.categories);
    let mut categories: Vec<_> = fed().cloned().chain(fed().filter_map(CategoryId::unconfirmed)).collect();
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
    let mut reports = Vec::with_capacity(inputs.len());
    for (source, (input, mut parsed)) in inputs.iter().zip(parsed).enumerate() {
        let too_many = CompileError::TooMany { what: "sources and categories", limit: u64::from(u16::MAX) };
        let base = u16::try_from(gathered.feeds.len()).ok();
        let base =
            base.filter(|base| usize::from(u16::MAX - base) > parsed.categories.len()).ok_or(too_many)?;
        parsed.said.par_iter_mut().for_each(|said| said.feed += base);
        gathered.feeds.extend(parsed.categories.iter().map(|category| Feed {
            source,
            category: number(category).unwrap_or(0),
            unconfirmed: category.unconfirmed().as_ref().and_then(number),
            core: input.source.trust == Trust::Core,
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

fn parse(input: &Input) -> Result<Parsed, CompileError> {
    let mut parsed = Parsed {
        arena: Vec::new(),
        said: Vec::new(),
        categories: input.source.category.iter().cloned().collect(),
        digest: [0; 32],
        report: SourceReport { id: input.source.id.clone(), ..SourceReport::default() },
    };
    let mut full = false;
    let read =
        read_input(input, &mut |name, bytes| full |= parse_file(input, name, bytes, &mut parsed).is_none());
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
fn parse_file(input: &Input, name: &str, bytes: &[u8], parsed: &mut Parsed) -> Option<()> {
    let Parsed { arena, said, categories, report, .. } = parsed;
    for file in ListFile::all(&input.source, name, bytes, report) {
        let feed = categories.iter().position(|known| known == file.category()).unwrap_or_else(|| {
            categories.push(file.category().clone());
            categories.len() - 1
        });
        let feed = u16::try_from(feed).ok()?;
        let mut room = Some(());
        let mut waiting = 0;
        file.parse(report, &mut |_, rule| {
            let (Subject::Name(name, reach), None, []) = (rule.subject, rule.types, rule.spared) else {
                waiting += 1;
                return;
            };
            match u32::try_from(arena.len()) {
                Ok(offset) => {
                    arena.extend_from_slice(name.wire());
                    said.push(Said { offset, feed, marks: Marks::of(&rule, reach) });
                }
                Err(_) => room = None,
            }
        });
        if waiting > 0 {
            *report.unsupported.entry(NOT_COMPILED.to_owned()).or_default() += waiting;
        }
        room?;
    }
    Some(())
}
