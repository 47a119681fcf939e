//! What the program makes of a case: compiled into an index, and asked.
//!
//! Verdicts: `open`; `block` as the policy answers; `nxdomain`, `nodata`, `drop`, `tcp`, and `data`
//! with records, where the entry says how. For `ut1` the category stands in place of `block`.

use std::net::IpAddr;

use blocklists::category::CategorySet;
use blocklists::compile::{Input, compile};
use blocklists::index::{EntryAction, Index};
use blocklists::name::Name;
use blocklists::report::SourceReport;

use crate::cases::{Asking, Case, Question};

/// A case as the program has it.
pub struct Asked {
    index: Index,
    report: SourceReport,
    is_ut1: bool,
}

impl Asked {
    pub fn of(case: &Case) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        if case.files.iter().all(|(name, _)| name.is_empty()) {
            let bytes = case.files.first().map_or(&[][..], |(_, bytes)| bytes);
            std::fs::write(&copy, bytes).unwrap();
        }
        for (name, bytes) in case.files.iter().filter(|(name, _)| !name.is_empty()) {
            let path = copy.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let input = Input { source: case.source.clone(), copy, copy_name: "copy".to_owned() };
        let mut compiled = compile(&[input]).unwrap();
        let index = Index::from_bytes(&compiled.bytes).unwrap();
        let is_ut1 = case.source.category.is_none();
        Self { index, report: compiled.reports.remove(0), is_ut1 }
    }

    pub fn verdict(&self, question: &Question) -> String {
        let index = &self.index;
        let how = |number: Option<u16>| action(number.and_then(|number| index.action(number)));
        match &question.subject {
            Asking::Name(name, rtype) => {
                let (name, rtype) = (Name::parse(name).unwrap(), number(rtype));
                let found = index.find(name.as_ref(), rtype).here;
                self.words(found, |category| how(index.action_of(name.as_ref(), rtype, false, category)))
            }
            Asking::Answer(address) => {
                let listing = index.answer_listing(*address);
                let found = index.addresses_of(*address);
                self.words(found, |category| how(index.address_action(listing, false, category)))
            }
            Asking::Client(address) => {
                let listing = index.client_listing(*address);
                let found = index.clients_of(*address);
                self.words(found, |category| how(index.address_action(listing, true, category)))
            }
        }
    }

    fn words(&self, found: CategorySet, how: impl Fn(u16) -> String) -> String {
        let word = |category: u16| {
            if self.is_ut1 {
                self.index.categories()[usize::from(category)].to_string()
            } else {
                how(category)
            }
        };
        let words: Vec<String> = found.iter().map(word).collect();
        if words.is_empty() { "open".to_owned() } else { words.join(" ") }
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

fn action(action: Option<&EntryAction>) -> String {
    match action {
        None | Some(EntryAction::Policy) => "block".to_owned(),
        Some(EntryAction::NxDomain) => "nxdomain".to_owned(),
        Some(EntryAction::NoData) => "nodata".to_owned(),
        Some(EntryAction::Drop) => "drop".to_owned(),
        Some(EntryAction::TcpOnly) => "tcp".to_owned(),
        Some(EntryAction::Data(records)) => {
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
