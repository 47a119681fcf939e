//! The index and the naive matcher agree on every name of random lists.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::source::{Format, Source, Span, Trust};
use proptest::prelude::*;

use crate::naive::{self, Line, List, Reach};
use crate::{compiled, ids, source};

/// A small world: its names meet above, below and beside each other all the time.
const LABELS: [&str; 4] = ["a", "b", "_s", "_t"];
const TOPS: [&str; 2] = ["x", "y"];
const CATEGORIES: [&str; 4] = ["games", "adult", "malware", "illegal/other"];

fn name() -> impl Strategy<Value = Vec<&'static str>> {
    (prop::collection::vec(prop::sample::select(&LABELS[..]), 0..4), prop::sample::select(&TOPS[..]))
        .prop_map(|(labels, top)| [labels, vec![top]].concat())
}

#[derive(Debug, Clone)]
struct Written {
    source: Source,
    list: List,
}

fn trust() -> impl Strategy<Value = Trust> {
    prop::sample::select(vec![Trust::Core, Trust::Normal, Trust::Normal, Trust::Extra])
}

fn span() -> impl Strategy<Value = Option<Span>> {
    prop::option::of(prop::sample::select(vec![Span::Exact, Span::Subtree]))
}

/// A source with what its format can say.
fn written() -> impl Strategy<Value = Written> {
    let format = prop::sample::select(vec![
        Format::Domains,
        Format::Hosts,
        Format::Adblock,
        Format::Adblock,
        Format::Dnsmasq,
        Format::Rpz,
        Format::Ut1,
    ]);
    (format, prop::sample::select(&CATEGORIES[..]), trust(), span()).prop_flat_map(
        |(format, category, trust, span)| {
            let plain = match span.unwrap_or(format.span()) {
                Span::Exact => Reach::Exact,
                Span::Subtree => Reach::Subtree,
            };
            let reaches = match format {
                Format::Domains => vec![plain, plain, Reach::Subtree],
                Format::Hosts | Format::Dnsmasq | Format::Rpz => vec![plain, plain, Reach::Below],
                Format::Adblock => vec![Reach::Exact, Reach::Subtree],
                Format::Ut1 => vec![plain],
            };
            let is_adblock = format == Format::Adblock;
            let has_exceptions = is_adblock || matches!(format, Format::Dnsmasq | Format::Rpz);
            let categories = if format == Format::Ut1 { CATEGORIES[1..3].to_vec() } else { vec![category] };
            let where_said =
                |is_said, probability| prop::bool::weighted(if is_said { probability } else { 0.0 });
            let rare = |probability| where_said(is_adblock, probability);
            let line = (
                name(),
                prop::sample::select(categories),
                prop::sample::select(reaches),
                where_said(has_exceptions, 0.5),
                rare(0.2),
                rare(0.1),
            );
            let line = line.prop_map(|(name, category, reach, exception, important, cancels)| Line {
                name,
                category,
                reach,
                exception,
                important,
                cancels,
            });
            prop::collection::vec(line, 0..8).prop_map(move |lines| {
                let mut source = source("", category, format);
                (source.span, source.trust) = (span, trust);
                if format == Format::Ut1 {
                    source.category = None;
                }
                Written { source, list: List { trust, lines } }
            })
        },
    )
}

/// The text of a line in its format. `*.x` is how `domains` says "and below" where plain names are
/// exact.
fn text(format: Format, plain: Span, line: &Line) -> String {
    let name = line.name.join(".");
    match (format, line.reach) {
        (Format::Domains, Reach::Subtree) if plain == Span::Exact => format!("*.{name}"),
        (Format::Domains | Format::Ut1, _) => name,
        (Format::Hosts, Reach::Below) => format!("0.0.0.0 *.{name}"),
        (Format::Hosts, _) => format!("0.0.0.0 {name}"),
        (Format::Dnsmasq, reach) => {
            let star = if reach == Reach::Below { "*." } else { "" };
            if line.exception { format!("server=/{star}{name}/#") } else { format!("address=/{star}{name}/") }
        }
        (Format::Rpz, reach) => {
            let star = if reach == Reach::Below { "*." } else { "" };
            format!("{star}{name} CNAME {}", if line.exception { "rpz-passthru." } else { "." })
        }
        (Format::Adblock, reach) => {
            let mark = |on: bool, mark: &'static str| on.then_some(mark);
            let modifiers: Vec<_> = [mark(line.important, "important"), mark(line.cancels, "badfilter")]
                .into_iter()
                .flatten()
                .collect();
            let dollar = if modifiers.is_empty() { "" } else { "$" };
            let at = if line.exception { "@@" } else { "" };
            let bars = if reach == Reach::Exact { "|" } else { "||" };
            format!("{at}{bars}{name}^{dollar}{}", modifiers.join(","))
        }
    }
}

fn write(copies: &Path, written: &Written) {
    let plain = written.source.span.unwrap_or(written.source.format.span());
    let mut files = std::collections::BTreeMap::<String, String>::new();
    files.entry(String::new()).or_default();
    for line in &written.list.lines {
        let file = if written.source.format == Format::Ut1 { line.category } else { "" };
        writeln!(files.entry(file.to_owned()).or_default(), "{}", text(written.source.format, plain, line))
            .unwrap();
    }
    let copy = copies.join(&written.source.id);
    if written.source.format != Format::Ut1 {
        return std::fs::write(copy, &files[""]).unwrap();
    }
    std::fs::create_dir(&copy).unwrap();
    for (folder, text) in files {
        std::fs::create_dir_all(copy.join(&folder)).unwrap();
        std::fs::write(copy.join(folder).join("domains"), text).unwrap();
    }
}

/// Every name of the small world with up to four labels, one more below, and one service label.
fn questions() -> Vec<Vec<&'static str>> {
    let mut all: Vec<Vec<&'static str>> = TOPS.iter().map(|&top| vec![top]).collect();
    let mut last = all.clone();
    for _ in 0..4 {
        let longer = |name: &Vec<&'static str>| LABELS.map(|label| [vec![label], name.clone()].concat());
        last = last.iter().flat_map(longer).collect();
        all.extend(last.clone());
    }
    all.push(vec!["z"]);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn index_and_naive_matcher_agree(mut lists in prop::collection::vec(written(), 1..5)) {
        let copies = tempfile::tempdir().unwrap();
        for (number, list) in lists.iter_mut().enumerate() {
            list.source.id = format!("list-{number}");
            write(copies.path(), list);
        }
        let sources: Vec<_> = lists.iter().map(|list| list.source.clone()).collect();
        let compiled = compiled(copies.path(), &sources);
        let index = Index::from_bytes(&compiled.bytes).unwrap();
        let lists: Vec<_> = lists.into_iter().map(|list| list.list).collect();
        for labels in questions() {
            let name = Name::parse(&labels.join(".")).unwrap();
            let found = index.find(name.as_ref(), 1);
            let set = |set| ids(&index, set).into_iter().collect::<BTreeSet<_>>();
            prop_assert_eq!(set(&found.here), naive::categories(&lists, &labels), "here {}", name);
            prop_assert_eq!(set(&found.below), naive::below(&lists, &labels), "below {}", name);
            prop_assert_eq!(found.opens_below, naive::opens_below(&lists, &labels), "opens {}", name);
        }
    }
}
