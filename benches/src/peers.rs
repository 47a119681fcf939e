//! The program beside its peers: processor time an answer, rate, time to answer at a fixed rate, memory.
//!
//! Everybody gets the same names, the same upstream and the same questions, in turn, round after round, so
//! that a neighbour's noise falls on all alike; what is compared is compared within a round. Two echoes
//! that do no DNS at all show what the kernel alone costs. First with one thread on a core of its own,
//! then with two.

mod chart;
mod report;
mod rounds;

use std::process::ExitCode;
use std::time::Duration;

use crate::arena::Arena;
use crate::load::dnsperf;
use crate::load::echo::Manner;
use crate::load::stream::Mix;
use crate::options::Options;
use crate::process::{cores, pin, unpin};
use crate::servers::{Kind, Plan, Running};
use crate::{Outcome, figures, page};

const NAMES: usize = 1_000_000;
/// The mixes that peers are compared by.
pub const MIXES: [Mix; 3] = [Mix::Blocked, Mix::Cached, Mix::Mixed];

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Rounds over all servers.
    rounds: usize,
    /// Length of one run of our generator.
    run: Duration,
    /// Length of one run of dnsperf, in seconds.
    dnsperf: u32,
    /// Questions a second where the time to answer is measured.
    rate: f64,
}

/// What answers in this bench: a server or a floor.
pub struct Contender {
    name: &'static str,
    kind: Option<Kind>,
    /// A server; or for each mix an echo whose replies are as large as our answers are there.
    processes: Vec<(Mix, Running)>,
}

impl Contender {
    /// What answers this mix.
    fn running(&self, mix: Mix) -> Outcome<&Running> {
        let own = self.processes.iter().find(|(of, _)| *of == mix).or(self.processes.first());
        own.map(|(_, running)| running).ok_or_else(|| format!("{} does not run", self.name).into())
    }
}

/// All who take part, running with so many threads.
pub struct Field<'a> {
    arena: &'a Arena,
    threads: usize,
    contenders: Vec<Contender>,
    pace: Pace,
    /// What went wrong with whom, for the report.
    failures: Vec<String>,
}

/// Measures, prints, and writes the chart where it is asked for.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let (milliseconds, rate) = if options.quick { (200, 5_000.0) } else { (800, 20_000.0) };
    let pace =
        Pace { rounds: options.repeats_or(5, 1), run: Duration::from_millis(milliseconds), dnsperf: 1, rate };
    let arena = Arena::open(options, NAMES)?;
    let mut text = arena.introduce(options, "peers", "schoolgate beside its peers", &report::method(pace));
    let mut goals = Vec::new();
    let mut chart = String::new();
    for threads in [1, 2] {
        let mut field = Field::open(&arena, options, threads, pace)?;
        let measured = rounds::run(&mut field)?;
        text.push_str(&report::tables(&field, options, &measured)?);
        goals.extend(report::goals(&field, &measured)?);
        if threads == 1 {
            chart = chart::draw(&measured);
        }
    }
    text.push_str("\n![Processor time an answer](peers.svg)\n\n## Goals\n\n");
    text.push_str(&figures::table(&goals));
    text.push_str(&page::end());
    print!("{text}");
    if let Some(folder) = &options.write {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("peers.md"), text)?;
        std::fs::write(folder.join("peers.svg"), chart)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl<'a> Field<'a> {
    /// Starts and checks everybody; who is missing is among the failures.
    fn open(arena: &'a Arena, options: &Options, threads: usize, pace: Pace) -> Outcome<Self> {
        // With as many threads as cores nobody has a core of its own, the generator neither.
        let alone = threads == 1;
        let (core, asking) = cores();
        if alone {
            pin(asking)?;
        } else {
            unpin()?;
        }
        let (mut contenders, mut failures) = (Vec::new(), Vec::from_iter(dnsperf::missing()));
        for kind in Kind::ALL.into_iter().filter(|kind| options.wants(kind.name())) {
            if let Some(sentence) = kind.missing() {
                failures.push(sentence);
                continue;
            }
            let folder = format!("{}-{threads}", kind.name());
            let plan = Plan { core: alone.then_some(core), threads, ..arena.plan(&folder) };
            match arena.start(kind, &plan) {
                Ok(running) => {
                    let processes = vec![(Mix::Mixed, running)];
                    contenders.push(Contender { name: kind.name(), kind: Some(kind), processes });
                }
                Err(error) => failures.push(format!("{} is not measured: {error}", kind.name())),
            }
        }
        let mut field = Self { arena, threads, contenders, pace, failures };
        field.start_echoes()?;
        Ok(field)
    }

    /// The floors: their replies are as large as ours on the same questions.
    fn start_echoes(&mut self) -> Outcome<()> {
        for manner in [Manner::Batched, Manner::Single] {
            let mut processes = Vec::new();
            for mix in MIXES {
                let ours = self.ours()?.running(mix)?;
                processes.push((mix, self.arena.echo(manner, ours, mix, self.threads)?));
            }
            self.contenders.push(Contender { name: manner.name(), kind: None, processes });
        }
        Ok(())
    }

    fn ours(&self) -> Outcome<&Contender> {
        let ours = self.contenders.iter().find(|contender| contender.kind == Some(Kind::Schoolgate));
        ours.ok_or_else(|| "schoolgate itself has to take part".into())
    }
}
