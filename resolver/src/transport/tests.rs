//! The transports over loopback, with the real engine and a toy upstream behind it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use blocklists::index::Index;
use blocklists::name::Name;
use policy::{School, Snapshot, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{
    CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT, IDLE, IDLE_WHEN_FULL, Inherited, PIPELINED_IN_ALL,
    PIPELINED_MAX, QUERY_OCTETS_MAX, READ, Transports, WAITING_MAX, WAITING_PER_CLIENT, bind,
    bind_or_inherit, serve,
};
use crate::upstream::{BoxFuture, UpAnswer, UpError, UpQuestion, Upstream, Upstreams};
use crate::{Engine, LocalZones, Settings};

/// Answered at once: a locally served name (design section 5, step 12).
pub(super) const AT_ONCE: &str = "printer.internal";
/// Answered by the upstream at once.
const ASKED: &str = "www.example.org";
/// Answered by the upstream when it is released.
const HELD: &str = "held.example.org";

/// Like [`ASKED`], but asked by one test only, so that no cache has it.
const FRESH: &str = "fresh.example.org";

const SERVFAIL: u8 = 2;
pub(super) const NXDOMAIN: u8 = 3;
/// Long enough for a loaded machine; nothing waits this long when all is well.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Answers every question with one A record; [`HELD`] only after a release.
#[derive(Default)]
pub(super) struct Toy {
    release: Notify,
}

impl Upstream for Toy {
    fn ask<'a>(&'a self, question: &'a UpQuestion) -> BoxFuture<'a, Result<UpAnswer, UpError>> {
        Box::pin(async move {
            if question.name == Name::parse(HELD).unwrap() {
                self.release.notified().await;
            }
            let mut bytes = query(&question.name.to_string(), 0);
            bytes[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
            bytes.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc6\x33\x64\x01");
            Ok(UpAnswer { bytes, server: "toy".into(), ede: None })
        })
    }
}

pub(super) fn start(listen: SocketAddr) -> (Transports, SocketAddr, Arc<Toy>) {
    let toy = Arc::new(Toy::default());
    let engine = engine(Upstreams::new(vec![Arc::clone(&toy) as Arc<dyn Upstream>]));
    let bound = bind(&[listen], 2).unwrap();
    let address = bound.addresses()[0];
    (serve(bound, engine, &Handle::current()).unwrap(), address, toy)
}

fn v4() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A query for A records.
pub(super) fn query(name: &str, id: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00");
    query.extend(Name::parse(name).unwrap().as_ref().wire());
    query.extend(b"\x00\x01\x00\x01");
    query
}

/// Id, response code and answer count of a reply.
pub(super) fn read(reply: &[u8]) -> (u16, u8, u8) {
    assert_ne!(reply[2] & 0x80, 0, "a response");
    (u16::from_be_bytes([reply[0], reply[1]]), reply[3] & 0xf, reply[7])
}

async fn udp_ask(client: &UdpSocket, server: SocketAddr, query: &[u8]) -> (Vec<u8>, SocketAddr) {
    client.send_to(query, server).await.unwrap();
    let mut buffer = [0; 2048];
    let (length, from) = timeout(PATIENCE, client.recv_from(&mut buffer)).await.unwrap().unwrap();
    (buffer[..length].to_vec(), from)
}

fn framed(query: &[u8]) -> Vec<u8> {
    let length = u16::try_from(query.len()).unwrap();
    [&length.to_be_bytes(), query].concat()
}

async fn tcp_read(stream: &mut TcpStream) -> Vec<u8> {
    let read = async {
        let mut reply = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut reply).await.unwrap();
        reply
    };
    timeout(PATIENCE, read).await.unwrap()
}

/// Whether the server has closed the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1];
    matches!(timeout(PATIENCE, stream.read(&mut buffer)).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_answers_on_both_families_at_once_and_later() {
    for listen in [v4(), (Ipv6Addr::LOCALHOST, 0).into()] {
        let (transports, server, _toy) = start(listen);
        let client = UdpSocket::bind((listen.ip(), 0)).await.unwrap();
        let (reply, from) = udp_ask(&client, server, &query(AT_ONCE, 7)).await;
        assert_eq!((read(&reply), from), ((7, NXDOMAIN, 0), server));
        let (reply, from) = udp_ask(&client, server, &query(ASKED, 8)).await;
        assert_eq!((read(&reply), from), ((8, 0, 1), server));
        transports.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_socket_answers_from_the_address_that_was_asked() {
    let (transports, server, _toy) = start((Ipv4Addr::UNSPECIFIED, 0).into());
    let client = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 9), 0)).await.unwrap();
    for name in [AT_ONCE, ASKED] {
        for host in [2, 3] {
            let asked = SocketAddr::from(([127, 0, 0, host], server.port()));
            let (_, from) = udp_ask(&client, asked, &query(name, 1)).await;
            assert_eq!(from, asked);
        }
    }
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inherited_sockets_for_both_families_answer_from_the_address_that_was_asked() {
    let passed = |kind| {
        let socket = socket2::Socket::new(socket2::Domain::IPV6, kind, None).unwrap();
        socket.set_only_v6(false).unwrap();
        socket
    };
    let (tcp, udp) = (passed(socket2::Type::STREAM), passed(socket2::Type::DGRAM));
    tcp.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
    tcp.listen(1).unwrap();
    let address = tcp.local_addr().unwrap().as_socket().unwrap();
    udp.bind(&address.into()).unwrap();
    // It came before the service did, and is answered all the same.
    let early = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let loopback = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()));
    early.send_to(&query(AT_ONCE, 5), loopback).await.unwrap();

    let inherited = Inherited { udp: vec![udp.into()], tcp: vec![tcp.into()] };
    let bound = bind_or_inherit(&[address], 3, inherited).unwrap();
    let engine = engine(Upstreams::new(vec![Arc::new(Toy::default()) as Arc<dyn Upstream>]));
    let transports = serve(bound, engine, &Handle::current()).unwrap();
    let mut buffer = [0; 512];
    let (length, from) = timeout(PATIENCE, early.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!((read(&buffer[..length]).0, from), (5, loopback));
    let v4_client = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 9), 0)).await.unwrap();
    for name in [AT_ONCE, ASKED] {
        let asked = SocketAddr::from(([127, 0, 0, 2], address.port()));
        assert_eq!(udp_ask(&v4_client, asked, &query(name, 6)).await.1, asked);
    }
    let mut stream = TcpStream::connect(loopback).await.unwrap();
    stream.write_all(&framed(&query(ASKED, 7))).await.unwrap();
    assert_eq!(read(&tcp_read(&mut stream).await), (7, 0, 1));
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_datagrams_do_not_stop_the_next_query() {
    let (transports, server, _toy) = start(v4());
    let client = UdpSocket::bind(v4()).await.unwrap();
    for length in [0, 1, 11, 12, 13, 600, 4096, 4097, 60_000] {
        client.send_to(&vec![0xff; length], server).await.unwrap();
    }
    let (reply, _) = udp_ask(&client, server, &query(AT_ONCE, 9)).await;
    assert_eq!(read(&reply), (9, NXDOMAIN, 0));
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_answers_two_queries_of_one_segment_out_of_order() {
    let (transports, server, toy) = start(v4());
    let mut stream = TcpStream::connect(server).await.unwrap();
    let both = [framed(&query(HELD, 1)), framed(&query(ASKED, 2))].concat();
    stream.write_all(&both).await.unwrap();
    assert_eq!(read(&tcp_read(&mut stream).await), (2, 0, 1));
    toy.release.notify_one();
    assert_eq!(read(&tcp_read(&mut stream).await), (1, 0, 1));
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_reads_a_query_however_it_is_cut() {
    let (transports, server, _toy) = start(v4());
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (first, second) = (framed(&query(ASKED, 1)), framed(&query(AT_ONCE, 2)));
    // Octet by octet, the last one together with the start of the next query.
    for octet in &first[..first.len() - 1] {
        stream.write_all(&[*octet]).await.unwrap();
        stream.flush().await.unwrap();
    }
    stream.write_all(&[&first[first.len() - 1..], &second[..20]].concat()).await.unwrap();
    assert_eq!(read(&tcp_read(&mut stream).await), (1, 0, 1));
    stream.write_all(&second[20..]).await.unwrap();
    assert_eq!(read(&tcp_read(&mut stream).await), (2, NXDOMAIN, 0));
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_answers_what_was_asked_before_the_client_closed_its_side() {
    let (transports, server, _toy) = start(v4());
    let mut stream = TcpStream::connect(server).await.unwrap();
    // More than are answered at one time.
    let count = u16::try_from(PIPELINED_MAX).unwrap() * 2 + 1;
    let all: Vec<u8> = (0..count).flat_map(|id| framed(&query(AT_ONCE, id))).collect();
    stream.write_all(&all).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(read(&tcp_read(&mut stream).await).0);
    }
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..count));
    assert!(is_closed(&mut stream).await);
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tcp_message_longer_than_any_query_ends_the_connection() {
    let (transports, server, _toy) = start(v4());
    let mut stream = TcpStream::connect(server).await.unwrap();
    let length = u16::try_from(QUERY_OCTETS_MAX + 1).unwrap();
    stream.write_all(&length.to_be_bytes()).await.unwrap();
    assert!(is_closed(&mut stream).await);
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_cannot_take_all_connections_nor_stop_udp() {
    let (transports, server, _toy) = start(v4());
    let mut held = Vec::new();
    for id in 0..u16::try_from(CONNECTIONS_PER_CLIENT).unwrap() {
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.write_all(&framed(&query(AT_ONCE, id))).await.unwrap();
        assert_eq!(read(&tcp_read(&mut stream).await).0, id);
        held.push(stream);
    }
    let mut one_more = TcpStream::connect(server).await.unwrap();
    assert!(is_closed(&mut one_more).await);
    let [_, tcp, _] = transports.load().queues();
    assert_eq!((tcp.depth, tcp.refused), (CONNECTIONS_PER_CLIENT, 1));

    let client = UdpSocket::bind(v4()).await.unwrap();
    assert_eq!(read(&udp_ask(&client, server, &query(ASKED, 5)).await.0), (5, 0, 1));
    transports.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_waiting_queries_end_and_frees_the_port() {
    let (transports, server, toy) = start(v4());
    let client = UdpSocket::bind(v4()).await.unwrap();
    let load = transports.load();
    client.send_to(&query(HELD, 3), server).await.unwrap();
    while load.queues()[0].depth == 0 {
        tokio::task::yield_now().await;
    }
    let stopping = tokio::spawn(transports.stop());
    toy.release.notify_one();
    let mut buffer = [0; 2048];
    let length = timeout(PATIENCE, client.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(read(&buffer[..length]), (3, 0, 1));
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
    assert_eq!(load.queues()[0].depth, 0);
    assert!(bind(&[server], 1).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bounds_udp_says_servfail_and_goes_on() {
    let (transports, server, _toy) = start(v4());
    let load = transports.load();
    let client = UdpSocket::bind(v4()).await.unwrap();
    // As many as one client may have waiting; then one more.
    for id in 0..u16::try_from(WAITING_PER_CLIENT).unwrap() {
        client.send_to(&query(HELD, id), server).await.unwrap();
        while load.waiting_clients.held(v4().ip()) <= usize::from(id) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(read(&udp_ask(&client, server, &query(ASKED, 5)).await.0), (5, SERVFAIL, 0));
    let [udp, _, _] = load.queues();
    assert_eq!((udp.refused, udp.limit), (1, WAITING_MAX));
    // Another client has room, and what needs no waiting is answered to all.
    let other = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).await.unwrap();
    assert_eq!(read(&udp_ask(&other, server, &query(ASKED, 6)).await.0), (6, 0, 1));
    assert_eq!(read(&udp_ask(&client, server, &query(AT_ONCE, 7)).await.0), (7, NXDOMAIN, 0));

    // The bound over all clients: all room that the first one left is taken.
    let free = u32::try_from(WAITING_MAX - WAITING_PER_CLIENT).unwrap();
    let _taken = load.waiting.acquire_many(free).await.unwrap();
    assert_eq!(read(&udp_ask(&other, server, &query(FRESH, 8)).await.0), (8, SERVFAIL, 0));
    assert_eq!(read(&udp_ask(&other, server, &query(AT_ONCE, 9)).await.0), (9, NXDOMAIN, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_query_is_not_waited_for_long() {
    let (_transports, server, _toy) = start(v4());
    let began = Instant::now();
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(&framed(&query(ASKED, 1))[..9]).await.unwrap();
    assert!(is_closed(&mut stream).await);
    assert!((READ..IDLE).contains(&began.elapsed()));
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_go_sooner_when_most_are_taken() {
    let (transports, server, _toy) = start(v4());
    let load = transports.load();
    let most = u32::try_from(CONNECTIONS_MAX * 9 / 10).unwrap();
    let taken = load.connections.acquire_many(most).await.unwrap();
    let began = Instant::now();
    let mut idle = TcpStream::connect(server).await.unwrap();
    assert!(is_closed(&mut idle).await);
    assert!((IDLE_WHEN_FULL..IDLE).contains(&began.elapsed()));
    // With none left, a new one is turned away at once, and UDP does not notice.
    let rest = u32::try_from(load.connections.available_permits()).unwrap();
    let all = load.connections.acquire_many(rest).await.unwrap();
    let mut one_more = TcpStream::connect(server).await.unwrap();
    assert!(is_closed(&mut one_more).await);
    assert_eq!(load.queues()[1].refused, 1);
    let client = UdpSocket::bind(v4()).await.unwrap();
    assert_eq!(read(&udp_ask(&client, server, &query(ASKED, 5)).await.0), (5, 0, 1));
    drop((taken, all));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_room_to_pipeline_a_connection_is_answered_one_by_one() {
    let (transports, server, _toy) = start(v4());
    let load = transports.load();
    let all = u32::try_from(PIPELINED_IN_ALL).unwrap();
    let taken = load.pipelined.acquire_many(all).await.unwrap();
    let mut stream = TcpStream::connect(server).await.unwrap();
    let queries: Vec<u8> = (0..40).flat_map(|id| framed(&query(ASKED, id))).collect();
    stream.write_all(&queries).await.unwrap();
    for id in 0..40 {
        assert_eq!(
            read(&tcp_read(&mut stream).await),
            (id, 0, 1),
            "in their order, as each waits for the last"
        );
    }
    assert!(load.queues()[2].refused > 0);
    drop(taken);
    assert_eq!((load.queues()[2].depth, load.queues()[2].limit), (0, PIPELINED_IN_ALL));
}

/// The real engine under the built-in policies (127.0.0.0/8 and ::1 are pupils), with no lists.
pub(super) fn engine(upstreams: Upstreams) -> Arc<Engine> {
    let index = Arc::new(Index::empty());
    let snapshot = Snapshot::build(&School::built_in(), &World::default(), index);
    let settings = Settings { cache_bytes: 1 << 20, ..Settings::default() };
    let local = LocalZones::new(&[], &[]).unwrap();
    Engine::new(settings, upstreams, local, Arc::new(snapshot))
}
