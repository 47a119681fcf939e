//! The steps of one answer by themselves, in one thread, without a socket: nanoseconds each.

pub mod instructions;
mod rig;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use blocklists::name::Name;
use policy::Question;
use resolver::answer::{self, BlockPage};
use resolver::wire::{self, NameBuffer, Parsed};
use resolver::{Tick, Transport};

use crate::figures::{Figures, markdown};
use crate::names::Names;
use crate::options::Options;
use crate::{Outcome, load, page, school, servers};
use rig::{Rig, Way};

const NAMES: usize = 1_000_000;
/// Different questions of each kind, so that they are not all in the nearest cache.
const QUESTIONS: usize = 10_000;
/// Runs over all questions; the first, which warms the caches, is not counted.
const RUNS: usize = 21;

/// Measures every step and prints the table.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let folder = tempfile::tempdir()?;
    let names = options.names.unwrap_or(if options.quick { NAMES / 50 } else { NAMES });
    let names = Names::take(options.data.as_deref(), names)?;
    rig::write(folder.path(), &names, QUESTIONS)?;
    let rig = Rig::open(folder.path())?;
    let method = format!(
        "One thread, {QUESTIONS} different questions of each kind, {} runs, nanoseconds on the wall.\n\nNames: {}.",
        RUNS - 1,
        names.origin
    );
    print!("{}", page::begin("micro", "The steps of an answer", options.quick, &method));
    let mut lines = Vec::new();
    let mut line = |what: &str, figures: &Figures| lines.push(vec![what.to_owned(), figures.brief(0)]);
    for way in Way::ALL {
        let packets = rig.packets(way);
        let mut out = Vec::with_capacity(1536);
        // Once for many, as a worker does for a batch.
        let mut recorder = rig.engine.recorder();
        let (live, now) = (rig.engine.live(), Tick::now());
        let figures = time(packets, |packet| {
            black_box(rig.engine.fast(packet, &rig.peer, &live, now, &mut recorder, &mut out));
        });
        line(&format!("whole answer, {}", way.name()), &figures);
    }
    steps(&rig, &mut line);
    print!("{}", markdown(&["step", "ns"], &lines));
    Ok(ExitCode::SUCCESS)
}

/// Parse, decide, look-up, encode.
fn steps(rig: &Rig, line: &mut dyn FnMut(&str, &Figures)) {
    let client = school::client(&rig.snapshot, servers::schoolgate::CLIENT);
    for way in [Way::Blocked, Way::Cached] {
        let packets = rig.packets(way);
        let kind = if way == Way::Blocked { "listed" } else { "unlisted" };
        let parse = time(packets, |packet| {
            black_box(wire::parse(packet, Transport::Udp, &mut NameBuffer::default()));
        });
        line(&format!("parse, {kind}"), &parse);
        let names: Vec<Name> = packets.iter().filter_map(|packet| asked(packet)).collect();
        let decide = time(&names, |name| {
            black_box(rig.snapshot.decide(&client, &Question { name: name.as_ref(), rtype: 1 }));
        });
        line(&format!("decide (with its look-up), {kind}"), &decide);
        let find = time(&names, |name| {
            black_box(rig.snapshot.index().find(name.as_ref(), 1));
        });
        line(&format!("look-up in the index, {kind}"), &find);
    }
    let decided = rig.packets(Way::Blocked).iter().filter_map(|packet| {
        let name = asked(packet)?;
        let decision = rig.snapshot.decide(&client, &Question { name: name.as_ref(), rtype: 1 });
        Some((packet, decision))
    });
    let decided: Vec<_> = decided.collect();
    let mut out = Vec::with_capacity(1536);
    let encode = time(&decided, |(packet, decision)| {
        let mut buffer = NameBuffer::default();
        if let Parsed::Query(query) = wire::parse(packet, Transport::Udp, &mut buffer) {
            answer::deny(&query, decision, &rig.snapshot, BlockPage::default(), &mut out);
            black_box(&out);
        }
    });
    line("parse and encode a block", &encode);
}

/// The name that a question asks for.
fn asked(packet: &[u8]) -> Option<Name> {
    match wire::parse(packet, Transport::Udp, &mut NameBuffer::default()) {
        Parsed::Query(query) => Some(query.name.to_owned()),
        Parsed::Reject(..) | Parsed::Drop => None,
    }
}

/// Nanoseconds for each item, over several runs through all of them.
fn time<T>(items: &[T], mut each: impl FnMut(&T)) -> Figures {
    let count = load::count(items.len().max(1) as u64);
    let mut runs: Vec<f64> = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let started = Instant::now();
        items.iter().for_each(&mut each);
        runs.push(started.elapsed().as_secs_f64() * 1e9 / count);
    }
    Figures::new(runs.split_off(1))
}
