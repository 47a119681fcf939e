//! What a million listed names weigh, in every server side by side: memory, and time to load.
//!
//! Memory for the lists alone is the difference of two runs of the same server, each after the same
//! number of look-ups: one with all names (listed names drawn at random, so that whatever is
//! touched by use is touched), one with a handful. A server whose memory is *proportional* (PSS) owns
//! what it shares with nobody; reading it from outside costs the server nothing.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use blocklists::starter::starter_text;

use crate::arena::Arena;
use crate::figures::{Figures, Row, markdown, table};
use crate::load::saturating::{Until, WIDE, run as ask};
use crate::load::stream::Stream;
use crate::machine::{Memory, mebibytes};
use crate::options::Options;
use crate::process::Process;
use crate::servers::schoolgate::School;
use crate::servers::{Kind, Plan, Prepared, version_of};
use crate::{Outcome, load, names, page};

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
    arena: Arena,
    lookups: u64,
}

/// A server with all names, and with as good as none; and which these are.
struct Pair {
    full: Prepared,
    empty: Prepared,
    few: Vec<String>,
}

/// Measures and prints the table.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let repeats = options.repeats_or(3, 1);
    let lookups = if options.quick { LOOKUPS / 10 } else { LOOKUPS };
    let bench = Bench { arena: Arena::open(options, NAMES)?, lookups };
    let method = format!(
        "Every server on one core, the generator on another (of one machine), files in the page cache, nsd {} as upstream, \
         {repeats} repeats, one after another in turn. Each run checked: {SAMPLE} listed names and names below them blocked, \
         {SAMPLE} unlisted ones answered. Memory of the lists = PSS after {lookups} look-ups of listed names drawn at random \
         - PSS after as many look-ups with {HANDFUL} names (schoolgate: with its starter lists).",
        version_of("nsd")
    );
    let title = "What a million listed names weigh";
    print!("{}", bench.arena.introduce(options, "lists", title, &method));
    let mut kinds: Vec<Kind> = KINDS.into_iter().filter(|kind| options.wants(kind.name())).collect();
    let mut missing: Vec<String> = kinds.iter().filter_map(|kind| kind.missing()).collect();
    kinds.retain(|kind| kind.missing().is_none());

    let pairs: Outcome<Vec<Pair>> = kinds.iter().map(|kind| bench.prepare(*kind)).collect();
    let pairs = pairs?;
    let mut weighed: Vec<Weighed> = kinds.iter().map(|_| Weighed::default()).collect();
    let mut ours = Ours::default();
    for repeat in 0..repeats {
        for (pair, weighed) in pairs.iter().zip(&mut weighed) {
            let kind = pair.full.kind;
            eprintln!("benches: {} of {repeats}: {}", repeat + 1, kind.name());
            if kind == Kind::Schoolgate {
                ours.measure(&bench, &pair.full)?;
            }
            match bench.weigh(pair, weighed) {
                Err(error) if kind != Kind::Schoolgate => {
                    missing.push(format!("{} failed in round {}: {error}", kind.name(), repeat + 1));
                }
                outcome => outcome?,
            }
        }
    }
    print(&bench, &kinds, &weighed);
    ours.print();
    missing.iter().for_each(|sentence| println!("\n{sentence}."));
    println!("\n## Goals\n\n{}{}", table(&goals(&bench, &kinds, &weighed, &ours)), page::end());
    Ok(ExitCode::SUCCESS)
}

impl Bench {
    /// One server with all names, and again with as good as none.
    fn prepare(&self, kind: Kind) -> Outcome<Pair> {
        let plan = |what: &str| Plan { cache: false, ..self.arena.plan(&format!("{}-{what}", kind.name())) };
        let full = kind.prepare(&plan("all"))?;
        let few = self.arena.folder.join("few.txt");
        names::write(&few, self.arena.names.listed.iter().take(HANDFUL).map(String::as_str))?;
        if kind != Kind::Schoolgate {
            let few_names = self.arena.names.listed.iter().take(HANDFUL).cloned().collect();
            return Ok(Pair {
                full,
                empty: kind.prepare(&Plan { names: few, ..plan("few") })?,
                few: few_names,
            });
        }
        // What is there before a school has any list of its own.
        let plan = Plan { names: "".into(), ..plan("few") };
        std::fs::create_dir_all(&plan.folder)?;
        School::small(&[]).write(&plan.folder)?;
        let starter = starter_text("gambling.txt").unwrap_or_default();
        let plain = starter.lines().filter(|line| !line.is_empty() && !line.contains(['#', '*', ' ']));
        Ok(Pair { full, empty: kind.prepare(&plan)?, few: plain.take(HANDFUL).map(str::to_owned).collect() })
    }

    /// One server, once with all names and once with a handful.
    fn weigh(&self, Pair { full, empty, few }: &Pair, weighed: &mut Weighed) -> Outcome<()> {
        let names = &self.arena.names;
        let running = full.start(&names.ends())?;
        weighed.loading.push(running.loading);
        let open: Vec<&str> = names.open.iter().take(SAMPLE).map(String::as_str).collect();
        running.check(&names.some_listed(SAMPLE, 5), &open)?;
        let lookups = usize::try_from(self.lookups)?;
        let mut stream = Stream::of(names.some_listed(lookups, 6));
        let tally = ask(running.address, &mut stream, WIDE, Until::Questions(self.lookups))?;
        // What was lost was not looked up; a few of so many make no difference.
        if tally.nothing + tally.lost != self.lookups || tally.lost * 100 > self.lookups {
            return Err(format!("{} did not block all: {tally:?}", full.kind.name()).into());
        }
        weighed.full.push(running.process.memory()?);
        drop(running);

        let handful: Vec<&str> = few.iter().map(String::as_str).collect();
        let running = empty.start(&handful)?;
        ask(running.address, &mut Stream::of(handful), WIDE, Until::Questions(self.lookups))?;
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
        let mut command = Command::new(&bench.arena.program);
        command.arg("--config").arg(prepared.folder().join("schoolgate.toml")).args(["lists", "update"]);
        let mut update = Process::start(&mut command, &prepared.folder().join("update.log"), None)?;
        let status = update.wait()?;
        self.compiling.push(started.elapsed());
        if !status.success() {
            return Err(format!("`lists update`: {}", update.last_words()).into());
        }
        forget()?;
        self.from_text.push(prepared.start(&bench.arena.names.ends())?.loading);
        Ok(())
    }

    fn print(&self) {
        if !self.compiling.is_empty() {
            println!(
                "\nschoolgate: `lists update` from text {} s on all cores; exec with no compiled index to the last name \
                 blocked {} s on one. Its line above is the usual start, from the compiled index, whose hash is checked.",
                Figures::of_seconds(&self.compiling).brief(2),
                Figures::of_seconds(&self.from_text).brief(2)
            );
        }
    }
}

/// What ours is held to, and the leanest and the quickest of the others.
fn goals(bench: &Bench, kinds: &[Kind], weighed: &[Weighed], ours: &Ours) -> Vec<Row> {
    let of = |kind: Kind| kinds.iter().position(|own| *own == kind).and_then(|place| weighed.get(place));
    let Some(own) = of(Kind::Schoolgate) else { return Vec::new() };
    let bytes = own.bytes_a_name(bench);
    let ready = Figures::of_seconds(&own.loading);
    let compiled = Figures::of_seconds(&ours.compiling);
    let mut rows = vec![
        Row::aim(
            "1 M names: exec to the last name blocked, from the index",
            ready.show("s", 3),
            ready.median(),
            0.05,
            "s",
        ),
        Row::aim("1 M names: bytes a name", bytes.show("B", 1), bytes.median(), 10.0, "B"),
    ];
    let leanest = kinds.iter().zip(weighed).filter(|(kind, _)| **kind != Kind::Schoolgate);
    let leanest = leanest.map(|(kind, weighed)| (kind.name(), weighed.bytes_a_name(bench).median()));
    if let Some((name, peer)) = leanest.min_by(|one, other| one.1.total_cmp(&other.1)) {
        let times = bytes.median() / peer;
        let figure = format!("{times:.2} ({:.1} B; {name} {peer:.1} B)", bytes.median());
        rows.push(Row::aim("1 M names: bytes a name, to the leanest peer's", figure, times, 0.2, "times"));
    }
    if let Some(dnsmasq) = of(Kind::Dnsmasq) {
        let theirs = Figures::of_seconds(&dnsmasq.loading).median();
        let times = (compiled.median() + ready.median()) / theirs.max(1e-9);
        let figure =
            format!("{times:.2} ({:.2} s + {:.3} s; {theirs:.2} s)", compiled.median(), ready.median());
        rows.push(Row::aim(
            "1 M names: `lists update` and start, to dnsmasq's start",
            figure,
            times,
            1.0,
            "times",
        ));
    }
    rows
}

fn print(bench: &Bench, kinds: &[Kind], weighed: &[Weighed]) {
    let lists: Vec<(Figures, Figures)> = weighed.iter().map(Weighed::lists).collect();
    let others = kinds.iter().zip(&lists).filter(|(kind, _)| **kind != Kind::Schoolgate);
    let best = others.map(|(_, (_, pss))| pss.median()).fold(f64::INFINITY, f64::min);
    let mut lines = Vec::new();
    for ((kind, weighed), (rss, pss)) in kinds.iter().zip(weighed).zip(&lists) {
        let total = weighed.full.iter().map(|memory| memory.pss).max().unwrap_or(0);
        lines.push(vec![
            kind.name().to_owned(),
            kind.version(&bench.arena.program),
            kind.method().to_owned(),
            Figures::of_seconds(&weighed.loading).brief(2),
            pss.brief(1),
            rss.brief(1),
            weighed.bytes_a_name(bench).brief(1),
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
    /// Bytes of the lists for each name.
    fn bytes_a_name(&self, bench: &Bench) -> Figures {
        let pairs = self.full.iter().zip(&self.empty);
        let names = load::count(bench.arena.names.listed.len() as u64);
        Figures::new(
            pairs.map(|(full, empty)| (load::count(full.pss) - load::count(empty.pss)) / names).collect(),
        )
    }

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
