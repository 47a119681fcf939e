//! One index in a fresh process: how fast it opens, what it costs, how fast it answers.

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use blocklists::category::CategoryId;
use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::overlay::{Correction, compile_overlay};

use crate::random::Random;
use crate::{Outcome, machine};

/// Repeats; the best counts.
pub const RUNS: usize = 7;
/// Names of a receive batch.
pub const BATCH: usize = 64;
/// Lines of the small source.
const SMALL: usize = 10_000;
/// Names of each kind that are asked.
const ASKED: usize = 200_000;

/// The fresh process: opens, asks, and prints milliseconds to open and MiB resident; nanoseconds a listed,
/// unlisted and a day's name, each alone and warmed; milliseconds of two overlays.
pub fn look_up_here(folder: &Path) -> Outcome<ExitCode> {
    let path = folder.join(std::fs::read_to_string(folder.join("id"))?).with_extension("idx");
    let mut open = f64::INFINITY;
    for _ in 0..RUNS {
        let started = Instant::now();
        drop(black_box(Index::load(&path)?));
        open = open.min(started.elapsed().as_secs_f64() * 1e3);
    }
    let index = Index::load(&path)?;
    let rss = machine::Memory::own()?.rss;
    let listed = shuffled(read(&folder.join("sample"))?);
    let unlisted = shuffled(read(&folder.join("unlisted"))?);
    // A school's day: a fifth of its names give way to listed ones.
    let mut random = Random::new(3);
    let mut mixed = read(&folder.join("day"))?;
    mixed.truncate(ASKED);
    for name in &mut mixed {
        let other = listed.get(random.below(listed.len()));
        if let (0, Some(other)) = (random.below(5), other) {
            name.clone_from(other);
        }
    }
    print!("{open} {}", crate::load::count(rss) / 1_048_576.0);
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
        print!(" {each} {warmed}");
    }
    let (small, correction) = overlays(folder, &index, &listed)?;
    println!(" {small} {correction}");
    Ok(ExitCode::SUCCESS)
}

/// Milliseconds for an overlay with a small source, and for one with a correction of a listed name.
fn overlays(folder: &Path, index: &Index, listed: &[Name]) -> Outcome<(f64, f64)> {
    let names: Vec<String> = (0..SMALL).map(|number| format!("n{number}.small.example")).collect();
    std::fs::write(folder.join("small"), names.join("\n"))?;
    let mut small = super::lists::input(folder, "small");
    small.source.category = CategoryId::new("games");
    let category = CategoryId::new("gambling").ok_or("gambling is a category")?;
    let name = listed.first().ok_or("no listed name")?.clone();
    let out = Correction { name, exact: false, category, into: false };
    let (mut without, mut with) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..3 {
        let started = Instant::now();
        black_box(compile_overlay(index, folder, std::slice::from_ref(&small), &[])?);
        without = without.min(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        black_box(compile_overlay(index, folder, &[], std::slice::from_ref(&out))?);
        with = with.min(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok((without, with))
}

/// The names of a file.
fn read(path: &Path) -> Outcome<Vec<Name>> {
    Ok(std::fs::read_to_string(path)?.lines().map(Name::parse).collect::<Result<_, _>>()?)
}

/// Names in an order that no cache foresees, in which they lie in memory too: a question's name has just come
/// in and is at hand, it is not fetched from anywhere.
fn shuffled(mut names: Vec<Name>) -> Vec<Name> {
    Random::new(7).choose(&mut names, ASKED);
    names.iter().map(Name::clone).collect()
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
