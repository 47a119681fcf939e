//! Core names: what devices need to work at all (`data/core.tsv`). Only locked beats them.

use blocklists::source::Span;

use crate::names::{Covered, Fact, Names, Scope};

const TABLE: &str = include_str!("../data/core.tsv");

/// Core hosts with their purpose and why, as in the table.
pub(crate) fn hosts() -> impl Iterator<Item = (Covered, &'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        let covered = Covered::parse(cells.next()?.trim(), Span::Exact).ok()?;
        Some((covered, cells.next().unwrap_or(""), cells.next().unwrap_or("")))
    })
}

/// Says the core names.
pub(crate) fn say(names: &mut Names) {
    for (covered, _, _) in hosts() {
        names.say(&covered, Scope::All, Fact::Core);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_host_with_a_purpose() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        assert_eq!(hosts().count(), lines.filter(|line| !line.starts_with("host\t")).count());
        assert!(
            hosts()
                .all(|(covered, purpose, _)| covered.name.as_ref().label_count() > 1 && !purpose.is_empty())
        );
    }
}
