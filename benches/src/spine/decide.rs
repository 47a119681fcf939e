//! Nanoseconds a decision, and of them those for the index.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use blocklists::name::Name;
use policy::{Question, Snapshot};

use crate::figures::{Figures, Row};
use crate::random::Random;
use crate::school::NETWORKS;
use crate::{Outcome, lists, machine, school};

/// Runs over all names; the first, which warms the caches, is not counted.
const RUNS: usize = 9;
/// What a decision may take.
const AIM_NANOSECONDS: f64 = 400.0;

/// Measures for pupils, who have the longest way: listed names and unlisted ones apart.
pub fn measure(folder: &Path, snapshot: &Snapshot) -> Outcome<Vec<Row>> {
    let [(_, _, _, pupil), ..] = NETWORKS;
    let pupil = school::client(snapshot, pupil);
    let mut rows = Vec::new();
    for (kind, names) in [("listed", lists::hits(folder)?), ("unlisted", lists::misses(folder)?)] {
        let names = shuffled(names);
        let (decided, processor) = time(&names, |name| {
            black_box(snapshot.decide(&pupil, &Question { name: name.as_ref(), rtype: 1 }));
        });
        let (_, found) = time(&names, |name| {
            black_box(snapshot.index().find(name.as_ref(), 1));
        });
        let what = format!("decision, {kind} names ({})", names.len());
        rows.push(Row::aim(&what, decided.show("ns", 0), decided.median(), AIM_NANOSECONDS, "ns"));
        rows.push(Row::fact("the same in processor time", processor.show("ns", 0)));
        rows.push(Row::fact("of it the index, processor time", found.show("ns", 0)));
    }
    Ok(rows)
}

/// Names in an order that no cache foresees.
fn shuffled(mut names: Vec<Name>) -> Vec<Name> {
    let count = names.len();
    Random::new(7).choose(&mut names, count);
    names
}

/// Nanoseconds a name over several runs: on the wall, and on the processor.
fn time(names: &[Name], mut each: impl FnMut(&Name)) -> (Figures, Figures) {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let count = names.len().max(1) as f64;
    let mut run = || {
        let processor = machine::processor_nanoseconds();
        let started = Instant::now();
        names.iter().for_each(&mut each);
        let wall = started.elapsed().as_secs_f64() * 1e9 / count;
        let spent = machine::processor_nanoseconds()
            .zip(processor)
            .map(|(after, before)| after.saturating_sub(before));
        #[expect(clippy::cast_precision_loss, reason = "a run takes far less than 2^52 ns")]
        let spent = spent.map_or(f64::NAN, |spent| spent as f64 / count);
        (wall, spent)
    };
    run();
    let (wall, processor) = (0..RUNS).map(|_| run()).unzip();
    (Figures::new(wall), Figures::new(processor))
}
