//! The list formats, line by line: what each says of names, types and addresses.
//!
//! The cases beside this file were written by hand from the formats' own documents. Each is put to a
//! plain matcher that reads the raw text (`reference`), and to what the program makes of it; both must
//! say what stands in the case.

#![allow(clippy::unwrap_used, reason = "in a test, a panic names the line that failed")]

mod asked;
mod cases;
mod hostile;
mod reference;

use blocklists::source::Format;
use cases::{Case, cases};

const ALL: [(Format, &str); 6] = [
    (Format::Domains, include_str!("domains.cases")),
    (Format::Hosts, include_str!("hosts.cases")),
    (Format::Adblock, include_str!("adblock.cases")),
    (Format::Dnsmasq, include_str!("dnsmasq.cases")),
    (Format::Rpz, include_str!("rpz.cases")),
    (Format::Ut1, include_str!("ut1.cases")),
];

/// Fails with everything that differs, so that one run shows all of it.
fn settle(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn hold(format: Format) {
    let text = ALL.iter().find(|(known, _)| *known == format).unwrap().1;
    let mut complaints = Vec::new();
    for case in cases(format, text) {
        let mut complain = |who: &str, line: usize, what: String| {
            complaints.push(format!("{} line {line} ({}): {who}: {what}", format.as_str(), case.title));
        };
        for question in &case.questions {
            let said = reference::verdict(&case, question);
            if said != question.verdict {
                complain("reference", question.line, format!("{question} but it says `{said}`"));
            }
        }
        let asked = asked::Asked::of(&case);
        for question in &case.questions {
            let said = asked.verdict(question);
            if said != question.verdict {
                complain("program", question.line, format!("{question} but it says `{said}`"));
            }
        }
        for (name, wanted) in &case.counts {
            let counted = asked.count(name);
            if counted != *wanted {
                complain("program", case.line, format!("{name} {wanted} but it counts {counted}"));
            }
        }
    }
    settle(&complaints);
}

#[test]
fn domains_say_what_their_format_says() {
    hold(Format::Domains);
}

#[test]
fn hosts_say_what_their_format_says() {
    hold(Format::Hosts);
}

#[test]
fn adblock_says_what_its_format_says() {
    hold(Format::Adblock);
}

#[test]
fn dnsmasq_says_what_its_format_says() {
    hold(Format::Dnsmasq);
}

#[test]
fn rpz_says_what_its_format_says() {
    hold(Format::Rpz);
}

#[test]
fn ut1_says_what_its_format_says() {
    hold(Format::Ut1);
}

#[test]
fn there_are_enough_cases_for_every_format() {
    let asked = |case: &Case| case.questions.len();
    let of = |(format, text): &(Format, &str)| -> (Format, usize) {
        (*format, cases(*format, text).iter().map(asked).sum())
    };
    let all: Vec<_> = ALL.iter().map(of).collect();
    assert!(all.iter().all(|(_, count)| *count >= 60), "{all:?}");
    assert!(all.iter().map(|(_, count)| count).sum::<usize>() >= 500, "{all:?}");
}
