//! What a full rebuild of all lists costs those who ask meanwhile, and the machine's memory.
//!
//! Quiet and rebuilding windows in turn, as long as each other, at the same rate of questions; memory
//! of the server and of the compiling child together is read in both alike, so that reading it is no
//! difference between them.

use std::process::{Child, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::changing::Changing;
use crate::figures::{Figures, Row, table};
use crate::load::paced::Paced;
use crate::load::stream::Mix;
use crate::machine::{Memory, mebibytes};
use crate::options::Options;
use crate::servers::Running;
use crate::{Outcome, load, page};

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
    let pairs = options.repeats_or(10, 2);
    let changing = Changing::lay_out(options, NAMES)?;
    let method = format!(
        "{pairs} pairs of a quiet window and a rebuild from changed sources (`lists update --background`, until the new \
         index answers), as long as each other, under {RATE} questions a second (80 % cached, 15 % listed, 5 % never asked \
         before); PSS read every {} ms in both. The client has a core of its own, server and child have both.",
        LOOK_EVERY.as_millis()
    );
    let title = "What a rebuild of all lists costs those who ask meanwhile";
    print!("{}", changing.arena.introduce(options, "rebuild", title, &method));
    let running = changing.prepared.start(&changing.arena.names.ends())?;
    let (mut quiet, mut rebuilding, mut steady) = (Vec::new(), Vec::<Window>::new(), Vec::new());
    // Fills the cache, and is not counted.
    window(&changing, &running, None, FIRST_WINDOW)?;
    for pair in 1..=pairs {
        let length = rebuilding.last().map_or(FIRST_WINDOW, |window| window.took);
        steady.push(running.process.memory()?.pss);
        quiet.push(window(&changing, &running, None, length)?);
        changing.next_edition()?;
        let child = changing.update_command().stdout(Stdio::null()).spawn()?;
        rebuilding.push(window(&changing, &running, Some(child), Duration::ZERO)?);
        if let (Some(quiet), Some(busy), Some(steady)) = (quiet.last(), rebuilding.last(), steady.last()) {
            eprintln!(
                "pair {pair} of {pairs}: {:.1} s, p90 {:.0} and {:.0} us, {} and {}",
                busy.took.as_secs_f64(),
                quiet.paced.within(0.9),
                busy.paced.within(0.9),
                mebibytes(*steady),
                mebibytes(busy.peak)
            );
        }
    }
    let rows = report(&quiet, &rebuilding, &steady);
    print!("## Goals\n\n{}{}", table(&rows), page::end());
    let good = rows.iter().all(|row| row.met != Some(false));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks until the child's index (if there is a child) answers, and at least so long.
fn window(
    changing: &Changing,
    server: &Running,
    mut child: Option<Child>,
    length: Duration,
) -> Outcome<Window> {
    let (started, watch) = (Instant::now(), child.as_ref().map(Child::id));
    let work = || {
        let peak = watched(server.process.id(), watch, || {
            if let Some(child) = &mut child {
                child.wait()?.success().then_some(()).ok_or("`lists update` failed")?;
                changing.wait_until_live()?;
            }
            thread::sleep(length.saturating_sub(started.elapsed()));
            Ok(())
        })?;
        Ok((peak, started.elapsed()))
    };
    let ((peak, took), paced) = changing.while_asked(changing.arena.stream(Mix::Mixed), RATE, work)?;
    Ok(Window { paced, took, peak })
}

/// Reads the memory of both processes again and again while `work` goes on; the most of their sum.
fn watched(server: u32, child: Option<u32>, work: impl FnOnce() -> Outcome<()>) -> Outcome<u64> {
    let ended = AtomicBool::new(false);
    thread::scope(|threads| {
        let watching = threads.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
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

fn report(quiet: &[Window], rebuilding: &[Window], steady: &[u64]) -> Vec<Row> {
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
    // What the kernel dropped at the generator was answered.
    let lost = sum(|window| window.paced.tally.lost.saturating_sub(window.paced.dropped_here));
    let failed = sum(|window| window.paced.tally.refused + window.paced.tally.failed);
    let took: Vec<Duration> = rebuilding.iter().map(|window| window.took).collect();
    let most = |values: &mut dyn Iterator<Item = u64>| mebibytes(values.max().unwrap_or(0));
    vec![
        Row::fact("rebuild, until the new index answers", Figures::of_seconds(&took).show("s", 2)),
        Row::fact("questions asked", sum(|window| window.paced.tally.sent).to_string()),
        Row::aim(
            "questions without a reply while lists are rebuilt",
            lost.to_string(),
            load::count(lost),
            0.0,
            "",
        ),
        Row::aim("SERVFAIL or REFUSED meanwhile", failed.to_string(), load::count(failed), 0.0, ""),
        Row::fact("p90, quiet", p90(quiet).show("us", 0)),
        Row::fact("p90, rebuilding", p90(rebuilding).show("us", 0)),
        Row::aim(
            "p90, rebuilding to quiet, median of pairs",
            ratios.show("", 2),
            ratios.median(),
            P90_MOST,
            "",
        ),
        Row::fact("server's PSS before a rebuild, at most", most(&mut steady.iter().copied())),
        Row::fact("server and child, PSS at most", most(&mut rebuilding.iter().map(|window| window.peak))),
        Row::aim(
            "PSS of server and child at most, to the server's before",
            growth.show("", 2),
            growth.range().1,
            MEMORY_MOST,
            "",
        ),
        Row::fact(
            "questions left out, the generator had no core",
            sum(|window| window.paced.late).to_string(),
        ),
    ]
}
