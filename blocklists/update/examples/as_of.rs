//! How long it takes to say which line blocks a name, and what lists said a year ago, over millions of
//! names and thirteen months of journal.
//!
//! `cargo run --release -p blocklists-update --example as_of -- [NAMES]`. Names and changes are made up
//! from a count; all lists feed one category, which is the worst case: every copy is scanned.

use std::error::Error;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use blocklists::category::CategoryId;
use blocklists::compile::{Input, compile};
use blocklists::evidence::evidence;
use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::source::{Actions, Format, Location, Source, Trust};
use blocklists_update::Lists;
use blocklists_update::changes::keep;
use blocklists_update::journal::DAYS;
use jiff::{SignedDuration, Timestamp};

/// Lists that never change.
const STILL: usize = 11;
/// Names of the list that changes every day, and how many come and go each day.
const DAILY: usize = 100_000;
const CHANGES: usize = 5_000;
/// How often everything is measured; the slowest is told as well.
const TIMES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let names: usize = std::env::args().nth(1).map_or(Ok(3_000_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let lists = Lists::open(dir.path())?;
    let days = usize::try_from(DAYS)? - 1;
    let now = Timestamp::now();
    let at = |day: usize| now - SignedDuration::from_hours(24 * i64::try_from(days - day).unwrap_or(0) + 1);

    let mut before: Option<(Index, Input)> = None;
    for day in 0..=days {
        let input = list(&lists, "daily", day, (day * CHANGES)..(day * CHANGES + DAILY))?;
        let after = Index::from_bytes(&compile(std::slice::from_ref(&input))?.bytes)?;
        keep(&lists, before.as_ref().map(|before| &before.0), &after, None, at(day))?;
        if let Some((_, old)) = before.replace((after, input)) {
            std::fs::remove_file(old.copy)?;
        }
    }
    let each = names.saturating_sub(DAILY) / STILL;
    let first = days * CHANGES + DAILY;
    let mut inputs: Vec<Input> = before.into_iter().map(|(_, input)| input).collect();
    for still in 0..STILL {
        let start = first + still * each;
        inputs.push(list(&lists, &format!("still-{still}"), 0, start..start + each)?);
    }
    let index = Index::from_bytes(&compile(&inputs)?.bytes)?;
    let pages = std::fs::read_dir(dir.path().join("journal"))?.collect::<Result<Vec<_>, _>>()?;
    let bytes = pages.iter().map(|page| page.metadata().map_or(0, |page| page.len())).sum::<u64>();
    println!(
        "{} names in {} lists; {} pages of journal, {:.1} MiB, {CHANGES} names in and out a day.\n",
        index.entries(),
        inputs.len(),
        pages.len(),
        bytes as f64 / f64::from(1 << 20)
    );

    println!("| what | median s | slowest s |\n|---|--:|--:|");
    let category = CategoryId::new("adult").ok_or("a category")?;
    let (listed, gone) = (Name::parse(&format!("www.{}", name(first + 7)))?, Name::parse(&name(7))?);
    measure("which line lists it", || {
        let found = evidence(&index, lists.copies(), listed.as_ref(), &category)?;
        (found.len() == 1).then_some(()).ok_or_else(|| "no line was found".into())
    })?;
    for (what, day, is_listed) in [
        ("as of the first day", 0, true),
        ("as of 200 days ago", days - 200, false),
        ("as of yesterday", days - 1, false),
    ] {
        measure(what, || {
            let then = lists.as_of(&index, gone.as_ref(), 1, at(day) + SignedDuration::from_mins(1))?;
            let is_right = then.listings.is_empty() != is_listed && then.gaps.is_empty();
            is_right.then_some(()).ok_or_else(|| format!("{:?} {:?}", then.listings, then.gaps).into())
        })?;
    }
    Ok(())
}

fn measure(what: &str, mut ask: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..TIMES {
        let started = Instant::now();
        ask()?;
        took.push(started.elapsed());
    }
    took.sort();
    let seconds = |place: usize| took.get(place).map_or(0.0, Duration::as_secs_f64);
    println!("| {what} | {:.2} | {:.2} |", seconds(TIMES / 2), seconds(TIMES - 1));
    Ok(())
}

/// The name of a number: numbers far apart look nothing like each other.
fn name(number: usize) -> String {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    format!("{:x}-{number}.example-{}.com", mixed >> 40, mixed & 15)
}

/// Writes a list of these names as the kept copy of a day.
fn list(lists: &Lists, id: &str, day: usize, names: std::ops::Range<usize>) -> Result<Input, Box<dyn Error>> {
    let mut text = String::new();
    for number in names {
        writeln!(text, "{}", name(number))?;
    }
    let copy_name = format!("{id}.{day}");
    let copy = lists.copies().join(&copy_name);
    std::fs::write(&copy, text)?;
    let source = Source {
        id: id.to_owned(),
        category: CategoryId::new("adult"),
        format: Format::Domains,
        location: Location::Path(id.into()),
        span: None,
        actions: Actions::Entry,
        trust: Trust::Core,
        map: std::collections::BTreeMap::new(),
        licence: None,
        locked: false,
    };
    Ok(Input { source, copy, copy_name })
}
