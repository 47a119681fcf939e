//! The program beside its peers: processor time an answer, rate, time to answer at a fixed rate, memory.
//!
//! Everybody gets the same names, the same upstream and the same questions on the same core, in turn,
//! round after round, so that a neighbour's noise falls on all alike; what is compared is compared
//! within a round. Two echoes that do no DNS at all show what the kernel alone costs.

mod chart;
mod gate;
mod report;
mod rounds;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::figures::Figures;
use crate::load::echo::{self, Manner};
use crate::load::saturating::{self, NARROW, Until, WIDE, Width};
use crate::load::stream::{Mix, Stream};
use crate::load::{count, dnsperf};
use crate::machine;
use crate::names::{self, Names};
use crate::options::Options;
use crate::process::{Process, cores, pin};
use crate::servers::nsd::Upstream;
use crate::servers::{Kind, Plan, Running};
use crate::{Outcome, servers};

const NAMES: usize = 1_000_000;
/// Listed and unlisted names that every server has to treat right before it is measured.
const SAMPLE: usize = 100;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Rounds over all servers.
    rounds: usize,
    /// Pairs of ours and the floor.
    pairs: usize,
    /// Length of one run of our generator.
    run: Duration,
    /// Length of one run of dnsperf, in seconds.
    dnsperf: u32,
    /// Questions a second where the time to answer is measured.
    rate: f64,
}

/// What answers in this bench: a server or a floor.
pub struct Contender {
    name: String,
    kind: Option<Kind>,
    running: Running,
}

/// All who take part, running.
pub struct Bench {
    names: Names,
    contenders: Vec<Contender>,
    /// The batched echo for each mix, padded to our answers' size there.
    floors: Vec<(Mix, Running)>,
    folder: PathBuf,
    pace: Pace,
    salt: u64,
    _upstream: Upstream,
}

/// One run of one generator against one contender.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Microseconds of processor time an answer, of all kinds.
    pub processor: f64,
    /// The program's own share of it.
    pub user: f64,
    /// Answers a second.
    pub rate: f64,
    /// Share of questions without an answer.
    pub lost: f64,
}

/// Measures, prints, and writes the report where it is asked for.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let pace = if options.quick {
        let run = Duration::from_millis(300);
        Pace { rounds: options.repeats_or(5, 1), pairs: 3, run, dnsperf: 1, rate: 5_000.0 }
    } else {
        let (rounds, run) = (options.repeats_or(5, 1), Duration::from_millis(1500));
        Pace { rounds, pairs: 15.max(rounds), run, dnsperf: 2, rate: 20_000.0 }
    };
    let mut text = report::heading(options, pace);
    let before = machine::load();
    let (bench, missing) = Bench::open(options, temporary.path().to_owned(), pace)?;
    text.push_str(&format!("Names: {}.\n\n", bench.names.origin));
    let mut bench = bench;
    let measured = rounds::run(&mut bench)?;
    let gates = gate::run(&mut bench)?;
    text.push_str(&report::tables(&bench, options, &measured, &gates)?);
    for sentence in missing.into_iter().chain(dnsperf::missing()) {
        text.push_str(&format!("\n{sentence}.\n"));
    }
    text.push_str(&format!("\nLoad average before and after: {before} and {}.\n", machine::load()));
    print!("{text}");
    if let Some(folder) = &options.write {
        std::fs::write(folder.join("PEERS.md"), format!("{text}\n![Processor time an answer](peers.svg)\n"))?;
        std::fs::write(folder.join("peers.svg"), chart::draw(&measured))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Bench {
    /// Starts and checks everybody; also says who is missing.
    fn open(options: &Options, folder: PathBuf, pace: Pace) -> Outcome<(Self, Vec<String>)> {
        let names = options.names.unwrap_or(if options.quick { NAMES / 20 } else { NAMES });
        let names = Names::take(options.data.as_deref(), names)?;
        let (core, asking) = cores();
        let upstream = Upstream::start(&folder.join("nsd"), Some(asking))?;
        pin(asking)?;
        let list = folder.join("names.txt");
        names::write(&list, names.listed.iter().map(String::as_str))?;
        let (mut contenders, mut missing) = (Vec::new(), Vec::new());
        for kind in Kind::ALL.into_iter().filter(|kind| options.wants(kind.name())) {
            if let Some(sentence) = kind.missing() {
                missing.push(sentence);
                continue;
            }
            eprintln!("benches: {} loads", kind.name());
            let plan = Plan {
                folder: folder.join(kind.name()),
                names: list.clone(),
                upstream: upstream.address,
                core: Some(core),
                program: options.server.clone(),
                cache: true,
            };
            match start(kind, &plan, &names) {
                Ok(running) => {
                    contenders.push(Contender { name: kind.name().to_owned(), kind: Some(kind), running });
                }
                Err(error) => missing.push(format!("{} is not measured: {error}", kind.name())),
            }
        }
        let mut bench =
            Self { names, contenders, floors: Vec::new(), folder, pace, salt: 0, _upstream: upstream };
        bench.start_echoes(core)?;
        Ok((bench, missing))
    }

    /// The floors: their replies are as large as ours on the same questions.
    fn start_echoes(&mut self, core: usize) -> Outcome<()> {
        let ours = self.ours()?;
        for mix in [Mix::Blocked, Mix::Cached, Mix::Mixed, Mix::Miss] {
            let octets = self.octets(ours, mix)?;
            let (process, address) = echo::start(Manner::Batched, octets, &self.folder, Some(core))?;
            self.floors.push((mix, echoes(process, address)?));
        }
        let octets = self.octets(ours, Mix::Cached)?;
        for manner in [Manner::Batched, Manner::Single] {
            let (process, address) = echo::start(manner, octets, &self.folder, Some(core))?;
            let name = format!("{}, {octets} octets", manner.name());
            self.contenders.push(Contender { name, kind: None, running: echoes(process, address)? });
        }
        Ok(())
    }

    /// Where ours is among the contenders.
    fn ours(&self) -> Outcome<usize> {
        let ours = self.contenders.iter().position(|contender| contender.kind == Some(Kind::Schoolgate));
        ours.ok_or_else(|| "schoolgate itself has to take part".into())
    }

    /// Mean size of a contender's answers.
    fn octets(&mut self, contender: usize, mix: Mix) -> Outcome<usize> {
        let address = self.contenders.get(contender).ok_or("no such contender")?.running.address;
        let mut stream = self.stream(mix);
        Ok(saturating::run(address, &mut stream, NARROW, Until::Questions(2_000))?.mean_octets())
    }

    /// A stream whose fresh names nobody was asked before.
    fn stream(&mut self, mix: Mix) -> Stream {
        self.salt += 1;
        Stream::mix(&self.names, mix, self.salt)
    }

    /// Asks every name of the cached part once.
    fn warm(&self, running: &Running) -> Outcome<()> {
        let cached = self.names.open.iter().take(crate::load::stream::CACHED_NAMES);
        let mut stream = Stream::of(cached.map(String::as_str));
        let length = stream.len() as u64;
        saturating::run(running.address, &mut stream, NARROW, Until::Questions(length)).map(|_| ())
    }
}

/// One run of our own generator.
pub fn saturate(running: &Running, stream: &mut Stream, mix: Mix, length: Duration) -> Outcome<Sample> {
    let before = running.process.spent()?;
    let tally = saturating::run(running.address, stream, width(mix), Until::Time(length))?;
    let spent = running.process.spent()?.since(before);
    if tally.answered == 0 {
        return Err(format!("{} answers nothing", running.kind.name()).into());
    }
    let share = spent.user / (spent.user + spent.system).max(1.0);
    let processor = spent.total / count(tally.answered);
    Ok(Sample {
        processor,
        user: processor * share,
        rate: tally.rate(),
        lost: count(tally.lost) / count(tally.sent.max(1)),
    })
}

fn width(mix: Mix) -> Width {
    if mix == Mix::Miss { NARROW } else { WIDE }
}

/// Starts a server and checks that it blocks and answers.
fn start(kind: Kind, plan: &Plan, names: &Names) -> Outcome<Running> {
    let prepared = kind.prepare(plan)?;
    if kind == Kind::Schoolgate {
        // Compiled before, as it is on any day but the first.
        drop(prepared.start(&names.landmarks(0))?);
    }
    let running = prepared.start(&names.landmarks(SAMPLE))?;
    let open: Vec<&str> = names.open.iter().take(SAMPLE).map(String::as_str).collect();
    running.check(&names.some_listed(SAMPLE, 5), &open)?;
    Ok(running)
}

/// An echo as something that runs like a server; it has nothing to load.
fn echoes(process: Process, address: std::net::SocketAddr) -> Outcome<Running> {
    let running = Running { kind: Kind::Schoolgate, address, process, loading: Duration::ZERO };
    servers::wait_for_any_reply(&running)?;
    Ok(running)
}

/// The figures of one column of samples.
pub fn figures(samples: &[Sample], of: fn(&Sample) -> f64) -> Figures {
    Figures::new(samples.iter().map(of).collect())
}
