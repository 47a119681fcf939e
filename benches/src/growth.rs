//! How size, start and speed grow with the number of names, up to ten million made-up ones.
//!
//! Every figure comes from a process of its own. Times are minima of repeats: what a machine that
//! others use at the same time can do is its best run, the others tell of the neighbours.

mod look_up;
mod names;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use blocklists::category::CategoryId;
use blocklists::compile::{Input, compile_into};
use blocklists::source::{Actions, Format, Location, Source, Trust};

use crate::{Outcome, machine};

/// Sizes that are measured when none are named.
const SIZES: [usize; 4] = [100_000, 1_000_000, 3_000_000, 10_000_000];
/// Categories that the names are spread over, one source each.
const CATEGORIES: [&str; 8] =
    ["gambling", "malware", "adult", "ads", "tracking", "scams", "games", "off-task"];
/// Listed names that are kept to ask for.
const SAMPLE: usize = 200_000;
/// The seed of everything.
const SEED: u64 = 20_26;

/// Measures every size and prints a table.
pub fn run(folder: &Path, sizes: &[usize]) -> Outcome<ExitCode> {
    println!("Machine: {}. Load average {}.", machine::describe(), machine::load());
    println!(
        "Method: `cargo run --release -p benches -- growth`; every size in fresh processes; open and look-ups are \
         the best of {} runs, look-ups in processor time; warmed: in batches of {}.\n",
        look_up::RUNS,
        look_up::BATCH
    );
    println!(
        "| names | compile s | child's peak MiB | file MiB | B a name | open ms | RSS MiB | listed ns | warmed ns | unlisted ns | warmed ns | mixed ns | warmed ns | overlay of 10,000 names ms | a correction ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for &size in if sizes.is_empty() { &SIZES[..] } else { sizes } {
        let temporary = tempfile::tempdir()?;
        let sources = CATEGORIES.map(|category| temporary.path().join(category));
        let paths: Vec<&Path> = sources.iter().map(PathBuf::as_path).collect();
        let sample = names::write(&paths, size, SEED, SAMPLE)?;
        std::fs::write(temporary.path().join("sample"), sample.join("\n"))?;
        let compiled = child(&["growth-compile".as_ref(), temporary.path()])?;
        let asked = child(&["growth-look-up".as_ref(), temporary.path(), folder])?;
        println!("| {size} | {compiled} | {asked} |");
    }
    println!(
        "\nAims at 10,000,000 names: open 300 ms, RSS 120 MiB, 10 B a name, 350 ns a listed name warmed."
    );
    Ok(ExitCode::SUCCESS)
}

/// Runs this program once more and returns what it printed.
fn child(arguments: &[&Path]) -> Outcome<String> {
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("{arguments:?} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The fresh process that compiles: seconds and peak memory.
pub fn compile_here(folder: &Path) -> Outcome<ExitCode> {
    let inputs: Vec<Input> = CATEGORIES.iter().map(|category| input(folder, category)).collect();
    let started = Instant::now();
    let compiled = compile_into(folder, ".new-", &inputs, 0)?;
    let elapsed = started.elapsed().as_secs_f64();
    let peak = machine::peak()?;
    std::fs::write(folder.join("id"), &compiled.id)?;
    let path = folder.join(format!("{}.idx", compiled.id));
    let file = compiled.file.persist(&path)?;
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let (bytes, entries) = (file.metadata()?.len() as f64, compiled.entries as f64);
    println!(
        "{elapsed:.2} | {} | {:.1} | {:.2}",
        machine::mebibytes(peak).trim_end_matches(" MiB"),
        bytes / 1_048_576.0,
        bytes / entries
    );
    Ok(ExitCode::SUCCESS)
}

/// Lists of made-up names confirm themselves, so that a strict category is like any other.
fn input(folder: &Path, category: &str) -> Input {
    let source = Source {
        id: category.to_owned(),
        category: CategoryId::new(category),
        format: Format::Domains,
        location: Location::Path(folder.join(category)),
        span: None,
        trust: Trust::Core,
        map: std::collections::BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    };
    Input { source, copy: folder.join(category), copy_name: category.to_owned() }
}

pub use look_up::look_up_here;
