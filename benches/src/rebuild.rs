//! What a full rebuild of all lists costs those who ask meanwhile, and the machine's memory.
//!
//! Quiet and rebuilding windows in turn, as long as each other, at the same rate of questions; memory
//! of the server and of the compiling child together is read in both alike, so that reading it is no
//! difference between them.

use std::path::PathBuf;
use std::process::{Child, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::editions::Editions;
use crate::figures::{Figures, Row, print_table};
use crate::leaks::update_command;
use crate::load::paced::{self, Paced};
use crate::load::stream::{Mix, Stream};
use crate::machine::{self, Memory, mebibytes};
use crate::names::Names;
use crate::options::Options;
use crate::process::{cores, pin};
use crate::servers::nsd::Upstream;
use crate::servers::{Kind, Plan, Prepared, Running};
use crate::{Outcome, load};

const NAMES: usize = 3_000_000;
/// Questions a second: more than a school of several thousand devices asks.
const RATE: f64 = 10_000.0;
/// A quiet window before any rebuild took its time.
const FIRST_WINDOW: Duration = Duration::from_secs(3);
/// How often memory is read.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What p90 may be against a quiet minute, and memory against that of the server alone.
const P90_MOST: f64 = 1.5;
const MEMORY_MOST: f64 = 2.0;

/// One window.
struct Window {
    paced: Paced,
    took: Duration,
    /// Most PSS of server and child together, in bytes.
    peak: u64,
}

/// Measures the pairs and prints the table; exit 1 when a question was lost or a bound not held.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let pairs = options.repeats_or(10, 2);
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
        "Method: `cargo run --release -p benches -- rebuild`: {pairs} pairs of a quiet window and a rebuild from changed \
         sources (`lists update --background`, until the new index answers), {RATE} questions a second (80 % cached, 15 % \
         listed, 5 % never asked before); PSS read every {} ms in both.\n",
        LOOK_EVERY.as_millis()
    );
    let running = prepared.start(&names.landmarks(0))?;
    let bench = Bench { prepared: &prepared, running, names: &names };
    let mut quiet = Vec::new();
    let mut rebuilding: Vec<Window> = Vec::new();
    let mut steady = Vec::new();
    // Fills the cache, and is not counted.
    bench.window(0, || Ok(None), &|elapsed| Ok(elapsed >= FIRST_WINDOW))?;
    for pair in 0..pairs {
        let salt = 1 + 2 * pair as u64;
        let length = rebuilding.last().map_or(FIRST_WINDOW, |window| window.took);
        steady.push(bench.running.process.memory()?.pss);
        quiet.push(bench.window(salt, || Ok(None), &|elapsed| Ok(elapsed >= length))?);
        editions.next()?;
        let server = prepared.address;
        let update = || Ok(Some(update_command(&prepared).stdout(Stdio::null()).spawn()?));
        let live = |_| editions.wait_until_live(server).map(|()| true);
        rebuilding.push(bench.window(salt + 1, update, &live)?);
    }
    Ok(report(&quiet, &rebuilding, &steady))
}

struct Bench<'a> {
    prepared: &'a Prepared,
    running: Running,
    names: &'a Names,
}

impl Bench<'_> {
    /// Asks while a child (if any) works, until `over` says so.
    fn window(
        &self,
        salt: u64,
        start: impl FnOnce() -> Outcome<Option<Child>>,
        over: &dyn Fn(Duration) -> Outcome<bool>,
    ) -> Outcome<Window> {
        let done = AtomicBool::new(false);
        let (_, core) = cores();
        let stream = Stream::mix(self.names, Mix::Mixed, salt);
        let server = self.prepared.address;
        thread::scope(|threads| {
            let asking = threads.spawn(|| -> Result<Paced, String> {
                let mut stream = stream;
                let stop = &mut |_| done.load(Ordering::Relaxed);
                pin(core)
                    .and_then(|()| paced::run(server, &mut stream, RATE, stop, &mut |_| {}))
                    .map_err(|error| error.to_string())
            });
            let started = Instant::now();
            let work = || -> Outcome<u64> {
                let mut child = start()?;
                let own = self.running.process.id();
                let watch = child.as_ref().map(Child::id);
                let peak = watched(own, watch, &done, || {
                    if let Some(status) = child.as_mut().map(Child::wait).transpose()? {
                        status.success().then_some(()).ok_or("`lists update` failed")?;
                    }
                    while !over(started.elapsed())? {
                        thread::sleep(LOOK_EVERY);
                    }
                    Ok(())
                })?;
                Ok(peak)
            };
            let peak = work();
            let took = started.elapsed();
            done.store(true, Ordering::Relaxed);
            let paced = asking.join().map_err(|_| "the client stopped")??;
            Ok(Window { paced, took, peak: peak? })
        })
    }
}

/// Reads the memory of both processes again and again while `work` goes on; the most of their sum.
fn watched(
    server: u32,
    child: Option<u32>,
    done: &AtomicBool,
    work: impl FnOnce() -> Outcome<()>,
) -> Outcome<u64> {
    let ended = AtomicBool::new(false);
    thread::scope(|threads| {
        let watching = threads.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) && !done.load(Ordering::Relaxed) {
                // A child that has just ended has none.
                let of = |id: u32| Memory::of(&id.to_string()).map_or(0, |memory| memory.pss);
                peak = peak.max(of(server) + child.map_or(0, of));
                thread::sleep(LOOK_EVERY);
            }
            peak
        });
        let worked = work();
        ended.store(true, Ordering::Relaxed);
        let peak = watching.join().map_err(|_| "nobody watched the memory")?;
        worked.map(|()| peak)
    })
}

fn report(quiet: &[Window], rebuilding: &[Window], steady: &[u64]) -> ExitCode {
    let p90 =
        |windows: &[Window]| Figures::new(windows.iter().map(|window| window.paced.within(0.9)).collect());
    let ratios = quiet.iter().zip(rebuilding);
    let ratios = ratios.map(|(quiet, busy)| busy.paced.within(0.9) / quiet.paced.within(0.9).max(1e-9));
    let ratios = Figures::new(ratios.collect());
    let growth = rebuilding.iter().zip(steady);
    let growth = Figures::new(
        growth.map(|(window, steady)| load::count(window.peak) / load::count(*steady)).collect(),
    );
    let sum = |of: fn(&Window) -> u64| quiet.iter().chain(rebuilding).map(of).sum::<u64>();
    let lost = sum(|window| window.paced.tally.lost);
    let failed = sum(|window| window.paced.tally.refused + window.paced.tally.failed);
    let took: Vec<Duration> = rebuilding.iter().map(|window| window.took).collect();
    let most = |values: &mut dyn Iterator<Item = u64>| mebibytes(values.max().unwrap_or(0));
    let rows = vec![
        Row::fact("rebuild, until the new index answers", Figures::of_seconds(&took).show("s", 2)),
        Row::fact("questions asked", sum(|window| window.paced.tally.sent).to_string()),
        Row::aim("questions without a reply", lost.to_string(), load::count(lost), 0.0, ""),
        Row::aim("SERVFAIL or REFUSED", failed.to_string(), load::count(failed), 0.0, ""),
        Row::fact("p90, quiet", p90(quiet).show("us", 0)),
        Row::fact("p90, rebuilding", p90(rebuilding).show("us", 0)),
        Row::aim("p90, rebuilding to quiet, by pairs", ratios.show("", 2), ratios.median(), P90_MOST, ""),
        Row::fact("server's PSS before a rebuild, at most", most(&mut steady.iter().copied())),
        Row::fact("server and child, PSS at most", most(&mut rebuilding.iter().map(|window| window.peak))),
        Row::aim("the same, to the server's before", growth.show("", 2), growth.range().1, MEMORY_MOST, ""),
        Row::fact("questions sent late by the generator", sum(|window| window.paced.late).to_string()),
    ];
    print_table(&rows);
    if rows.iter().all(|row| row.met != Some(false)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
