//! Lines of lists become rules, one file per format.
//!
//! A parser is handed bytes and hands over rules; what it cannot use it counts in the source's
//! report, and a bad line never fails a source. Bytes may be anything: byte-order marks, Windows
//! and old Mac line ends, NULs, broken UTF-8, lines of any length.

mod adblock;
mod domains;
mod hosts;
pub mod pattern;
mod rule;
mod service;
pub mod ut1;

use crate::category::CategoryId;
use crate::guard;
use crate::name::{NameError, NameRef, write_host};
use crate::report::{SAMPLES_MAX, Sample, SourceReport};
use crate::services;
use crate::source::{Format, Source};

pub use rule::{Action, Reach, RecordData, Rule, Subject, Types};

/// Longest line in bytes that is looked at; no list has need of longer ones.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Longest word in bytes that can be a host name, escapes of IDNA included.
const WORD_BYTES_MAX: usize = 1024;

/// One line as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// Without line end and surrounding blanks.
    pub text: &'a [u8],
}

/// A plain file of a source, ready to be parsed.
#[derive(Debug, Clone)]
pub struct ListFile<'a> {
    format: Format,
    reach: Reach,
    category: CategoryId,
    /// Nothing takes a name out, and no sample is shown.
    locked: bool,
    name: &'a str,
    /// A line of the services catalogue: its number, and its names are the bytes.
    service: Option<u64>,
    bytes: &'a [u8],
}

impl<'a> ListFile<'a> {
    /// The lists in a file of this name inside a source: one, or one for each line of the services
    /// catalogue; none when it holds no names (then the report says why, where there is anything to
    /// say).
    pub fn all(source: &Source, name: &'a str, bytes: &'a [u8], report: &mut SourceReport) -> Vec<Self> {
        if services::is_catalogue(source) {
            return service::all(bytes);
        }
        Self::of(source, name, bytes, report).into_iter().collect()
    }

    fn of(source: &Source, name: &'a str, bytes: &'a [u8], report: &mut SourceReport) -> Option<Self> {
        let category = match source.format {
            Format::Ut1 => ut1::category_of(source, name, bytes, report)?,
            _ => source.category.clone()?,
        };
        let reach = source.span.unwrap_or(source.format.span()).into();
        let locked = source.locked || category.is_locked();
        Some(Self { format: source.format, reach, category, locked, name, service: None, bytes })
    }

    /// What its names feed.
    #[must_use]
    pub fn category(&self) -> &CategoryId {
        &self.category
    }

    /// Hands over every rule with its line, and counts the rest.
    pub fn parse(&self, report: &mut SourceReport, sink: &mut dyn FnMut(Line<'_>, Rule<'_>)) {
        let mut parser =
            Parser { file: self, report, sink, line: Line { number: 0, text: &[] }, wire: Vec::new() };
        let read_line = match self.format {
            _ if self.service.is_some() => service::read_line,
            Format::Domains | Format::Ut1 => domains::read_line,
            Format::Hosts => hosts::read_line,
            Format::Adblock => adblock::read_line,
        };
        for line in lines(self.bytes) {
            parser.line = Line { number: self.service.unwrap_or(line.number), ..line };
            if line.text.len() > LINE_BYTES_MAX {
                parser.report.lines += 1;
                parser.reject("the line is too long");
            } else if !line.text.is_empty() {
                read_line(&mut parser, line.text);
            }
        }
    }
}

/// What a format's `read_line` works with.
struct Parser<'p> {
    file: &'p ListFile<'p>,
    report: &'p mut SourceReport,
    sink: &'p mut dyn FnMut(Line<'_>, Rule<'_>),
    line: Line<'p>,
    wire: Vec<u8>,
}

/// How a rule was marked, beside its name.
#[derive(Clone, Copy, Default)]
struct Marks {
    exception: bool,
    important: bool,
    cancels: bool,
}

impl Parser<'_> {
    /// Takes a host name as a rule.
    ///
    /// # Errors
    /// Why it is no host name; nothing is counted then.
    fn take(&mut self, host: &[u8], reach: Reach, marks: Marks) -> Result<(), NameError> {
        if host.len() > WORD_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        self.wire.clear();
        write_host(host, &mut self.wire)?;
        let name = NameRef::from_lower_wire(&self.wire)?;
        let Marks { exception, important, cancels } = marks;
        let is_guarded = !exception && !cancels && !self.file.locked;
        if let Some(slip) = is_guarded.then(|| guard::slip(name, reach, &self.file.category)).flatten() {
            self.drop_entry(slip.why());
            return Ok(());
        }
        self.report.entries += 1;
        let listing = Rule::listing(Subject::Name(name, reach));
        (self.sink)(self.line, Rule { exception, important, cancels, ..listing });
        Ok(())
    }

    /// Counts a line whose word is no host name: addresses and URLs are right, but nothing for DNS.
    fn count_failed(&mut self, word: &[u8], why: NameError) {
        if is_not_enforceable(word, why) {
            self.report.not_enforceable += 1;
        } else {
            self.reject(why);
        }
    }

    /// Counts a bad line, and keeps it as a sample while there are few.
    fn reject(&mut self, why: impl std::fmt::Display) {
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
    fn ignore(&mut self, kind: &str) {
        match self.report.unsupported.get_mut(kind) {
            Some(count) => *count += 1,
            None => _ = self.report.unsupported.insert(kind.to_owned(), 1),
        }
    }
}

/// Whether a word that is no host name is an address, a network, a port or a URL.
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

/// The lines of a file, blanks around them taken off. Lines end with LF, CRLF or CR alone.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        number += 1;
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(end);
        rest = tail.strip_prefix(b"\r\n").or(tail.get(1..)).unwrap_or(&[]);
        Some(Line { number, text: text.trim_ascii() })
    })
}

/// What stands before the first `#`, blanks taken off.
fn before_comment(text: &[u8]) -> &[u8] {
    memchr::memchr(b'#', text).map_or(text, |at| text.get(..at).unwrap_or(text)).trim_ascii_end()
}

/// Words between blanks.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
