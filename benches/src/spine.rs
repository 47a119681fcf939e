//! The figures of the spine: compile, memory, start, decision, on every real list at once.

pub mod compile;
mod decide;
pub mod memory;
mod ready;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use blocklists::index::Index;

use crate::figures::{Row, print_table};
use crate::{Outcome, lists, machine, school};

/// Compiling is repeated this often; the median counts.
const COMPILE_RUNS: usize = 3;
/// Starts of the server.
const READY_RUNS: usize = 5;

/// Measures everything and prints the table.
pub fn run(folder: &Path) -> Outcome<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let lists = lists::read(folder)?;
    let policy = school::write_policy(temporary.path(), &lists)?;
    let program = program();
    let load = machine::load();

    println!("Machine: {}.", machine::describe());
    println!(
        "Program: schoolgate {}, {} block lists in one policy.toml.",
        env!("CARGO_PKG_VERSION"),
        lists.len()
    );
    println!(
        "Method: `cargo run --release -p benches -- spine`; the lists in the page cache; every process fresh.\n"
    );

    let compiled = compile::measure(program.as_deref(), &policy, temporary.path(), COMPILE_RUNS)?;
    let mut rows = vec![compiled.row];
    let mut index = Index::load(&compiled.index)?;
    rows.extend(describe(&index));
    if let Some(overlay) = &compiled.overlay {
        index = index.load_overlay(overlay)?;
    }
    rows.extend(memory::measure(folder, &policy, &compiled.index)?);
    let snapshot = school::snapshot(&school::read_policy(&policy)?, index);
    if let Some(program) = &program {
        rows.extend(ready::measure(program, &compiled.state, &snapshot, &lists::hits(folder)?, READY_RUNS)?);
    } else {
        rows.push(Row::fact("time to ready", "not measured: no `schoolgate` beside this program"));
    }
    rows.extend(decide::measure(folder, &snapshot)?);
    rows.push(Row::fact("load average, before and after", format!("{load} and {}", machine::load())));
    print_table(&rows);
    Ok(ExitCode::SUCCESS)
}

/// The program itself, if it was built beside the benches.
fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.parent()?.join("schoolgate");
    program.is_file().then_some(program)
}

/// What the index holds.
fn describe(index: &Index) -> Vec<Row> {
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let bytes_a_name = index.bytes() as f64 / index.entries().max(1) as f64;
    vec![
        Row::fact("different names listed", index.entries().to_string()),
        Row::fact("categories", index.categories().len().to_string()),
        Row::fact("index in memory", machine::mebibytes(index.bytes())),
        Row::aim("index bytes a name", format!("{bytes_a_name:.2} B"), bytes_a_name, 16.0, "B"),
    ]
}
