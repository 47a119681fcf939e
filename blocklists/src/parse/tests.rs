//! Each format row by row: what a line means, and how what it cannot mean is counted.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::report::SAMPLES_MAX;
use crate::source::{Actions, Location, Span, Trust};

fn source(format: Format, span: Option<Span>, category: &str) -> Source {
    Source {
        id: "test".to_owned(),
        category: CategoryId::new(category),
        format,
        location: Location::BuiltIn(String::new()),
        span,
        trust: Trust::Normal,
        map: BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    }
}

/// Rules as text: `=x` exact, `x` subtree, `<x` below, `/x/` pattern, `answer x`, `client x`; in front
/// `@` exception, `!` important, `-` cancels; behind it what else a rule says.
fn parse(source: &Source, file: &str, bytes: &[u8]) -> (Vec<String>, SourceReport) {
    let mut report = SourceReport::default();
    let mut rules = Vec::new();
    if let Some(file) = ListFile::of(source, file, bytes, &mut report) {
        file.parse(&mut report, &mut |_, rule| rules.push(told(&rule)));
    }
    (rules, report)
}

fn told(rule: &Rule<'_>) -> String {
    let mark = |on: bool, sign| if on { sign } else { "" };
    let subject = match rule.subject {
        Subject::Name(name, Reach::Exact) => format!("={name}"),
        Subject::Name(name, Reach::Subtree) => name.to_string(),
        Subject::Name(name, Reach::Below) => format!("<{name}"),
        Subject::Pattern(text) => format!("/{text}/"),
        Subject::Answer(net) => format!("answer {net}"),
        Subject::Client(net) => format!("client {net}"),
    };
    let types = rule.types.map(|types| format!(" {types:?}")).unwrap_or_default();
    let spared: String = rule.spared.iter().map(|name| format!(" but {name}")).collect();
    let action = match rule.action {
        Action::Policy => String::new(),
        action => format!(" {action:?}"),
    };
    format!(
        "{}{}{}{subject}{types}{spared}{action}",
        mark(rule.exception, "@"),
        mark(rule.important, "!"),
        mark(rule.cancels, "-")
    )
}

/// One line, the rules it should give, and what it should count as when it gives none: `reject`,
/// `not-enforceable`, `nothing`, or a kind of unsupported line.
fn check(format: Format, span: Option<Span>, rows: &[(&str, &[&str], &str)]) {
    for (line, wanted, counted) in rows {
        let (rules, report) = parse(&source(format, span, "games"), "", line.as_bytes());
        assert_eq!(rules, *wanted, "{line}");
        let expected = |kind: &str| u64::from(*counted == kind);
        assert_eq!(report.rejected_lines, expected("reject"), "{line}");
        assert_eq!(report.not_enforceable, expected("not-enforceable"), "{line}");
        let is_kind = !matches!(*counted, "" | "reject" | "not-enforceable" | "nothing");
        let unsupported: Vec<_> = report.unsupported.into_iter().collect();
        assert_eq!(unsupported, if is_kind { vec![((*counted).to_owned(), 1)] } else { vec![] }, "{line}");
        assert_eq!(report.lines, u64::from(*counted != "nothing"), "{line}");
        assert_eq!(report.entries, wanted.len() as u64, "{line}");
        assert_eq!(report.samples.len() as u64, expected("reject"), "{line}");
    }
}

#[test]
fn domains() {
    check(
        Format::Domains,
        None,
        &[
            ("a.example", &["a.example"], ""),
            ("  A.Example.\t", &["a.example"], ""),
            ("a.example # why", &["a.example"], ""),
            ("a.example#why", &["a.example"], ""),
            ("*.a.example", &["a.example"], ""),
            (".tld", &["tld"], ""),
            ("münchen.example", &["xn--mnchen-3ya.example"], ""),
            ("_dmarc.a.example", &["_dmarc.a.example"], ""),
            ("# a.example", &[], "nothing"),
            ("! a.example", &[], "nothing"),
            ("   ", &[], "nothing"),
            ("192.0.2.1", &["answer 192.0.2.1/32"], ""),
            ("192.0.2.1:8443", &[], "not-enforceable"),
            ("192.0.2.7/24", &["answer 192.0.2.0/24"], ""),
            ("0.0.0.0/0", &[], "reject"),
            ("192.168.0.0/16", &[], "reject"),
            ("192.168.7.0/24", &["answer 192.168.7.0/24"], ""),
            ("2000::/3", &[], "reject"),
            ("::ffff:192.0.2.1", &["answer 192.0.2.1/32"], ""),
            ("127.0.0.1", &[], "reject"),
            ("2001:db8::1", &["answer 2001:db8::1/128"], ""),
            ("[2001:db8::1]:80", &[], "not-enforceable"),
            ("a.example:8080", &[], "not-enforceable"),
            ("a.example/path", &[], "not-enforceable"),
            ("https://a.example/", &[], "not-enforceable"),
            ("a.example b.example", &[], "reject"),
            ("a..example", &[], "reject"),
            ("a b", &[], "reject"),
            ("a.*.example", &[], "reject"),
            ("a\0.example", &[], "reject"),
            ("||a.example^", &[], "reject"),
        ],
    );
    check(
        Format::Domains,
        Some(Span::Exact),
        &[("a.example", &["=a.example"], ""), ("*.a.example", &["a.example"], "")],
    );
}

#[test]
fn hosts() {
    check(
        Format::Hosts,
        None,
        &[
            ("0.0.0.0 a.example", &["=a.example"], ""),
            ("127.0.0.1\ta.example b.example # c.example", &["=a.example", "=b.example"], ""),
            ("127.1.2.3 a.example", &["=a.example"], ""),
            (":: a.example", &["=a.example"], ""),
            ("::1 a.example", &["=a.example"], ""),
            ("0.0.0.0 *.a.example", &["<a.example"], ""),
            ("127.0.0.1 localhost localhost.localdomain local", &[], ""),
            ("::1 ip6-localhost ip6-loopback Localhost", &[], ""),
            ("0.0.0.0 0.0.0.0", &[], ""),
            ("192.0.2.1 a.example", &[], "not-a-block"),
            ("fe80::1%lo0 localhost", &[], "not-a-block"),
            ("255.255.255.255 broadcasthost", &[], "not-a-block"),
            ("0.0.0.0 a.example b..example", &["=a.example"], "reject"),
            ("0.0.0.0 192.0.2.7", &["answer 192.0.2.7/32"], ""),
            ("0.0.0.0", &[], "reject"),
            ("a.example", &[], "reject"),
            ("# 0.0.0.0 a.example", &[], "nothing"),
            ("!#if env", &[], "nothing"),
        ],
    );
    check(Format::Hosts, Some(Span::Subtree), &[("0.0.0.0 a.example", &["a.example"], "")]);
}

#[test]
fn adblock() {
    check(
        Format::Adblock,
        None,
        &[
            ("||a.example^", &["a.example"], ""),
            ("||a.example", &["a.example"], ""),
            ("||a.example^|", &["a.example"], ""),
            ("|a.example^", &["=a.example"], ""),
            ("|a.example", &["=a.example"], ""),
            ("a.example", &["=a.example"], ""),
            ("a.example # why", &["=a.example"], ""),
            ("@@||a.example^", &["@a.example"], ""),
            ("@@|a.example^", &["@=a.example"], ""),
            ("@@a.example", &["@=a.example"], ""),
            ("||a.example^$important", &["!a.example"], ""),
            ("@@||a.example^$important", &["@!a.example"], ""),
            ("||a.example^$badfilter", &["-a.example"], ""),
            ("||a.example^$important,badfilter", &["!-a.example"], ""),
            ("||a.example^$dnstype=AAAA|a|A", &["a.example Only([1, 28])"], ""),
            ("||a.example^$dnstype=~CNAME", &["a.example But([5])"], ""),
            ("||a.example^$dnstype=A|~A", &[], "reject"),
            ("||a.example^$dnstype=ZZ", &[], "reject"),
            ("||a.example.$dnstype=~CNAME", &["/(?:^|\\.)a\\.example\\./ But([5])"], ""),
            (
                "||a.example^$denyallow=c.a.example|b.example",
                &["a.example but b.example but c.a.example"],
                "",
            ),
            ("||a.example^$denyallow=", &[], "reject"),
            ("||a.example^$~third-party", &[], "third-party"),
            ("||a.example^$important,ctag=os_ios|os_android", &[], "ctag"),
            ("||a.example^$zzz", &[], "unknown"),
            ("||a.example^b", &[], "pattern"),
            ("||a.example/path", &[], "not-enforceable"),
            ("|https://a.example^", &[], "not-enforceable"),
            ("||192.0.2.1^", &["answer 192.0.2.1/32"], ""),
            ("192.0.2.1", &["answer 192.0.2.1/32"], ""),
            ("@@||192.0.2.1^", &["@answer 192.0.2.1/32"], ""),
            ("a.example##.advert", &[], "not-enforceable"),
            ("##.advert", &[], "not-enforceable"),
            ("a.example#@#.advert", &[], "not-enforceable"),
            ("a.example#?#div:has(x)", &[], "not-enforceable"),
            ("a.example#$#abort", &[], "not-enforceable"),
            ("||a b^", &[], "reject"),
            ("||^", &[], "reject"),
            ("@@", &[], "reject"),
            ("! comment", &[], "nothing"),
            ("# comment", &[], "nothing"),
            ("## comment", &[], "nothing"),
            ("####", &[], "nothing"),
            ("[Adblock Plus 2.0]", &[], "nothing"),
        ],
    );
    check(
        Format::Adblock,
        Some(Span::Subtree),
        &[("a.example", &["a.example"], ""), ("|a.example^", &["=a.example"], "")],
    );
}

#[test]
fn adblock_patterns() {
    check(
        Format::Adblock,
        None,
        &[
            ("||a.*.example^", &["/(?:^|\\.)a\\..*\\.example$/"], ""),
            ("*.example^", &["<example"], ""),
            ("*.a.example", &["<a.example"], ""),
            ("||*.a.example^", &["<a.example"], ""),
            (".a.example^", &["<a.example"], ""),
            ("|*.a.example|", &["<a.example"], ""),
            ("||adserver", &["/(?:^|\\.)adserver/"], ""),
            ("|adserver", &["/^adserver/"], ""),
            ("||ads*.example^", &["/(?:^|\\.)ads.*\\.example$/"], ""),
            ("||Ads**x.", &["/(?:^|\\.)ads.*x\\./"], ""),
            ("|ads.", &["/^ads\\./"], ""),
            ("*adserv*", &["/adserv/"], ""),
            ("ads.a.example|", &["/ads\\.a\\.example$/"], ""),
            ("||a.example^*", &["a.example"], ""),
            ("||a.example*^", &["/(?:^|\\.)a\\.example/"], ""),
            ("||a.example|*", &[], "pattern"),
            ("||*^", &[], "reject"),
            ("*", &[], "reject"),
            ("/ads*/b", &[], "not-enforceable"),
            ("/^ads[0-9]+\\./", &["/^ads[0-9]+\\./"], ""),
            ("@@/^ads/$important", &["@!/^ads/"], ""),
            ("/ads$/$badfilter", &["-/ads$/"], ""),
            ("/a[[&]{3}\\.b/", &["/a[\\[\\&]{3}\\.b/"], ""),
            ("/^(?!ads)/", &[], "reject"),
            ("/(ads)\\1/", &[], "reject"),
            ("/(((a{50}){50}){50})x/", &[], "reject"),
            ("/.*/", &[], "reject"),
            ("/x(/", &[], "reject"),
            ("//", &[], "reject"),
            ("a.example^", &["/a\\.example$/"], ""),
        ],
    );
}

#[test]
fn a_locked_category_has_no_exceptions_and_shows_no_samples() {
    let locked = source(Format::Adblock, None, "illegal/other");
    let (rules, report) = parse(&locked, "", b"||a.example^\n@@||b.a.example^\n||a.example^$badfilter\n");
    assert_eq!(rules, ["a.example"]);
    assert_eq!((report.rejected_lines, report.samples.len()), (2, 0));
}

#[test]
fn line_ends_marks_and_numbers() {
    let bytes = b"\xef\xbb\xbfa.example\r\nb.example\rc.example\n\n\n  \xff\xfe.example\nlast.example";
    let (rules, report) = parse(&source(Format::Domains, None, "games"), "f", bytes);
    assert_eq!(rules, ["a.example", "b.example", "c.example", "last.example"]);
    let [bad] = &*report.samples else { panic!("{:?}", report.samples) };
    assert_eq!((bad.line, &*bad.file), (6, "f"));
}

#[test]
fn samples_are_few_and_lines_of_any_length_are_counted() {
    let mut text = "a..b\n".repeat(50);
    text.push_str(&"x".repeat(LINE_BYTES_MAX + 1));
    let (_, report) = parse(&source(Format::Domains, None, "games"), "", text.as_bytes());
    assert_eq!((report.lines, report.rejected_lines, report.samples.len() as u64), (51, 51, SAMPLES_MAX));
}

#[test]
fn ut1_folders_lead_to_categories() {
    let mut source = source(Format::Ut1, None, "x");
    source.map = [("sports", "games"), ("press", "none")]
        .into_iter()
        .filter_map(|(folder, id)| Some((folder.to_owned(), CategoryId::new(id)?)))
        .collect();
    let mut report = SourceReport::default();
    for (file, wanted) in [
        ("blacklists/gambling/domains", Some("gambling")),
        ("gambling/domains", Some("gambling")),
        ("deep/er/blacklists/agressif/domains.gz", Some("hate")),
        ("blacklists/sports/domains", Some("games")),
        ("blacklists/press/domains", None),
        ("blacklists/child/domains", None),
        ("blacklists/nobody-knows/domains", None),
        ("blacklists/nobody-knows/usage", None),
        ("blacklists/gambling/urls", None),
        ("blacklists/child/urls", None),
        ("domains", None),
        ("README", None),
    ] {
        let list = ListFile::of(&source, file, b"a.example/path\n", &mut report);
        assert_eq!(list.as_ref().map(|list| list.category().as_str()), wanted, "{file}");
    }
    assert_eq!(report.unmapped, ["nobody-knows"]);
    assert_eq!((report.lines, report.not_enforceable), (1, 1));
}

#[test]
fn the_built_in_map_is_sound() {
    assert!(ut1::mapped_categories().iter().all(CategoryId::is_built_in));
}

const FORMATS: [Format; 6] =
    [Format::Domains, Format::Hosts, Format::Adblock, Format::Dnsmasq, Format::Rpz, Format::Ut1];

proptest! {
    /// Hostile bytes never panic a parser, and every line that says something is counted once.
    #[test]
    fn any_bytes_are_parsed(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        text in "([|@/^$*#!.,=~a-c0-9: \r\n\u{fc}()\"\\\\]|important|badfilter|dnstype=|0\\.0\\.0\\.0 |##|\\.example|address=/|\n@ SOA |rpz-ip| CNAME | A |\n\\$ORIGIN ){0,200}",
    ) {
        for format in FORMATS {
            for bytes in [&*bytes, text.as_bytes()] {
                let (rules, report) = parse(&source(format, None, "games"), "x/games/domains", bytes);
                prop_assert_eq!(rules.len() as u64, report.entries);
                let uncounted = report.rejected_lines + report.not_enforceable + report.unsupported.values().sum::<u64>();
                prop_assert!(uncounted <= report.lines);
            }
        }
    }
}

#[test]
fn an_address_that_many_sites_share_is_dropped_but_from_what_is_always_blocked() {
    let text = b"104.16.0.1\n198.51.100.7\n104.0.0.0/8\n";
    let (rules, report) = parse(&source(Format::Domains, None, "adult"), "", text);
    assert_eq!((rules, report.dropped, report.addresses), (vec!["answer 198.51.100.7/32".to_owned()], 2, 1));
    let (rules, report) = parse(&source(Format::Domains, None, "illegal/other"), "", text);
    assert_eq!((rules.len(), report.dropped), (3, 0));
}
