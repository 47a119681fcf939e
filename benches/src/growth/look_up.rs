//! One index in a fresh process: how fast it opens, what it costs, how fast it answers.

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use blocklists::index::Index;
use blocklists::name::Name;

use crate::random::Random;
use crate::{Outcome, lists, machine};

/// Repeats; the best counts.
const RUNS: usize = 7;
/// Names of a receive batch.
const BATCH: usize = 64;
/// Names of each kind that are asked.
const ASKED: usize = 200_000;

/// The fresh process: opens, asks, prints its columns.
pub fn look_up_here(folder: &Path, data: &Path) -> Outcome<ExitCode> {
    let path = folder.join(std::fs::read_to_string(folder.join("id"))?).with_extension("idx");
    let mut open = f64::INFINITY;
    for _ in 0..RUNS {
        let started = Instant::now();
        drop(black_box(Index::load(&path)?));
        open = open.min(started.elapsed().as_secs_f64() * 1e3);
    }
    let before = machine::Memory::own()?.rss;
    let index = Index::load(&path)?;
    let _ = before;
    let rss = machine::Memory::own()?.rss;
    let listed: Vec<Name> =
        std::fs::read_to_string(folder.join("sample"))?.lines().map(Name::parse).collect::<Result<_, _>>()?;
    let listed = shuffled(listed);
    let unlisted = shuffled(lists::misses(data)?);
    let stream = lists::stream(data, ASKED)?;
    // A school's day: of the stream, the names that the real lists hold give way to made-up ones.
    let mut random = Random::new(3);
    let mixed: Vec<Name> = stream
        .into_iter()
        .map(|name| if random.below(5) == 0 { listed[random.below(listed.len())].clone() } else { name })
        .collect();
    print!("{open:.1} | {}", machine::mebibytes(rss).trim_end_matches(" MiB"));
    for names in [&listed, &unlisted, &mixed] {
        let each = best(names, |names| {
            for name in names {
                black_box(index.find(name.as_ref(), 1));
            }
        });
        let mut probes = Vec::with_capacity(BATCH);
        let warmed = best(names, |names| {
            for batch in names.chunks(BATCH) {
                probes.clear();
                probes.extend(batch.iter().map(|name| index.probe(name.as_ref())));
                index.warm(&probes);
                for (name, probe) in batch.iter().zip(&probes) {
                    black_box(index.find_probed(name.as_ref(), 1, false, probe));
                }
            }
        });
        print!(" | {each:.0} | {warmed:.0}");
    }
    println!();
    Ok(ExitCode::SUCCESS)
}

/// Names in an order that no cache foresees.
fn shuffled(mut names: Vec<Name>) -> Vec<Name> {
    Random::new(7).choose(&mut names, ASKED);
    names
}

/// Nanoseconds of processor time a name, in the best of several runs.
fn best(names: &[Name], mut run: impl FnMut(&[Name])) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let before = machine::processor_nanoseconds().unwrap_or(0);
        run(names);
        let spent = machine::processor_nanoseconds().unwrap_or(0).saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "a run takes far less than 2^52 ns")]
        {
            best = best.min(spent as f64 / names.len().max(1) as f64);
        }
    }
    best
}
