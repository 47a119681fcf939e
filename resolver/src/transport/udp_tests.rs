//! What a worker does for a batch, seen from inside: that an answer of its own costs no allocation.

use std::net::Ipv4Addr;

use super::super::socket::bind;
use super::super::{Load, Service};
use super::*;
use crate::fixtures::{PUPIL, Script, ask, engine};
use crate::wire::rtype;
use std::sync::atomic::AtomicBool;

const TARGET: &str = "forcesafesearch.google.com";

#[tokio::test]
async fn blocked_cached_and_safe_search_answers_allocate_nothing() {
    let script = Script::open();
    script.says("www.example", rtype::A, &["www.example. 600 A 198.51.100.1"]);
    script.says(TARGET, rtype::A, &[&format!("{TARGET}. 600 A 198.51.100.2")]);
    let engine = engine(&script);
    let asks =
        ["bets.example", "www.example", "www.google.com", "locked.example"].map(|name| ask(name, rtype::A));
    for ask in &asks {
        ask.of(&engine).await;
    }
    // Somebody reads events, so that they are written.
    engine.events().drain(&mut |_| ());
    let service = Arc::new(Service {
        engine,
        runtime: tokio::runtime::Handle::current(),
        load: Load::new(),
        stopping: AtomicBool::new(false),
    });
    let mut bound = bind(&[(Ipv4Addr::UNSPECIFIED, 0).into()], 1).unwrap();
    let port = bound.addresses()[0].port();
    let worker = Worker::new(bound.listeners.remove(0).udp.remove(0), &service, &Arc::default()).unwrap();
    let mut desk = worker.desk();
    let client = UdpSocket::bind((PUPIL, 0)).unwrap();
    for _ in 0..3 {
        for ask in asks.iter().cycle().take(BATCH) {
            client.send_to(&ask.packet(), (Ipv4Addr::LOCALHOST, port)).unwrap();
        }
        let mut events = [EpollEvent::empty(); ROUND];
        assert_eq!(worker.ready.wait(&mut events, 10_000_u16).unwrap(), 1);
        let number = usize::try_from(events[0].data()).unwrap();
        let mut taken = 0;
        let allocated = allocation_counter::measure(|| {
            taken = worker.batch(number, &mut desk).unwrap();
        });
        assert_eq!((taken, allocated.count_total), (BATCH, 0));
        let mut reply = [0; 512];
        for _ in 0..taken {
            client.recv(&mut reply).unwrap();
        }
    }
    assert_eq!(service.engine.events().load().depth, 3 * BATCH);
    assert_eq!(service.load.queues()[0].depth, 0, "nothing took the slow way");
}
