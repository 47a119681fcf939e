//! Patterns: entries that mean names by how they are spelt.

use regex_automata::util::syntax;

/// How a pattern is to be read: bytes, no Unicode, letters of either case (names are lower-case, what
/// lists write may not be).
#[must_use]
pub fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).case_insensitive(true)
}
