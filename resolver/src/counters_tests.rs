//! Counters, gathered from several threads and over changes of the policy.

use super::*;
use crate::Engine;
use crate::fixtures::{PUPIL, Script, ask, engine};
use crate::recorder::Recorder;
use crate::ring::EventRing;
use crate::tick::Batch;
use crate::wire::rtype;

fn one() -> (Counters, Recorder) {
    let counters = Counters::default();
    let recorder = Recorder::new(&counters, &EventRing::default());
    (counters, recorder)
}

#[test]
fn durations_go_into_the_bucket_that_holds_them() {
    let (counters, mut recorder) = one();
    for (micros, bucket) in [(0, 0), (5, 0), (6, 1), (1_000, 6), (4_000_000, 15), (9_000_000, 16)] {
        recorder.took(Path::Upstream, Duration::from_micros(micros), 2);
        let read = &counters.read().durations[2];
        assert_eq!(
            (read.path, read.buckets[bucket]),
            (Path::Upstream, if bucket == 0 && micros == 5 { 4 } else { 2 })
        );
    }
    assert_eq!(counters.read().durations[2].sum, Duration::from_micros(2 * 13_001_011));
}

#[test]
fn a_batch_shares_its_time_over_its_replies() {
    let (counters, mut recorder) = one();
    Batch::start().end(&mut recorder);
    let mut batch = Batch::start();
    for path in [Path::Fast, Path::Fast, Path::Cache] {
        batch.replied(path);
    }
    batch.end(&mut recorder);
    let read = counters.read().durations;
    let counted: Vec<u64> = read.iter().map(|durations| durations.buckets.iter().sum()).collect();
    assert_eq!(counted, [2, 1, 0, 0]);
}

/// Asks for a blocked name on the fast way, as one thread does.
fn blocked(engine: &Engine, recorder: &mut Recorder) {
    let ask = ask("bets.example", rtype::A);
    let (live, mut out) = (engine.live(), Vec::new());
    let done = engine.fast(&ask.packet(), &ask.peer(), &live, crate::Tick::now(), recorder, &mut out);
    assert_eq!(done, crate::Fast::Reply(Path::Fast));
}

fn counted(engine: &Engine) -> (u64, u64) {
    let read = engine.counters().read();
    let pupils = read.queries.iter().filter(|query| query.network == "pupils" && query.verdict == "block");
    let gambling =
        read.blocked.iter().filter(|block| (&*block.policy, &*block.category) == ("pupil", "gambling"));
    (pupils.map(|query| query.count).sum(), gambling.map(|block| block.count).sum())
}

#[tokio::test]
async fn threads_and_the_slow_way_add_up_and_no_reload_loses_a_count() {
    let engine = engine(&Script::open());
    let (mut first, mut second) = (engine.recorder(), engine.recorder());
    blocked(&engine, &mut first);
    blocked(&engine, &mut second);
    ask("bets.example", rtype::A).from(PUPIL).of(&engine).await;
    assert_eq!(counted(&engine), (3, 3));
    let before = engine.snapshot();
    // An answer that began before the change still holds the old table.
    let held = engine.live();
    engine.publish(&Arc::new(Snapshot::not_ready()));
    assert_eq!(counted(&engine), (3, 3), "with the old table still in use");
    drop(held);
    assert_eq!(counted(&engine), (3, 3), "with the old table gone");
    engine.publish(&before);
    let mut third = engine.recorder();
    blocked(&engine, &mut first);
    blocked(&engine, &mut third);
    assert_eq!(counted(&engine), (5, 5));
    assert_eq!(counted(&engine), (5, 5), "reading changes nothing");
}

#[tokio::test]
async fn the_same_ids_keep_the_same_table() {
    let engine = engine(&Script::open());
    let before = Arc::clone(engine.live().tallies());
    engine.publish(&engine.snapshot());
    assert!(Arc::ptr_eq(&before, engine.live().tallies()));
}
