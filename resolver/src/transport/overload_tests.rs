//! Many queries at once: a busy client is served, a flood is held to its share, a quiet client is
//! answered all along.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::tests::{AT_ONCE, NXDOMAIN, query, read, start};

/// A client that waits as long for an answer as clients do before they ask again.
fn client(host: u8, patience: Duration) -> UdpSocket {
    let client = UdpSocket::bind((Ipv4Addr::new(127, 0, 3, host), 0)).unwrap();
    client.set_read_timeout(Some(patience)).unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarder_that_keeps_many_queries_on_the_way_loses_none() {
    let (transports, server, _toy) = start((Ipv4Addr::LOCALHOST, 0).into());
    let forwarder = client(1, Duration::from_secs(10));
    let (mut buffer, asked, window) = ([0; 512], 10_000_u16, 128);
    for id in 0..asked + window {
        if id < asked {
            forwarder.send_to(&query(AT_ONCE, id), server).unwrap();
        }
        if id >= window {
            let length = forwarder.recv(&mut buffer).unwrap();
            assert_eq!(read(&buffer[..length]).1, NXDOMAIN);
        }
    }
    assert_eq!(transports.load().shed(), 0);
    transports.stop().await;
}

/// Asks as fast as it can, and reads nothing.
fn flood(server: SocketAddr, stop: &AtomicBool) {
    let flooder = client(2, Duration::from_secs(1));
    let query = query(AT_ONCE, 1);
    while !stop.load(Relaxed) {
        // With the queues full the kernel may say so; it is asked again.
        let _full = flooder.send_to(&query, server);
    }
}

/// Whether the answer of this id comes before the client loses patience.
fn is_answered(client: &UdpSocket, server: SocketAddr, id: u16) -> bool {
    client.send_to(&query(AT_ONCE, id), server).unwrap();
    let mut buffer = [0; 512];
    // Late answers to earlier tries are passed by.
    while let Ok(length) = client.recv(&mut buffer) {
        if read(&buffer[..length]).0 == id {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_client_is_answered_while_another_floods_and_after() {
    let (transports, server, _toy) = start((Ipv4Addr::LOCALHOST, 0).into());
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let flooding = std::thread::spawn(move || flood(server, &stopped));
    let quiet = client(3, Duration::from_secs(2));
    for number in 0..200 {
        let answered = (0..3).any(|again| is_answered(&quiet, server, number * 3 + again));
        assert!(answered, "query {number} of the quiet client");
    }
    stop.store(true, Relaxed);
    flooding.join().unwrap();
    assert!(is_answered(&quiet, server, 1000), "after the flood");
    transports.stop().await;
}
