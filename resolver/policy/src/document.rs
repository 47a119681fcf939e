//! `policy.toml` as it is written: every key, nothing resolved. What the program may rely on is
//! [`School`](crate::School).
//!
//! Ids and names keep their place in the text, so that a mistake that only shows when the parts are
//! put together is still reported with line and column.

mod error;
mod verb_word;

use std::collections::BTreeMap;

use blocklists::source::{Actions, Format, Span, Trust};
use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

pub use error::DocumentError;
pub(crate) use error::not_declared;
pub use verb_word::VerbWord;

use crate::decision::BlockStyle;
use crate::school::policies::{Action, HttpsRecords, YouTube};

/// A text with its place in the file.
pub type Text = Spanned<String>;

/// A parsed policy document.
#[derive(Debug, Clone)]
pub struct Document {
    /// What was written.
    pub written: Written,
    text: String,
}

impl Document {
    /// Reads a policy document.
    ///
    /// # Errors
    /// [`DocumentError`] with the place of the first mistake: TOML syntax, an unknown key (with the
    /// nearest right one), a wrong type, a version other than 1.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let written: Written =
            toml::from_str(text).map_err(|error| DocumentError::from_toml(text, &error))?;
        let document = Self { written, text: text.to_owned() };
        if *document.written.version.get_ref() != 1 {
            return Err(document
                .error(&document.written.version, "this program reads version = 1 of the policy file"));
        }
        Ok(document)
    }

    /// The text that it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// An error about something that was written at a place.
    pub(crate) fn error<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> DocumentError {
        DocumentError::at(&self.text, at.span().start, message.into())
    }
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Version of the format: 1.
    pub version: Spanned<u32>,
    /// IANA time zone of the school.
    pub timezone: Option<Text>,
    /// Block lists.
    #[serde(default)]
    pub source: Vec<WrittenSource>,
    /// Declared categories.
    #[serde(default)]
    pub category: Vec<WrittenCategory>,
    /// Approved lists.
    #[serde(default)]
    pub approved: Vec<WrittenApproved>,
    /// Sites that must work.
    #[serde(default)]
    pub essentials: WrittenEssentials,
    /// Policies.
    #[serde(default)]
    pub policy: Vec<WrittenPolicy>,
    /// Networks.
    #[serde(default)]
    pub network: Vec<WrittenNetwork>,
    /// Groups.
    #[serde(default)]
    pub group: Vec<WrittenGroup>,
    /// Devices.
    #[serde(default)]
    pub device: Vec<WrittenDevice>,
    /// Periods, terms and closed days.
    #[serde(default)]
    pub calendar: WrittenCalendar,
}

/// `[[source]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenSource {
    /// Its id.
    pub id: Text,
    /// The category that it feeds; not for `ut1`.
    pub category: Option<Text>,
    /// How it is written.
    pub format: Format,
    /// Where it is fetched from.
    pub url: Option<Text>,
    /// Or where it is on this machine.
    pub path: Option<Text>,
    /// How often it is fetched: a number and `m`, `h` or `d`.
    pub refresh: Option<Text>,
    /// `sha256:` and the SHA-256 of the file in hex.
    pub checksum: Option<Text>,
    /// Where a file with its SHA-256 is.
    pub checksum_url: Option<Text>,
    /// A minisign public key; the signature is at the list's URL with `.minisig` appended.
    pub minisign: Option<Text>,
    /// Share of its entries, in percent, that an update may lose.
    pub shrink: Option<Spanned<u32>>,
    /// How many times as many entries an update may have.
    pub growth: Option<Spanned<u32>>,
    /// Names that it must block.
    #[serde(default)]
    pub canary: Vec<Text>,
    /// What a plain name covers.
    #[serde(rename = "match")]
    pub span: Option<Span>,
    /// How far it is believed alone.
    #[serde(default)]
    pub trust: Trust,
    /// For `ut1`: folder to category.
    #[serde(default)]
    pub map: BTreeMap<String, Text>,
    /// Under which terms it is given.
    pub licence: Option<String>,
    /// Who says how its entries are answered; only for `rpz`.
    pub actions: Option<Actions>,
}

/// `[[category]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCategory {
    /// Its id.
    pub id: Text,
    /// What the school calls it.
    pub title: Option<String>,
    /// Whether it is locked as `illegal/*` is.
    #[serde(default)]
    pub locked: bool,
    /// Whether what an answer points at is judged by it too.
    #[serde(default)]
    pub targets: bool,
}

/// `[[approved]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenApproved {
    /// Its id.
    pub id: Text,
    /// The file with the names, relative to the policy file; none for the list that comes with the
    /// program, `uk-primary`.
    pub path: Option<Text>,
    /// The categories that it clears.
    pub clears: Vec<Text>,
    /// The policies in which it does.
    pub policies: Vec<Text>,
}

/// `[essentials]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenEssentials {
    /// Exact names, or `*.x` for x and below.
    #[serde(default)]
    pub names: Vec<Text>,
}

/// `[[policy]]`. What is left out is taken from `extends`, at the root from the built-in defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenPolicy {
    /// Its id; a preset's id replaces the preset.
    pub id: Text,
    /// What the school calls it.
    pub title: Option<String>,
    /// The policy or preset that it is a variant of.
    pub extends: Option<Text>,
    /// What happens to a name of no category.
    pub default: Option<Action>,
    /// Whether the school's own zones and records are answered.
    pub local: Option<bool>,
    /// A policy that this one must never be looser than.
    pub never_looser_than: Option<Text>,
    /// Whether search engines are sent to their safe variant.
    pub safe_search: Option<bool>,
    /// YouTube's restricted mode.
    pub youtube: Option<YouTube>,
    /// What happens to search engines that have no safe variant.
    pub unsafe_search_engines: Option<Action>,
    /// What happens to HTTPS records.
    pub https_records: Option<HttpsRecords>,
    /// How a block is answered.
    pub block_answer: Option<BlockStyle>,
    /// Longest life of any answer in seconds.
    pub max_ttl: Option<Spanned<u32>>,
    /// Verbs of categories.
    #[serde(default)]
    pub categories: BTreeMap<Text, VerbWord>,
    /// Site decisions.
    #[serde(default)]
    pub rule: Vec<WrittenRule>,
}

/// `[[policy.rule]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// Allow or block.
    pub action: Action,
    /// The name and everything below, or `=name` for this name only.
    pub name: Text,
    /// Why.
    pub reason: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it is looked at again (`YYYY-MM-DD`).
    pub review: Option<Text>,
}

/// `[[network]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenNetwork {
    /// Its id.
    pub id: Text,
    /// What the school calls it.
    pub title: Option<String>,
    /// Subnets; a single address is a subnet too.
    #[serde(default)]
    pub subnets: Vec<Text>,
    /// Arrival interfaces.
    #[serde(default)]
    pub interfaces: Vec<Text>,
    /// Listen addresses reached.
    #[serde(default)]
    pub listen: Vec<Text>,
    /// The policy of its clients.
    pub policy: Text,
    /// Which identities are strong here.
    #[serde(default)]
    pub trusts: Vec<TrustsWord>,
}

/// `[[group]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenGroup {
    /// Its id.
    pub id: Text,
    /// What the school calls it.
    pub title: Option<String>,
    /// Its devices.
    #[serde(default)]
    pub devices: Vec<Text>,
    /// Its policy.
    pub policy: Option<Text>,
}

/// `[[device]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenDevice {
    /// Its id.
    pub id: Text,
    /// What the school calls it.
    pub title: Option<String>,
    /// Addresses, MAC addresses, DHCP host names.
    #[serde(rename = "match")]
    pub matches: Vec<Text>,
    /// The only networks in which it is this device; empty: any.
    #[serde(default)]
    pub networks: Vec<Text>,
    /// Its policy.
    pub policy: Option<Text>,
}

/// `[calendar]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCalendar {
    /// Named periods.
    #[serde(default)]
    pub periods: BTreeMap<Text, WrittenPeriod>,
    /// Terms.
    #[serde(default)]
    pub terms: Vec<WrittenTerm>,
    /// Closed days: a date, or two dates with `..` between.
    #[serde(default)]
    pub closed: Vec<Text>,
}

/// One period.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenPeriod {
    /// Days of the week: `mon-fri`, `sat`, `mon,wed`.
    pub days: Text,
    /// Start, `HH:MM`.
    pub from: Text,
    /// End, `HH:MM`, after the start.
    pub until: Text,
    /// `term`, `closed` or `always`.
    #[serde(rename = "in")]
    pub season: Option<SeasonWord>,
}

/// One term.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenTerm {
    /// What it is called.
    pub name: String,
    /// First day, `YYYY-MM-DD`.
    pub from: Text,
    /// Last day.
    pub until: Text,
}

/// Which identities are strong in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustsWord {
    /// Hardware addresses, where the switch holds a port to one.
    Mac,
}

/// When a period holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeasonWord {
    /// On school days of a term.
    Term,
    /// On closed days and between terms.
    Closed,
    /// Always.
    Always,
}

/// Reads a subnet: `10.0.0.0/8`, or a single address. Host bits must be zero.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn subnet(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let net: IpNet = text
        .parse()
        .map_err(|_| format!("`{text}` is not a subnet such as 10.20.0.0/16 or 2001:db8::/64"))?;
    if net.trunc() != net {
        return Err(format!("`{text}` has bits set behind its length: write {}", net.trunc()));
    }
    Ok(net)
}
