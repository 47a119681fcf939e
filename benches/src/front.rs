//! The figures that a release is held to: what an answer of ours costs above an echo that does no DNS.
//!
//! The echo works in batches as our front does and sends replies as large as our answers. Both take
//! turns, pair after pair, first the one and then the other in front; what counts is the difference of a
//! pair. Beside the data plane alone stand the data plane with everything on (10 policies, 1,000
//! subnets, safe search, counters that are gathered, events that are read), and the program.

pub mod engine;
pub mod scene;

use std::process::ExitCode;
use std::time::Duration;

use crate::Outcome;
use crate::arena::Arena;
use crate::figures::{Figures, Row, markdown, table};
use crate::load::echo::Manner;
use crate::load::stream::Mix;
use crate::options::Options;
use crate::page;
use crate::sample::{Sample, figures, in_turns, paired, ratio, saturate};
use crate::servers::schoolgate::School;
use crate::servers::{Kind, Running, version_of};

const NAMES: usize = 1_000_000;
/// Pairs, unless said otherwise.
const PAIRS: usize = 15;
/// Mixes, and what an answer may cost above the echo, in microseconds. A miss is held to its whole cost.
const AIMS: [(Mix, f64); 4] =
    [(Mix::Blocked, 0.5), (Mix::Cached, 0.3), (Mix::Mixed, 1.3), (Mix::Miss, f64::INFINITY)];
/// Microseconds of processor time that a miss may cost in all, and times what it costs dnsdist.
const MISS_MOST: f64 = 14.0;
const MISS_TO_DNSDIST: f64 = 0.5;
/// What everything on may cost, as times the bare figure.
const FULL_MOST: f64 = 1.1;

const BARE: &str = "data plane, bare";
const FULL: &str = "data plane, everything on";

/// Who takes part in one mix, and what came of it.
struct Mixed {
    mix: Mix,
    names: Vec<&'static str>,
    samples: Vec<Vec<Sample>>,
}

/// Measures all mixes and prints the page; the exit code says only that it ran.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let pairs = options.repeats_or(PAIRS, 3);
    let length = Duration::from_millis(if options.quick { 200 } else { 800 });
    let arena = Arena::open(options, NAMES)?;
    let method = format!(
        "One thread on one core, the generator (4 clients, 128 questions open; 100 for misses) and nsd {} on the other. \
         {pairs} pairs of {} ms for each mix, in turns; processor time is that of the whole process, over the answers \
         received. The echo takes and sends batches of 32, and its replies are as large as the bare data plane's answers. \
         *blocked*: listed names; *cached*: 10,000 unlisted names; *mixed*: 80 % cached in the order of a school's day, \
         15 % listed, 5 % never asked before; *miss*: never asked before. *Everything on*: 10 policies, 1,000 subnets, \
         safe search, counters gathered, every event read and counted. *The program* also keeps which names are used here.",
        version_of("nsd"),
        length.as_millis()
    );
    let mut text = arena.introduce(options, "front", "What an answer costs above the kernel", &method);
    let list = arena.list().display().to_string();
    let servers = [
        engine::start(&arena, BARE, &School { safe_search: false, ..School::small(&[&list]) }, false)?,
        engine::start(&arena, FULL, &engine::full(&list), true)?,
        arena.start(Kind::Schoolgate, &arena.plan("schoolgate"))?,
    ];
    let dnsdist = match Kind::Dnsdist.missing() {
        Some(_) => None,
        None => Some(arena.start(Kind::Dnsdist, &arena.plan("dnsdist"))?),
    };
    let [bare, ..] = &servers;
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (mix, aim) in AIMS {
        let echo = arena.echo(Manner::Batched, bare, mix, 1)?;
        let mut contenders: Vec<&Running> = std::iter::once(&echo).chain(&servers).collect();
        contenders.extend(dnsdist.as_ref().filter(|_| mix == Mix::Miss));
        let mixed = measure(&arena, mix, &contenders, pairs, length)?;
        lines.extend(mixed.lines());
        rows.extend(mixed.goals(aim));
    }
    let head = [
        "asked",
        "who",
        "us an answer",
        "of it user",
        "above the echo, median",
        "95 % interval",
        "answers/s",
        "lost",
    ];
    text.push_str(&markdown(&head, &lines));
    text.push_str("\n## Goals\n\n");
    text.push_str(&table(&rows));
    text.push_str(&page::end());
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn measure(
    arena: &Arena,
    mix: Mix,
    contenders: &[&Running],
    pairs: usize,
    length: Duration,
) -> Outcome<Mixed> {
    eprintln!("benches: {pairs} pairs with the floor: {}", mix.name());
    let samples = in_turns(contenders.len(), pairs, |who| {
        let running = contenders.get(who).ok_or("no such contender")?;
        if who > 0 && matches!(mix, Mix::Cached | Mix::Mixed) {
            arena.warm(running.address)?;
        }
        saturate(running, &mut arena.stream(mix), mix, length)
    })?;
    Ok(Mixed { mix, names: contenders.iter().map(|running| running.name).collect(), samples })
}

impl Mixed {
    fn lines(&self) -> Vec<Vec<String>> {
        let floor = self.samples.first().map_or(&[][..], Vec::as_slice);
        let line = |(name, samples): (&&str, &Vec<Sample>)| {
            let above = paired(samples, floor, |one, floor| one - floor);
            let lost = samples.iter().map(|sample| sample.lost).fold(0.0, f64::max) * 100.0;
            vec![
                self.mix.name().to_owned(),
                (*name).to_owned(),
                figures(samples, |sample| sample.processor).brief(2),
                format!("{:.2}", figures(samples, |sample| sample.user).median()),
                format!("{:.2}", above.median()),
                above.interval_text(2),
                figures(samples, |sample| sample.rate).brief(0),
                format!("{lost:.2} %"),
            ]
        };
        self.names.iter().zip(&self.samples).map(line).collect()
    }

    /// Rows with an aim.
    fn goals(&self, aim: f64) -> Vec<Row> {
        let of = |name: &str| {
            let place = self.names.iter().position(|own| *own == name);
            place.and_then(|place| self.samples.get(place)).map_or(&[][..], Vec::as_slice)
        };
        let (floor, mix) = (of(Manner::Batched.name()), self.mix.name());
        let row = |what: String, figures: &Figures, unit: &str, most: f64| {
            let figure =
                format!("{:.2} ({}, {} pairs)", figures.median(), figures.interval_text(2), figures.len());
            Row::aim(&what, figure, figures.median(), most, unit)
        };
        let mut rows = Vec::new();
        for name in [BARE, FULL, Kind::Schoolgate.name()] {
            if self.mix == Mix::Miss {
                let whole = figures(of(name), |sample| sample.processor);
                rows.push(row(format!("miss, {name}: whole processor time"), &whole, "us", MISS_MOST));
                let peer = of(Kind::Dnsdist.name());
                if !peer.is_empty() {
                    let times = paired(of(name), peer, ratio);
                    rows.push(row(format!("miss, {name}: to dnsdist's"), &times, "times", MISS_TO_DNSDIST));
                }
            } else {
                let above = paired(of(name), floor, |one, floor| one - floor);
                rows.push(row(format!("{mix}, {name}: above the batched echo"), &above, "us", aim));
            }
        }
        let full = paired(of(FULL), of(BARE), ratio);
        rows.push(row(format!("{mix}: everything on, to bare"), &full, "times", FULL_MOST));
        rows
    }
}
