//! Names that a school must have (`data/must_open.tsv`), whatever a list says.
//!
//! Two things follow from a row: the compiler drops entries of lists on it ([`crate::guard`]), and
//! the policies that the product ships let it through where a list above it was kept.

use std::sync::LazyLock;

use crate::name::Name;

const TABLE: &str = include_str!("../data/must_open.tsv");

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MustOpen {
    /// The name.
    pub name: Name,
    /// Whether everything below belongs to it (`*.x`).
    pub subtree: bool,
    /// What it is for: `learning`, `reading`, `media`, `office`, `management`, `plumbing`, `help`.
    pub group: &'static str,
    /// Why, for a governor.
    pub reason: &'static str,
}

/// All rows, in the order of the file.
#[must_use]
pub fn must_open() -> &'static [MustOpen] {
    static ROWS: LazyLock<Vec<MustOpen>> = LazyLock::new(|| TABLE.lines().filter_map(row).collect());
    &ROWS
}

fn row(line: &'static str) -> Option<MustOpen> {
    let mut cells = line.split('\t');
    let text = cells.next().filter(|text| !text.starts_with('#'))?;
    let (text, subtree) = text.strip_prefix("*.").map_or((text, false), |rest| (rest, true));
    Some(MustOpen { name: Name::parse(text).ok()?, subtree, group: cells.next()?, reason: cells.next()? })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_a_name_with_a_group_and_a_reason() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        assert_eq!(must_open().len(), lines.count());
        assert!(must_open().len() >= 300);
        for row in must_open() {
            let groups = ["learning", "reading", "media", "office", "management", "plumbing", "help"];
            assert!(groups.contains(&row.group) && !row.reason.is_empty(), "{row:?}");
        }
        let names: BTreeSet<&Name> = must_open().iter().map(|row| &row.name).collect();
        assert_eq!(names.len(), must_open().len(), "a name stands twice");
    }

    #[test]
    fn no_row_opens_what_strangers_register_under() {
        for row in must_open().iter().filter(|row| row.subtree) {
            let text = row.name.to_string();
            let suffix = psl::suffix(text.as_bytes()).filter(|suffix| suffix.is_known());
            assert!(suffix.is_none_or(|suffix| suffix.as_bytes().len() < text.len()), "{text}");
        }
    }
}
