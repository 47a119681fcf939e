//! Patterns: entries that mean names by how they are spelt.
//!
//! Wildcards and regular expressions become one thing, a regular expression over the presentation
//! form of a name. It is read here, before the compiler sees it, so that a line that is wrong is
//! shown as a bad line: what would need more than linear time (look-around, back-references), what
//! is too big, and what fits every name are refused.

use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;
use regex_syntax::hir::{Hir, HirKind};
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
