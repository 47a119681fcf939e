//! What was decided, and the stable record of why: small copyable values, so that a decision costs
//! no allocation on the query path.

use std::net::{IpAddr, Ipv4Addr};

use blocklists::name::NameRef;
use serde::Deserialize;

use crate::verb::Verb;

/// Longest life in seconds of the answer to a blocked question (design section 6).
pub const BLOCK_TTL_SECONDS: u32 = 30;
/// The same where the verb is `ask` or `times`: what is closed now may open within the lesson.
pub const SOON_TTL_SECONDS: u32 = 5;
/// Longest life in seconds of an answer rewritten for safe search.
pub const REWRITE_TTL_SECONDS: u32 = 300;

/// One decision about one question of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What happens to the question.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Longest life of the answer in seconds, whatever its records say.
    pub ttl_cap: u32,
    /// Upstream group that resolves the name (for a rewrite: its target); 0 is the default group.
    pub upstream: u16,
    /// What step 15 lets pass because of who allowed the question.
    pub waiver: Waiver,
}

/// What happens to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Resolved and answered.
    Allow,
    /// Resolved, answered and counted for the weekly report.
    Watch,
    /// Answered with the block answer.
    Block(BlockStyle),
    /// Answered with the safe variant of a search or video host.
    Rewrite(Target),
    /// Answered from the school's own zones and records.
    Local,
    /// `localhost` and below: A and AAAA give the loopback addresses, other types NODATA.
    Loopback,
    /// REFUSED: a stranger (EDE 18), or no usable index yet (EDE 14).
    Refuse,
}

/// How a block is answered (design section 6). Where NXDOMAIN would deny names below that this
/// policy opens, `decide` has already turned it into `NoData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockStyle {
    /// NXDOMAIN with SOA.
    Nxdomain,
    /// NOERROR without answer, with SOA.
    NoData,
    /// 0.0.0.0 and `::` for A and AAAA, NODATA for other types.
    Null,
    /// REFUSED.
    Refused,
    /// The block page's addresses for A and AAAA, NODATA for other types.
    Page,
    /// No answer at all, because the entry of a list says so.
    #[serde(skip)]
    Drop,
    /// Truncated, so that the client asks again over TCP: the entry has no say there.
    #[serde(skip)]
    TcpOnly,
    /// With the records of the entry: a number for
    /// [`Snapshot::entry_action`](crate::Snapshot::entry_action). Types that it has none of: NODATA.
    #[serde(skip)]
    Data(u16),
}

/// Where safe search sends a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A CNAME to the engine's enforcing name: [`Snapshot::target`](crate::Snapshot::target).
    Cname(u16),
    /// The engine's enforcing IPv4 address; other types than A are NODATA.
    Address(Ipv4Addr),
}

/// Why, by number; [`Snapshot`](crate::Snapshot) gives the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// The step that decided.
    pub id: ReasonId,
    /// Deciding category, by number in [`Snapshot::categories`](crate::Snapshot::categories).
    pub category: Option<u16>,
    /// The verb that the policy gives this category.
    pub verb: Option<Verb>,
    /// Deciding rule, by number in [`Snapshot::rule`](crate::Snapshot::rule).
    pub rule: Option<u32>,
    /// Deciding approved list, by number in [`School::approved`](crate::School::approved).
    pub approved: Option<u16>,
}

impl Reason {
    /// A reason that names nothing further.
    #[must_use]
    pub const fn plain(id: ReasonId) -> Self {
        Self { id, category: None, verb: None, rule: None, approved: None }
    }

    /// Whether a reply may name the category. Locked and sealed ones are not told to the client
    /// (design section 6): the answer to a guess would be a catalogue.
    #[must_use]
    pub fn tells_category(&self) -> bool {
        self.id != ReasonId::Locked && self.verb != Some(Verb::Seal)
    }
}

/// The step that decided, as design section 9 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonId {
    /// A locked category: nobody and nothing allows it.
    Locked,
    /// A name by which devices ask whether they may go round this resolver.
    Canary,
    /// The device is cut off but for the status page.
    Isolated,
    /// Access was removed for a time.
    Suspended,
    /// Nobody's network: a stranger.
    UnknownClient,
    /// What devices need.
    Core,
    /// The school's own zone or record.
    Local,
    /// A sealed category.
    Sealed,
    /// A permanent site decision of the policy.
    Rule,
    /// A temporary unblock.
    Grant,
    /// A site that must work.
    Essential,
    /// An approved list.
    Approved,
    /// A category's verb.
    Category,
    /// No category matched.
    Default,
    /// A search or video host, or an engine that has no safe variant.
    SafeSearch,
    /// What the answer points at is blocked.
    Target,
    /// A private address of a public name was taken out.
    Rebind,
    /// A name that never leaves the box.
    LocalName,
    /// No usable index yet.
    NotReady,
}

impl ReasonId {
    /// The stable id for people, logs and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Canary => "canary",
            Self::Isolated => "isolated",
            Self::Suspended => "suspended",
            Self::UnknownClient => "unknown-client",
            Self::Core => "core",
            Self::Local => "local",
            Self::Sealed => "sealed",
            Self::Rule => "rule",
            Self::Grant => "grant",
            Self::Essential => "essential",
            Self::Approved => "approved",
            Self::Category => "category",
            Self::Default => "default",
            Self::SafeSearch => "safe-search",
            Self::Target => "target",
            Self::Rebind => "rebind",
            Self::LocalName => "local-name",
            Self::NotReady => "not-ready",
        }
    }
}

/// What step 15 lets pass because of who allowed the question; locked is never waived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiver {
    /// Nothing: rules, sealed categories and those whose targets are judged all apply.
    Nothing,
    /// A rule or an approved list allowed it: only sealed categories apply.
    Open,
    /// A core name or an essential: sealed ones do not apply either.
    Sealed,
}

/// One thing that an answer points at.
#[derive(Debug, Clone, Copy)]
pub enum Hop<'a> {
    /// The target of a CNAME, DNAME, SVCB or HTTPS record.
    Target(NameRef<'a>),
    /// An address, of an A or AAAA record or a hint of an SVCB or HTTPS record.
    Address(IpAddr),
}

/// What is to be done about a [`Hop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection {
    /// It may stay.
    Pass,
    /// A private address of a public name: taken out of the answer (reason `rebind`, EDE 4).
    Strip,
    /// The whole question is blocked.
    Block(Decision),
}
