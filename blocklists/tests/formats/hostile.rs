//! Hostile lists: whatever the bytes, no parser panics, and none goes over them again and again.

use blocklists::category::CategoryId;
use blocklists::parse::ListFile;
use blocklists::report::SourceReport;
use blocklists::source::{Actions, Format, Location, Source, Trust};
use proptest::prelude::*;

const FORMATS: [Format; 6] =
    [Format::Domains, Format::Hosts, Format::Adblock, Format::Dnsmasq, Format::Rpz, Format::Ut1];

fn parse(format: Format, bytes: &[u8]) -> (u64, SourceReport) {
    let source = Source {
        id: "hostile".to_owned(),
        category: CategoryId::new("games").filter(|_| format != Format::Ut1),
        format,
        location: Location::Path("hostile".into()),
        span: None,
        trust: Trust::Normal,
        map: std::collections::BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    };
    let mut report = SourceReport::default();
    let mut rules = 0;
    for list in ListFile::all(&source, "gambling/domains", bytes, &mut report) {
        list.parse(&mut report, &mut |_, _| rules += 1);
    }
    (rules, report)
}

/// Pieces that lead deep into every parser.
const PIECES: &str = "(\\|\\||@@|\\^|\\*|/|\\$|,|=|~|#|!|;|\\(|\\)|\"|\\\\|\\.|-|_|\\r|\\n|\\x00|\u{fc}|a|b9|\
    \\.example|important|badfilter|denyallow=|dnstype=|AAAA|0\\.0\\.0\\.0 |127\\.0\\.0\\.1|::1|192\\.0\\.2\\.0/24|\
    address=/|server=/|local=/|\\$ORIGIN |\\$TTL |@ SOA |\\n | CNAME | A | TXT |rpz-ip|rpz-client-ip|32\\.1\\.2\\.0\\.192|\
    zz|\\[\\^|\\]|\\{9\\}|\\?|\\+|\\(\\?:|\\(\\?!|\\\\d|\\\\1){0,80}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_rules_and_counts(
        noise in prop::collection::vec(any::<u8>(), 0..3000),
        text in PIECES,
    ) {
        for format in FORMATS {
            for bytes in [&*noise, text.as_bytes()] {
                let (rules, report) = parse(format, bytes);
                prop_assert_eq!(rules, report.entries);
                prop_assert!(report.addresses <= report.entries);
                let without = report.rejected_lines + report.not_enforceable + report.unsupported.values().sum::<u64>();
                prop_assert!(without <= report.lines, "{:?}", report);
            }
        }
    }
}

/// What a hostile author repeats to make a parser go over the same bytes again and again.
const REPEATED: [&str; 16] = [
    "a",
    ".",
    "a*",
    "|",
    "^",
    "/",
    "$",
    ",",
    " #",
    "(",
    "\"",
    "\\",
    "\u{fc}",
    "1.",
    "[",
    "||a^$denyallow=a|",
];

/// A mebibyte in one line, lines as long as may be, and many short lines that each open something. A
/// parser that goes over its bytes again for each of them would not end in a working day.
#[test]
fn a_hostile_mebibyte_is_read_in_one_go() {
    const LONG: usize = 60_000;
    for format in FORMATS {
        for piece in REPEATED {
            let line = |bytes: usize| piece.repeat(bytes / piece.len());
            let short = format!("{piece}\n").repeat(10_000 / piece.len());
            for text in [line(1 << 20), format!("{0}\n{0}\n{0}\n", line(LONG)), short] {
                let (rules, report) = parse(format, text.as_bytes());
                assert_eq!(rules, report.entries, "{format:?} {piece}");
            }
        }
    }
}
