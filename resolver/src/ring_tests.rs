//! What the control plane gets to see of answered queries, and what it does not.

use std::sync::Arc;

use policy::Snapshot;

use super::*;
use crate::fixtures::{PUPIL, Script, ask, engine};
use crate::wire::rtype;
use crate::{Engine, Recorder, Tick};

/// One look, as text.
fn shown(look: &Look<'_>) -> String {
    format!(
        "{} {} {} from {} in {} as {}: {:?} {} {}",
        look.name,
        look.rtype,
        look.path.as_str(),
        look.address,
        look.network().unwrap_or("-"),
        look.policy().unwrap_or("-"),
        look.verdict,
        look.category().unwrap_or("-"),
        look.rcode,
    )
}

fn drained(engine: &Engine) -> Vec<String> {
    let mut seen = Vec::new();
    let count = engine.events().drain(&mut |look| seen.push(shown(look)));
    assert_eq!(count, seen.len());
    seen
}

fn fast(engine: &Engine, recorder: &mut Recorder, name: &str) {
    let (ask, mut out) = (ask(name, rtype::A), Vec::new());
    engine.fast(&ask.packet(), &ask.peer(), &engine.live(), Tick::now(), recorder, &mut out);
}

#[tokio::test]
async fn nothing_is_written_before_somebody_reads() {
    let engine = engine(&Script::open());
    ask("bets.example", rtype::A).of(&engine).await;
    assert_eq!(drained(&engine), [""; 0]);
    assert_eq!(engine.events().load(), RingLoad { depth: 0, limit: EVENTS_PER_THREAD, dropped: 0 });
    ask("bets.example", rtype::A).of(&engine).await;
    assert_eq!(engine.events().load().depth, 1);
    let blocked = format!("bets.example 1 fast from {PUPIL} in pupils as pupil: Block(Nxdomain) gambling 3");
    assert_eq!(drained(&engine), [blocked]);
    assert_eq!(engine.events().load().depth, 0);
}

#[tokio::test]
async fn every_answer_of_every_thread_is_an_event_and_a_broken_packet_is_none() {
    let script = Script::open();
    script.says("www.example", rtype::A, &["www.example. 60 A 198.51.100.1"]);
    let engine = engine(&script);
    drained(&engine);
    let (mut first, mut second) = (engine.recorder(), engine.recorder());
    ask("www.example", rtype::A).of(&engine).await;
    fast(&engine, &mut first, "www.example");
    fast(&engine, &mut second, "locked.example");
    fast(&engine, &mut first, "bets.example");
    let mut packet = ask("a.example", rtype::A).packet();
    packet.push(0);
    engine.answer(packet, ask("a.example", rtype::A).peer()).await;
    let of = |name, rest| format!("{name} 1 {rest}");
    assert_eq!(
        drained(&engine),
        [
            of("www.example", "upstream from 127.20.0.1 in pupils as pupil: Allow - 0"),
            of("www.example", "cache from 127.20.0.1 in pupils as pupil: Allow - 0"),
            of("bets.example", "fast from 127.20.0.1 in pupils as pupil: Block(Nxdomain) gambling 3"),
            of("locked.example", "fast from 127.20.0.1 in pupils as pupil: Block(Nxdomain) illegal/other 3"),
        ]
    );
}

#[tokio::test]
async fn an_event_keeps_its_ids_when_the_policy_changes_before_it_is_read() {
    let engine = engine(&Script::open());
    drained(&engine);
    ask("bets.example", rtype::A).of(&engine).await;
    engine.publish(&Arc::new(Snapshot::not_ready()));
    ask("bets.example", rtype::A).of(&engine).await;
    let seen = drained(&engine);
    assert!(seen[0].contains("in pupils as pupil"), "{}", seen[0]);
    assert!(seen[1].contains("in pupils as ks2: Refuse"), "{}", seen[1]);
}

#[tokio::test]
async fn a_full_shard_drops_and_counts_and_goes_on_when_it_is_read() {
    let engine = engine(&Script::open());
    drained(&engine);
    let mut recorder = engine.recorder();
    for _ in 0..EVENTS_PER_THREAD + 10 {
        fast(&engine, &mut recorder, "bets.example");
    }
    let load = engine.events().load();
    assert_eq!((load.depth, load.dropped), (EVENTS_PER_THREAD, 10));
    // The other threads are not touched by it.
    ask("bets.example", rtype::A).of(&engine).await;
    assert_eq!(drained(&engine).len(), EVENTS_PER_THREAD + 1);
    fast(&engine, &mut recorder, "bets.example");
    assert_eq!(drained(&engine).len(), 1);
    assert_eq!(engine.events().load(), RingLoad { depth: 0, limit: 2 * EVENTS_PER_THREAD, dropped: 10 });
}

#[tokio::test]
async fn the_longest_names_are_bounded_in_octets() {
    let engine = engine(&Script::open());
    drained(&engine);
    let mut recorder = engine.recorder();
    let label = "a".repeat(63);
    let name = format!("{label}.{label}.{label}.{}.bets.example", "b".repeat(48));
    for _ in 0..EVENTS_PER_THREAD {
        fast(&engine, &mut recorder, &name);
    }
    let load = engine.events().load();
    assert!(load.depth >= NAME_OCTETS_PER_THREAD / 256, "{load:?}");
    assert_eq!(u64::try_from(load.depth).unwrap() + load.dropped, EVENTS_PER_THREAD as u64);
    let mut names = 0;
    engine.events().drain(&mut |look| names += usize::from(look.name.to_string() == name));
    assert_eq!(names, load.depth);
}

#[tokio::test]
async fn the_reader_is_woken_when_much_has_come() {
    let engine = engine(&Script::open());
    drained(&engine);
    let mut recorder = engine.recorder();
    for _ in 0..WAKE_EVERY {
        fast(&engine, &mut recorder, "bets.example");
    }
    engine.events().filling().await;
}

#[test]
fn the_time_of_an_event_is_told_by_the_clock_of_the_reader() {
    let clock = Clock { unix: Duration::from_secs(1_000_000), tick: Tick(50_000) };
    assert_eq!(clock.unix(Tick(50_000)), 1_000_000);
    assert_eq!(clock.unix(Tick(20_000)), 999_970);
    assert_eq!(clock.unix(Tick(60_000)), 1_000_000);
}
