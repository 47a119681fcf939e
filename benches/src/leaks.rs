//! No listed name passes while the program starts, loads its lists or swaps them.
//!
//! A client asks listed names without a pause, from before the program runs until after it has been
//! killed and started, or given other lists, many times over. Whatever comes back is either a block,
//! or (only while there is no index at all) a refusal; nothing is fine too, but only while no program
//! runs. The upstream knows every name, so that one that got through would come back with an address.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::editions::Editions;
use crate::figures::{Figures, markdown};
use crate::load::paced::{self, Paced};
use crate::load::stream::Stream;
use crate::names::Names;
use crate::options::Options;
use crate::process::{cores, pin};
use crate::servers::nsd::Upstream;
use crate::servers::{Kind, Plan, Prepared};
use crate::{Outcome, machine};

const NAMES: usize = 1_000_000;
/// Different listed names that the client asks, round and round.
const ASKED: usize = 200_000;
/// Questions a second: while it starts, and while lists are swapped.
const RATE_STARTING: f64 = 20_000.0;
const RATE_SWAPPING: f64 = 50_000.0;
/// How long the client goes on asking once a start or a swap is over.
const AFTERWARDS: usize = 100;
/// Every so many starts, there is no index and it has to be compiled first.
const WITHOUT_INDEX_EVERY: usize = 4;

/// One part of the proof.
struct Part {
    what: &'static str,
    times: Figures,
    paced: Paced,
    /// Whether refusals and silence are fine.
    starting: bool,
}

/// Starts and swaps, and prints what came back; exit 1 when anything passed or was lost.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let repeats = options.repeats_or(20, 3);
    let count = options.names.unwrap_or(if options.quick { NAMES / 10 } else { NAMES });
    let names = Names::take(options.data.as_deref(), count)?;
    let upstream = Upstream::start(&temporary.path().join("nsd"), None)?;
    let plan = Plan {
        folder: temporary.path().join("school"),
        names: PathBuf::new(),
        upstream: upstream.address,
        core: None,
        program: options.server.clone(),
        cache: true,
    };
    let prepared = Kind::Schoolgate.prepare(&plan)?;
    let mut editions = Editions::lay_out(&plan.folder, &names)?;
    println!("Machine: {}.\nNames: {}.", machine::describe(), names.origin);
    println!(
        "Method: `cargo run --release -p benches -- leaks`: {repeats} kills and starts under {RATE_STARTING} questions a \
         second for listed names (every {WITHOUT_INDEX_EVERY}th without an index), then {repeats} swaps of lists under \
         {RATE_SWAPPING}, then as long without any. The upstream has every name.\n"
    );
    let parts = [
        starts(&prepared, &names, repeats)?,
        swaps(&prepared, &names, &mut editions, repeats)?,
        quiet(&prepared, &names)?,
    ];
    Ok(report(&parts))
}

/// Asks listed names on a core of its own while `work` goes on.
fn while_asked<T: Send>(
    prepared: &Prepared,
    names: &Names,
    rate: f64,
    work: impl FnOnce() -> Outcome<T>,
) -> Outcome<(T, Paced)> {
    let done = AtomicBool::new(false);
    let (_, core) = cores();
    thread::scope(|threads| {
        let asking = threads.spawn(|| -> Result<Paced, String> {
            let ask = || -> Outcome<Paced> {
                pin(core)?;
                let mut stream = Stream::of(names.some_listed(ASKED, 11));
                let stop = &mut |_| done.load(Ordering::Relaxed);
                paced::run(prepared.address, &mut stream, rate, stop, &mut |_| {})
            };
            ask().map_err(|error| error.to_string())
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        let paced = asking.join().map_err(|_| "the client stopped")??;
        Ok((worked?, paced))
    })
}

/// Kills and starts the program again and again.
fn starts(prepared: &Prepared, names: &Names, repeats: usize) -> Outcome<Part> {
    let state = prepared.folder().join("state");
    let (times, paced) = while_asked(prepared, names, RATE_STARTING, || {
        let mut times = Vec::new();
        for repeat in 0..repeats {
            if repeat % WITHOUT_INDEX_EVERY == 0 && state.exists() {
                std::fs::remove_dir_all(&state)?;
            }
            let running = prepared.start(&names.landmarks(0))?;
            times.push(running.loading);
            running.check(&names.some_listed(AFTERWARDS, 3), &[])?;
        }
        Ok(times)
    })?;
    Ok(Part { what: "starts", times: Figures::of_seconds(&times), paced, starting: true })
}

/// Gives the running program other lists again and again.
fn swaps(prepared: &Prepared, names: &Names, editions: &mut Editions, repeats: usize) -> Outcome<Part> {
    let running = prepared.start(&names.landmarks(0))?;
    let (times, paced) = while_asked(prepared, names, RATE_SWAPPING, || {
        let mut times = Vec::new();
        for _ in 0..repeats {
            editions.next()?;
            let started = Instant::now();
            update(prepared)?;
            editions.wait_until_live(prepared.address)?;
            times.push(started.elapsed());
            running.check(&names.some_listed(AFTERWARDS, 3), &[])?;
        }
        Ok(times)
    })?;
    Ok(Part { what: "swaps", times: Figures::of_seconds(&times), paced, starting: false })
}

/// The same rate while nothing happens: what the machine itself loses.
fn quiet(prepared: &Prepared, names: &Names) -> Outcome<Part> {
    let _running = prepared.start(&names.landmarks(0))?;
    let nothing = || {
        thread::sleep(Duration::from_secs(5));
        Ok(())
    };
    let ((), paced) = while_asked(prepared, names, RATE_SWAPPING, nothing)?;
    Ok(Part { what: "nothing", times: Figures::new(Vec::new()), paced, starting: false })
}

/// `lists update`, as politely as the program itself runs it.
pub fn update(prepared: &Prepared) -> Outcome<()> {
    let output = update_command(prepared).output()?;
    if !output.status.success() {
        return Err(format!("`lists update`: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(())
}

/// The command of [`update`].
pub fn update_command(prepared: &Prepared) -> Command {
    let mut command = Command::new(prepared.program());
    command.arg("--config").arg(prepared.folder().join("schoolgate.toml"));
    command.args(["lists", "update", "--background"]).stdin(Stdio::null());
    command
}

fn report(parts: &[Part]) -> ExitCode {
    let mut lines = Vec::new();
    let mut good = true;
    for Part { what, times, paced, starting } in parts {
        let tally = &paced.tally;
        let passed = tally.records + tally.failed + if *starting { 0 } else { tally.refused };
        let lost = if *starting { 0 } else { tally.lost };
        good &= passed == 0 && lost == 0;
        lines.push(vec![
            (*what).to_owned(),
            times.show("s", 2),
            tally.sent.to_string(),
            tally.nothing.to_string(),
            tally.refused.to_string(),
            tally.records.to_string(),
            tally.failed.to_string(),
            tally.lost.to_string(),
            paced.late.to_string(),
        ]);
    }
    let head = [
        "while",
        "each took",
        "asked",
        "blocked",
        "refused",
        "**passed**",
        "failed",
        "no reply",
        "asked late",
    ];
    print!("{}", markdown(&head, &lines));
    println!(
        "\n{}",
        if good {
            "No listed name passed, and outside of starts every question was answered."
        } else {
            "**Something passed, failed or was lost.**"
        }
    );
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
