//! Stopping: nothing that was asked before is lost, and what comes later waits for the next run
//! where the service manager keeps the socket.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::tests::{AT_ONCE, PATIENCE, Toy, engine, query, read};
use super::{Inherited, Transports, bind, bind_or_inherit, serve};
use crate::Engine;
use crate::upstream::{Upstream, Upstreams};

fn toy_engine() -> Arc<Engine> {
    engine(Upstreams::new(vec![Arc::new(Toy::default()) as Arc<dyn Upstream>]))
}

/// Ids of so many replies.
async fn replies(client: &UdpSocket, count: usize) -> BTreeSet<u16> {
    let mut ids = BTreeSet::new();
    let mut buffer = [0; 512];
    while ids.len() < count {
        let length = timeout(PATIENCE, client.recv(&mut buffer)).await;
        let length = length.unwrap_or_else(|_| panic!("{} of {count} were answered", ids.len())).unwrap();
        ids.insert(read(&buffer[..length]).0);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_come_before_the_stop_is_answered() {
    let bound = bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 2).unwrap();
    let server = bound.addresses()[0];
    // Several clients, so that several sockets have something; more than one batch each.
    let mut clients = Vec::new();
    for host in 1..=8 {
        let client = UdpSocket::bind((Ipv4Addr::new(127, 0, 9, host), 0)).await.unwrap();
        for id in 0..100 {
            client.send_to(&query(AT_ONCE, id), server).await.unwrap();
        }
        clients.push(client);
    }
    serve(bound, toy_engine(), &Handle::current()).unwrap().stop().await;
    for client in &clients {
        assert_eq!(replies(client, 100).await.len(), 100);
    }
    assert!(bind(&[server], 1).is_ok(), "the port is free again");
}

/// Serves a socket that somebody else keeps open.
fn serve_passed(udp: &std::net::UdpSocket, tcp: &std::net::TcpListener) -> Transports {
    let inherited = Inherited { udp: vec![udp.try_clone().unwrap()], tcp: vec![tcp.try_clone().unwrap()] };
    let bound = bind_or_inherit(&[udp.local_addr().unwrap()], 2, inherited).unwrap();
    serve(bound, toy_engine(), &Handle::current()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_socket_activation_loses_no_query() {
    let tcp = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server: SocketAddr = tcp.local_addr().unwrap();
    let udp = std::net::UdpSocket::bind(server).unwrap();
    let client = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    let running = serve_passed(&udp, &tcp);
    // Asks over the stop and the start; no more than any kernel keeps in one socket, ours or the client's.
    let (asker, asked) = (Arc::clone(&client), 200_u16);
    let asking = tokio::spawn(async move {
        for id in 0..asked {
            asker.send_to(&query(AT_ONCE, id), server).await.unwrap();
            if id % 8 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let answered = tokio::spawn(async move { replies(&client, usize::from(asked)).await.len() });
    running.stop().await;
    let running = serve_passed(&udp, &tcp);
    asking.await.unwrap();
    assert_eq!(answered.await.unwrap(), usize::from(asked));
    running.stop().await;
}
