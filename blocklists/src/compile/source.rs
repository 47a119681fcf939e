//! What one source says, read and parsed on its own.
//!
//! Names go into one arena as wire names end to end, so that a line is eight bytes. What a line adds
//! to its name (category, types, action, the names that it spares) is its *voice*; most lines of a
//! source share one. `$denyallow` makes a *group* of voices of its own: within it the spared names
//! are exceptions, and the source's own exceptions hold as well, but nothing in it takes away what
//! the source's other lines say. Patterns and addresses are few and are kept as they are.

use std::collections::{BTreeSet, HashMap, HashSet};

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::actions::{Actions, OwnAction};
use super::{CompileError, Input};
use crate::category::CategoryId;
use crate::name::{Name, NameRef};
use crate::parse::{Action, Line, ListFile, Reach, Rule, Subject, Types};
use crate::read::{ReadError, read_files};
use crate::report::{SAMPLES_MAX, Sample, SourceReport};
use crate::source::{Location, Trust};
use crate::starter::starter_text;

/// Most groups of names that the `$denyallow` rules of one source spare.
const SPARED_MAX: usize = 4096;
/// Most lines that one source's exceptions take in such groups.
const CARRIED_MAX: usize = 1 << 22;
/// Most patterns, and most addresses, of one source.
const SUBJECTS_MAX: usize = 1 << 21;
/// Shortest prefixes of addresses that are believed: nobody lists an eighth of a per cent of everybody.
const PREFIX_MIN: [u8; 2] = [8, 16];

/// What one source said, all numbers still its own.
pub(super) struct Parsed {
    pub(super) arena: Vec<u8>,
    pub(super) said: Vec<Said>,
    pub(super) categories: Vec<CategoryId>,
    /// Rising: voices of one group stand together.
    pub(super) voices: Vec<Voice>,
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

/// One line: where its name stands in the arena, its voice, how it is marked.
#[derive(Clone, Copy)]
pub(super) struct Said {
    pub(super) offset: u32,
    pub(super) feed: u16,
    pub(super) marks: Marks,
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

    /// The marks of the rule that this one cancels.
    pub(super) fn cancelled(self) -> Option<Self> {
        (self.0 & Self::CANCELS != 0).then_some(Self(self.0 & !Self::CANCELS))
    }
}

/// Reads and parses a source.
///
/// # Errors
/// [`CompileError`] when its copy cannot be read, or holds more than an index can.
pub(super) fn parse(input: &Input) -> Result<Parsed, CompileError> {
    let mut reader = Reader::new(input);
    let mut full = None;
    let read = read_input(input, &mut |name, bytes| {
        if full.is_none() {
            full = reader.file(input, name, bytes).err();
        }
    });
    read.map_err(|error| CompileError::Read { id: input.source.id.clone(), error })?;
    full.map_or_else(|| reader.finish(), |what| Err(too_many(what)))
}

fn too_many(what: &'static str) -> CompileError {
    CompileError::TooMany { what, limit: u64::from(u32::MAX) }
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

/// A source while it is read.
struct Reader {
    parsed: Parsed,
    voices: HashMap<Voice, u16>,
    /// In the order of their numbers, from 1.
    spared: Vec<Vec<Name>>,
    plain: Option<(Voice, u16)>,
}

impl Reader {
    fn new(input: &Input) -> Self {
        let parsed = Parsed {
            arena: Vec::new(),
            said: Vec::new(),
            categories: input.source.category.iter().cloned().collect(),
            voices: Vec::new(),
            types: Vec::new(),
            actions: Actions::new(),
            patterns: Vec::new(),
            addresses: Vec::new(),
            digest: [0; 32],
            report: SourceReport { id: input.source.id.clone(), ..SourceReport::default() },
            core: input.source.trust == Trust::Core,
            locked: input.source.locked || input.source.category.as_ref().is_some_and(CategoryId::is_locked),
        };
        Self { parsed, voices: HashMap::new(), spared: Vec::new(), plain: None }
    }

    /// Parses one file.
    ///
    /// # Errors
    /// Of what there is too much.
    fn file(&mut self, input: &Input, name: &str, bytes: &[u8]) -> Result<(), &'static str> {
        let mut report = std::mem::take(&mut self.parsed.report);
        let mut result = Ok(());
        for file in ListFile::all(&input.source, name, bytes, &mut report) {
            let known = self.parsed.categories.iter().position(|known| known == file.category());
            let category = known.unwrap_or_else(|| {
                self.parsed.categories.push(file.category().clone());
                self.parsed.categories.len() - 1
            });
            let Ok(category) = u16::try_from(category) else { return Err("categories of one source") };
            let is_locked = input.source.locked || file.category().is_locked();
            let mut wide = Vec::new();
            file.parse(&mut report, &mut |line, rule| {
                // What a locked category lists has no exceptions of any kind.
                let rule = if is_locked { Rule { spared: &[], ..rule } } else { rule };
                let taken = match rule.subject {
                    Subject::Answer(net) | Subject::Client(net) if is_too_wide(net) && !rule.exception => {
                        wide.push(line.number);
                        Ok(())
                    }
                    _ => self.rule(category, name, &line, &rule),
                };
                if result.is_ok() {
                    result = taken;
                }
            });
            for line in wide {
                reject(&mut report, name, line, "the prefix takes in far too many addresses", is_locked);
            }
        }
        self.parsed.report = report;
        result
    }

    fn rule(
        &mut self,
        category: u16,
        file: &str,
        line: &Line<'_>,
        rule: &Rule<'_>,
    ) -> Result<(), &'static str> {
        match rule.subject {
            Subject::Name(name, reach) => self.name(category, name, reach, rule),
            Subject::Pattern(text) => {
                let voice = self.voice_of(category, 0, rule);
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
                if self.parsed.patterns.len() > SUBJECTS_MAX { Err("patterns in one source") } else { Ok(()) }
            }
            Subject::Answer(net) | Subject::Client(net) => {
                self.parsed.addresses.push(AddressSaid {
                    net: net.trunc(),
                    client: matches!(rule.subject, Subject::Client(_)),
                    category,
                    action: self.parsed.actions.number(&OwnAction::from(rule.action)),
                    exception: rule.exception,
                    cancels: rule.cancels,
                });
                if self.parsed.addresses.len() > SUBJECTS_MAX {
                    Err("addresses in one source")
                } else {
                    Ok(())
                }
            }
        }
    }

    fn name(
        &mut self,
        category: u16,
        name: NameRef<'_>,
        reach: Reach,
        rule: &Rule<'_>,
    ) -> Result<(), &'static str> {
        // A rule that spares all that it speaks of says nothing.
        if rule.spared.iter().any(|spared| name.is_at_or_below(spared.as_ref())) {
            return Ok(());
        }
        let spared =
            if rule.spared.is_empty() || rule.exception { 0 } else { self.spared_number(rule.spared)? };
        let voice = self.voice_of(category, spared, rule);
        let feed = self.feed(voice)?;
        self.say(name, feed, Marks::of(rule, reach))
    }

    fn say(&mut self, name: NameRef<'_>, feed: u16, marks: Marks) -> Result<(), &'static str> {
        let offset = u32::try_from(self.parsed.arena.len()).map_err(|_| "bytes of names in one source")?;
        self.parsed.arena.extend_from_slice(name.wire());
        self.parsed.said.push(Said { offset, feed, marks });
        Ok(())
    }

    fn spared_number(&mut self, spared: &[Name]) -> Result<u16, &'static str> {
        let spared: Vec<Name> = spared.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let place = self.spared.iter().position(|known| *known == spared).unwrap_or_else(|| {
            self.spared.push(spared);
            self.spared.len() - 1
        });
        u16::try_from(place + 1)
            .ok()
            .filter(|_| place < SPARED_MAX)
            .ok_or("sets of spared names in one source")
    }

    fn voice_of(&mut self, category: u16, spared: u16, rule: &Rule<'_>) -> Voice {
        let types = rule.types.map_or(0, |types| {
            let place = self.parsed.types.iter().position(|known| known == types).unwrap_or_else(|| {
                self.parsed.types.push(types.clone());
                self.parsed.types.len() - 1
            });
            u16::try_from(place + 1).unwrap_or(u16::MAX)
        });
        let action = match rule.action {
            Action::Policy => 0,
            action => self.parsed.actions.number(&OwnAction::from(action)),
        };
        Voice { category, spared, types, action }
    }

    fn feed(&mut self, voice: Voice) -> Result<u16, &'static str> {
        if let Some((plain, feed)) = self.plain
            && plain == voice
        {
            return Ok(feed);
        }
        let next = u16::try_from(self.voices.len()).map_err(|_| "kinds of rules in one source")?;
        let feed = *self.voices.entry(voice).or_insert(next);
        self.plain = Some((voice, feed));
        Ok(feed)
    }

    fn finish(mut self) -> Result<Parsed, CompileError> {
        self.spare().map_err(too_many)?;
        let mut voices: Vec<(Voice, u16)> = self.voices.into_iter().collect();
        voices.sort_unstable();
        let mut numbers = vec![0; voices.len()];
        for (number, (_, feed)) in (0_u16..).zip(&voices) {
            if let Some(place) = numbers.get_mut(usize::from(*feed)) {
                *place = number;
            }
        }
        let mut parsed = self.parsed;
        for said in &mut parsed.said {
            said.feed = numbers.get(usize::from(said.feed)).copied().unwrap_or(0);
        }
        parsed.voices = voices.into_iter().map(|(voice, _)| voice).collect();
        cancel(&mut parsed);
        parsed.digest = Sha256::digest(&parsed.arena).into();
        parsed.report.unmapped.sort();
        Ok(parsed)
    }

    /// Writes into every group of sparing rules what is an exception there: the spared names, and the
    /// source's own exceptions that can meet them.
    fn spare(&mut self) -> Result<(), &'static str> {
        let mut groups: HashMap<(u16, u16), HashSet<Name>> = HashMap::new();
        let mut sparing: BTreeSet<(u16, u16, bool)> = BTreeSet::new();
        let voices: HashMap<u16, Voice> = self.voices.iter().map(|(voice, feed)| (*feed, *voice)).collect();
        if voices.values().all(|voice| voice.spared == 0) {
            return Ok(());
        }
        let said = self.parsed.said.clone();
        for said in &said {
            let Some(voice) = voices.get(&said.feed).filter(|voice| voice.spared != 0) else { continue };
            let name = NameRef::at(&self.parsed.arena, said.offset as usize).to_owned();
            groups.entry((voice.category, voice.spared)).or_default().insert(name);
            sparing.insert((voice.category, voice.spared, said.marks.is_important()));
        }
        let mut carried = 0;
        for said in said.iter().filter(|said| said.marks.is_exception()) {
            let Some(voice) = voices.get(&said.feed).copied() else { continue };
            let name = NameRef::at(&self.parsed.arena, said.offset as usize).to_owned();
            for group in self.meeting(voice.category, said.marks, name.as_ref(), &groups, &sparing) {
                let feed = self.feed(Voice { spared: group, ..voice })?;
                self.say(name.as_ref(), feed, said.marks)?;
                carried += 1;
                if carried > CARRIED_MAX {
                    return Err("exceptions to rules that spare names");
                }
            }
        }
        for (category, group, important) in sparing {
            let feed = self.feed(Voice { category, spared: group, types: 0, action: 0 })?;
            let names = self.spared.get(usize::from(group) - 1).cloned().unwrap_or_default();
            for name in names {
                self.say(name.as_ref(), feed, Marks::spares(important))?;
            }
        }
        Ok(())
    }

    /// The groups of a category in which an exception can take something away: it stands at or below
    /// what they list, or is important.
    fn meeting(
        &self,
        category: u16,
        marks: Marks,
        name: NameRef<'_>,
        groups: &HashMap<(u16, u16), HashSet<Name>>,
        sparing: &BTreeSet<(u16, u16, bool)>,
    ) -> Vec<u16> {
        let all: BTreeSet<u16> =
            sparing.iter().filter(|group| group.0 == category).map(|group| group.1).collect();
        let meets = |group: &u16| {
            let listed = groups.get(&(category, *group));
            marks.is_important()
                || listed.is_some_and(|names| name.suffixes().any(|suffix| names.contains(suffix.wire())))
        };
        all.into_iter().filter(meets).collect()
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

fn is_too_wide(net: IpNet) -> bool {
    net.prefix_len() < PREFIX_MIN[usize::from(net.addr().is_ipv6())]
}
