//! What one source says, read and parsed on its own.
//!
//! Lists are read a piece at a time, and names are put away sorted as they come (see
//! [`runs`](super::runs)): nothing that is kept here grows with them. What a line adds
//! to its name (category, types, action, the names that it spares) is its *voice*; most lines of a
//! source share one. `$denyallow` makes a *group* of voices of its own: within it the spared names
//! are exceptions, and the source's own exceptions hold as well, but nothing in it takes away what
//! the source's other lines say. Patterns and addresses are few and are kept as they are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::actions::{Actions, OwnAction};
use super::bounds::{self, Bound, Full};
use super::gather;
use super::over::Removals;
use super::runs::{Run, Sorter};
use super::{CompileError, Input};
use crate::category::{CategoryId, Stand};
use crate::name::{Name, NameRef};
use crate::parse::{Action, Line, ListFile, Reach, Reached, Rule, Subject, Types};
use crate::read::{Piece, ReadError, read_files, read_pieces};
use crate::report::{SAMPLES_MAX, Sample, SourceReport};
use crate::scratch::{Room, Scratch};
use crate::source::{Format, Location, Trust};
use crate::starter::starter_text;

/// What one source said, all numbers still its own.
pub(super) struct Parsed {
    /// Names with their voices and marks.
    pub(super) runs: Vec<Run>,
    /// Labels of all names, as often as they are said.
    pub(super) labels: u64,
    pub(super) categories: Vec<CategoryId>,
    /// Rising: voices of one group stand together.
    pub(super) voices: Vec<Heard>,
    pub(super) types: Vec<Types>,
    pub(super) actions: Actions,
    pub(super) patterns: Vec<PatternSaid>,
    pub(super) addresses: Vec<AddressSaid>,
    pub(super) digest: [u8; 32],
    pub(super) report: SourceReport,
    pub(super) core: bool,
    /// No samples of its lines are shown.
    pub(super) locked: bool,
}

/// A voice, its number in the runs, and how many lines have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Heard {
    pub(super) voice: Voice,
    pub(super) feed: u16,
    pub(super) lines: u64,
}

/// What a line adds to its name, as numbers of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Voice {
    pub(super) category: u16,
    /// Which names are spared; 0 for none.
    pub(super) spared: u16,
    /// Place among the types, from 1; 0 for every type.
    pub(super) types: u16,
    pub(super) action: u16,
}

/// A pattern as it was said.
pub(super) struct PatternSaid {
    pub(super) text: String,
    pub(super) voice: Voice,
    pub(super) exception: bool,
    pub(super) important: bool,
    pub(super) spared: Vec<Name>,
    pub(super) file: String,
    pub(super) line: u64,
    cancels: bool,
}

/// An address as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressSaid {
    pub(super) net: IpNet,
    /// Of the client that asks; else of an answer.
    pub(super) client: bool,
    pub(super) category: u16,
    pub(super) action: u16,
    pub(super) exception: bool,
    cancels: bool,
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

    /// Of a line that has no other mark.
    fn plain(reach: Reach, exception: bool) -> Self {
        Self(reach as u8 | if exception { Self::EXCEPTION } else { 0 })
    }

    /// An exception of a name and all below.
    fn spares(important: bool) -> Self {
        Self(Reach::Subtree as u8 | Self::EXCEPTION | if important { Self::IMPORTANT } else { 0 })
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

    /// As it is written down.
    pub(super) fn byte(self) -> u8 {
        self.0
    }

    /// As it was written down.
    pub(super) fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The marks of the rule that this one cancels.
    pub(super) fn cancelled(self) -> Option<Self> {
        (self.0 & Self::CANCELS != 0).then_some(Self(self.0 & !Self::CANCELS))
    }
}

/// Where sources put what they say, and how much of it each may hold in memory.
#[derive(Clone, Copy)]
pub(super) struct Desk<'s> {
    pub(super) scratch: &'s Scratch,
    pub(super) sorting: usize,
}

/// Reads and parses a source.
///
/// # Errors
/// [`CompileError`] when its copy cannot be read, holds more than an index can, or cannot be put away.
pub(super) fn parse(input: &Input, desk: Desk<'_>) -> Result<Parsed, CompileError> {
    parse_with(input, Reader::new(input, None, desk))
}

/// What a source says below names that corrections take out, in categories of its own. Only names
/// count: patterns and addresses stay in force from where they are.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_below(
    input: &Input,
    removals: &Removals,
    desk: Desk<'_>,
) -> Result<Parsed, CompileError> {
    parse_with(input, Reader::new(input, Some(removals), desk))
}

/// Lines of our own, as a source that confirms what it says.
///
/// # Errors
/// [`CompileError::TooManyIn`]; corrections are made by people, so there are never so many.
pub(super) fn of_lines(
    lines: &[gather::Line],
    categories: Vec<CategoryId>,
    desk: Desk<'_>,
) -> Result<Parsed, CompileError> {
    let mut reader = Reader::empty(SourceReport::default(), true, false, desk);
    reader.parsed.categories = categories;
    for gather::Line { name, category, reach, exception } in lines {
        let taken = reader.line(name.as_ref(), category, Marks::plain(*reach, *exception));
        taken.map_err(|full| full.of("corrections"))?;
    }
    reader.finish()
}

/// Whether a source holds nothing but names that are in or out: it can be asked beside an index, name
/// by name.
///
/// # Errors
/// As [`parse`].
pub(super) fn is_plain(input: &Input) -> Result<bool, CompileError> {
    let room = Room::MEMORY;
    let scratch = room.scratch().map_err(CompileError::Disk)?;
    let parsed = parse(input, Desk { scratch: &scratch, sorting: room.sorting })?;
    let is_plain = |heard: &Heard| (heard.voice.spared, heard.voice.types, heard.voice.action) == (0, 0, 0);
    Ok(parsed.patterns.is_empty() && parsed.addresses.is_empty() && parsed.voices.iter().all(is_plain))
}

fn parse_with(input: &Input, mut reader: Reader<'_>) -> Result<Parsed, CompileError> {
    let (mut full, mut reached) = (None, Reached::default());
    let read = read_input(input, &mut |piece| {
        if piece.is_first {
            reached = Reached::default();
        }
        if full.is_none() {
            full = reader.piece(input, piece, &mut reached).err();
        }
    });
    read.map_err(|error| CompileError::Read { id: input.source.id.clone(), error })?;
    full.map_or_else(|| reader.finish(), |full| Err(full.of(&input.source.id)))
}

fn read_input(input: &Input, sink: &mut dyn FnMut(Piece<'_>)) -> Result<(), ReadError> {
    let mut whole = |name: &str, bytes: &[u8]| sink(Piece { name, bytes, is_first: true });
    match &input.source.location {
        Location::BuiltIn(file) => {
            whole("", starter_text(file).unwrap_or_default().as_bytes());
            Ok(())
        }
        _ if input.copy.as_os_str().is_empty() => Ok(()),
        _ if input.source.format.is_read_by_lines() => read_pieces(&input.copy, sink),
        _ => read_files(&input.copy, &mut whole),
    }
}

/// A source while it is read.
struct Reader<'r> {
    parsed: Parsed,
    names: Sorter<'r>,
    /// Over all names, as they come.
    digest: Sha256,
    /// How many lines each voice has, by its number.
    lines: Vec<u64>,
    /// Of a format that knows `$denyallow`: exceptions, each with its voice.
    exceptions: Vec<(Name, u16, Marks)>,
    /// By group of sparing rules what they list.
    sparing: HashMap<(u16, u16), Sparing>,
    keeps_exceptions: bool,
    voices: HashMap<Voice, u16>,
    /// In the order of their numbers, from 1.
    spared: Vec<Vec<Name>>,
    plain: Option<(Voice, u16)>,
    /// Only what is below these is wanted.
    removals: Option<&'r Removals>,
}

/// What the sparing rules of one group list.
#[derive(Default)]
struct Sparing {
    names: HashSet<Name>,
    /// Whether ordinary rules are among them, and `$important` ones.
    importances: BTreeSet<bool>,
}

impl<'r> Reader<'r> {
    fn new(input: &Input, removals: Option<&'r Removals>, desk: Desk<'r>) -> Self {
        let own = input.source.category.as_ref();
        let report = SourceReport { id: input.source.id.clone(), ..SourceReport::default() };
        let locked = input.source.locked || own.is_some_and(CategoryId::is_locked);
        let mut reader = Self::empty(report, input.source.trust == Trust::Core, locked, desk);
        reader.keeps_exceptions = input.source.format == Format::Adblock;
        reader.parsed.categories.extend(own.filter(|_| removals.is_none()).cloned());
        Self { removals, ..reader }
    }

    fn empty(report: SourceReport, core: bool, locked: bool, desk: Desk<'r>) -> Self {
        let parsed = Parsed {
            runs: Vec::new(),
            labels: 0,
            categories: Vec::new(),
            voices: Vec::new(),
            types: Vec::new(),
            actions: Actions::new(),
            patterns: Vec::new(),
            addresses: Vec::new(),
            digest: [0; 32],
            report,
            core,
            locked,
        };
        Self {
            parsed,
            names: Sorter::new(desk.scratch, desk.sorting),
            digest: Sha256::new(),
            lines: Vec::new(),
            exceptions: Vec::new(),
            sparing: HashMap::new(),
            keeps_exceptions: false,
            voices: HashMap::new(),
            spared: Vec::new(),
            plain: None,
            removals: None,
        }
    }

    /// The number of a category.
    fn category(&mut self, category: &CategoryId) -> Result<u16, Bound> {
        let known = self.parsed.categories.iter().position(|known| known == category);
        let place = known.unwrap_or_else(|| {
            self.parsed.categories.push(category.clone());
            self.parsed.categories.len() - 1
        });
        bounds::CATEGORIES.holds(place)?;
        u16::try_from(place).map_err(|_| bounds::CATEGORIES)
    }

    /// Parses a piece of a file; `reached` is where the one before ended.
    fn piece(&mut self, input: &Input, piece: Piece<'_>, reached: &mut Reached) -> Result<(), Full> {
        let Piece { name, bytes, .. } = piece;
        let mut report = std::mem::take(&mut self.parsed.report);
        let mut result = Ok(());
        for file in ListFile::all(&input.source, name, bytes, &mut report) {
            if let Some(removals) = self.removals {
                file.parse_on(reached, &mut report, &mut |line, rule| {
                    let taken = self.below(file.category(), &rule, removals);
                    if result.is_ok() {
                        result = taken.map_err(|full| full.at(name, line.number));
                    }
                });
                continue;
            }
            let category = self.category(file.category())?;
            let is_locked = input.source.locked || file.category().is_locked();
            file.parse_on(reached, &mut report, &mut |line, rule| {
                // What a locked category lists has no exceptions of any kind.
                let rule = if is_locked { Rule { spared: &[], ..rule } } else { rule };
                let taken = self.rule(category, name, &line, &rule);
                if result.is_ok() {
                    result = taken.map_err(|full| full.at(name, line.number));
                }
            });
        }
        self.parsed.report = report;
        result
    }

    /// Says once more what lies below a name that is taken out.
    fn below(&mut self, category: &CategoryId, rule: &Rule<'_>, removals: &Removals) -> Result<(), Full> {
        let Subject::Name(name, reach) = rule.subject else { return Ok(()) };
        let Some(level) = removals.above(category, name) else { return Ok(()) };
        self.line(name, &Stand::Again(level).id(category), Marks::of(rule, reach))
    }

    /// A line that says nothing but a name.
    fn line(&mut self, name: NameRef<'_>, category: &CategoryId, marks: Marks) -> Result<(), Full> {
        let category = self.category(category)?;
        let feed = self.feed(Voice { category, spared: 0, types: 0, action: 0 })?;
        self.say(name, feed, marks)
    }

    fn rule(&mut self, category: u16, file: &str, line: &Line<'_>, rule: &Rule<'_>) -> Result<(), Full> {
        match rule.subject {
            Subject::Name(name, reach) => self.name(category, name, reach, rule)?,
            Subject::Pattern(text) => {
                bounds::PATTERNS.holds(self.parsed.patterns.len())?;
                let voice = self.voice_of(category, 0, rule)?;
                self.parsed.patterns.push(PatternSaid {
                    text: text.to_owned(),
                    voice,
                    exception: rule.exception,
                    important: rule.important,
                    spared: rule.spared.to_vec(),
                    file: file.to_owned(),
                    line: line.number,
                    cancels: rule.cancels,
                });
            }
            Subject::Answer(net) | Subject::Client(net) => {
                bounds::ADDRESSES.holds(self.parsed.addresses.len())?;
                self.parsed.addresses.push(AddressSaid {
                    net: net.trunc(),
                    client: matches!(rule.subject, Subject::Client(_)),
                    category,
                    action: self.parsed.actions.number(&OwnAction::from(rule.action)),
                    exception: rule.exception,
                    cancels: rule.cancels,
                });
            }
        }
        Ok(())
    }

    fn name(&mut self, category: u16, name: NameRef<'_>, reach: Reach, rule: &Rule<'_>) -> Result<(), Full> {
        // A rule that spares all that it speaks of says nothing.
        if rule.spared.iter().any(|spared| name.is_at_or_below(spared.as_ref())) {
            return Ok(());
        }
        let spared =
            if rule.spared.is_empty() || rule.exception { 0 } else { self.spared_number(rule.spared)? };
        let voice = self.voice_of(category, spared, rule)?;
        let (feed, marks) = (self.feed(voice)?, Marks::of(rule, reach));
        if spared != 0 {
            let sparing = self.sparing.entry((category, spared)).or_default();
            sparing.names.insert(name.to_owned());
            sparing.importances.insert(marks.is_important());
        } else if self.keeps_exceptions && marks.is_exception() {
            self.exceptions.push((name.to_owned(), feed, marks));
        }
        self.say(name, feed, marks)
    }

    fn say(&mut self, name: NameRef<'_>, feed: u16, marks: Marks) -> Result<(), Full> {
        self.digest.update(name.wire());
        self.parsed.labels += name.label_count() as u64;
        if let Some(lines) = self.lines.get_mut(usize::from(feed)) {
            *lines += 1;
        }
        Ok(self.names.push(name, feed, marks)?)
    }

    fn spared_number(&mut self, spared: &[Name]) -> Result<u16, Bound> {
        let spared: Vec<Name> = spared.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let place = self.spared.iter().position(|known| *known == spared).unwrap_or_else(|| {
            self.spared.push(spared);
            self.spared.len() - 1
        });
        bounds::SPARED.holds(place)?;
        u16::try_from(place + 1).map_err(|_| bounds::SPARED)
    }

    fn voice_of(&mut self, category: u16, spared: u16, rule: &Rule<'_>) -> Result<Voice, Bound> {
        let types = match rule.types {
            None => 0,
            Some(types) => {
                let place = self.parsed.types.iter().position(|known| known == types).unwrap_or_else(|| {
                    self.parsed.types.push(types.clone());
                    self.parsed.types.len() - 1
                });
                bounds::TYPES.holds(place)?;
                u16::try_from(place + 1).map_err(|_| bounds::TYPES)?
            }
        };
        let action = match rule.action {
            Action::Policy => 0,
            action => self.parsed.actions.number(&OwnAction::from(action)),
        };
        Ok(Voice { category, spared, types, action })
    }

    fn feed(&mut self, voice: Voice) -> Result<u16, Bound> {
        if let Some((plain, feed)) = self.plain
            && plain == voice
        {
            return Ok(feed);
        }
        let feed = if let Some(&feed) = self.voices.get(&voice) {
            feed
        } else {
            bounds::KINDS.holds(self.voices.len())?;
            let next = u16::try_from(self.voices.len()).map_err(|_| bounds::KINDS)?;
            self.voices.insert(voice, next);
            self.lines.push(0);
            next
        };
        self.plain = Some((voice, feed));
        Ok(feed)
    }

    fn finish(mut self) -> Result<Parsed, CompileError> {
        self.spare().map_err(|full| full.of(&self.parsed.report.id))?;
        let lines = |feed: u16| self.lines.get(usize::from(feed)).copied().unwrap_or(0);
        let voices = self.voices.into_iter();
        let mut voices: Vec<_> =
            voices.map(|(voice, feed)| Heard { voice, feed, lines: lines(feed) }).collect();
        voices.sort_unstable();
        let mut parsed = self.parsed;
        parsed.voices = voices;
        cancel(&mut parsed);
        parsed.runs = self.names.finish().map_err(CompileError::Disk)?;
        parsed.digest = self.digest.finalize().into();
        parsed.report.unmapped.sort();
        Ok(parsed)
    }

    /// Writes into every group of sparing rules what is an exception there: the spared names, and the
    /// source's own exceptions that can meet them.
    fn spare(&mut self) -> Result<(), Full> {
        let sparing: BTreeMap<(u16, u16), Sparing> = std::mem::take(&mut self.sparing).into_iter().collect();
        let voices: HashMap<u16, Voice> = self.voices.iter().map(|(voice, feed)| (*feed, *voice)).collect();
        let exceptions = if sparing.is_empty() { Vec::new() } else { std::mem::take(&mut self.exceptions) };
        let mut carried = 0;
        for (name, feed, marks) in exceptions {
            let Some(voice) = voices.get(&feed).copied() else { continue };
            let own = sparing.range((voice.category, 0)..=(voice.category, u16::MAX));
            for (&(_, spared), _) in own.filter(|(_, group)| group.meets(name.as_ref(), marks)) {
                bounds::CARRIED.holds(carried)?;
                let feed = self.feed(Voice { spared, ..voice })?;
                self.say(name.as_ref(), feed, marks)?;
                carried += 1;
            }
        }
        for ((category, spared), group) in sparing {
            let feed = self.feed(Voice { category, spared, types: 0, action: 0 })?;
            let names = self.spared.get(usize::from(spared) - 1).cloned().unwrap_or_default();
            for important in group.importances {
                for name in &names {
                    self.say(name.as_ref(), feed, Marks::spares(important))?;
                }
            }
        }
        Ok(())
    }
}

impl Sparing {
    /// Whether an exception can take something away here: it stands at or below what is listed, or is
    /// important.
    fn meets(&self, name: NameRef<'_>, marks: Marks) -> bool {
        marks.is_important() || name.suffixes().any(|suffix| self.names.contains(suffix.wire()))
    }
}

/// Counts a rule that a parser took and the compiler cannot take.
pub(super) fn reject(report: &mut SourceReport, file: &str, line: u64, why: &str, locked: bool) {
    report.entries = report.entries.saturating_sub(1);
    report.rejected_lines += 1;
    if report.rejected_lines <= SAMPLES_MAX && !locked {
        report.samples.push(Sample { file: file.to_owned(), line, why: why.to_owned() });
    }
}

/// Takes out patterns and addresses that `$badfilter` cancels.
fn cancel(parsed: &mut Parsed) {
    let key = |rule: &PatternSaid| {
        (rule.text.clone(), rule.voice, rule.exception, rule.important, rule.spared.clone())
    };
    let cancelled: HashSet<_> = parsed.patterns.iter().filter(|rule| rule.cancels).map(key).collect();
    parsed.patterns.retain(|rule| !rule.cancels && (cancelled.is_empty() || !cancelled.contains(&key(rule))));
    let cancelled: Vec<_> = parsed.addresses.iter().filter(|said| said.cancels).cloned().collect();
    parsed.addresses.retain(|said| {
        !said.cancels
            && !cancelled.iter().any(|other| AddressSaid { cancels: false, ..other.clone() } == *said)
    });
}
