//! Sources: where names come from, as the policy document declares them.
//!
//! A source is only a description. Fetching it is the updater's work, reading it the compiler's;
//! both, and the index that remembers what it was built from, share this one type.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::category::CategoryId;

/// One block list: where it is, how it is written, what it feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The school's name for it, unique among sources.
    pub id: String,
    /// What it feeds; `None` only for `ut1`, whose folders feed many categories, and for the services
    /// catalogue, whose lines do.
    pub category: Option<CategoryId>,
    /// How it is written.
    pub format: Format,
    /// Where it is.
    pub location: Location,
    /// What a plain name covers (`match` in the configuration); `None` is the format's own span.
    pub span: Option<Span>,
    /// How far it is believed alone.
    pub trust: Trust,
    /// For `ut1`: folder to category, before the built-in map. The category `none` leaves a folder
    /// out.
    pub map: BTreeMap<String, CategoryId>,
    /// Under which terms its authors give it, as text for people.
    pub licence: Option<String>,
    /// Whether the school declared what it feeds as locked; `illegal/*` is locked without it.
    #[serde(default)]
    pub locked: bool,
    /// Whether its entries say how they are answered, where the format can.
    #[serde(default)]
    pub actions: Actions,
}

/// Who says how an entry that blocks is answered, for formats that can say it (`rpz`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actions {
    /// The entry: no such name, no data, no answer, only over TCP, other data.
    #[default]
    Entry,
    /// The policy, whatever the entry says: it is answered as every other block.
    Policy,
}

/// How a list is written (design section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One name a line.
    Domains,
    /// A hosts file: null address, then names.
    Hosts,
    /// Adblock rules that name hosts.
    Adblock,
    /// Lines of a dnsmasq configuration that keep names from being asked upstream.
    Dnsmasq,
    /// A response policy zone, as a master file.
    Rpz,
    /// Folders of the University of Toulouse, one category each.
    Ut1,
}

impl Format {
    /// What a plain name covers where the source does not say.
    #[must_use]
    pub fn span(self) -> Span {
        match self {
            Self::Domains | Self::Dnsmasq | Self::Ut1 => Span::Subtree,
            Self::Hosts | Self::Adblock | Self::Rpz => Span::Exact,
        }
    }

    /// Whether each line says what it says whatever stands before it, so that a file can be read in
    /// pieces. A zone's lines cannot.
    #[must_use]
    pub fn is_read_by_lines(self) -> bool {
        self != Self::Rpz
    }

    /// The word for it in files and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domains => "domains",
            Self::Hosts => "hosts",
            Self::Adblock => "adblock",
            Self::Dnsmasq => "dnsmasq",
            Self::Rpz => "rpz",
            Self::Ut1 => "ut1",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Domains, Self::Hosts, Self::Adblock, Self::Dnsmasq, Self::Rpz, Self::Ut1];
        all.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not a list format: domains, hosts, adblock, dnsmasq, rpz or ut1")
        })
    }
}

/// Where a list is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// A file, a folder or a tar on this machine.
    Path(PathBuf),
    /// Fetched over HTTP or HTTPS.
    Url(String),
    /// Part of the program: a file name that [`crate::starter::starter_text`] knows.
    BuiltIn(String),
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            // Shown to people: passwords and keys in it are not.
            Self::Url(url) => f.write_str(&crate::masked::masked(url)),
            Self::BuiltIn(file) => write!(f, "built in: {file}"),
        }
    }
}

/// What a plain name of a list covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    /// This name only.
    Exact,
    /// This name and everything below.
    Subtree,
}

/// How far a source is believed alone (design section 4, confirmation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Fills strict categories by itself.
    Core,
    /// Needs a second source to fill a strict category.
    #[default]
    Normal,
    /// As `normal`; declared by the school beside the lists that it relies on.
    Extra,
}
