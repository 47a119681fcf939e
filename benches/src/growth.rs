//! How cost grows with the lists, up to ten million made-up names, and with the school: networks,
//! devices, rules, clients.
//!
//! A look-up is timed in a process of its own; a whole query by the processor time of the program, asked
//! over its socket, all sizes in turns so that the machine's mood falls on all alike. How cost grows with
//! the number of cores is on the peers' page.

mod lists;
mod look_up;
mod names;
mod schools;

use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::arena::Arena;
use crate::figures::{self, Row};
use crate::options::Options;
use crate::{Outcome, page};

pub use lists::compile_here;
pub use look_up::look_up_here;

/// Names of the schools' lists, and of those that are asked for in every size.
const NAMES: usize = 100_000;
/// Rounds over all sizes, and over all schools.
const ROUNDS: usize = 15;

/// How long and how often a whole query is measured.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rounds: usize,
    run: Duration,
}

/// Measures, and prints the page; exit code 0 says only that it ran.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let pace = Pace {
        rounds: options.repeats_or(ROUNDS, 2),
        run: Duration::from_millis(if options.quick { 200 } else { 700 }),
    };
    let arena = Arena::open(options, NAMES)?;
    let method = format!(
        "Lists: made-up names from a seed in eight categories; compile and look-ups in fresh processes, look-ups in \
         processor time, the best of {} runs, *warmed* in batches of {}. Whole query: processor time of the program an \
         answer, one thread on one core, 80 % cached, 15 % listed, 5 % never asked before, {} rounds of {} ms in turns, ratios \
         within a round with the 95 % interval of their median. `lists update` is the program's, from text, on all cores.",
        look_up::RUNS,
        look_up::BATCH,
        pace.rounds,
        pace.run.as_millis()
    );
    let mut text = arena.introduce(options, "growth", "How cost grows", &method);
    text.push_str("## With the lists\n\n");
    let mut goals: Vec<Row> = Vec::new();
    text.push_str(&lists::measure(&arena, options.quick, pace, &mut goals)?);
    text.push_str("\n## With the school\n\n");
    text.push_str(&schools::measure(&arena, pace)?);
    text.push_str("\n## Goals\n\n");
    text.push_str(&figures::table(&goals));
    text.push_str(&page::end());
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Runs this program once more and returns what it printed, word by word.
fn child(arguments: &[&std::ffi::OsStr]) -> Outcome<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("{arguments:?} ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}
