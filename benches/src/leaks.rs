//! No listed name passes while the program starts, loads its lists or swaps them.
//!
//! A client asks listed names without a pause, from before the program runs until after it has been
//! killed and started, or given other lists, many times over. Whatever comes back is either a block,
//! or (only while there is no index at all) a refusal; nothing is fine too, but only while no program
//! runs. The upstream knows every name, so that one that got through would come back with an address.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crate::changing::Changing;
use crate::figures::{Figures, Row, markdown, table};
use crate::load::count;
use crate::load::paced::Paced;
use crate::load::port::dropped_at;
use crate::load::stream::Stream;
use crate::options::Options;
use crate::{Outcome, page};

const NAMES: usize = 1_000_000;
/// Different listed names that the client asks, round and round.
const ASKED: usize = 200_000;
/// Questions a second: while it starts, and while lists are swapped.
const RATE_STARTING: f64 = 20_000.0;
const RATE_SWAPPING: f64 = 50_000.0;
/// A client that had no core so often did not ask at the rate that is promised.
const LATE_MOST: f64 = 0.02;
/// Names, and those below them, that are looked at one by one once a start or a swap is over, and how long
/// the client then goes on asking: the first moments belong to the proof too.
const AFTERWARDS: usize = 100;
const HOLD: Duration = Duration::from_millis(300);
const QUIET: Duration = Duration::from_secs(5);
/// Every so many starts, there is no index and it has to be compiled first.
const WITHOUT_INDEX_EVERY: usize = 4;

/// One part of the proof.
struct Part {
    what: &'static str,
    times: Figures,
    paced: Paced,
    /// Datagrams that the kernel dropped at the server's socket.
    dropped_there: u64,
    /// Whether refusals and silence are fine.
    starting: bool,
}

/// Starts and swaps, and prints what came back; exit 1 when anything passed or was lost.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let repeats = options.repeats_or(20, 3);
    let changing = Changing::lay_out(options, NAMES)?;
    let method = format!(
        "{repeats} kills and starts under {RATE_STARTING} questions a second for listed names (every \
         {WITHOUT_INDEX_EVERY}th without an index), then {repeats} swaps of lists (`lists update --background`, until the \
         new index answers) under {RATE_SWAPPING} questions a second, then as long without any. The upstream has every \
         name; the client has a core of its own, the program both."
    );
    print!(
        "{}",
        changing.arena.introduce(options, "leaks", "No listed name passes a start or a swap", &method)
    );
    let parts = [starts(&changing, repeats)?, swaps(&changing, repeats)?, quiet(&changing)?];
    let good = report(&parts);
    print!("{}", page::end());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Changing {
    fn listed(&self) -> Stream {
        Stream::of(self.arena.names.some_listed(ASKED, 11))
    }
}

/// Kills and starts the program again and again.
fn starts(changing: &Changing, repeats: usize) -> Outcome<Part> {
    let (names, prepared) = (&changing.arena.names, &changing.prepared);
    let state = prepared.folder().join("state");
    let (times, paced) = changing.while_asked(changing.listed(), RATE_STARTING, || {
        let mut times = Vec::new();
        for repeat in 0..repeats {
            if repeat % WITHOUT_INDEX_EVERY == 0 && state.exists() {
                std::fs::remove_dir_all(&state)?;
            }
            let running = prepared.start(&names.ends())?;
            times.push(running.loading);
            running.check(&names.some_listed(AFTERWARDS, 3), &[])?;
            thread::sleep(HOLD);
        }
        Ok(times)
    })?;
    Ok(Part { what: "starts", times: Figures::of_seconds(&times), paced, dropped_there: 0, starting: true })
}

/// Gives the running program other lists again and again.
fn swaps(changing: &Changing, repeats: usize) -> Outcome<Part> {
    let (names, prepared) = (&changing.arena.names, &changing.prepared);
    let running = prepared.start(&names.ends())?;
    let (times, paced) = changing.while_asked(changing.listed(), RATE_SWAPPING, || {
        let mut times = Vec::new();
        for _ in 0..repeats {
            changing.next_edition()?;
            let started = Instant::now();
            let output = changing.update_command().output()?;
            if !output.status.success() {
                return Err(format!("`lists update`: {}", String::from_utf8_lossy(&output.stderr)).into());
            }
            changing.wait_until_live()?;
            times.push(started.elapsed());
            running.check(&names.some_listed(AFTERWARDS, 3), &[])?;
            thread::sleep(HOLD);
        }
        Ok(times)
    })?;
    let dropped_there = dropped_at(prepared.address.port())?;
    Ok(Part { what: "swaps", times: Figures::of_seconds(&times), paced, dropped_there, starting: false })
}

/// The same rate while nothing happens: what the machine itself loses.
fn quiet(changing: &Changing) -> Outcome<Part> {
    let prepared = &changing.prepared;
    let _running = prepared.start(&changing.arena.names.ends())?;
    let nothing = || {
        thread::sleep(QUIET);
        Ok(())
    };
    let ((), paced) = changing.while_asked(changing.listed(), RATE_SWAPPING, nothing)?;
    let dropped_there = dropped_at(prepared.address.port())?;
    Ok(Part { what: "nothing", times: Figures::new(Vec::new()), paced, dropped_there, starting: false })
}

impl Part {
    /// Replies that were neither a block nor, while it starts, a refusal.
    fn passed(&self) -> u64 {
        let tally = &self.paced.tally;
        tally.records + tally.failed + if self.starting { 0 } else { tally.refused }
    }

    /// Questions without a reply; what the kernel dropped at the client was answered.
    fn lost(&self) -> u64 {
        self.paced.tally.lost.saturating_sub(self.paced.dropped_here)
    }

    fn line(&self) -> Vec<String> {
        let (tally, paced) = (&self.paced.tally, &self.paced);
        vec![
            self.what.to_owned(),
            self.times.show("s", 2),
            tally.sent.to_string(),
            format!("{:.0}", count(tally.sent) / tally.seconds.max(1e-9)),
            tally.nothing.to_string(),
            tally.refused.to_string(),
            tally.records.to_string(),
            tally.failed.to_string(),
            tally.lost.to_string(),
            paced.dropped_here.to_string(),
            self.dropped_there.to_string(),
            paced.late.to_string(),
        ]
    }
}

/// Prints the table, and the goals; whether nothing passed and nothing was lost.
fn report(parts: &[Part]) -> bool {
    let head = [
        "while",
        "each took",
        "asked",
        "a second",
        "blocked",
        "refused",
        "**passed**",
        "failed",
        "no reply",
        "of them dropped at the client",
        "at the server",
        "not asked, the client had no core",
    ];
    println!("{}", markdown(&head, &parts.iter().map(Part::line).collect::<Vec<_>>()));
    let (mut rows, mut late) = (Vec::new(), Vec::new());
    // The quiet part is there to say what the machine itself loses.
    for part in parts.iter().filter(|part| part.times.len() > 0) {
        let most = |what: &str, value: u64| {
            let what = format!("{} under load ({} of them): {what}", part.what, part.times.len());
            Row::aim(&what, value.to_string(), count(value), 0.0, "")
        };
        rows.push(most("answers other than blocked", part.passed()));
        if !part.starting {
            rows.push(most("questions lost", part.lost()));
            let share = count(part.paced.late) / count(part.paced.tally.sent + part.paced.late).max(1.0);
            let what = format!("{} under load: questions that the client had no core to ask", part.what);
            late.push(Row::aim(&what, format!("{:.2} %", share * 100.0), share, LATE_MOST, "of all"));
        }
    }
    let good = rows.iter().all(|row| row.met == Some(true));
    // A rate that was not reached says that the machine was busy, and nothing of the program.
    rows.extend(late);
    println!("## Goals\n\n{}", table(&rows));
    good
}
