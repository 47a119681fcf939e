//! The steps of one answer by themselves, in one thread, without a socket, measured by `divan`.

pub mod instructions;
mod rig;

use std::process::ExitCode;
use std::sync::OnceLock;

use blocklists::name::Name;
use divan::{Bencher, Divan, black_box};
use policy::{Client, Decision, Question};
use resolver::answer::{self, BlockPage};
use resolver::wire::{self, NameBuffer, Parsed};
use resolver::{Tick, Transport};

use crate::names::Names;
use crate::options::Options;
use crate::{Outcome, page, school, servers};
use rig::{Rig, Way};

const NAMES: usize = 1_000_000;
/// Different questions of each kind, so that they are not all in the nearest cache.
const QUESTIONS: usize = 10_000;
/// Samples of each step; `divan` chooses how many calls make one.
const SAMPLES: u32 = 200;

/// What all steps are measured on. `divan` calls functions without arguments of ours.
static RIG: OnceLock<Rig> = OnceLock::new();

/// Measures every step and prints the tree.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let folder = tempfile::tempdir()?;
    let names = options.names.unwrap_or(if options.quick { NAMES / 50 } else { NAMES });
    let names = Names::take(options.data.as_deref(), names)?;
    rig::write(folder.path(), &names, QUESTIONS)?;
    let rig = Rig::open(folder.path())?;
    RIG.set(rig).map_err(|_| "measured twice")?;
    let samples = if options.quick { 1 } else { SAMPLES };
    let method = format!(
        "One thread, {QUESTIONS} different questions of each kind in turn, {samples} samples.\n\nNames: {}.",
        names.origin
    );
    println!("{}```text", page::begin("micro", "The steps of an answer", options.quick, &method));
    Divan::default().sample_count(samples).run_benches();
    println!("```");
    Ok(ExitCode::SUCCESS)
}

fn rig() -> &'static Rig {
    RIG.get().expect("run() makes it before anything is measured")
}

/// One after the other, without end.
fn turns<'a, T>(items: &'a [T]) -> impl FnMut() -> &'a T {
    let mut turns = items.iter().cycle();
    move || turns.next().expect("there are questions of every kind")
}

/// The whole of [`resolver::Engine::fast`].
#[divan::bench(args = Way::ALL)]
fn answer(bencher: Bencher<'_, '_>, way: Way) {
    let rig = rig();
    let mut out = Vec::with_capacity(1536);
    // Once for many, as a worker does for a batch.
    let mut recorder = rig.engine.recorder();
    let (live, now) = (rig.engine.live(), Tick::now());
    bencher.with_inputs(turns(rig.packets(way))).bench_local_values(|packet| {
        rig.engine.fast(black_box(packet), &rig.peer, &live, now, &mut recorder, &mut out)
    });
}

#[divan::bench(args = [Way::Blocked, Way::Cached])]
fn parse(bencher: Bencher<'_, '_>, way: Way) {
    bencher.with_inputs(turns(rig().packets(way))).bench_local_values(|packet| {
        let mut buffer = NameBuffer::default();
        black_box(wire::parse(black_box(packet), Transport::Udp, &mut buffer));
    });
}

/// With its look-up.
#[divan::bench(args = [Way::Blocked, Way::Cached])]
fn decide(bencher: Bencher<'_, '_>, way: Way) {
    let (rig, client) = (rig(), client());
    let names = asked(way);
    bencher.with_inputs(turns(&names)).bench_local_values(|name| {
        rig.snapshot.decide(&client, &Question { name: black_box(name).as_ref(), rtype: 1 })
    });
}

/// In the index alone.
#[divan::bench(args = [Way::Blocked, Way::Cached])]
fn look_up(bencher: Bencher<'_, '_>, way: Way) {
    let names = asked(way);
    bencher
        .with_inputs(turns(&names))
        .bench_local_values(|name| rig().snapshot.index().find(black_box(name).as_ref(), 1));
}

/// A block that is decided already, parsed and encoded.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let (rig, client) = (rig(), client());
    let decide = |name: &Name| rig.snapshot.decide(&client, &Question { name: name.as_ref(), rtype: 1 });
    let decided = asked(Way::Blocked).iter().map(decide).collect::<Vec<Decision>>();
    let decided: Vec<(&Vec<u8>, Decision)> = rig.packets(Way::Blocked).iter().zip(decided).collect();
    let mut out = Vec::with_capacity(1536);
    bencher.with_inputs(turns(&decided)).bench_local_values(|(packet, decision)| {
        let mut buffer = NameBuffer::default();
        if let Parsed::Query(query) = wire::parse(packet, Transport::Udp, &mut buffer) {
            answer::deny(&query, decision, &rig.snapshot, BlockPage::default(), &mut out);
            black_box(&out);
        }
    });
}

fn client() -> Client {
    school::client(&rig().snapshot, servers::schoolgate::CLIENT)
}

/// The names that the questions of a way ask for.
fn asked(way: Way) -> Vec<Name> {
    let name = |packet: &Vec<u8>| match wire::parse(packet, Transport::Udp, &mut NameBuffer::default()) {
        Parsed::Query(query) => Some(query.name.to_owned()),
        Parsed::Reject(..) | Parsed::Drop => None,
    };
    rig().packets(way).iter().filter_map(name).collect()
}
