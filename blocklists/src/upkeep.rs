//! How a source is kept: how often it is looked at, what proves it, how far it may change at once.
//!
//! None of this changes what the index holds for the same content, so it stands beside
//! [`Source`](crate::source::Source) and not in it: a list that is looked at more often need not be
//! compiled anew.

use std::time::Duration;

use crate::name::Name;

/// Time between two looks at a `url` whose source says nothing.
pub const REFRESH_DEFAULT: Duration = Duration::from_secs(86_400);
/// Shortest time between two looks: providers stop serving those who ask more often.
pub const REFRESH_MIN: Duration = Duration::from_secs(300);
/// Share of its entries, in percent, that a list may lose at once when its source says nothing.
pub const SHRINK_PERCENT_DEFAULT: u8 = 50;
/// How many times as long a list may become at once when its source says nothing.
pub const GROWTH_TIMES_DEFAULT: u32 = 4;

/// How one source is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upkeep {
    /// Time between two looks at a `url`. What stands on this machine is watched instead.
    pub refresh: Duration,
    /// What its content must agree with before anything else is looked at.
    pub proof: Option<Proof>,
    /// Share of its entries, in percent, that new content may lose. 100: it may become any shorter.
    pub shrink_percent: u8,
    /// How many times as many entries new content may have.
    pub growth_times: u32,
    /// Names that it must block; content without one of them is not that list.
    pub canary: Vec<Name>,
}

/// What proves that content is what its author published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// SHA-256 of the file, 64 lower-case hex digits.
    Sha256(String),
    /// Where a file with its SHA-256 is, as `sha256sum` writes it or the digits alone.
    ChecksumUrl(String),
    /// A minisign public key in base64; the signature is at the list's URL with `.minisig` appended.
    Minisign(String),
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            refresh: REFRESH_DEFAULT,
            proof: None,
            shrink_percent: SHRINK_PERCENT_DEFAULT,
            growth_times: GROWTH_TIMES_DEFAULT,
            canary: Vec::new(),
        }
    }
}
