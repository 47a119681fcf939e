//! What one entry of a list says, whatever format it was written in.
//!
//! Parsers make rules, the compiler resolves them. Everything borrows from the parser's own buffers:
//! a list has millions of rules and each is looked at once.

use ipnet::IpNet;

use crate::name::{Name, NameRef};
use crate::source::Span;

/// What one entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'a> {
    /// What it speaks of.
    pub subject: Subject<'a>,
    /// It takes its subject out of this source instead of into it.
    pub exception: bool,
    /// `$important`: stands above the source's other lines.
    pub important: bool,
    /// `$badfilter`: the identical rule of this source does not hold.
    pub cancels: bool,
    /// `$dnstype`: the record types that it speaks of; `None` is every type.
    pub types: Option<&'a Types>,
    /// `$denyallow`: names of which, with all below them, this rule says nothing. Other rules may:
    /// this is no exception.
    pub spared: &'a [Name],
    /// How a question that it blocks is answered.
    pub action: Action<'a>,
}

/// What an entry speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject<'a> {
    /// A name, and what around it.
    Name(NameRef<'a>, Reach),
    /// Every name that this regular expression finds something in, in its presentation form: lower
    /// case, without the last dot. Checked: [`pattern::syntax`](super::pattern::syntax) reads it, and
    /// its automaton is of bounded size.
    Pattern(&'a str),
    /// An address in an answer: `rpz-ip`, and lines of other formats that are an address.
    Answer(IpNet),
    /// The address of the client that asks: `rpz-client-ip`.
    Client(IpNet),
}

/// What around its name a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reach {
    /// The name and everything below.
    Subtree,
    /// Everything below the name, not itself.
    Below,
    /// The name only (and service labels in front of it).
    Exact,
}

impl From<Span> for Reach {
    fn from(span: Span) -> Self {
        match span {
            Span::Exact => Self::Exact,
            Span::Subtree => Self::Subtree,
        }
    }
}

/// Record types, as numbers (RFC 1035 section 3.2.2 and the IANA registry): rising, each once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Types {
    /// These.
    Only(Vec<u16>),
    /// All but these.
    But(Vec<u16>),
}

impl Types {
    /// Whether a rule with these types speaks of questions for this one.
    #[must_use]
    pub fn covers(&self, rtype: u16) -> bool {
        match self {
            Self::Only(types) => types.binary_search(&rtype).is_ok(),
            Self::But(types) => types.binary_search(&rtype).is_err(),
        }
    }
}

/// How a question that a rule blocks is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Action<'a> {
    /// As the client's policy answers blocks: the entry has nothing to say about it.
    #[default]
    Policy,
    /// The name does not exist (NXDOMAIN).
    NxDomain,
    /// The name has nothing of this type (NODATA).
    NoData,
    /// Not at all.
    Drop,
    /// Truncated over UDP, truthfully over TCP.
    TcpOnly,
    /// With these records of the list's own, never empty. A list may speak of one name in several
    /// rules: then all their records together are its data.
    Data(&'a [RecordData]),
}

/// One record that a list gives for a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordData {
    /// Its type (RFC 1035 section 3.2.2); `CNAME` answers questions of every type.
    pub rtype: u16,
    /// Seconds that it lives.
    pub ttl: u32,
    /// Its data in wire form, names in it lower-case and uncompressed. A `CNAME` to `*.x` means the
    /// asked name in front of x.
    pub rdata: Box<[u8]>,
}
