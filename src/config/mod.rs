//! The configuration of one box: found, read, and valid by construction.
//!
//! [`spec`] is what was written; [`Config`] is what the program may rely on. Whatever is wrong ends
//! in one sentence that names file, line, column and the nearest right key.

pub mod document;
mod lists;
pub mod parts;
pub mod spec;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocklists::name::Name;
use policy::DocumentError;
use resolver::local::LocalRecord;
use resolver::upstream::{Class, Host, Options, Server, ServerAddress, Trust, surprises};
use thiserror::Error;

pub use lists::ListsPlan;
use spec::{Listen, Metrics, Mode, Spec};

/// Memory for cached answers when the file says nothing.
const CACHE_BYTES_DEFAULT: u64 = 64 << 20;
/// Where DNS is answered when no file says otherwise: a port that needs no root.
const DNS_LISTEN_DEFAULT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 5300);
/// Where the admin API listens when no file says otherwise.
const ADMIN_LISTEN_DEFAULT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8053);
/// State directory when no file says otherwise.
const STATE_DEFAULT: &str = "schoolgate-state";

/// Where the configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// No file: the built-in one.
    BuiltIn,
    /// This file.
    File(PathBuf),
}

/// Everything that one box is told.
#[derive(Debug)]
pub struct Config {
    /// Where it came from.
    pub origin: Origin,
    /// Addresses for plain UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// UDP threads for each address.
    pub workers: usize,
    /// Where names are resolved.
    pub upstream: UpstreamPlan,
    /// Records that this box answers itself.
    pub records: Vec<LocalRecord>,
    /// Zone files, and the apex where it is written.
    pub zones: Vec<(PathBuf, Option<Name>)>,
    /// Memory for cached answers, in bytes.
    pub cache_bytes: u64,
    /// How long an answer past its time may stand in; zero never lets one.
    pub cache_stale: Duration,
    /// Where answers are kept over a restart.
    pub cache_file: Option<PathBuf>,
    /// How block lists are fetched, and when they go live.
    pub lists: ListsPlan,
    /// Addresses of the admin API.
    pub admin: Vec<SocketAddr>,
    /// Whether `/metrics` needs no token.
    pub metrics_open: bool,
    /// State directory.
    pub data: PathBuf,
    /// The policy document; none = the built-in one.
    pub policy: Option<PathBuf>,
    /// Sentences worth reading that stop nothing.
    pub warnings: Vec<String>,
}

/// Where names are resolved.
#[derive(Debug)]
pub struct UpstreamPlan {
    /// Servers for everything that no zone sends elsewhere.
    pub servers: Vec<Server>,
    /// Resolvers for servers written as names.
    pub bootstrap: Vec<IpAddr>,
    /// How servers are chosen and asked.
    pub options: Options,
    /// Zones asked elsewhere.
    pub zones: Vec<(Name, Vec<Server>)>,
    /// Public names that may have private addresses.
    pub rebind_allow: Vec<Name>,
}

/// Why the configuration cannot be used. Ends the program with exit code 2.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {error}. Check the path, or start without --config to use the built-in configuration")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A place in the file is wrong.
    #[error("{path}:{line}:{column}: {message}")]
    Wrong {
        /// Which file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The keys do not fit together.
    #[error("{path}: {message}")]
    Conflict {
        /// Which file.
        path: String,
        /// What is wrong and what would be right.
        message: String,
    },
}

impl Config {
    /// Finds and reads the configuration: `explicit` (`--config`), else `$SCHOOLGATE_CONFIG`, else
    /// `./schoolgate.toml`, else `/etc/schoolgate/schoolgate.toml`, else the built-in one.
    ///
    /// # Errors
    /// [`ConfigError`] with the place and the way out.
    pub fn find(explicit: Option<&Path>) -> Result<Self, ConfigError> {
        let named = explicit
            .map(Path::to_path_buf)
            .or_else(|| std::env::var_os("SCHOOLGATE_CONFIG").map(PathBuf::from));
        if let Some(path) = named {
            return Self::read(&path);
        }
        for path in ["schoolgate.toml", "/etc/schoolgate/schoolgate.toml"] {
            if Path::new(path).exists() {
                return Self::read(Path::new(path));
            }
        }
        Ok(Self::built_in())
    }

    /// The configuration of a box that was told nothing: no root and no internet needed.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            origin: Origin::BuiltIn,
            listen: vec![DNS_LISTEN_DEFAULT.into()],
            workers: 0,
            upstream: UpstreamPlan {
                servers: system_servers(&[DNS_LISTEN_DEFAULT.into()]),
                bootstrap: Vec::new(),
                options: Options::default(),
                zones: Vec::new(),
                rebind_allow: Vec::new(),
            },
            records: Vec::new(),
            zones: Vec::new(),
            cache_bytes: CACHE_BYTES_DEFAULT,
            cache_stale: resolver::limits::STALE_DEFAULT,
            cache_file: None,
            lists: ListsPlan::default(),
            admin: vec![ADMIN_LISTEN_DEFAULT.into()],
            metrics_open: false,
            data: PathBuf::from(STATE_DEFAULT),
            policy: None,
            warnings: Vec::new(),
        }
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: shown.clone(), error })?;
        let spec: Spec = toml::from_str(&text).map_err(|error| {
            let DocumentError { line, column, message } = DocumentError::from_toml(&text, &error);
            ConfigError::Wrong { path: shown.clone(), line, column, message }
        })?;
        Self::from_spec(spec, path).map_err(|message| ConfigError::Conflict { path: shown, message })
    }

    fn from_spec(spec: Spec, path: &Path) -> Result<Self, String> {
        let base = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let mut warnings = notices(&spec);
        let listen = addresses("dns.listen", spec.dns.listen, DNS_LISTEN_DEFAULT)?;
        let admin = addresses("admin.listen", spec.admin.listen, ADMIN_LISTEN_DEFAULT)?;
        if let Some(open) = admin.iter().find(|address| !address.ip().is_loopback()) {
            return Err(format!(
                "[admin] listen {open} is not a loopback address, and this version serves the admin API without TLS; \
                 use 127.0.0.1 or [::1] and reach it through an SSH tunnel"
            ));
        }
        let upstream = upstream_plan(spec.upstream, &listen, &base, &mut warnings)?;
        Ok(Self {
            origin: Origin::File(path.to_path_buf()),
            listen,
            workers: spec.dns.workers,
            upstream,
            records: spec.local.record.into_iter().map(record).collect::<Result<_, String>>()?,
            zones: spec
                .local
                .zone
                .into_iter()
                .map(|zone| {
                    let apex = zone.name.as_deref().map(|name| named("local.zone", name)).transpose()?;
                    Ok((base.join(zone.file), apex))
                })
                .collect::<Result<_, String>>()?,
            cache_bytes: spec.cache.bytes.map_or(CACHE_BYTES_DEFAULT, |size| size.0),
            cache_stale: spec.cache.stale.map_or(resolver::limits::STALE_DEFAULT, |span| span.0),
            cache_file: spec.cache.file.map(|file| base.join(file)),
            lists: ListsPlan::from_spec(spec.lists, &base),
            admin,
            metrics_open: spec.admin.metrics == Metrics::Open,
            data: base.join(spec.data.directory.unwrap_or_else(|| PathBuf::from(STATE_DEFAULT))),
            policy: spec.policy.file.map(|file| base.join(file)),
            warnings,
        })
    }

    /// The file's name for people.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.origin {
            Origin::BuiltIn => "the built-in configuration".to_owned(),
            Origin::File(path) => path.display().to_string(),
        }
    }
}

/// Keys that are read and checked but not in force in this version: said, never hidden.
fn notices(spec: &Spec) -> Vec<String> {
    let mut notices = Vec::new();
    let mut not_yet =
        |key: &str, instead: &str| notices.push(format!("{key} is not in force in this version: {instead}"));
    if spec.admin.tls.is_some() {
        not_yet("[admin.tls]", "the admin API is plain HTTP on loopback");
    }
    if spec.policy.mode == Mode::File {
        not_yet("[policy] mode", "the file is the only author until revisions can be made elsewhere");
    }
    notices
}

/// The addresses that were written, else the built-in one.
fn addresses(
    key: &str,
    written: Option<Vec<Listen>>,
    built_in: (Ipv4Addr, u16),
) -> Result<Vec<SocketAddr>, String> {
    match written {
        Some(list) if list.is_empty() => Err(format!("{key} is empty; leave it out or name an address")),
        Some(list) => Ok(list.into_iter().map(|address| address.0).collect()),
        None => Ok(vec![built_in.into()]),
    }
}

fn named(key: &str, text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| format!("{key}: `{text}` is not a name: {error}"))
}

fn names(key: &str, texts: &[String]) -> Result<Vec<Name>, String> {
    texts.iter().map(|text| named(key, text)).collect()
}

fn record(written: spec::LocalRecord) -> Result<LocalRecord, String> {
    let name = named("local.record", &written.name)?;
    let ttl = written.ttl.unwrap_or(resolver::local::RECORD_TTL);
    Ok(LocalRecord { name, rtype: written.rtype, value: written.value, ttl })
}

/// A forward zone that would carry away a whole suffix is refused (design section 5, step 14).
fn forward_zone(text: &str) -> Result<Name, String> {
    let zone = named("upstream.zone", text)?;
    if !policy::may_be_forwarded(zone.as_ref()) {
        return Err(format!(
            "upstream.zone `{text}` is a whole top-level domain or public suffix; name a zone of your own below it"
        ));
    }
    Ok(zone)
}

/// Who is asked, and how. What its author may not have meant goes to `warnings`.
fn upstream_plan(
    spec: spec::Upstream,
    listen: &[SocketAddr],
    base: &Path,
    warnings: &mut Vec<String>,
) -> Result<UpstreamPlan, String> {
    let servers = of_class(spec.class, spec.servers.unwrap_or_else(|| system_servers(listen)));
    if servers.is_empty() {
        warnings.push(
            "no upstream server is known: names that are not blocked or local end in SERVFAIL; \
             set [upstream] servers = [\"udp://192.0.2.1\"]"
                .to_owned(),
        );
    }
    let mut zones = Vec::new();
    for zone in spec.zone {
        zones.push((forward_zone(&zone.name)?, of_class(zone.class, zone.servers)));
    }
    for group in std::iter::once(&servers).chain(zones.iter().map(|(_, servers)| servers)) {
        warnings.extend(surprises(group));
        let named = group.iter().find(|server| matches!(server.address.host, Host::Name(_)));
        if let Some(server) = named.filter(|_| spec.bootstrap.is_empty()) {
            warnings.push(format!(
                "upstream server {} is written as a name, and nobody can be asked for its address: set [upstream] \
                 bootstrap = [\"192.0.2.1\"], or write the address, as in tls://192.0.2.1#dns.example",
                server.address
            ));
        }
    }
    let trust = match spec.tls.ca {
        Some(file) => {
            let path = base.join(file);
            let pem = std::fs::read(&path).map_err(|error| error.to_string());
            let trust = pem.and_then(|pem| Trust::only(&pem).map_err(|error| error.to_string()));
            trust.map_err(|error| format!("[upstream.tls] ca {}: {error}", path.display()))?
        }
        None => Trust::default(),
    };
    let options = Options {
        strategy: spec.strategy,
        case_randomisation: spec.case_randomisation,
        cookies: spec.cookies.unwrap_or(true),
        trust,
    };
    let rebind_allow = names("upstream.rebind_allow", &spec.rebind_allow)?;
    Ok(UpstreamPlan { servers, bootstrap: spec.bootstrap, options, zones, rebind_allow })
}

fn of_class(class: Class, servers: Vec<Server>) -> Vec<Server> {
    servers.into_iter().map(|server| server.or(class)).collect()
}

/// The system's own resolvers, without the addresses where we listen (a loop).
fn system_servers(listen: &[SocketAddr]) -> Vec<Server> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.trim().parse::<IpAddr>().ok())
        .map(|ip| SocketAddr::new(ip, 53))
        .filter(|server| {
            !listen
                .iter()
                .any(|own| own.port() == 53 && (own.ip() == server.ip() || own.ip().is_unspecified()))
        })
        .map(|server| ServerAddress::udp(server).into())
        .collect()
}
