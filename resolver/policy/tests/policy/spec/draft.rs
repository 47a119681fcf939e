//! Random schools: drafts that can be written as `policy.toml` and lists, and read by the spec.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::stage::List;

/// Names that are asked, listed and ruled about: a small family, so that they meet, and every kind
/// of special name.
pub const ASKED: [&str; 40] = [
    "a.example",
    "b.a.example",
    "c.b.a.example",
    "b.example",
    "x.b.example",
    "_443._https.b.a.example",
    "_x.a.example",
    "example.org",
    "www.example.org",
    "_443._https.www.example.org",
    "google.com",
    "www.google.com",
    "docs.google.com",
    "_443._https.www.google.com",
    "youtube.com",
    "www.youtube.com",
    "yahoo.com",
    "search.yahoo.com",
    "uk.search.yahoo.com",
    "apple.com",
    "captive.apple.com",
    "x.captive.apple.com",
    "icloud.com",
    "mask.icloud.com",
    "x.mask.icloud.com",
    "resolver.arpa",
    "_dns.resolver.arpa",
    "localhost",
    "a.localhost",
    "printer",
    "com",
    "host.local",
    "x.host.local",
    "corp.internal",
    "a.corp.internal",
    "internal",
    "10.in-addr.arpa",
    "5.1.10.in-addr.arpa",
    "ipv4only.arpa",
    "unlisted.example",
];

/// Categories that lists may feed: every kind there is.
const CATEGORIES: [&str; 11] = [
    "illegal/other",
    "adult",
    "malware",
    "bypass",
    "gambling",
    "social",
    "video",
    "ads",
    "unsafe-search",
    "off-task",
    "local/own",
];

const VERBS: [&str; 6] = ["allow", "watch", "times", "ask", "block", "seal"];

#[derive(Debug, Clone)]
pub struct Line {
    pub except: bool,
    pub exact: bool,
    pub name: &'static str,
    /// For A alone, or for all but A.
    pub only_a: Option<bool>,
    /// Written as a regular expression.
    pub pattern: bool,
}

/// What an entry of a zone wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wants {
    /// What no zone says: as the policy answers.
    Nothing,
    NoData,
    Drop,
    Tcp,
    Data,
}

/// An entry of a zone: a name, or all below it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub below: bool,
    pub name: &'static str,
    /// `None` passes it through.
    pub wants: Option<Wants>,
}

/// A response policy zone.
#[derive(Debug, Clone)]
pub struct Zone {
    pub category: &'static str,
    pub core: bool,
    pub entries: Vec<Entry>,
    /// What becomes of the client of `p`, whatever it asks.
    pub client: Option<Wants>,
}

#[derive(Debug, Clone)]
pub struct Feed {
    pub category: &'static str,
    pub core: bool,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone)]
pub struct Covers {
    pub exact: bool,
    pub name: &'static str,
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub extends: Option<&'static str>,
    pub default: Option<&'static str>,
    pub local: Option<bool>,
    pub safe_search: Option<bool>,
    pub youtube: Option<&'static str>,
    pub engines: Option<&'static str>,
    pub verbs: Vec<(&'static str, &'static str)>,
    pub rules: Vec<(&'static str, Covers)>,
}

#[derive(Debug, Clone)]
pub struct Draft {
    pub feeds: Vec<Feed>,
    pub policy_zones: Vec<Zone>,
    /// `p`, and `q`, which extends a preset or `p`.
    pub policies: [Policy; 2],
    pub essentials: Vec<Covers>,
    pub approved: Vec<Covers>,
    pub clears: Vec<&'static str>,
    pub approved_in: Vec<&'static str>,
    pub zones: Vec<&'static str>,
    pub records: Vec<&'static str>,
    pub forwards: Vec<&'static str>,
}

impl Draft {
    /// A school of which nothing is said yet: `p` and `q` are what the built-in policy is.
    pub fn empty() -> Self {
        let policy = Policy {
            extends: None,
            default: None,
            local: None,
            safe_search: None,
            youtube: None,
            engines: None,
            verbs: vec![],
            rules: vec![],
        };
        Self {
            feeds: vec![],
            policy_zones: vec![],
            policies: [policy.clone(), policy],
            essentials: vec![],
            approved: vec![],
            clears: vec![],
            approved_in: vec![],
            zones: vec![],
            records: vec![],
            forwards: vec![],
        }
    }
}

/// One family more often than the rest, so that what is said of its members meets.
fn asked() -> impl Strategy<Value = &'static str> {
    prop_oneof![select(&ASKED[..5]), select(&ASKED[..])]
}

/// Names that may be opened: no public suffixes.
fn site() -> impl Strategy<Value = &'static str> {
    asked().prop_filter("opens a suffix", |name| name.contains('.') && *name != "10.in-addr.arpa")
}

fn covers() -> impl Strategy<Value = Covers> {
    (any::<bool>(), site()).prop_map(|(exact, name)| Covers { exact, name })
}

fn line() -> impl Strategy<Value = Line> {
    let only_a = proptest::option::weighted(0.2, any::<bool>());
    (prop::bool::weighted(0.25), any::<bool>(), asked(), only_a, prop::bool::weighted(0.2))
        .prop_map(|(except, exact, name, only_a, pattern)| Line { except, exact, name, only_a, pattern })
}

fn wants() -> impl Strategy<Value = Wants> {
    select(&[Wants::NoData, Wants::Drop, Wants::Tcp, Wants::Data][..])
}

fn zone() -> impl Strategy<Value = Zone> {
    let entry = (any::<bool>(), asked(), proptest::option::weighted(0.8, wants()))
        .prop_map(|(below, name, wants)| Entry { below, name, wants });
    let client = proptest::option::weighted(0.2, wants());
    (select(&CATEGORIES[..]), any::<bool>(), prop::collection::vec(entry, 1..5), client).prop_map(
        |(category, core, mut entries, client)| {
            entries.sort_by_key(|entry| (entry.name, entry.below, entry.wants));
            entries.dedup_by_key(|entry| (entry.name, entry.below));
            Zone { category, core, entries, client }
        },
    )
}

fn feed() -> impl Strategy<Value = Feed> {
    (select(&CATEGORIES[..]), any::<bool>(), prop::collection::vec(line(), 1..5)).prop_map(
        |(category, core, mut lines)| {
            // Which of two opposite lines about the same thing wins is the index's own business.
            lines.sort_by_key(|line| (line.name, line.exact, line.pattern, line.only_a, line.except));
            lines.dedup_by_key(|line| (line.name, line.exact, line.pattern, line.only_a));
            Feed { category, core, lines }
        },
    )
}

fn policy(parents: &'static [Option<&'static str>]) -> impl Strategy<Value = Policy> {
    let on = || proptest::option::weighted(0.3, any::<bool>());
    let action = || proptest::option::weighted(0.3, select(&["allow", "block"][..]));
    let verbs = prop::collection::btree_map(select(&CATEGORIES[1..10]), select(&VERBS[..]), 0..5);
    let rules = prop::collection::vec((select(&["allow", "block"][..]), covers()), 0..4);
    (
        select(parents),
        action(),
        on(),
        on(),
        proptest::option::weighted(0.3, select(&["off", "moderate", "strict"][..])),
        action(),
        verbs,
        rules,
    )
        .prop_map(|(extends, default, local, safe_search, youtube, engines, verbs, rules)| Policy {
            extends,
            default,
            local,
            safe_search,
            youtube,
            engines,
            verbs: verbs.into_iter().collect(),
            rules,
        })
}

pub fn draft() -> impl Strategy<Value = Draft> {
    const FIRST: [Option<&str>; 5] = [None, Some("ks1"), Some("staff"), Some("guest"), Some("kiosk")];
    const SECOND: [Option<&str>; 4] = [Some("p"), Some("p"), Some("ks2"), None];
    let apex =
        || select(&["b.example", "corp.internal", "host.local", "example.org", "5.1.10.in-addr.arpa"][..]);
    (
        (prop::collection::vec(feed(), 0..6), prop::collection::vec(zone(), 0..3)),
        policy(&FIRST),
        policy(&SECOND),
        prop::collection::vec(covers(), 0..3),
        (
            prop::collection::vec(covers(), 0..3),
            subsequence(CATEGORIES[1..10].to_vec(), 0..4),
            subsequence(vec!["p", "q"], 0..=2),
        ),
        prop::collection::vec(apex(), 0..2),
        prop::collection::vec(select(&["printer", "a.example", "www.example.org"][..]), 0..2),
        prop::collection::vec(apex(), 0..2),
    )
        .prop_map(|(feeds, first, second, essentials, approved, zones, records, forwards)| Draft {
            feeds: feeds.0,
            policy_zones: feeds.1,
            policies: [first, second],
            essentials,
            approved: approved.0,
            clears: approved.1,
            approved_in: approved.2,
            zones,
            records,
            forwards,
        })
}

impl Draft {
    pub fn toml(&self) -> String {
        let quoted =
            |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let essentials: Vec<String> = self.essentials.iter().map(|covers| covers.written("", "*.")).collect();
        let essentials: Vec<&str> = essentials.iter().map(String::as_str).collect();
        let mut text = format!("[essentials]\nnames = [{}]\n", quoted(&essentials));
        text += &format!(
            "[[approved]]\nid = \"list\"\npath = \"list\"\nclears = [{}]\npolicies = [{}]\n",
            quoted(&self.clears),
            quoted(&self.approved_in)
        );
        for (id, policy) in ["p", "q"].iter().zip(&self.policies) {
            text += &policy.toml(id);
        }
        text + "[[network]]\nid = \"np\"\nsubnets = [\"10.1.0.0/16\"]\npolicy = \"p\"\n\
            [[network]]\nid = \"nq\"\nsubnets = [\"10.2.0.0/16\"]\npolicy = \"q\"\n"
    }

    pub fn approved_file(&self) -> String {
        self.approved.iter().map(|covers| covers.written("=", "") + "\n").collect()
    }

    pub fn lists(&self) -> Vec<List> {
        let list = |feed: &Feed| List {
            category: feed.category.to_owned(),
            trust: trust(feed.core),
            format: "adblock",
            lines: feed.lines.iter().map(Line::written).collect(),
        };
        let zone = |zone: &Zone| List {
            category: zone.category.to_owned(),
            trust: trust(zone.core),
            format: "rpz",
            lines: zone.lines(),
        };
        self.feeds.iter().map(list).chain(self.policy_zones.iter().map(zone)).collect()
    }
}

fn trust(core: bool) -> &'static str {
    if core { "core" } else { "normal" }
}

impl Line {
    fn written(&self) -> String {
        let name = self.name.replace('.', "\\.");
        let what = match (self.pattern, self.exact) {
            (true, true) => format!("/^{name}$/"),
            (true, false) => format!("/(^|\\.){name}$/"),
            (false, true) => format!("|{}^", self.name),
            (false, false) => format!("||{}^", self.name),
        };
        let types = match self.only_a {
            None => "",
            Some(true) => "$dnstype=A",
            Some(false) => "$dnstype=~A",
        };
        format!("{}{what}{types}", if self.except { "@@" } else { "" })
    }
}

impl Zone {
    fn lines(&self) -> Vec<String> {
        let data = |wants| match wants {
            None => "CNAME rpz-passthru.",
            Some(Wants::NoData | Wants::Nothing) => "CNAME *.",
            Some(Wants::Drop) => "CNAME rpz-drop.",
            Some(Wants::Tcp) => "CNAME rpz-tcp-only.",
            Some(Wants::Data) => "A 192.0.2.7",
        };
        let mut lines = vec!["$TTL 60".to_owned(), "@ SOA . . 1 1 1 1 1".to_owned()];
        lines.extend(self.entries.iter().map(|entry| {
            format!("{}{} {}", if entry.below { "*." } else { "" }, entry.name, data(entry.wants))
        }));
        lines.extend(self.client.map(|wants| format!("32.1.0.1.10.rpz-client-ip {}", data(Some(wants)))));
        lines
    }
}

impl Covers {
    fn written(&self, exact: &str, subtree: &str) -> String {
        format!("{}{}", if self.exact { exact } else { subtree }, self.name)
    }
}

impl Policy {
    fn toml(&self, id: &str) -> String {
        let mut text = format!("[[policy]]\nid = \"{id}\"\n");
        let words = [
            ("extends", self.extends),
            ("default", self.default),
            ("youtube", self.youtube),
            ("unsafe_search_engines", self.engines),
        ];
        for (key, word) in words {
            text += &word.map_or_else(String::new, |word| format!("{key} = \"{word}\"\n"));
        }
        for (key, on) in [("local", self.local), ("safe_search", self.safe_search)] {
            text += &on.map_or_else(String::new, |on| format!("{key} = {on}\n"));
        }
        text += "[policy.categories]\n";
        for (category, verb) in &self.verbs {
            text += &format!("{category} = \"{verb}\"\n");
        }
        for (action, covers) in &self.rules {
            text +=
                &format!("[[policy.rule]]\naction = \"{action}\"\nname = \"{}\"\n", covers.written("=", ""));
        }
        text
    }
}
