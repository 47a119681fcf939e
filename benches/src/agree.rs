//! The index against the naive matcher: every answer equal, or exit 1.

mod compare;
mod probes;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use blocklists::source::Source;

use crate::naive::{self, Naive};
use crate::random::Random;
use crate::{Outcome, lists, school};
use compare::Comparison;

/// How many listed and how many unlisted names are asked, each in several forms.
const NAMES: usize = 100_000;
/// Seed of all choices.
const SEED: u64 = 0x5c40_0160;
/// Most differences printed.
const SHOWN_MAX: usize = 20;

/// Builds both, asks both, prints counts.
pub fn run(folder: &Path) -> Outcome<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let lists = lists::read(folder)?;
    let school = school::read_policy(&school::write_policy(temporary.path(), &lists)?)?;
    let started = Instant::now();
    let mut naive = naive::of(school::lists(&school))?;
    let real = naive.len();
    let probes = probes::write(temporary.path(), &naive, &mut Random::new(SEED))?;
    for probe in &probes {
        naive.add(probe)?;
    }
    println!(
        "Naive matcher: {} lists, {} names ({real} of them real), read in {:.1} s.",
        lists.len() + probes.len(),
        naive.len(),
        started.elapsed().as_secs_f64()
    );

    let inputs: Vec<Input> = school::inputs(school::lists(&school).chain(&probes));
    let started = Instant::now();
    let index = Index::from_bytes(&compile(&inputs)?.bytes)?;
    println!(
        "Index: {} names, compiled and loaded in {:.1} s.\n",
        index.entries(),
        started.elapsed().as_secs_f64()
    );

    let mut comparison = Comparison::new(&naive, &index);
    let sources: Vec<&Source> = school::lists(&school).chain(&probes).collect();
    ask(folder, &sources, &naive, &mut comparison)?;
    comparison.print(SHOWN_MAX);
    Ok(if comparison.differences() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks for listed and unlisted names in all forms, for every listed name and every other word of
/// the lists (what only one of the two took for a name) as it is, and for all that have an exception.
fn ask(folder: &Path, sources: &[&Source], naive: &Naive, comparison: &mut Comparison<'_>) -> Outcome<()> {
    let mut random = Random::new(SEED + 1);
    let mut listed = naive.names();
    random.choose(&mut listed, NAMES);
    for name in listed {
        comparison.ask("listed", name);
    }
    for name in naive.names() {
        comparison.ask_itself("every listed name", name);
    }
    for name in naive::words(sources)?.iter().filter(|word| !naive.lists(word)) {
        comparison.ask_itself("every other word of the lists", name);
    }
    let mut unlisted: Vec<String> = lists::misses(folder)?.iter().map(ToString::to_string).collect();
    unlisted.retain(|name| naive.categories(name).is_empty());
    random.choose(&mut unlisted, NAMES);
    if unlisted.len() < NAMES {
        return Err(format!("only {} names of queries/miss.txt are unlisted", unlisted.len()).into());
    }
    for name in &unlisted {
        comparison.ask("unlisted", name);
    }
    for name in naive.excepted() {
        comparison.ask("with an exception", name);
        comparison.ask_what_opens(name);
    }
    Ok(())
}
