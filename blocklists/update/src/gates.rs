//! Whether what a source sent is fit to use. What is not never replaces what was.

use blocklists::report::SourceReport;

/// Bytes from the start that are looked at.
pub(crate) const HEAD: usize = 1024;
/// Share of a list's lines, in percent, that must be of a known form.
const KNOWN_PERCENT_MIN: u64 = 90;
/// As many entries may always be dropped by the guard.
const DROPPED_FINE: u64 = 5;
/// More than these, in percent of all entries, may not.
const DROPPED_PERCENT_MAX: u64 = 1;
/// Nor more than these, however long the list: about a quarter of all guarded names. Lists of the
/// most visited sites hold more; the worst real block list is far below.
const DROPPED_MAX: u64 = 250;

/// Whether bytes start as a web page does (a login page, an error page): no list starts with `<`.
pub(crate) fn is_html(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start().first() == Some(&b'<')
}

/// Why a list is not fit to use at all: an empty list would take away what is in force.
///
/// # Errors
/// A sentence for people.
pub(crate) fn holds_names(report: &SourceReport) -> Result<(), String> {
    if report.entries > 0 {
        return Ok(());
    }
    Err(match report.lines {
        0 => "it is empty".to_owned(),
        lines => format!("none of its {lines} lines gives a name; is it really in the format declared?"),
    })
}

/// Why a list looks broken against the one before.
///
/// # Errors
/// A sentence for people.
pub(crate) fn is_understood(report: &SourceReport) -> Result<(), String> {
    let known = report.lines.saturating_sub(report.rejected_lines);
    if known * 100 >= report.lines * KNOWN_PERCENT_MIN {
        return Ok(());
    }
    Err(format!(
        "only {known} of its {} lines are understood; is it really in the format declared?",
        report.lines
    ))
}

/// Why a list is not what it says: it holds so much of what a school must have that its other lines
/// are not to be believed either. The entries themselves are dropped in any case, so a long list with
/// a slip in a thousand lines stays. Locked lists are never refused for this.
///
/// # Errors
/// A sentence for people.
pub(crate) fn leaves_schools_alone(report: &SourceReport, is_locked: bool) -> Result<(), String> {
    let SourceReport { dropped, entries, .. } = *report;
    let is_share = dropped * 100 > (dropped + entries) * DROPPED_PERCENT_MAX;
    if is_locked || dropped <= DROPPED_FINE || !(is_share || dropped > DROPPED_MAX) {
        return Ok(());
    }
    Err(format!(
        "{dropped} of its {} names are ones that a school must have or that strangers share; is it really a block list?",
        dropped + entries
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: u64, rejected_lines: u64, entries: u64) -> SourceReport {
        SourceReport { lines, rejected_lines, entries, ..SourceReport::default() }
    }

    #[test]
    fn web_pages_are_seen() {
        for page in ["<!DOCTYPE html>", "  \r\n<html>", "\u{feff}<html>"] {
            assert!(is_html(page.as_bytes()), "{page}");
        }
        for list in ["", "a.example", "# <html>", "||a.example^"] {
            assert!(!is_html(list.as_bytes()), "{list}");
        }
    }

    #[test]
    fn a_list_of_what_schools_need_is_no_block_list() {
        for (dropped, entries, locked, fit) in [
            (0, 0, false, true),
            (5, 0, false, true),
            (6, 100, false, false),
            (6, 100, true, true),
            (17, 1_000_000, false, true),
            (251, 1_000_000, false, false),
        ] {
            let report = SourceReport { dropped, ..report(0, 0, entries) };
            assert_eq!(leaves_schools_alone(&report, locked).is_ok(), fit, "{report:?}");
        }
    }

    #[test]
    fn a_list_is_fit_when_it_holds_names_in_lines_of_known_form() {
        for (lines, rejected, entries, holds, understood) in [
            (0, 0, 0, false, true),
            (10, 10, 0, false, false),
            (10, 2, 8, true, false),
            (10, 1, 9, true, true),
            (10, 0, 90, true, true),
        ] {
            let report = report(lines, rejected, entries);
            assert_eq!(holds_names(&report).is_ok(), holds, "{report:?}");
            assert_eq!(is_understood(&report).is_ok(), understood, "{report:?}");
        }
    }
}
