//! The school, the upstream and the questions of a front that is flooded.

use std::fmt::Write as _;

use policy::Snapshot;
use resolver::upstream::{BoxFuture, UpAnswer, UpError, UpQuestion, Upstream};

use crate::{Outcome, school};

/// Names on the list, and as many that are on none.
const NAMES: usize = 50_000;
/// Of these, so many are asked in turn.
const ASKED: usize = 512;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Names on a list.
    Blocked,
    /// Names that the upstream answered before.
    Cached,
    /// Names that nobody asked before.
    Missing,
}

/// Answers every question with one address.
pub struct Toy;

impl Upstream for Toy {
    fn ask<'a>(&'a self, question: &'a UpQuestion) -> BoxFuture<'a, Result<UpAnswer, UpError>> {
        Box::pin(async move {
            let mut bytes = query(&question.name.to_string(), question.rtype);
            bytes.truncate(bytes.len() - 11);
            if let Some(head) = bytes.get_mut(2..12) {
                head.copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            }
            bytes.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01\x00\x01\x00\x00\x00\x04\xc6\x33\x64\x01");
            Ok(UpAnswer { bytes, server: "toy".into(), ede: None })
        })
    }
}

/// A query with EDNS.
fn query(name: &str, rtype: u16) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(u8::try_from(label.len()).unwrap_or(0));
        query.extend_from_slice(label.as_bytes());
    }
    query.push(0);
    query.extend_from_slice(&rtype.to_be_bytes());
    query.extend_from_slice(&[0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    query
}

/// The questions of a case.
pub fn queries(case: Case) -> Vec<Vec<u8>> {
    let name = |number: usize| match case {
        Case::Blocked => format!("www.site{}.bets-{number}.example", number % 7),
        Case::Missing => format!("n{number:012}.missing.example"),
        Case::Cached => format!("www.open-{number}.example"),
    };
    (0..ASKED).map(|number| query(&name(number * (NAMES / ASKED)), 1)).collect()
}

/// Turns queries of [`Case::Missing`] into such for other names.
pub fn make_new(queries: &mut [Vec<u8>], round: usize) {
    for query in queries.iter_mut() {
        // The twelve digits behind the header, the label's length and its letter.
        for (digit, place) in format!("{round:06}").bytes().zip(query.iter_mut().skip(14)) {
            *place = digit;
        }
    }
}

/// A school with a list of gambling sites: one network, or 1,000 subnets under 10 policies.
pub fn snapshot(full: bool) -> Outcome<Snapshot> {
    let folder = tempfile::tempdir()?;
    let names: String = (0..NAMES).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "bets-{number}.example");
        text
    });
    std::fs::write(folder.path().join("gambling"), names)?;
    let mut text = String::from(
        "version = 1\n[[source]]\nid = \"bets\"\ncategory = \"gambling\"\nformat = \"domains\"\npath = \"gambling\"\n",
    );
    let policies = if full { 10 } else { 1 };
    for number in 0..policies {
        write!(text, "[[policy]]\nid = \"year{number}\"\nextends = \"ks2\"\nsafe_search = true\n")?;
    }
    for number in 0..if full { 1000 } else { 1 } {
        let (high, low) = (20 + number / 250, number % 250);
        let policy = number % policies;
        write!(
            text,
            "[[network]]\nid = \"n{number}\"\nsubnets = [\"127.{high}.{low}.0/24\"]\npolicy = \"year{policy}\"\n"
        )?;
    }
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, text)?;
    let read = school::read_policy(&path)?;
    let mut inputs = school::inputs(school::lists(&read));
    for input in &mut inputs {
        input.copy = folder.path().join(&input.copy);
    }
    let compiled = blocklists::compile::compile(&inputs)?;
    Ok(school::snapshot(&read, blocklists::index::Index::from_bytes(&compiled.bytes)?))
}
