//! The names that every server of one run gets: as many listed ones as wanted, and some on no list.
//!
//! They come from a folder of real lists where there is one, and are generated (the same ones on
//! every run) where there is none or it has too few. Names that this product would not block, whatever
//! a list says (must-open names, shared hosting), are left out, so that every server has the same work.

use std::collections::BTreeMap;
use std::path::Path;

use blocklists::compile::compile;
use blocklists::index::Index;
use blocklists::name::Name;
use policy::{Question, Snapshot, Verdict};

use crate::load::stream::CACHED_NAMES;
use crate::random::Random;
use crate::servers::schoolgate;
use crate::{Outcome, lists, naive, school};

/// Longest name that is taken: room for a label in front and an RPZ zone behind (RFC 1035 section 2.3.4).
const NAME_MAX: usize = 200;
/// Chosen beyond what is wanted, for those that the product leaves open.
const SPARE: usize = 50;
/// Names on no list, at most.
const OPEN_MAX: usize = 100_000;
/// Questions of the composed stream that are read.
const DAY: usize = 1_000_000;
/// Top-level domains of generated names.
const ENDS: [&str; 8] = ["com", "net", "org", "co.uk", "de", "info", "top", "xyz"];

/// Listed and unlisted names.
#[derive(Debug, Clone)]
pub struct Names {
    /// On the list of every server, in alphabetical order as published lists are.
    pub listed: Vec<String>,
    /// On none; those that a school's day asks most stand in front.
    pub open: Vec<String>,
    /// A school's day: which of the first [`CACHED_NAMES`] of `open` is asked, question by question.
    pub day: Vec<usize>,
    /// Where they come from, for the report.
    pub origin: String,
}

impl Names {
    /// Takes `count` listed names; the same ones every time.
    pub fn take(data: Option<&Path>, count: usize) -> Outcome<Self> {
        let mut random = Random::new(20_26);
        let mut candidates = data.map(real).transpose()?.unwrap_or_default();
        let found = candidates.len();
        let wanted = count + count / SPARE + 10;
        random.choose(&mut candidates, wanted);
        let taken = candidates.len();
        candidates.extend((taken..wanted).map(|number| generated(&mut random, number)));
        let mut open = data.map(lists::misses).transpose()?.unwrap_or_default();
        random.choose(&mut open, OPEN_MAX);
        let mut open: Vec<String> = open.iter().map(ToString::to_string).collect();
        if open.is_empty() {
            open = (0..OPEN_MAX).map(|number| format!("www.{}", generated(&mut random, number))).collect();
        }

        let snapshot = snapshot(&candidates)?;
        candidates
            .retain(|name| verdict(&snapshot, name).is_some_and(|said| matches!(said, Verdict::Block(_))));
        open.retain(|name| plain(name) && verdict(&snapshot, name) == Some(Verdict::Allow));
        candidates.truncate(count);
        if candidates.len() < count || open.is_empty() {
            return Err(
                format!("only {} names to list and {} to leave open", candidates.len(), open.len()).into()
            );
        }
        let stream = data.map(|folder| lists::stream(folder, DAY)).transpose()?.unwrap_or_default();
        let allowed = |name: &str| {
            plain(name) && !name.ends_with(".arpa") && verdict(&snapshot, name) == Some(Verdict::Allow)
        };
        let day = day(&stream, &mut open, &mut random, allowed);
        let origin = if found == 0 {
            format!("{count} generated names and a generated day")
        } else {
            let generated = wanted.saturating_sub(taken);
            format!(
                "{count} names out of {found} of real lists, {generated} generated; {} questions of a composed day",
                day.len()
            )
        };
        candidates.sort_unstable();
        Ok(Self { listed: candidates, open, day, origin })
    }

    /// The first and the last listed name: a server that blocks both has read its list.
    pub fn ends(&self) -> Vec<&str> {
        [self.listed.first(), self.listed.last()].into_iter().flatten().map(String::as_str).collect()
    }

    /// Some listed names in an order that no cache foresees.
    pub fn some_listed(&self, count: usize, seed: u64) -> Vec<&str> {
        let mut random = Random::new(seed);
        let pick = |_| self.listed.get(random.below(self.listed.len())).map_or("", String::as_str);
        (0..count).map(pick).collect()
    }
}

/// Puts the names that the stream asks most in front of the open ones, and says in which order it asks
/// them; without a stream the first open name is asked most, each later one in proportion less.
fn day(
    stream: &[Name],
    open: &mut Vec<String>,
    random: &mut Random,
    allowed: impl Fn(&str) -> bool,
) -> Vec<usize> {
    let asked: Vec<String> = stream.iter().map(ToString::to_string).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    asked.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    let mut popular: Vec<(&str, usize)> = counts.into_iter().filter(|(name, _)| allowed(name)).collect();
    popular.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    popular.truncate(CACHED_NAMES);
    if popular.is_empty() {
        let most = open.len().min(CACHED_NAMES);
        return (0..DAY / 10).map(|_| random.skewed(most)).collect();
    }
    let places: BTreeMap<&str, usize> =
        popular.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
    let day = asked.iter().filter_map(|name| places.get(name.as_str()).copied()).collect();
    let front: Vec<String> = popular.iter().map(|(name, _)| (*name).to_owned()).collect();
    open.retain(|name| !places.contains_key(name.as_str()));
    open.splice(..0, front);
    day
}

/// Every name of the plain lists (domains, hosts), each once.
fn real(folder: &Path) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for list in lists::read(folder)?.iter().filter(|list| matches!(list.format, "domains" | "hosts")) {
        naive::plain_names(list, &mut |name| names.push(name))?;
    }
    names.retain(|name| plain(name));
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// A name that every server reads the same way.
fn plain(name: &str) -> bool {
    let good = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= NAME_MAX && name.contains('.') && name.split('.').all(good)
}

/// A name that nobody else has: its number is in it.
fn generated(random: &mut Random, number: usize) -> String {
    let length = 5 + random.below(10);
    let letter = |random: &mut Random| {
        char::from(b"abcdefghijklmnopqrstuvwxyz".get(random.below(26)).copied().unwrap_or(b'a'))
    };
    let word: String = (0..length).map(|_| letter(random)).collect();
    let end = ENDS.get(random.below(ENDS.len())).copied().unwrap_or("com");
    let below = if random.below(6) == 0 { "cdn." } else { "" };
    format!("{below}{word}{number:x}.{end}")
}

/// What the product would decide by over these names.
fn snapshot(listed: &[String]) -> Outcome<Snapshot> {
    let folder = tempfile::tempdir()?;
    write(&folder.path().join("names.txt"), listed.iter().map(String::as_str))?;
    let policy = schoolgate::write_policy(folder.path(), &["names.txt"])?;
    let school = school::read_policy(&policy)?;
    let compiled = compile(&school::inputs(school.sources()))?;
    Ok(school::snapshot(&school, Index::from_bytes(&compiled.bytes)?))
}

fn verdict(snapshot: &Snapshot, name: &str) -> Option<Verdict> {
    let client = school::client(snapshot, schoolgate::CLIENT);
    let name = Name::parse(name).ok()?;
    Some(snapshot.decide(&client, &Question { name: name.as_ref(), rtype: 1 }).verdict)
}

/// Writes names one a line.
pub fn write<'a>(path: &Path, names: impl Iterator<Item = &'a str>) -> Outcome<()> {
    let mut text = String::new();
    for name in names {
        text.push_str(name);
        text.push('\n');
    }
    Ok(std::fs::write(path, text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_are_the_same_every_time_and_each_is_blocked() {
        let (one, other) = (Names::take(None, 2_000).unwrap(), Names::take(None, 2_000).unwrap());
        assert_eq!(one.listed, other.listed);
        assert_eq!(one.listed.len(), 2_000);
        assert!(one.listed.is_sorted() && one.open.iter().all(|name| !one.listed.contains(name)));
    }

    #[test]
    fn names_that_servers_read_differently_are_left_out() {
        for bad in ["com", "a..b", "-a.com", "a_b.com", "a.com.", "é.com"] {
            assert!(!plain(bad), "{bad}");
        }
        assert!(plain("xn--caf-dma.example"));
    }
}
