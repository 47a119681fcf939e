//! Which source and which line say so.
//!
//! The index knows only that a name is listed; the proof is in the kept copies that it was compiled
//! from. They are scanned when somebody asks, which is seldom, instead of keeping every line in
//! memory, which would be always. Whole names are compared, not hashes: a name that the index
//! finds and no line covers is a hash that met another by chance.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rayon::prelude::*;
use thiserror::Error;

use crate::category::CategoryId;
use crate::index::{Index, IndexedSource};
use crate::name::{LABELS_MAX, Name, NameRef};
use crate::parse::{Line, ListFile, Reach, Rule, Subject, Types};
use crate::patterns::Tester;
use crate::read::{ReadError, read_files};
use crate::report::SourceReport;

/// Most lines shown for one question; more say nothing new.
pub const EVIDENCE_MAX: usize = 100;
/// Longest line shown, in bytes.
const TEXT_MAX: usize = 200;

/// One line of one list that speaks of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The source's id.
    pub source: String,
    /// The category that the line feeds (the strict one for `…/unconfirmed`).
    pub category: CategoryId,
    /// What the line speaks of.
    pub matched: Matched,
    /// File inside the source; empty when the source is a single file.
    pub file: String,
    /// Line number, from 1.
    pub line: u64,
    /// The line as written, shortened; empty for locked categories.
    pub text: String,
    /// The line takes the name out of this source.
    pub exception: bool,
}

/// Why there is no evidence to show.
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// A kept copy cannot be read.
    #[error("the kept copy of source `{id}`, {path}: {error}")]
    Copy {
        /// The source.
        id: String,
        /// Where its copy should be.
        path: PathBuf,
        /// What is wrong with it.
        error: ReadError,
    },
}

/// What evidence is wanted for.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// A question: its name, its type (`None` for any), the address of the client.
    Question(NameRef<'a>, Option<u16>, Option<IpAddr>),
    /// An address of an answer.
    Answer(IpAddr),
}

/// What a line speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Matched {
    /// The name asked, or one above it.
    Name(Name),
    /// A pattern that the name matches, as a regular expression.
    Pattern(String),
    /// A prefix that the client's or the answer's address is in.
    Address(IpNet),
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Pattern(pattern) => write!(f, "/{pattern}/"),
            Self::Address(net) => net.fmt(f),
        }
    }
}

impl Matched {
    /// The more, the more specific: addresses, then names by their labels, then patterns.
    fn rank(&self) -> usize {
        match self {
            Self::Address(net) => LABELS_MAX + 2 + usize::from(net.prefix_len()),
            Self::Name(name) => name.as_ref().label_count() + 1,
            Self::Pattern(_) => 0,
        }
    }
}

/// Finds the lines that cover a name in a category, for whatever type; see
/// [`evidence_for`].
///
/// # Errors
/// [`EvidenceError`] when a copy is missing or damaged.
pub fn evidence(
    index: &Index,
    copies: &Path,
    name: NameRef<'_>,
    category: &CategoryId,
) -> Result<Vec<Evidence>, EvidenceError> {
    evidence_for(index, copies, Asked::Question(name, None, None), category)
}

/// Finds the lines that speak of something asked in a category, most specific first, by scanning the
/// copies of the sources that feed it. `copies` is the folder that holds the index's kept copies.
///
/// # Errors
/// [`EvidenceError`] when a copy is missing or damaged.
pub fn evidence_for(
    index: &Index,
    copies: &Path,
    asked: Asked<'_>,
    category: &CategoryId,
) -> Result<Vec<Evidence>, EvidenceError> {
    let category = category.confirmed().unwrap_or_else(|| category.clone());
    let feeds = |source: &&IndexedSource| {
        !source.copy_name.is_empty() && source.report.categories.contains(&category)
    };
    let feeding: Vec<_> = index.sources().iter().filter(feeds).collect();
    let found = feeding.par_iter().map(|source| scan(source, copies, asked, &category));
    let mut found: Vec<_> = found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    // Stable: sources stay in their order, lines in theirs.
    found.sort_by_key(|evidence| std::cmp::Reverse(evidence.matched.rank()));
    found.truncate(EVIDENCE_MAX);
    Ok(found)
}

fn scan(
    indexed: &IndexedSource,
    copies: &Path,
    asked: Asked<'_>,
    category: &CategoryId,
) -> Result<Vec<Evidence>, EvidenceError> {
    let mut found: Vec<(Evidence, Identity)> = Vec::new();
    let mut cancelled: HashSet<Identity> = HashSet::new();
    let mut unused = SourceReport::default();
    let path = copies.join(&indexed.copy_name);
    let read = read_files(&path, &mut |inner, bytes| {
        let files = ListFile::all(&indexed.source, inner, bytes, &mut unused);
        for file in files.iter().filter(|file| file.category() == category) {
            file.parse(&mut unused, &mut |line, rule| {
                let Some(matched) = matched(&rule, asked) else { return };
                let identity = Identity::of(&rule, &matched);
                if rule.cancels {
                    cancelled.insert(identity);
                } else {
                    found.push((told(indexed, category, inner, &line, &rule, matched), identity));
                }
            });
        }
    });
    read.map_err(|error| EvidenceError::Copy { id: indexed.source.id.clone(), path, error })?;
    let holds = |(_, identity): &(Evidence, Identity)| !cancelled.contains(identity);
    Ok(found.into_iter().filter(holds).map(|(evidence, _)| evidence).collect())
}

/// What makes two rules identical.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    matched: Matched,
    reach: Option<Reach>,
    flags: [bool; 2],
    types: Option<Types>,
    spared: Vec<Name>,
}

impl Identity {
    fn of(rule: &Rule<'_>, matched: &Matched) -> Self {
        let reach = match rule.subject {
            Subject::Name(_, reach) => Some(reach),
            _ => None,
        };
        Self {
            matched: matched.clone(),
            reach,
            flags: [rule.exception, rule.important],
            types: rule.types.cloned(),
            spared: rule.spared.to_vec(),
        }
    }
}

fn told(
    indexed: &IndexedSource,
    category: &CategoryId,
    file: &str,
    line: &Line<'_>,
    rule: &Rule<'_>,
    matched: Matched,
) -> Evidence {
    let text = line.text.get(..TEXT_MAX).unwrap_or(line.text);
    Evidence {
        source: indexed.source.id.clone(),
        category: category.clone(),
        matched,
        file: file.to_owned(),
        line: line.number,
        text: if category.is_locked() { String::new() } else { String::from_utf8_lossy(text).into_owned() },
        exception: rule.exception,
    }
}

/// What of a rule speaks of what was asked; `None` when it does not.
fn matched(rule: &Rule<'_>, asked: Asked<'_>) -> Option<Matched> {
    let (name, rtype, client) = match asked {
        Asked::Question(name, rtype, client) => (name, rtype, client),
        Asked::Answer(address) => {
            return match rule.subject {
                Subject::Answer(net) if net.contains(&address) => Some(Matched::Address(net)),
                _ => None,
            };
        }
    };
    let types = rule.types.zip(rtype);
    if types.is_some_and(|(types, rtype)| !types.covers(rtype)) {
        return None;
    }
    if rule.spared.iter().any(|spared| name.is_at_or_below(spared.as_ref())) {
        return None;
    }
    match rule.subject {
        Subject::Name(listed, reach) => covers(listed, reach, name).then(|| Matched::Name(listed.to_owned())),
        Subject::Pattern(text) => {
            let tester = Tester::new(text).ok()?;
            tester.matches(name).then(|| Matched::Pattern(text.to_owned()))
        }
        Subject::Client(net) => client.filter(|client| net.contains(client)).map(|_| Matched::Address(net)),
        Subject::Answer(_) => None,
    }
}

/// Whether a rule for `listed` speaks of a name.
fn covers(listed: NameRef<'_>, reach: Reach, name: NameRef<'_>) -> bool {
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
