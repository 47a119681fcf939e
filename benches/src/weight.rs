//! What a million listed names weigh, in every server side by side: memory, and time to load.
//!
//! Memory for the lists alone is the difference of two runs of the same server, each after the same
//! number of look-ups: one with all names (every look-up another listed name, so that whatever is
//! touched by use is touched), one with a handful. A server whose memory is *proportional* (PSS) owns
//! what it shares with nobody; reading it from outside costs the server nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::figures::{Figures, markdown};
use crate::load::saturating::{Until, WIDE, run as ask};
use crate::load::stream::Stream;
use crate::machine::{self, Memory, mebibytes};
use crate::names::{self, Names};
use crate::options::Options;
use crate::process::{cores, pin};
use crate::servers::nsd::Upstream;
use crate::servers::{Kind, Plan, Prepared, version_of};
use crate::{Outcome, load};

/// Servers that this bench weighs.
const KINDS: [Kind; 5] = [Kind::Schoolgate, Kind::Unbound, Kind::Dnsdist, Kind::Recursor, Kind::Dnsmasq];
/// Names unless said otherwise.
const NAMES: usize = 1_000_000;
/// Look-ups before memory is read.
const LOOKUPS: u64 = 200_000;
/// Names of the run that is subtracted.
const HANDFUL: usize = 10;
/// Listed and unlisted names that every server has to treat right.
const SAMPLE: usize = 200;

/// What one server took, run by run.
#[derive(Debug, Default)]
struct Weighed {
    loading: Vec<Duration>,
    full: Vec<Memory>,
    empty: Vec<Memory>,
}

/// Everything that the runs share.
struct Bench {
    names: Names,
    folder: PathBuf,
    upstream: Upstream,
    program: PathBuf,
    core: usize,
}

/// Measures and prints the table.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let count = options.names.unwrap_or(if options.quick { NAMES / 10 } else { NAMES });
    let repeats = options.repeats_or(3, 1);
    let (core, asking) = cores();
    let names = Names::take(options.data.as_deref(), count)?;
    let machine = machine::describe();
    let before = machine::load();
    let upstream = Upstream::start(&temporary.path().join("nsd"), Some(asking))?;
    let bench =
        Bench { names, folder: temporary.path().to_owned(), upstream, program: options.server.clone(), core };
    println!("Machine: {machine}.\nNames: {}; seeded, the same in every run.", bench.names.origin);
    println!(
        "Method: `cargo run --release -p benches -- lists`. Every server on one core, the generator on another (of one \
         machine), files in the page cache, nsd {} as upstream, {repeats} repeats, one after another in turn. Each run \
         checked: {SAMPLE} listed names and names below them blocked, {SAMPLE} unlisted ones answered. Memory of the \
         lists = PSS after {LOOKUPS} look-ups of as many listed names - PSS with {HANDFUL} names after as many look-ups.\n",
        version_of("nsd")
    );
    pin(asking)?;
    let mut kinds: Vec<Kind> = KINDS.into_iter().filter(|kind| options.wants(kind.name())).collect();
    let missing: Vec<String> = kinds.iter().filter_map(|kind| kind.missing()).collect();
    kinds.retain(|kind| kind.missing().is_none());

    let (full, empty) = bench.prepare_all(&kinds)?;
    let mut weighed: Vec<Weighed> = kinds.iter().map(|_| Weighed::default()).collect();
    let mut ours = Ours::default();
    for repeat in 0..repeats {
        for ((full, empty), weighed) in full.iter().zip(&empty).zip(&mut weighed) {
            eprintln!("benches: {} of {repeats}: {}", repeat + 1, full.kind.name());
            if full.kind == Kind::Schoolgate {
                ours.measure(&bench, full)?;
            }
            bench.weigh(full, empty, weighed)?;
        }
    }
    print(&bench, &kinds, &weighed);
    ours.print();
    missing.iter().for_each(|sentence| println!("\n{sentence}."));
    println!("\nLoad average before and after: {before} and {}.", machine::load());
    Ok(ExitCode::SUCCESS)
}

impl Bench {
    /// Every server with all names, and again with a handful.
    fn prepare_all(&self, kinds: &[Kind]) -> Outcome<(Vec<Prepared>, Vec<Prepared>)> {
        let (all, few) = (self.folder.join("all.txt"), self.folder.join("few.txt"));
        names::write(&all, self.names.listed.iter().map(String::as_str))?;
        names::write(&few, self.names.listed.iter().take(HANDFUL).map(String::as_str))?;
        let prepare = |kind: &Kind, names: &Path, what: &str| {
            kind.prepare(&Plan {
                folder: self.folder.join(format!("{}-{what}", kind.name())),
                names: names.to_owned(),
                upstream: self.upstream.address,
                core: Some(self.core),
                program: self.program.clone(),
                cache: false,
            })
        };
        let full: Outcome<Vec<_>> = kinds.iter().map(|kind| prepare(kind, &all, "all")).collect();
        let empty: Outcome<Vec<_>> = kinds.iter().map(|kind| prepare(kind, &few, "few")).collect();
        Ok((full?, empty?))
    }

    /// One server, once with all names and once with a handful.
    fn weigh(&self, full: &Prepared, empty: &Prepared, weighed: &mut Weighed) -> Outcome<()> {
        let running = full.start(&self.names.landmarks(SAMPLE))?;
        weighed.loading.push(running.loading);
        let open: Vec<&str> = self.names.open.iter().take(SAMPLE).map(String::as_str).collect();
        running.check(&self.names.some_listed(SAMPLE, 5), &open)?;
        let lookups = usize::try_from(LOOKUPS)?;
        let mut stream = Stream::of(self.names.some_listed(lookups, 6));
        let tally = ask(running.address, &mut stream, WIDE, Until::Questions(LOOKUPS))?;
        if tally.nothing + tally.lost != LOOKUPS {
            return Err(format!("{} did not block all: {tally:?}", full.kind.name()).into());
        }
        weighed.full.push(running.process.memory()?);
        drop(running);

        let handful: Vec<&str> = self.names.listed.iter().take(HANDFUL).map(String::as_str).collect();
        let running = empty.start(&handful)?;
        ask(running.address, &mut Stream::of(handful), WIDE, Until::Questions(LOOKUPS))?;
        weighed.empty.push(running.process.memory()?);
        Ok(())
    }
}

/// Times that only ours has: it compiles, and keeps what it compiled.
#[derive(Debug, Default)]
struct Ours {
    compiling: Vec<Duration>,
    from_text: Vec<Duration>,
}

impl Ours {
    /// `lists update` into an empty state; then a start from nothing but text. Leaves an index for the
    /// start that is compared.
    fn measure(&mut self, bench: &Bench, prepared: &Prepared) -> Outcome<()> {
        let state = prepared.folder().join("state");
        let forget = || if state.exists() { std::fs::remove_dir_all(&state) } else { Ok(()) };
        forget()?;
        let started = Instant::now();
        let output = Command::new(&bench.program)
            .arg("--config")
            .arg(prepared.folder().join("schoolgate.toml"))
            .args(["lists", "update"])
            .stdin(Stdio::null())
            .output()?;
        self.compiling.push(started.elapsed());
        if !output.status.success() {
            return Err(format!("`lists update`: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        forget()?;
        self.from_text.push(prepared.start(&bench.names.landmarks(0))?.loading);
        Ok(())
    }

    fn print(&self) {
        if !self.compiling.is_empty() {
            println!(
                "\nschoolgate: `lists update` from text {} s on one core; exec with no compiled index to the last name \
                 blocked {} s. Its line above is the usual start, from the compiled index, whose hash is checked.",
                Figures::of_seconds(&self.compiling).brief(2),
                Figures::of_seconds(&self.from_text).brief(2)
            );
        }
    }
}

fn print(bench: &Bench, kinds: &[Kind], weighed: &[Weighed]) {
    let listed = bench.names.listed.len() as u64;
    let lists: Vec<(Figures, Figures)> = weighed.iter().map(Weighed::lists).collect();
    let leanest = |ours: Kind| {
        let others = kinds
            .iter()
            .zip(&lists)
            .filter(|(kind, _)| (**kind == Kind::Schoolgate) == (ours == Kind::Schoolgate));
        others.map(|(_, (_, pss))| pss.median()).fold(f64::INFINITY, f64::min)
    };
    let best = leanest(Kind::Unbound);
    let mut lines = Vec::new();
    for ((kind, weighed), (rss, pss)) in kinds.iter().zip(weighed).zip(&lists) {
        let total = weighed.full.iter().map(|memory| memory.pss).max().unwrap_or(0);
        let mebi = 1_048_576.0;
        lines.push(vec![
            kind.name().to_owned(),
            kind.version(&bench.program),
            kind.method().to_owned(),
            Figures::of_seconds(&weighed.loading).brief(2),
            pss.brief(1),
            rss.brief(1),
            format!("{:.1}", pss.median() * mebi / load::count(listed)),
            format!("{:.2}", pss.median() / best),
            mebibytes(total),
        ]);
    }
    let head = [
        "server",
        "version",
        "how it blocks",
        "exec to last name blocked, s",
        "lists: PSS, MiB",
        "lists: RSS, MiB",
        "bytes a name",
        "ratio to the leanest peer",
        "whole process, PSS",
    ];
    print!("{}", markdown(&head, &lines));
}

impl Weighed {
    /// RSS and PSS of the lists in MiB, run by run: with all names less with a handful.
    fn lists(&self) -> (Figures, Figures) {
        let mebi = 1_048_576.0;
        let differences = |of: fn(&Memory) -> u64| {
            let pairs = self.full.iter().zip(&self.empty);
            Figures::new(
                pairs.map(|(full, empty)| (load::count(of(full)) - load::count(of(empty))) / mebi).collect(),
            )
        };
        (differences(|memory| memory.rss), differences(|memory| memory.pss))
    }
}
