//! Whether what a source sent is fit to use. What is not never replaces what was.

use std::io::Read;

use blocklists::category::CategoryId;
use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::report::SourceReport;
use blocklists::source::Source;
use blocklists::upkeep::Upkeep;

/// The record type that canaries are asked for: A (RFC 1035 section 3.2.2).
const ADDRESS: u16 = 1;

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

/// From so many entries on, a list that becomes much shorter looks cut off. What a school writes
/// itself is shorter, and may change as it likes.
const SHRINK_ENTRIES_MIN: u64 = 100;
/// From so many entries on, a list that becomes much longer looks like another list. Shorter ones grow
/// by themselves.
const GROWTH_ENTRIES_MIN: u64 = 1000;

/// What a long list of a category cannot fail to hold: the category, from how many entries on, and
/// names of which it must block at least one. Short lists are often about something special.
/// (None for gambling: lists of one country's sites are long as well, and hold none that we know.)
const CANARIES: [(&str, u64, &[&str]); 1] =
    [("adult", 100_000, &["pornhub.com", "xvideos.com", "xnxx.com", "xhamster.com"])];

/// A packed list has more bytes than this for each entry.
const BYTES_AN_ENTRY_MIN: u64 = 3;

/// Whether bytes start as a web page does (a login page, an error page), packed or not: no list
/// starts with `<`.
pub(crate) fn is_html(head: &[u8]) -> bool {
    let mut plain = Vec::new();
    let limit = HEAD as u64;
    // What is cut off behind the head is no reason: only the first bytes count.
    let _ = match head {
        [0x1f, 0x8b, ..] => flate2::read::GzDecoder::new(head).take(limit).read_to_end(&mut plain),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::Decoder::with_buffer(head).and_then(|bytes| bytes.take(limit).read_to_end(&mut plain))
        }
        plain_head => plain_head.take(limit).read_to_end(&mut plain),
    };
    let plain = plain.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&plain);
    plain.trim_ascii_start().first() == Some(&b'<')
}

/// Why a list looks cut off, or like another one, against the one in force.
///
/// # Errors
/// A sentence for people, with the way to accept it.
pub(crate) fn keeps_its_size(before: u64, after: u64, upkeep: &Upkeep) -> Result<(), String> {
    let kept_min = before.saturating_mul(100 - u64::from(upkeep.shrink_percent.min(100)));
    if before >= SHRINK_ENTRIES_MIN && after.saturating_mul(100) < kept_min {
        let lost = 100 - after * 100 / before;
        return Err(format!(
            "it went from {before} entries to {after}, {lost} % fewer, and {} % are allowed; \
             if that is right, set `shrink` for this source",
            upkeep.shrink_percent
        ));
    }
    if before >= GROWTH_ENTRIES_MIN && after > before.saturating_mul(upkeep.growth_times.into()) {
        return Err(format!(
            "it went from {before} entries to {after}, more than {} times as many; \
             if that is right, set `growth` for this source",
            upkeep.growth_times
        ));
    }
    Ok(())
}

/// Whether any canary is to be looked for in a source whose copy has so many bytes. (A copy of a few
/// bytes cannot hold the entries from which on the built-in ones count.)
pub(crate) fn has_canaries(source: &Source, upkeep: &Upkeep, bytes: u64) -> bool {
    let category = source.category.as_ref().map(CategoryId::as_str);
    let is_long = |least: u64| bytes >= least.saturating_mul(BYTES_AN_ENTRY_MIN);
    !upkeep.canary.is_empty()
        || CANARIES.iter().any(|(of, least, _)| Some(*of) == category && is_long(*least))
}

/// Why a list is not what it says: it lacks names that it must hold. The index is that of this list alone.
///
/// # Errors
/// A sentence for people.
pub(crate) fn holds_canaries(
    source: &Source,
    upkeep: &Upkeep,
    entries: u64,
    alone: &Index,
) -> Result<(), String> {
    let holds = |name: &Name| !alone.find(name.as_ref(), ADDRESS).here.is_empty();
    if let Some(name) = upkeep.canary.iter().find(|name| !holds(name)) {
        return Err(format!("it does not block {name}, which it must (`canary` of this source)"));
    }
    let category = source.category.as_ref().map(CategoryId::as_str);
    let built_in = CANARIES.iter().find(|(of, least, _)| Some(*of) == category && entries >= *least);
    let Some((of, _, names)) = built_in else { return Ok(()) };
    if names.iter().filter_map(|name| Name::parse(name).ok()).any(|name| holds(&name)) {
        return Ok(());
    }
    Err(format!(
        "it has {entries} entries and blocks none of {}; is it really a list of {of}?",
        names.join(", ")
    ))
}

/// Why a list is not fit to use at all: an empty list would take away what is in force, and so would
/// one of addresses alone where there were names `before`.
///
/// # Errors
/// A sentence for people.
pub(crate) fn holds_names(report: &SourceReport, before: &SourceReport) -> Result<(), String> {
    let names = |report: &SourceReport| report.entries.saturating_sub(report.addresses);
    if report.entries > 0 && (names(report) > 0 || names(before) == 0) {
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
    fn a_packed_web_page_is_seen_too() {
        let page = b"<!DOCTYPE html><title>Log in</title>".repeat(500);
        let packed = zstd::encode_all(&page[..], 1).unwrap();
        assert!(is_html(packed.get(..HEAD).unwrap_or(&packed)));
        let list = zstd::encode_all(&b"a.example\n"[..], 1).unwrap();
        assert!(!is_html(&list) && !is_html(&[0x1f, 0x8b]) && !is_html(&[0x1f, 0x8b, 1, 2, 3]));
    }

    #[test]
    fn a_list_that_changes_its_size_too_much_is_not_believed() {
        let upkeep = Upkeep::default();
        let patient = Upkeep { shrink_percent: 95, growth_times: 10, ..Upkeep::default() };
        for (before, after, fits, fits_patient) in [
            (100, 50, true, true),
            (100, 49, false, true),
            (100, 4, false, false),
            (99, 1, true, true),
            (0, 1_000_000, true, true),
            (999, 1_000_000, true, true),
            (1000, 4000, true, true),
            (1000, 4001, false, true),
            (1000, 10_001, false, false),
        ] {
            assert_eq!(keeps_its_size(before, after, &upkeep).is_ok(), fits, "{before} {after}");
            assert_eq!(keeps_its_size(before, after, &patient).is_ok(), fits_patient, "{before} {after}");
        }
        let any = Upkeep { shrink_percent: 100, ..Upkeep::default() };
        assert!(keeps_its_size(1_000_000, 1, &any).is_ok());
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
            assert_eq!(holds_names(&report, &SourceReport::default()).is_ok(), holds, "{report:?}");
            assert_eq!(is_understood(&report).is_ok(), understood, "{report:?}");
        }
    }

    #[test]
    fn a_list_of_names_does_not_become_one_of_addresses() {
        let names = report(10, 0, 10);
        let addresses = SourceReport { addresses: 10, ..report(10, 0, 10) };
        assert!(holds_names(&addresses, &SourceReport::default()).is_ok(), "there are such lists");
        assert!(holds_names(&addresses, &addresses).is_ok());
        assert!(holds_names(&addresses, &names).is_err(), "its names would go");
    }
}
