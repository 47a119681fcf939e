//! `schoolgate.toml` as it is written: one struct a table, unknown keys refused.
//!
//! Values that have a form of their own (sizes, durations, server addresses) are parsed while they
//! are read, so that an error carries the line and column of the value itself. What follows from
//! several keys together is checked in [`super::Config`].

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use resolver::upstream::{Class, Server, Strategy};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "`version` and `limits` are checked while they are read, and say nothing more yet"
)]
pub struct Spec {
    /// Format of this file; 1 is the only one.
    pub version: Version,
    /// Where DNS is answered.
    #[serde(default)]
    pub dns: Dns,
    /// Where names are resolved.
    #[serde(default)]
    pub upstream: Upstream,
    /// Names that this box answers itself.
    #[serde(default)]
    pub local: Local,
    /// Answers kept.
    #[serde(default)]
    pub cache: Cache,
    /// Limits that differ from the built-in ones; none can be set yet.
    #[serde(default)]
    pub limits: Limits,
    /// How block lists are fetched, and when they go live.
    #[serde(default)]
    pub lists: Lists,
    /// The admin API.
    #[serde(default)]
    pub admin: Admin,
    /// Where state is kept.
    #[serde(default)]
    pub data: Data,
    /// What decides.
    #[serde(default)]
    pub policy: Policy,
}

/// Version 1 of the file's format.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        match version {
            1 => Ok(Self),
            other => Err(format!("version {other} is not known to this program; it reads version 1")),
        }
    }
}

/// `[dns]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Addresses for plain UDP and TCP; none = the built-in 127.0.0.1:5300.
    pub listen: Option<Vec<Listen>>,
    /// UDP threads for each address; 0 = one a core.
    pub workers: usize,
}

/// `[upstream]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// Servers asked for everything that no zone sends elsewhere; none = `/etc/resolv.conf`.
    pub servers: Option<Vec<Server>>,
    /// Class of the servers that have none of their own.
    pub class: Class,
    /// Resolvers asked for the address of a server that is written as a name.
    pub bootstrap: Vec<IpAddr>,
    /// How one of several servers is chosen.
    pub strategy: Strategy,
    /// 0x20: random letter case against spoofing.
    pub case_randomisation: bool,
    /// DNS cookies against spoofing; on when left out.
    pub cookies: Option<bool>,
    /// Whom to trust on the names of encrypted servers.
    pub tls: UpstreamTls,
    /// Public names that may have private addresses.
    pub rebind_allow: Vec<String>,
    /// Zones asked elsewhere.
    pub zone: Vec<UpstreamZone>,
}

/// `[upstream.tls]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTls {
    /// PEM file of the only authorities that encrypted servers are believed on; none = the public ones.
    pub ca: Option<PathBuf>,
}

/// `[[upstream.zone]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamZone {
    /// The zone; it and everything below is asked at `servers`.
    pub name: String,
    /// Where it is asked.
    pub servers: Vec<Server>,
    /// Class of the servers that have none of their own.
    #[serde(default)]
    pub class: Class,
}

/// `[local]`, as `[[local.record]]` and `[[local.zone]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// Single records.
    pub record: Vec<LocalRecord>,
    /// Whole zones from files.
    pub zone: Vec<LocalZone>,
}

/// `[[local.record]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalRecord {
    /// Owner name.
    pub name: String,
    /// Record type, such as `A`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Data in presentation form.
    pub value: String,
    /// Seconds that others may keep it.
    pub ttl: Option<u32>,
}

/// `[[local.zone]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalZone {
    /// Zone file (RFC 1035 section 5).
    pub file: PathBuf,
    /// Apex; when left out, the file's `$ORIGIN` says it.
    pub name: Option<String>,
}

/// `[cache]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Memory for answers; default 64 MiB.
    pub bytes: Option<ByteSize>,
    /// How long an answer past its time may stand in while upstreams are slow or fail; default one day.
    pub stale: Option<Span>,
    /// Where answers are kept over a restart; without it the cache starts empty.
    pub file: Option<PathBuf>,
}

/// `[limits]`: a place for limits that a school may change; none yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {}

/// `[lists]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lists {
    /// When new content of ordinary lists goes live; none = 05:00.
    pub promote_at: Option<PromoteAt>,
    /// A proxy for everything that is fetched.
    pub proxy: Option<String>,
    /// The file with names and passwords, one table a host.
    pub credentials: Option<PathBuf>,
    /// Certificates in PEM that are believed beside Mozilla's.
    pub ca: Option<PathBuf>,
}

/// A time of day, written `05:00`, or `at-once`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PromoteAt(pub Option<jiff::civil::Time>);

impl TryFrom<String> for PromoteAt {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "at-once" {
            return Ok(Self(None));
        }
        let wrong = || format!("`{text}` is not a time of day; write it like \"05:00\", or \"at-once\"");
        let (hour, minute) = text.split_once(':').filter(|_| text.len() == 5).ok_or_else(wrong)?;
        let (hour, minute) = (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
        jiff::civil::Time::new(hour, minute, 0, 0).map(|time| Self(Some(time))).map_err(|_| wrong())
    }
}

/// `[admin]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Addresses of the admin API; none = 127.0.0.1:8053.
    pub listen: Option<Vec<Listen>>,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
    /// Certificate, required when an address is not loopback.
    pub tls: Option<AdminTls>,
}

/// Who may read `/metrics`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metrics {
    /// Only with a token.
    #[default]
    Token,
    /// Everybody who reaches the address.
    Open,
}

/// `[admin.tls]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the keys are known and checked; TLS for the admin API is not served yet")]
pub struct AdminTls {
    /// Chain in PEM.
    pub certificate: PathBuf,
    /// Private key in PEM.
    pub key: PathBuf,
}

/// `[data]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// State directory; none = `./schoolgate-state` beside the file.
    pub directory: Option<PathBuf>,
    /// `sqlite`, in the state directory.
    pub store: Store,
}

/// Where revisions, people and tokens are kept.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// A file in the state directory.
    #[default]
    Sqlite,
}

/// `[policy]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The policy document; none = the built-in one.
    pub file: Option<PathBuf>,
    /// Whether the file is the only author.
    pub mode: Mode,
}

/// Whether the policy file is one author among others.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One among others.
    #[default]
    Store,
    /// The only one.
    File,
}

/// An address and port to listen on, written `0.0.0.0:53` or `[::]:53`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub SocketAddr);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("`{text}` is not an address with a port; write it like \"0.0.0.0:53\" or \"[::]:53\"")
        })
    }
}

/// A number of bytes, written `64MiB`, `512 KiB` or plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub struct ByteSize(pub u64);

/// A length of time, written `30s`, `10m`, `24h`, `1d` or plain seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub struct Span(pub Duration);

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl NumberOrText {
    /// Number times the factor of its unit.
    fn measure(&self, units: &[(&str, u64)]) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => {
                let digits = text.trim().bytes().take_while(u8::is_ascii_digit).count();
                let (number, unit) = text.trim().split_at(digits);
                let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
                number.parse::<u64>().ok()?.checked_mul(*factor)
            }
        }
    }
}

impl fmt::Display for NumberOrText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl TryFrom<NumberOrText> for ByteSize {
    type Error = String;

    fn try_from(written: NumberOrText) -> Result<Self, String> {
        written
            .measure(&[("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)])
            .map(Self)
            .ok_or_else(|| format!("`{written}` is not a size; write it like \"64MiB\""))
    }
}

impl TryFrom<NumberOrText> for Span {
    type Error = String;

    fn try_from(written: NumberOrText) -> Result<Self, String> {
        written
            .measure(&[("", 1), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)])
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| {
                format!("`{written}` is not a length of time; write it like \"30s\", \"24h\" or \"1d\"")
            })
    }
}
