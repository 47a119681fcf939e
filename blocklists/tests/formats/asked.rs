//! What the program makes of a case: its rules, and which of them decides.
//!
//! Verdicts: `open`; `block` as the policy answers; `nxdomain`, `nodata`, `drop`, `tcp`, and `data`
//! with records, where the entry says how. For `ut1` the category stands in place of `block`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use blocklists::name::{Name, NameRef};
use blocklists::parse::pattern::syntax;
use blocklists::parse::{Action, ListFile, Reach, Rule, Subject, Types};
use blocklists::report::SourceReport;
use ipnet::IpNet;
use regex_automata::meta::Regex;

use crate::cases::{Asking, Case, Question};

/// A case as the program reads it.
pub struct Asked {
    rules: Vec<Kept>,
    report: SourceReport,
    is_ut1: bool,
}

struct Kept {
    category: String,
    subject: What,
    flags: (bool, bool, bool),
    types: Option<Types>,
    spared: Vec<Name>,
    action: String,
}

#[derive(Clone, PartialEq)]
enum What {
    Name(Name, Reach),
    Pattern(String),
    Answer(IpNet),
    Client(IpNet),
}

impl Asked {
    pub fn of(case: &Case) -> Self {
        let mut report = SourceReport::default();
        let mut rules = Vec::new();
        for (name, bytes) in &case.files {
            for list in ListFile::all(&case.source, name, bytes, &mut report) {
                let category = list.category().to_string();
                list.parse(&mut report, &mut |_, rule| rules.push(kept(&category, &rule)));
            }
        }
        let is_ut1 = case.source.category.is_none();
        Self { rules, report, is_ut1 }
    }

    pub fn verdict(&self, question: &Question) -> String {
        let mut said = BTreeMap::new();
        for rule in &self.rules {
            said.entry(&rule.category).or_insert_with(|| self.of_category(&rule.category, &question.subject));
        }
        let listed = said.into_iter().filter(|(_, verdict)| verdict != "open");
        let words: Vec<String> =
            listed.map(|(category, verdict)| if self.is_ut1 { category.clone() } else { verdict }).collect();
        if words.is_empty() { "open".to_owned() } else { words.join(" ") }
    }

    /// `$important` first, then lines before patterns, exceptions on a tie.
    fn of_category(&self, category: &str, asking: &Asking) -> String {
        let mine: Vec<&Kept> = self.rules.iter().filter(|rule| rule.category == category).collect();
        let is_cancelled = |rule: &Kept| {
            mine.iter().any(|other| {
                other.flags == (rule.flags.0, rule.flags.1, true)
                    && (&other.subject, &other.types, &other.spared)
                        == (&rule.subject, &rule.types, &rule.spared)
            })
        };
        let covering = mine.iter().filter(|rule| !rule.flags.2 && rule.covers(asking) && !is_cancelled(rule));
        let covering: Vec<&&Kept> = covering.collect();
        let Some(best) = covering.iter().map(|rule| rule.rank()).max() else { return "open".to_owned() };
        let winners: Vec<_> = covering.iter().filter(|rule| rule.rank() == best).collect();
        if winners.iter().any(|rule| rule.flags.0) {
            return "open".to_owned();
        }
        let mut actions: Vec<&str> = winners.iter().map(|rule| &*rule.action).collect();
        actions.dedup();
        actions.join(", ")
    }

    pub fn count(&self, name: &str) -> u64 {
        let report = &self.report;
        match name {
            "lines" => report.lines,
            "entries" => report.entries,
            "rejected" => report.rejected_lines,
            "not-enforceable" => report.not_enforceable,
            "addresses" => report.addresses,
            "dropped" => report.dropped,
            "unmapped" => report.unmapped.len() as u64,
            kind => report.unsupported.get(kind).copied().unwrap_or(0),
        }
    }
}

fn kept(category: &str, rule: &Rule<'_>) -> Kept {
    let subject = match rule.subject {
        Subject::Name(name, reach) => What::Name(name.to_owned(), reach),
        Subject::Pattern(text) => What::Pattern(text.to_owned()),
        Subject::Answer(net) => What::Answer(net),
        Subject::Client(net) => What::Client(net),
    };
    Kept {
        category: category.to_owned(),
        subject,
        flags: (rule.exception, rule.important, rule.cancels),
        types: rule.types.cloned(),
        spared: rule.spared.to_vec(),
        action: action(rule.action),
    }
}

impl Kept {
    fn rank(&self) -> (bool, bool, usize, Reach, bool) {
        let (named, labels, reach) = match &self.subject {
            What::Name(name, reach) => (true, name.as_ref().label_count(), *reach),
            What::Answer(net) | What::Client(net) => (true, usize::from(net.prefix_len()), Reach::Exact),
            What::Pattern(_) => (false, 0, Reach::Exact),
        };
        (self.flags.1, named, labels, reach, self.flags.0)
    }

    fn covers(&self, asking: &Asking) -> bool {
        match (&self.subject, asking) {
            (What::Answer(net), Asking::Answer(address)) => net.contains(address),
            (What::Client(net), Asking::Client(address)) => net.contains(address),
            (What::Name(..) | What::Pattern(_), Asking::Name(name, rtype)) => {
                let name = Name::parse(name).unwrap();
                let is_spared =
                    self.spared.iter().any(|spared| name.as_ref().is_at_or_below(spared.as_ref()));
                let is_type = self.types.as_ref().is_none_or(|types| types.covers(number(rtype)));
                !is_spared && is_type && self.fits(name.as_ref())
            }
            _ => false,
        }
    }

    fn fits(&self, name: NameRef<'_>) -> bool {
        match &self.subject {
            What::Name(listed, reach) => {
                let more = name.label_count().saturating_sub(listed.as_ref().label_count());
                name.is_at_or_below(listed.as_ref())
                    && match reach {
                        Reach::Subtree => true,
                        Reach::Below => more > 0,
                        Reach::Exact => name.labels().take(more).all(|label| label.starts_with(b"_")),
                    }
            }
            What::Pattern(text) => {
                let regex = Regex::builder().syntax(syntax()).build(text).unwrap();
                regex.is_match(name.to_string().as_bytes())
            }
            What::Answer(_) | What::Client(_) => false,
        }
    }
}

fn action(action: Action<'_>) -> String {
    match action {
        Action::Policy => "block".to_owned(),
        Action::NxDomain => "nxdomain".to_owned(),
        Action::NoData => "nodata".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::TcpOnly => "tcp".to_owned(),
        Action::Data(records) => {
            let records: Vec<_> = records.iter().map(|record| data(record.rtype, &record.rdata)).collect();
            format!("data {}", records.join(", "))
        }
    }
}

/// A record in words.
fn data(rtype: u16, rdata: &[u8]) -> String {
    let name = |wire: &[u8]| Name::from_wire(wire).unwrap();
    let octets = |range: std::ops::Range<usize>| rdata[range].try_into().unwrap();
    match rtype {
        1 => format!("A {}", IpAddr::from(<[u8; 4]>::try_from(rdata).unwrap())),
        28 => format!("AAAA {}", IpAddr::from(<[u8; 16]>::try_from(rdata).unwrap())),
        5 => format!("CNAME {}", name(rdata)),
        12 => format!("PTR {}", name(rdata)),
        15 => format!("MX {} {}", u16::from_be_bytes(octets(0..2)), name(&rdata[2..])),
        16 => format!("TXT {}", String::from_utf8_lossy(&rdata[1..])),
        33 => {
            let port = u16::from_be_bytes(octets(4..6));
            format!("SRV {port} {}", name(&rdata[6..]))
        }
        other => format!("TYPE{other} {} octets", rdata.len()),
    }
}

fn number(rtype: &str) -> u16 {
    let known = [
        ("A", 1),
        ("NS", 2),
        ("CNAME", 5),
        ("PTR", 12),
        ("MX", 15),
        ("TXT", 16),
        ("AAAA", 28),
        ("SRV", 33),
        ("HTTPS", 65),
        ("ANY", 255),
    ];
    known.iter().find(|(word, _)| *word == rtype).unwrap().1
}
