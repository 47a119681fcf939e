//! A matcher that is slow and plain: the raw text is read anew for every question.
//!
//! It shares nothing with the program but the words of the formats' documents. Names are text; what a
//! line speaks of is compared letter by letter.

mod adblock;
mod dnsmasq;
mod expression;
mod rpz;

use std::collections::BTreeMap;
use std::net::IpAddr;

use blocklists::source::{Actions, Format, Span};

use crate::cases::{Asking, Case, Question};

/// Folders of `ut1` that the cases use.
const FOLDERS: [(&str, &str); 6] = [
    ("gambling", "gambling"),
    ("publicite", "ads"),
    ("agressif", "hate"),
    ("social_networks", "social"),
    ("phishing", "malware"),
    ("malware", "malware"),
];
/// Names that no list may take from a school, as far as the cases use them.
const GUARDED: [&str; 5] = ["google.com", "bbc.co.uk", "github.io", "khanacademy.org", "blogspot.com"];

/// What around its name a line speaks of; the later, the more specific.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Around {
    Subtree,
    Below,
    Exact,
}

/// What a line speaks of.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Name(String, Around),
    /// A wildcard: where it starts (`|`, `^` for labels, ` ` anywhere), its text, whether it ends there.
    Glob(char, String, bool),
    Expression(String),
    Answer(IpAddr, u8),
    /// Answers whose text an expression finds.
    Answers(String),
    Client(IpAddr, u8),
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub what: What,
    pub exception: bool,
    pub important: bool,
    pub cancels: bool,
    /// Record types, and whether they are the ones left out.
    pub types: Option<(bool, Vec<String>)>,
    pub spared: Vec<String>,
    pub how: String,
}

impl Said {
    pub fn plain(what: What) -> Self {
        let how = "block".to_owned();
        Self {
            what,
            exception: false,
            important: false,
            cancels: false,
            types: None,
            spared: Vec::new(),
            how,
        }
    }
}

/// The verdict of a case's list.
pub fn verdict(case: &Case, question: &Question) -> String {
    let mut by_category: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for (name, bytes) in &case.files {
        let Some(category) = category(case, name) else { continue };
        by_category.entry(category).or_default().extend(lines(case, bytes));
    }
    let locked = |category: &str| category.starts_with("illegal/");
    let mut words = Vec::new();
    for (category, mut said) in by_category {
        said.retain(|line| !(locked(&category) && (line.exception || line.cancels)));
        let blocks = |line: &Said| !line.exception && !line.cancels && !locked(&category);
        said.retain(|line| !(blocks(line) && hits_guarded(line)));
        if let Some(how) = listed(&said, &question.subject) {
            words.push(if case.source.format == Format::Ut1 { category } else { how });
        }
    }
    if words.is_empty() { "open".to_owned() } else { words.join(" ") }
}

fn category(case: &Case, file: &str) -> Option<String> {
    if let Some(category) = &case.source.category {
        return Some(category.to_string());
    }
    let (folder, name) = file.rsplit_once('/')?;
    if name != "domains" && name != "domains.gz" {
        return None;
    }
    let folder = folder.rsplit('/').next()?;
    let own = case.source.map.get(folder).map(ToString::to_string);
    let built_in = FOLDERS.iter().find(|(known, _)| *known == folder).map(|(_, id)| (*id).to_owned());
    own.or(built_in).filter(|category| category != "none")
}

fn lines(case: &Case, bytes: &[u8]) -> Vec<Said> {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let text: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n' || *byte == b'\r').collect();
    // A line that is not UTF-8 says nothing that any format knows.
    let text = text.into_iter().map(|line| std::str::from_utf8(line).unwrap_or(""));
    let plain = match (case.source.span, case.source.format) {
        (Some(Span::Subtree), _) | (None, Format::Domains | Format::Dnsmasq | Format::Ut1) => Around::Subtree,
        _ => Around::Exact,
    };
    match case.source.format {
        Format::Rpz => rpz::read(&text.collect::<Vec<_>>(), plain, case.source.actions == Actions::Policy),
        Format::Adblock => text.filter_map(|line| adblock::read(line.trim(), plain)).collect(),
        Format::Dnsmasq => text.flat_map(|line| dnsmasq::read(line.trim(), plain)).collect(),
        Format::Hosts => text.flat_map(|line| hosts(line.trim(), plain)).collect(),
        Format::Domains | Format::Ut1 => text.filter_map(|line| domains(line.trim(), plain)).collect(),
    }
}

fn domains(line: &str, plain: Around) -> Option<Said> {
    let line = if line.starts_with('!') { "" } else { line.split('#').next()?.trim() };
    if line.is_empty() || line.contains(char::is_whitespace) {
        return None;
    }
    let wild = line.strip_prefix("*.").or(line.strip_prefix('.'));
    let (word, around) = wild.map_or((line, plain), |rest| (rest, Around::Subtree));
    word_said(word, around)
}

fn hosts(line: &str, plain: Around) -> Vec<Said> {
    let line = if line.starts_with('!') { "" } else { line.split('#').next().unwrap() };
    let mut words = line.split_whitespace();
    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
    let leads_nowhere = address.is_some_and(|address| match address {
        IpAddr::V4(four) => four.octets()[0] == 127 || four.is_unspecified(),
        IpAddr::V6(six) => six.is_unspecified() || six.is_loopback(),
    });
    let own = ["localhost", "localhost.localdomain", "local", "broadcasthost", "loopback", "0.0.0.0", "::1"];
    let mut said = Vec::new();
    for word in words.filter(|_| leads_nowhere) {
        let lower = word.to_lowercase();
        if own.contains(&&*lower) || lower.starts_with("ip6-") || lower.starts_with("localhost") {
            continue;
        }
        let (word, around) = word.strip_prefix("*.").map_or((word, plain), |rest| (rest, Around::Below));
        said.extend(word_said(word, around));
    }
    said
}

/// A host, or an address of answers.
pub fn word_said(word: &str, around: Around) -> Option<Said> {
    if let Some(host) = host(word) {
        return Some(Said::plain(What::Name(host, around)));
    }
    let (address, prefix) = network(word)?;
    may_be_answer(address, prefix).then(|| Said::plain(What::Answer(address, prefix)))
}

/// A host name in lower case, without the root's dot, U-labels as A-labels.
pub fn host(word: &str) -> Option<String> {
    let ascii = if word.is_ascii() { word.to_lowercase() } else { idna::domain_to_ascii(word).ok()? };
    let host = ascii.strip_suffix('.').unwrap_or(&ascii);
    let is_sign =
        |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-' || sign == '_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_sign);
    let is_host = host.len() <= 253 && host.split('.').all(is_label);
    let top = host.rsplit('.').next()?;
    (is_host && !top.chars().all(|sign| sign.is_ascii_digit())).then(|| host.to_owned())
}

/// An address, or a network by prefix.
pub fn network(word: &str) -> Option<(IpAddr, u8)> {
    let word = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
    let (text, prefix) = word.split_once('/').map_or((word, None), |(text, prefix)| (text, Some(prefix)));
    let address: IpAddr = text.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix =
        prefix.map_or(Some(whole), |prefix| prefix.parse().ok()).filter(|prefix| *prefix <= whole)?;
    Some(if address.to_canonical() == address {
        (address, prefix)
    } else {
        (address.to_canonical(), prefix.checked_sub(96)?)
    })
}

/// Whether an address lies in a network, bit by bit.
pub fn lies_in(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let bits = |address: IpAddr| -> Vec<bool> {
        let octets = match address {
            IpAddr::V4(four) => four.octets().to_vec(),
            IpAddr::V6(six) => six.octets().to_vec(),
        };
        octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
    };
    address.is_ipv4() == network.is_ipv4()
        && bits(address)[..usize::from(prefix)] == bits(network)[..usize::from(prefix)]
}

pub fn is_huge(address: IpAddr, prefix: u8) -> bool {
    prefix < if address.is_ipv4() { 8 } else { 19 }
}

pub fn may_be_answer(address: IpAddr, prefix: u8) -> bool {
    let private = [
        ("10.0.0.0", 8),
        ("172.16.0.0", 12),
        ("192.168.0.0", 16),
        ("100.64.0.0", 10),
        ("169.254.0.0", 16),
        ("fe80::", 10),
    ];
    let whole = private
        .iter()
        .any(|(range, length)| prefix <= *length && lies_in(range.parse().unwrap(), address, prefix));
    let nobody = [("0.0.0.0", 8), ("127.0.0.0", 8), ("::", 128), ("::1", 128)];
    let nobody = nobody.iter().any(|(range, length)| lies_in(address, range.parse().unwrap(), *length));
    !is_huge(address, prefix) && !whole && !nobody
}

fn hits_guarded(line: &Said) -> bool {
    match &line.what {
        What::Name(name, _) => GUARDED.contains(&&**name),
        What::Glob(..) | What::Expression(_) => {
            GUARDED.iter().any(|name| line.fits(name) && !line.spares(name))
        }
        What::Answer(..) | What::Answers(_) | What::Client(..) => false,
    }
}

/// How a question is answered that the lines of one list and category cover; `None` when it is open.
fn listed(lines: &[Said], asking: &Asking) -> Option<String> {
    let holds = |line: &&Said| {
        let undone = Said { cancels: true, ..(*line).clone() };
        !line.cancels && line.covers(asking) && !lines.contains(&undone)
    };
    let mut best: Option<&Said> = None;
    for line in lines.iter().filter(holds) {
        if best.is_none_or(|best| line.beats(best)) {
            best = Some(line);
        }
    }
    best.filter(|best| !best.exception).map(|best| best.how.clone())
}

impl Said {
    fn covers(&self, asking: &Asking) -> bool {
        match (&self.what, asking) {
            (What::Answer(net, prefix), Asking::Answer(address))
            | (What::Client(net, prefix), Asking::Client(address)) => lies_in(*address, *net, *prefix),
            (What::Answers(text), Asking::Answer(address)) => {
                expression::finds(text, &address.to_string()).unwrap_or(false)
            }
            (What::Answer(..) | What::Answers(_) | What::Client(..), _)
            | (_, Asking::Answer(_) | Asking::Client(_)) => false,
            (_, Asking::Name(name, rtype)) => {
                let is_type = self.types.as_ref().is_none_or(|(but, types)| types.contains(rtype) != *but);
                is_type && self.fits(name) && !self.spares(name)
            }
        }
    }

    fn spares(&self, name: &str) -> bool {
        self.spared.iter().any(|spared| name == spared || name.ends_with(&format!(".{spared}")))
    }

    fn fits(&self, name: &str) -> bool {
        match &self.what {
            What::Name(listed, around) => {
                let front = name.strip_suffix(listed.as_str());
                let front = front.filter(|front| front.is_empty() || front.ends_with('.'));
                front.is_some_and(|front| match around {
                    Around::Subtree => true,
                    Around::Below => !front.is_empty(),
                    Around::Exact => front.split_terminator('.').all(|label| label.starts_with('_')),
                })
            }
            What::Glob(start, text, closed) => adblock::glob(*start, text, *closed, name),
            What::Expression(text) => expression::finds(text, name).unwrap_or(false),
            What::Answer(..) | What::Answers(_) | What::Client(..) => false,
        }
    }

    /// The most specific line wins, `$important` before all, names before patterns, exceptions on a tie.
    fn beats(&self, other: &Self) -> bool {
        let rank = |said: &Self| {
            let (named, length, around) = match &said.what {
                What::Name(name, around) => (1, name.split('.').count(), *around),
                What::Answer(_, prefix) | What::Client(_, prefix) => (1, usize::from(*prefix), Around::Exact),
                // As narrow as any address.
                What::Answers(_) => (1, 32, Around::Exact),
                What::Glob(..) | What::Expression(_) => (0, 0, Around::Exact),
            };
            (said.important, named, length, around, said.exception)
        };
        rank(self) > rank(other)
    }
}
