//! Lines of lists become rules, one file per format.
//!
//! A parser is handed bytes and hands over rules; what it cannot use it counts in the source's
//! report, and a bad line never fails a source. Bytes may be anything: byte-order marks, Windows
//! and old Mac line ends, NULs, broken UTF-8, lines of any length.

mod adblock;
mod address;
mod dnsmasq;
mod domains;
mod hosts;
pub mod pattern;
mod rpz;
mod rtype;
mod rule;
mod service;
mod take;
pub mod ut1;

use crate::category::CategoryId;
use crate::report::SourceReport;
use crate::services;
use crate::source::{Actions, Format, Source};
use take::{Bad, Marks, Parser};

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

/// How far into a file its pieces before this one went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reached {
    lines: u64,
    patterns: usize,
}

/// A plain file of a source, or a piece of one, ready to be parsed.
#[derive(Debug, Clone)]
pub struct ListFile<'a> {
    format: Format,
    reach: Reach,
    category: CategoryId,
    /// Nothing takes a name out, and no sample is shown.
    locked: bool,
    /// Whether entries say how they are answered.
    actions: Actions,
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
        let (format, actions) = (source.format, source.actions);
        Some(Self { format, reach, category, locked, actions, name, service: None, bytes })
    }

    /// What its names feed.
    #[must_use]
    pub fn category(&self) -> &CategoryId {
        &self.category
    }

    /// Hands over every rule with its line, and counts the rest.
    pub fn parse(&self, report: &mut SourceReport, sink: &mut dyn FnMut(Line<'_>, Rule<'_>)) {
        self.parse_on(&mut Reached::default(), report, sink);
    }

    /// The same for a file that comes in pieces of whole lines, see
    /// [`Format::is_read_by_lines`](crate::source::Format::is_read_by_lines): `reached` is where the
    /// piece before ended.
    pub fn parse_on(
        &self,
        reached: &mut Reached,
        report: &mut SourceReport,
        sink: &mut dyn FnMut(Line<'_>, Rule<'_>),
    ) {
        let mut parser = Parser::new(self, report, sink);
        parser.patterns = reached.patterns;
        let read_line = match self.format {
            _ if self.service.is_some() => service::read_line,
            Format::Domains | Format::Ut1 => domains::read_line,
            Format::Hosts => hosts::read_line,
            Format::Adblock => adblock::read_line,
            Format::Dnsmasq => dnsmasq::read_line,
            Format::Rpz => return rpz::read(&mut parser),
        };
        let before = reached.lines;
        for line in lines_after(self.bytes, before) {
            reached.lines = line.number;
            parser.line = Line { number: self.service.unwrap_or(line.number), ..line };
            if line.text.len() > LINE_BYTES_MAX {
                parser.report.lines += 1;
                parser.reject("the line is too long");
            } else if !line.text.is_empty() {
                read_line(&mut parser, line.text);
            }
        }
        reached.patterns = parser.patterns;
    }
}

/// The lines of a file, blanks around them taken off.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    lines_after(bytes, 0)
}

/// The same where so many lines stand before them.
fn lines_after(bytes: &[u8], before: u64) -> impl Iterator<Item = Line<'_>> {
    let lines = if before == 0 { raw_lines(bytes) } else { RawLines { rest: bytes, number: before } };
    lines.map(|line| Line { text: line.text.trim_ascii(), ..line })
}

/// The lines of a file as they are, without their ends: LF, CRLF or CR alone.
fn raw_lines(bytes: &[u8]) -> RawLines<'_> {
    RawLines { rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), number: 0 }
}

/// See [`raw_lines`]. A copy goes on from the same place.
#[derive(Clone)]
struct RawLines<'a> {
    rest: &'a [u8],
    number: u64,
}

impl<'a> Iterator for RawLines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = memchr::memchr2(b'\n', b'\r', self.rest).unwrap_or(self.rest.len());
        let (text, tail) = self.rest.split_at(end);
        self.rest = tail.strip_prefix(b"\r\n").or(tail.get(1..)).unwrap_or(&[]);
        Some(Line { number: self.number, text })
    }
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
