//! The services catalogue as lists: each line feeds a category of its own.

use super::{ListFile, Marks, Parser, Reach, lines, words};
use crate::services::row;
use crate::source::{Actions, Format};

/// The lines of the catalogue that are services.
pub(super) fn all(bytes: &[u8]) -> Vec<ListFile<'_>> {
    let list = |line: super::Line<'_>, text| {
        let (service, names) = row(text)?;
        let (format, reach, category) = (Format::Domains, Reach::Subtree, service.id);
        let bytes = names.as_bytes();
        let (locked, actions, service) = (false, Actions::Entry, Some(line.number));
        Some(ListFile { format, reach, category, locked, actions, name: "", service, bytes })
    };
    lines(bytes).filter_map(|line| list(line, std::str::from_utf8(line.text).ok()?)).collect()
}

/// Reads the names of one service.
pub(super) fn read_line(parser: &mut Parser<'_>, text: &[u8]) {
    parser.report.lines += 1;
    for word in words(text) {
        if let Err(bad) = parser.take(word, Reach::Subtree, Marks::default()) {
            parser.count(bad);
        }
    }
}
