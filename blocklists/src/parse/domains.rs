//! Format `domains`: one name a line.
//!
//! `#` starts a comment, in a line of its own or behind a name; `*.x` and `.x` mean x and
//! everything below, whatever the span of plain names. A line that is an address or a network speaks
//! of answers.

use super::{Marks, Parser, Reach, before_comment, words};

/// Reads one line that is not blank.
pub(super) fn read_line(parser: &mut Parser<'_>, text: &[u8]) {
    let text = if text.first() == Some(&b'!') { &[] } else { before_comment(text) };
    let mut words = words(text);
    let Some(word) = words.next() else { return };
    parser.report.lines += 1;
    if words.next().is_some() {
        return parser.reject("more than one name in a line");
    }
    let (host, reach) = match word.strip_prefix(b"*.").or_else(|| word.strip_prefix(b".")) {
        Some(host) => (host, Reach::Subtree),
        None => (word, parser.file.reach),
    };
    if let Err(bad) = parser.take(host, reach, Marks::default()) {
        parser.count(bad);
    }
}
