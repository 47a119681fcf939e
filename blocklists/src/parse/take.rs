//! What the formats share: taking what an entry speaks of as a rule, and counting what gives none.

use ipnet::IpNet;
use thiserror::Error;

use super::address::{self, AddressError};
use super::pattern::{self, PatternError};
use super::{Action, Line, ListFile, Reach, Rule, Subject, Types, WORD_BYTES_MAX};
use crate::addresses;
use crate::guard::{self, Slip};
use crate::name::{Name, NameError, NameRef, write_host};
use crate::report::{SAMPLES_MAX, Sample, SourceReport};

/// What a format's reader works with.
pub(super) struct Parser<'p> {
    pub(super) file: &'p ListFile<'p>,
    pub(super) report: &'p mut SourceReport,
    pub(super) sink: &'p mut dyn FnMut(Line<'_>, Rule<'_>),
    /// The line that rules are said to come from.
    pub(super) line: Line<'p>,
    /// How many patterns were seen.
    pub(super) patterns: usize,
    wire: Vec<u8>,
}

/// How a rule was marked, beside what it speaks of.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks<'m> {
    pub(super) exception: bool,
    pub(super) important: bool,
    pub(super) cancels: bool,
    pub(super) types: Option<&'m Types>,
    pub(super) spared: &'m [Name],
    pub(super) action: Action<'m>,
}

impl<'m> Marks<'m> {
    fn rule(self, subject: Subject<'m>) -> Rule<'m> {
        let Self { exception, important, cancels, types, spared, action } = self;
        Rule { subject, exception, important, cancels, types, spared, action }
    }

    /// Whether something is blocked by it that the guard has to look at.
    fn lists(self) -> bool {
        !self.exception && !self.cancels
    }
}

/// Why a word gives no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Bad {
    /// It is right, but nothing that DNS can enforce: a URL, a port.
    #[error("DNS cannot enforce it")]
    NotEnforceable,
    /// It is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It is an address that no list may hold.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl<'p> Parser<'p> {
    pub(super) fn new(
        file: &'p ListFile<'p>,
        report: &'p mut SourceReport,
        sink: &'p mut dyn FnMut(Line<'_>, Rule<'_>),
    ) -> Self {
        let line = Line { number: 0, text: &[] };
        Self { file, report, sink, line, patterns: 0, wire: Vec::new() }
    }

    /// Takes a word as a rule for a host, or for an address in answers.
    ///
    /// # Errors
    /// Why it is neither; nothing is counted then.
    pub(super) fn take(&mut self, word: &[u8], reach: Reach, marks: Marks<'_>) -> Result<(), Bad> {
        match self.take_host(word, reach, marks) {
            Ok(()) => Ok(()),
            Err(why) => match address::read(word) {
                Some(net) => self.take_answer(net, marks),
                None if is_not_enforceable(word, why) => Err(Bad::NotEnforceable),
                None => Err(why.into()),
            },
        }
    }

    /// Takes a host name.
    ///
    /// # Errors
    /// Why it is none; nothing is counted then.
    pub(super) fn take_host(&mut self, host: &[u8], reach: Reach, marks: Marks<'_>) -> Result<(), NameError> {
        if host.len() > WORD_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        let mut wire = std::mem::take(&mut self.wire);
        wire.clear();
        let outcome = write_host(host, &mut wire)
            .and_then(|()| NameRef::from_lower_wire(&wire))
            .map(|name| self.take_name(name, reach, marks));
        self.wire = wire;
        outcome
    }

    /// Takes a name, unless it is a slip.
    pub(super) fn take_name(&mut self, name: NameRef<'_>, reach: Reach, marks: Marks<'_>) {
        let is_guarded = marks.lists() && !self.file.locked;
        match is_guarded.then(|| guard::slip(name, reach, &self.file.category)).flatten() {
            Some(slip) => self.drop_entry(slip.why()),
            None => self.hand_over(marks.rule(Subject::Name(name, reach))),
        }
    }

    /// Takes an address or a network that answers may hold.
    ///
    /// # Errors
    /// [`AddressError`]; nothing is counted then.
    pub(super) fn take_answer(&mut self, net: IpNet, marks: Marks<'_>) -> Result<(), Bad> {
        address::check_answer(net)?;
        if marks.lists() && !self.file.locked && addresses::is_shared(net) {
            self.drop_entry(Slip::SharedAddress.why());
            return Ok(());
        }
        self.report.addresses += 1;
        self.hand_over(marks.rule(Subject::Answer(net)));
        Ok(())
    }

    /// Takes an address or a network of clients.
    ///
    /// # Errors
    /// [`AddressError`]; nothing is counted then.
    pub(super) fn take_client(&mut self, net: IpNet, marks: Marks<'_>) -> Result<(), Bad> {
        address::check_size(net)?;
        self.report.addresses += 1;
        self.hand_over(marks.rule(Subject::Client(net)));
        Ok(())
    }

    /// Takes a pattern, unless it is a slip.
    ///
    /// # Errors
    /// [`PatternError`]; nothing is counted then.
    pub(super) fn take_pattern(&mut self, text: &str, marks: Marks<'_>) -> Result<(), PatternError> {
        self.patterns += 1;
        if self.patterns > pattern::PATTERNS_MAX {
            return Err(PatternError::TooMany);
        }
        let regex = pattern::checked(text)?;
        let is_guarded = marks.lists() && !self.file.locked;
        match is_guarded.then(|| guard::pattern_slip(&regex, marks.spared)).flatten() {
            Some(slip) => self.drop_entry(slip.why()),
            None => self.hand_over(marks.rule(Subject::Pattern(text))),
        }
        Ok(())
    }

    fn hand_over(&mut self, rule: Rule<'_>) {
        self.report.entries += 1;
        if rule.types.is_some() || rule.action != Action::Policy {
            self.report.note_particular(self.file.name, self.line.number);
        }
        (self.sink)(self.line, rule);
    }

    /// Counts a word that gave no rule.
    pub(super) fn count(&mut self, bad: Bad) {
        match bad {
            Bad::NotEnforceable => self.report.not_enforceable += 1,
            wrong => self.reject(wrong),
        }
    }

    /// Counts a bad line, and keeps it as a sample while there are few.
    pub(super) fn reject(&mut self, why: impl std::fmt::Display) {
        self.report.rejected_lines += 1;
        if self.report.rejected_lines <= SAMPLES_MAX {
            self.sample(why);
        }
    }

    /// Counts an entry that the guard drops, and keeps it as a sample while there are few.
    fn drop_entry(&mut self, why: &str) {
        self.report.dropped += 1;
        if self.report.dropped <= SAMPLES_MAX {
            self.sample(why);
        }
    }

    fn sample(&mut self, why: impl std::fmt::Display) {
        if !self.file.locked {
            let line = shown(self.line.text);
            let why = format!("{why}: `{line}`");
            self.report.samples.push(Sample { file: self.file.name.to_owned(), line: self.line.number, why });
        }
    }

    /// Counts a line of a known form that is ignored.
    pub(super) fn ignore(&mut self, kind: &'static str) {
        match self.report.unsupported.get_mut(kind) {
            Some(count) => *count += 1,
            None => _ = self.report.unsupported.insert(kind.to_owned(), 1),
        }
    }
}

/// Whether a word that is no host name is an address that no rule can be made of, a port or a URL.
fn is_not_enforceable(word: &[u8], why: NameError) -> bool {
    if why == NameError::Address || word.contains(&b'/') {
        return true;
    }
    let unbracketed = word.strip_prefix(b"[").unwrap_or(word);
    let mut parts = unbracketed.rsplitn(2, |&byte| byte == b':');
    let (last, first) = (parts.next(), parts.next());
    last.is_some_and(|port| !port.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit))
        && first.is_some_and(|host| !host.is_empty())
}

/// A line as a report may show it: short, printable.
pub(crate) fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..80).unwrap_or(text))
        .chars()
        .map(|symbol| if symbol.is_control() { char::REPLACEMENT_CHARACTER } else { symbol })
        .collect()
}
