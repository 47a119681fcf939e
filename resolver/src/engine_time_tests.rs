//! The engine over time and under load: caching, waiting, failing, truncating, being swapped.

use std::time::Duration;

use blocklists::name::Name;
use hickory_proto::op::ResponseCode;
use policy::Snapshot;
use proptest::prelude::*;

use super::*;
use crate::cache::KeyRef;
use crate::fixtures::{Ask, Script, ask, engine, no_zones, response, snapshot_with, twice};
use crate::limits::{CLIENT_DEADLINE, STALE_AFTER};
use crate::peer::Transport;
use crate::upstream::{UpError, Upstream};

const A: u16 = rtype::A;
const SOA: &str = "example. 3600 SOA ns.example. root.example. 1 2 3 4 600";

#[tokio::test(start_paused = true)]
async fn without_recursion_only_what_is_here_is_answered() {
    let script = Script::open();
    script.says("a.example", A, &["a.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    let plain = Ask { recursion: false, ..ask("a.example", A) };
    assert_eq!(plain.of(&engine).await.rcode, "Refused");
    assert_eq!(script.asked(), 0);
    ask("a.example", A).of(&engine).await;
    assert_eq!(plain.of(&engine).await.data(), ["A 192.0.2.1"]);
    let blocked = Ask { recursion: false, ..ask("bets.example", A) };
    assert_eq!(blocked.of(&engine).await.rcode, "NXDomain");
    let local = Ask { recursion: false, ..ask("printer.example", A) };
    assert_eq!(local.of(&engine).await.data(), ["A 10.0.0.20"]);
}

#[tokio::test(start_paused = true)]
async fn ttls_age_and_are_capped() {
    let script = Script::open();
    script.says("a.example", A, &["a.example. 100 A 192.0.2.1"]);
    script.says("b.example", A, &["b.example. 9000 A 192.0.2.1"]);
    script.says("c.example", A, &["--", SOA]);
    let engine = engine(&script);
    let ttl = |line: &String| line.split(' ').nth(1).unwrap().parse::<u32>().unwrap();
    assert_eq!(ttl(&ask("a.example", A).of(&engine).await.answers[0]), 100);
    assert_eq!(ttl(&ask("b.example", A).of(&engine).await.answers[0]), 300, "max_ttl of the policy");
    assert_eq!(ttl(&ask("c.example", A).of(&engine).await.authority[0]), 300);
    let later = Tick::now().plus(Duration::from_secs(40));
    let aged = ask("a.example", A).fast_of(&engine, later).unwrap();
    assert!((59..=60).contains(&ttl(&aged.answers[0])), "{aged:?}");
    assert!(ask("a.example", A).fast_of(&engine, later.plus(Duration::from_secs(61))).is_none());
}

#[tokio::test(start_paused = true)]
async fn identical_questions_wait_for_one_answer() {
    let script = Script::held();
    script.says("a.example", A, &["a.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let (engine, ask) = (Arc::clone(&engine), ask("a.example", A));
            tokio::spawn(async move { ask.of(&engine).await })
        })
        .collect();
    while engine.flights.is_empty() {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    script.gate.add_permits(50);
    for one in waiting {
        assert_eq!(one.await.unwrap().data(), ["A 192.0.2.1"]);
    }
    assert_eq!(script.asked(), 1);
    assert_eq!(engine.flights.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_hears_in_time_and_the_cache_is_filled_behind_it() {
    let script = Script::held();
    script.says("a.example", A, &["a.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    let started = tokio::time::Instant::now();
    let seen = ask("a.example", A).of(&engine).await;
    assert_eq!((seen.rcode.as_str(), seen.ede), ("ServFail", vec!["22".to_owned()]));
    assert_eq!(started.elapsed(), CLIENT_DEADLINE);
    script.gate.add_permits(1);
    while !engine.flights.is_empty() {
        tokio::task::yield_now().await;
    }
    let fast = ask("a.example", A).fast_of(&engine, Tick::now()).unwrap();
    assert_eq!(fast.data(), ["A 192.0.2.1"]);
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_and_kept() {
    let script = Script::open();
    let broken = response("d.example", A, ResponseCode::Refused, &[]);
    script.fails("a.example", A, UpError::Timeout);
    script.fails("b.example", A, UpError::Network);
    script.fails("c.example", A, UpError::NoServers);
    script.says_bytes("d.example", A, broken);
    script.says_bytes("e.example", A, vec![0; 5]);
    script.fails("f.example", A, UpError::Busy);
    let engine = engine(&script);
    for (question, first, second) in [
        ("a.example", "22", "13"),
        ("b.example", "23", "13"),
        ("c.example", "23", "13"),
        ("d.example", "22", "13"),
        ("e.example", "23", "13"),
        ("f.example", "23", "23"),
    ] {
        for ede in [first, second] {
            let seen = ask(question, A).of(&engine).await;
            assert_eq!(
                (seen.rcode.as_str(), seen.answers.len(), seen.ede),
                ("ServFail", 0, vec![ede.to_owned()]),
                "{question}"
            );
        }
    }
    assert_eq!(script.asked(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_truncated() {
    let script = Script::open();
    let many: Vec<String> = (0..100).map(|n| format!("a.example. 60 A 192.0.2.{n}")).collect();
    let lines: Vec<&str> = many.iter().map(String::as_str).collect();
    script.says("a.example", A, &lines);
    let engine = engine(&script);
    let short = twice(&engine, &ask("a.example", A)).await;
    assert!(short.truncated && short.answers.is_empty() && short.bytes.len() < 100);
    let plain = Ask { edns: None, ..ask("a.example", A) }.of(&engine).await;
    assert!(plain.truncated && plain.bytes.len() <= 512);
    let stream = Ask { transport: Transport::Tcp, ..ask("a.example", A) };
    let whole = twice(&engine, &stream).await;
    assert_eq!((whole.truncated, whole.answers.len()), (false, 100));
    let long = |n: usize| format!("{}{n}.example", "x".repeat(60));
    let chain: Vec<String> = (0..10).map(|n| format!("{}. 60 CNAME {}.", long(n), long(n + 1))).collect();
    let mut lines: Vec<&str> = chain.iter().map(String::as_str).collect();
    let end = format!("{}. 60 A 192.0.2.1", long(10));
    lines.push(&end);
    script.says(&long(0), A, &lines);
    let plain = Ask { edns: None, ..ask(&long(0), A) }.of(&engine).await;
    assert!(plain.truncated && plain.answers.is_empty(), "the chain itself does not fit");
    assert_eq!(ask(&long(0), A).of(&engine).await.answers.len(), 11);
    let counted = engine.counters().read();
    assert!(
        counted
            .queries
            .iter()
            .any(|query| query.network == "pupils" && query.transport == "tcp" && query.count == 2)
    );
}

#[tokio::test(start_paused = true)]
async fn policy_and_upstreams_are_swapped_whole() {
    let script = Script::open();
    script.says("a.example", A, &["a.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    twice(&engine, &ask("a.example", A)).await;
    let other = Script::open();
    other.says("a.example", A, &["a.example. 60 A 192.0.2.2"]);
    let group: Arc<dyn Upstream> = other;
    engine.reconfigure(&engine.snapshot(), &Upstreams::new(vec![group]), no_zones());
    assert_eq!(ask("a.example", A).of(&engine).await.data(), ["A 192.0.2.2"]);
    engine.publish(&Arc::new(Snapshot::not_ready()));
    assert_eq!(ask("a.example", A).of(&engine).await.rcode, "Refused", "policy comes before the cache");
    let queries = engine.counters().read().queries;
    let pupils: u64 = queries
        .iter()
        .filter(|query| query.network == "pupils" && query.verdict == "allow")
        .map(|query| query.count)
        .sum();
    assert_eq!(pupils, 3, "counts outlive the snapshot: {queries:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_cached_answer_is_forgotten_when_the_policy_changes() {
    let script = Script::open();
    let lines = ["a.example. 60 CNAME cdn.fine.example.", "cdn.fine.example. 60 A 192.0.2.1"];
    script.says("a.example", A, &lines);
    let engine = engine(&script);
    let (before, tighter) = (engine.snapshot(), snapshot_with("gambling", "fine.example\n"));
    for _ in 0..2 {
        let open = twice(&engine, &ask("a.example", A)).await;
        assert_eq!(open.data(), ["CNAME cdn.fine.example.", "A 192.0.2.1"]);
        engine.publish(&tighter);
        let blocked = twice(&engine, &ask("a.example", A)).await;
        assert_eq!((blocked.data().len(), blocked.ede), (0, vec!["15 target gambling".to_owned()]));
        engine.publish(&before);
    }
    assert_eq!(script.asked(), 1, "all of it from the cache");
}

#[tokio::test(start_paused = true)]
async fn a_safe_variant_that_becomes_locked_is_given_no_more() {
    let script = Script::open();
    script.says("strict.bing.com", A, &["strict.bing.com. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    let safe = ask("www.bing.com", A);
    assert_eq!(twice(&engine, &safe).await.data(), ["CNAME strict.bing.com.", "A 192.0.2.1"]);
    engine.publish(&snapshot_with("locked", "strict.bing.com\n"));
    assert_eq!(twice(&engine, &safe).await.ede, ["16 locked"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_packet_and_no_answer_panics(
        packet in proptest::collection::vec(any::<u8>(), 0..300),
        edits in proptest::collection::vec((12_usize..200, any::<u8>()), 0..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let script = Script::open();
            let engine = shared_engine(&script);
            let peer = ask("a.example", A).peer();
            let _ = engine.answer(packet, peer).await;
            let lines = ["a.example. 60 65 #0001 00 0004 0004 c0000201 0005 0002 aabb", "a.example. 60 CNAME b.example."];
            let mut bytes = response("a.example", 65, ResponseCode::NoError, &lines);
            for (at, byte) in edits {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            script.says_bytes("a.example", 65, bytes);
            let first = Ask { dnssec_ok: true, ..ask("a.example", 65) }.of(&engine).await;
            prop_assert!(first.bytes.len() <= 1232);
            Ok(())
        })?;
    }
}

/// An engine with the school that was compiled once for all cases.
fn shared_engine(script: &Arc<Script>) -> Arc<Engine> {
    static SNAPSHOT: std::sync::OnceLock<Arc<Snapshot>> = std::sync::OnceLock::new();
    let snapshot = SNAPSHOT.get_or_init(crate::fixtures::snapshot);
    let group: Arc<dyn Upstream> = script.clone();
    let settings = Settings { cache_bytes: 1 << 20, ..Settings::default() };
    Engine::new(settings, Upstreams::new(vec![group]), no_zones(), Arc::clone(snapshot))
}

/// An answer that was kept some seconds ago.
fn kept(engine: &Engine, name: &str, ttl: u32, seconds_ago: u64) {
    let name = Name::parse(name).unwrap();
    let mut builder = crate::body::Builder::new(name.as_ref());
    let place = crate::body::Place::Hop { hop: 0, skip: 0 };
    builder.push(crate::reply::Section::Answer, (Some(place), &[]), A, ttl, &[192, 0, 2, 9]);
    let asked = crate::cache::Asked {
        rtype: A,
        dnssec_ok: false,
        checking_disabled: false,
        group: 0,
        generation: engine.live().generation(),
    };
    let key = KeyRef { name: name.as_ref(), asked }.to_owned();
    let stored = Tick::now().earlier(seconds_ago).unwrap();
    engine.cache.keep(key, builder.finish(0, None), stored);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_stands_in_while_upstreams_are_slow() {
    let script = Script::held();
    script.says("a.example", A, &["a.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    kept(&engine, "a.example", 10, 100);
    let started = tokio::time::Instant::now();
    let seen = ask("a.example", A).of(&engine).await;
    assert_eq!((seen.data(), seen.ede), (vec!["A 192.0.2.9".to_owned()], vec!["3".to_owned()]));
    assert_eq!(started.elapsed(), STALE_AFTER);
    assert!(seen.answers[0].contains(" 30 ") || seen.answers[0].contains(" 10 "), "{:?}", seen.answers);
    script.gate.add_permits(1);
    while !engine.flights.is_empty() {
        tokio::task::yield_now().await;
    }
    let seen = ask("a.example", A).of(&engine).await;
    assert_eq!((seen.data(), seen.ede), (vec!["A 192.0.2.1".to_owned()], vec![]), "the new one has come");
    assert_eq!(engine.counters().read().cache_stale, 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_stands_in_while_upstreams_fail_and_nobody_waits_for_it() {
    let script = Script::open();
    script.fails("a.example", A, UpError::Timeout);
    let engine = engine(&script);
    kept(&engine, "a.example", 10, 100);
    for _ in 0..3 {
        let seen = ask("a.example", A).of(&engine).await;
        assert_eq!((seen.data(), seen.ede), (vec!["A 192.0.2.9".to_owned()], vec!["3".to_owned()]));
    }
    assert_eq!(script.asked(), 1, "while the failure is kept nobody is asked");
    let at_once = ask("a.example", A).fast_of(&engine, Tick::now()).unwrap();
    assert_eq!(at_once.data(), ["A 192.0.2.9"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_old_does_not_stand_in() {
    let script = Script::open();
    script.fails("a.example", A, UpError::Timeout);
    let engine = engine(&script);
    kept(&engine, "a.example", 10, 2 * 86_400);
    assert_eq!(ask("a.example", A).of(&engine).await.rcode, "ServFail");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_name_is_blocked_whatever_old_answer_there_is() {
    let script = Script::open();
    let engine = engine(&script);
    kept(&engine, "bets.example", 10, 100);
    assert_eq!(ask("bets.example", A).of(&engine).await.rcode, "NXDomain");
}

#[tokio::test(start_paused = true)]
async fn a_popular_answer_is_renewed_before_its_time_is_over() {
    let script = Script::open();
    script.says("a.example", A, &["a.example. 100 A 192.0.2.1"]);
    let engine = engine(&script);
    let renewing = tokio::spawn(Arc::clone(&engine).renew());
    kept(&engine, "a.example", 100, 50);
    let early = ask("a.example", A).of(&engine).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((early.data(), script.asked()), (vec!["A 192.0.2.9".to_owned()], 0));
    kept(&engine, "a.example", 100, 95);
    for _ in 0..5 {
        assert_eq!(ask("a.example", A).of(&engine).await.data(), ["A 192.0.2.9"]);
    }
    while script.asked() == 0 || !engine.flights.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask("a.example", A).of(&engine).await.data(), ["A 192.0.2.1"]);
    assert_eq!(script.asked(), 1);
    renewing.abort();
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_stands_in_when_there_is_no_room_to_wait() {
    let engine = engine(&Script::held());
    kept(&engine, "a.example", 10, 100);
    let (live, mut recorder, mut out) = (engine.live(), engine.recorder(), Vec::new());
    let mut said = |question: &str| {
        let ask = ask(question, A);
        let at = Tick::now();
        let done = engine.stale_or_fail(&ask.packet(), &ask.peer(), &live, at, &mut recorder, &mut out);
        let seen = crate::fixtures::Seen::read(&out);
        (done, seen.rcode.clone(), seen.data(), seen.ede)
    };
    let old = (
        Fast::Reply(Path::Cache),
        "NoError".to_owned(),
        vec!["A 192.0.2.9".to_owned()],
        vec!["3".to_owned()],
    );
    assert_eq!(said("a.example"), old);
    let none = (Fast::Reply(Path::Fast), "ServFail".to_owned(), vec![], vec!["23".to_owned()]);
    assert_eq!(said("b.example"), none);
}
