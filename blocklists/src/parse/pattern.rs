//! Patterns: entries that mean names by how they are spelt.
//!
//! Wildcards and regular expressions become one thing, a regular expression over the presentation
//! form of a name. It is read here, before the compiler sees it, so that a line that is wrong is
//! shown as a bad line: what would need more than linear time (look-around, back-references), what
//! is too big, and what fits every name are refused.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use thiserror::Error;

/// Longest pattern in bytes.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// Most states of an automaton, as estimated from the pattern.
pub const STATES_MAX: u64 = 2000;
/// Most patterns taken from one file of a list: each is looked at for every question, in a way.
pub const PATTERNS_MAX: usize = 10_000;
/// Deepest nesting of groups in a pattern.
const NEST_MAX: u32 = 40;
/// Most bytes that the automaton of one pattern may take while it is checked.
const NFA_BYTES_MAX: usize = 4 << 20;
/// Names with nothing in common: what fits all of them says nothing about a name.
const UNLIKE: [&[u8]; 3] = [b"a1.b", b"zq-9.xk", b"_.m"];

/// Why a pattern is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It cannot be read as a regular expression.
    #[error("the pattern cannot be read")]
    Unreadable,
    /// It asks for what no linear-time engine does.
    #[error("the pattern looks around or back, which cannot be done in linear time")]
    NotLinear,
    /// It is longer, or its automaton is larger, than any honest pattern's.
    #[error("the pattern is too big")]
    TooBig,
    /// It fits every name.
    #[error("the pattern fits every name")]
    FitsAll,
    /// It fits only addresses, which no name looks like: these, where they are few enough to tell.
    #[error("the pattern fits addresses only, and no name")]
    OnlyAddresses(Vec<IpNet>),
    /// There are too many before it in this file.
    #[error("there are more than {PATTERNS_MAX} patterns in this file")]
    TooMany,
}

/// How a pattern is to be read: bytes, no Unicode, letters of either case (names are lower-case, what
/// lists write may not be).
#[must_use]
pub fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).case_insensitive(true).nest_limit(NEST_MAX)
}

/// Checks a pattern, and makes it ready to be tried on names.
pub(super) fn checked(pattern: &str) -> Result<Regex, PatternError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(PatternError::TooBig);
    }
    let hir = syntax::parse_with(pattern, &syntax()).map_err(|error| unreadable(&error))?;
    if states(&hir) > STATES_MAX {
        return Err(PatternError::TooBig);
    }
    let config = meta::Config::new().nfa_size_limit(Some(NFA_BYTES_MAX)).onepass(false).dfa(false);
    let regex = meta::Builder::new().configure(config).build_from_hir(&hir);
    let regex = regex.map_err(|_| PatternError::TooBig)?;
    if is_whole(&hir) && is_numeric(&hir) {
        return Err(PatternError::OnlyAddresses(addresses(&hir, &regex)));
    }
    if UNLIKE.iter().all(|name| regex.is_match(name)) {
        return Err(PatternError::FitsAll);
    }
    Ok(regex)
}

fn unreadable(error: &regex_syntax::Error) -> PatternError {
    use regex_syntax::ast::ErrorKind;
    match error {
        regex_syntax::Error::Parse(error) => match error.kind() {
            ErrorKind::UnsupportedLookAround | ErrorKind::UnsupportedBackreference => PatternError::NotLinear,
            ErrorKind::NestLimitExceeded(_) => PatternError::TooBig,
            _ => PatternError::Unreadable,
        },
        _ => PatternError::Unreadable,
    }
}

/// Whether a pattern speaks of the whole text, from its start to its end.
fn is_whole(hir: &Hir) -> bool {
    let properties = hir.properties();
    properties.look_set_prefix().contains(Look::Start) && properties.look_set_suffix().contains(Look::End)
}

/// Whether nothing but digits and dots fits it.
fn is_numeric(hir: &Hir) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => literal.0.iter().copied().all(is_digit),
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().all(|range| (range.start()..=range.end()).all(is_digit))
        }
        HirKind::Class(Class::Unicode(_)) => false,
        HirKind::Repetition(repetition) => is_numeric(&repetition.sub),
        HirKind::Capture(capture) => is_numeric(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(is_numeric),
    }
}

/// The addresses that a pattern fits which spells out three octets (`^192\.0\.2\.\d+$`): all of them,
/// or each.
fn addresses(hir: &Hir, regex: &Regex) -> Vec<IpNet> {
    let HirKind::Concat(parts) = hir.kind() else { return Vec::new() };
    let front = parts.iter().find_map(|part| match part.kind() {
        HirKind::Literal(literal) => Some(std::str::from_utf8(&literal.0).ok()),
        _ => None,
    });
    let Some(front) = front.flatten().and_then(|text| text.rsplit_once('.')) else { return Vec::new() };
    let (front, rest) = front;
    let Ok(network) = format!("{front}.0").parse::<Ipv4Addr>() else { return Vec::new() };
    let [a, b, c, _] = network.octets();
    let all = (0..=u8::MAX).map(|last| Ipv4Addr::new(a, b, c, last));
    let fits = |address: &Ipv4Addr| regex.is_match(address.to_string().as_bytes());
    let found: Vec<IpNet> = all.filter(fits).map(|address| IpNet::from(IpAddr::V4(address))).collect();
    match Ipv4Net::new(network, 24) {
        Ok(whole) if rest.is_empty() && found.len() == 256 => vec![whole.into()],
        _ => found,
    }
}

/// About how many states the automaton of a pattern has. The nesting is bounded, so is the depth here.
fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(_) => 2,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            states(&repetition.sub).saturating_mul(u64::from(times)).saturating_add(1)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(states).fold(1, u64::saturating_add)
        }
    }
}
