//! What a kept copy lists, as entries that can be compared, written down and read again.
//!
//! This is the only place of the crate that meets the parsers' rules. Lists of every format give the
//! same entries, so a list that changes from `hosts` to `domains` has changed only where it says
//! something else.

mod text;

use std::path::Path;

use blocklists::category::CategoryId;
use blocklists::name::{Name, NameRef};
use blocklists::parse::{Action, ListFile, Reach, Reached, Rule, Subject, Types};
use blocklists::read::{Piece, ReadError, read_files, read_pieces};
use blocklists::report::SourceReport;
use blocklists::source::{Location, Source};
use blocklists::starter::starter_text;

/// One thing that a list says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// What it speaks of.
    pub about: About,
    /// It takes that out of its list instead of into it.
    pub exception: bool,
    /// It stands above the list's other entries.
    pub important: bool,
    /// It takes the identical entry back.
    pub cancels: bool,
    /// The record types that it speaks of; `None` is every type.
    pub types: Option<Types>,
    /// Names of which, with all below them, it says nothing.
    pub spared: Vec<Name>,
    /// How what it blocks is answered, as text; empty for the policy's own way.
    pub how: String,
}

/// What an entry speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum About {
    /// A name, and what around it.
    Name(Name, Reach),
    /// All names that a regular expression finds something in.
    Pattern(String),
    /// Addresses in answers.
    Answer(String),
    /// Addresses of clients.
    Client(String),
}

impl Entry {
    /// The entry of a parsed rule.
    pub(crate) fn of(rule: &Rule<'_>) -> Self {
        Self {
            about: match rule.subject {
                Subject::Name(name, reach) => About::Name(name.to_owned(), reach),
                Subject::Pattern(pattern) => About::Pattern(pattern.to_owned()),
                Subject::Answer(net) => About::Answer(net.to_string()),
                Subject::Client(net) => About::Client(net.to_string()),
            },
            exception: rule.exception,
            important: rule.important,
            cancels: rule.cancels,
            types: rule.types.cloned(),
            spared: rule.spared.to_vec(),
            how: how(rule.action),
        }
    }

    /// Whether it speaks of a question for this name and type.
    #[must_use]
    pub fn covers(&self, name: NameRef<'_>, rtype: u16) -> bool {
        let is_about = match &self.about {
            About::Name(listed, reach) => covers(listed.as_ref(), *reach, name),
            About::Pattern(pattern) => matches(pattern, name),
            About::Answer(_) | About::Client(_) => false,
        };
        is_about
            && self.types.as_ref().is_none_or(|types| types.covers(rtype))
            && !self.spared.iter().any(|spared| name.is_at_or_below(spared.as_ref()))
    }
}

/// Whether an entry of a name and reach speaks of another name.
pub(crate) fn covers(listed: NameRef<'_>, reach: Reach, name: NameRef<'_>) -> bool {
    if !name.wire().ends_with(listed.wire()) || !name.is_at_or_below(listed) {
        return false;
    }
    let more = name.label_count() - listed.label_count();
    match reach {
        Reach::Subtree => true,
        Reach::Below => more > 0,
        Reach::Exact => name.labels().take(more).all(|label| label.first() == Some(&b'_')),
    }
}

/// Whether a list's regular expression finds something in a name.
pub(crate) fn matches(pattern: &str, name: NameRef<'_>) -> bool {
    let mut builder = regex_automata::meta::Regex::builder();
    let regex = builder.syntax(blocklists::parse::pattern::syntax()).build(pattern);
    regex.is_ok_and(|regex| regex.is_match(name.to_string().as_bytes()))
}

fn how(action: Action<'_>) -> String {
    match action {
        Action::Policy => String::new(),
        Action::NxDomain => "nxdomain".to_owned(),
        Action::NoData => "nodata".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::TcpOnly => "tcp".to_owned(),
        Action::Data(records) => {
            let one = |record: &blocklists::parse::RecordData| {
                format!("{}.{}.{}", record.rtype, record.ttl, crate::files::hex(&record.rdata))
            };
            records.iter().map(one).collect::<Vec<_>>().join(",")
        }
    }
}

/// A source and the kept copy of its content.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) source: &'a Source,
    /// The copy; empty for a list that is part of the program and has none.
    pub(crate) copy: &'a Path,
}

impl Content<'_> {
    /// Hands over every rule with the category that it feeds.
    ///
    /// # Errors
    /// [`ReadError`] when the copy is missing or damaged.
    pub(crate) fn visit(&self, sink: &mut dyn FnMut(&CategoryId, &Rule<'_>)) -> Result<(), ReadError> {
        let mut unused = SourceReport::default();
        let mut reached = Reached::default();
        let mut read = |piece: Piece<'_>| {
            if piece.is_first {
                reached = Reached::default();
            }
            for file in ListFile::all(self.source, piece.name, piece.bytes, &mut unused) {
                file.parse_on(&mut reached, &mut unused, &mut |_, rule| sink(file.category(), &rule));
            }
        };
        match &self.source.location {
            Location::BuiltIn(file) if self.copy.as_os_str().is_empty() => {
                let bytes = starter_text(file).unwrap_or_default().as_bytes();
                read(Piece { name: "", bytes, is_first: true });
                Ok(())
            }
            _ if self.source.format.is_read_by_lines() => read_pieces(self.copy, &mut read),
            _ => read_files(self.copy, &mut |name, bytes| read(Piece { name, bytes, is_first: true })),
        }
    }
}

/// Whether names that feed a category from a source may never be shown.
pub(crate) fn is_locked(source: &Source, category: &CategoryId) -> bool {
    source.locked || category.is_locked()
}
