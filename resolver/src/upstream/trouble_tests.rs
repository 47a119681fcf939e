//! Servers that lose, delay, forge and repeat; streams that are shared; strategies, cookies, letter case.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blocklists::name::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::tests::{SERVFAIL, ask, closed, label, question, respond, says, server, upstreams};
use super::{
    Carrier, Options, PACKETS_MAX, PORT_USES, PORTS, ROUNDS, Server, ServerAddress, Strategy, UpError,
    UpQuestion, Upstreams,
};

const TRUNCATED: u8 = 0x02;

fn with(servers: &[SocketAddr], options: Options) -> Upstreams {
    let group = servers.iter().map(|server| Server::from(ServerAddress::udp(*server))).collect();
    Upstreams::of_servers(&[group], &[], options)
}

fn named(number: usize) -> UpQuestion {
    UpQuestion { name: Name::parse(&format!("n{number}.example.org")).unwrap(), ..question() }
}

/// Counts what arrives and answers as told.
async fn counting(
    counter: &Arc<AtomicUsize>,
    script: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let counter = Arc::clone(counter);
    server(move |query| script(counter.fetch_add(1, SeqCst), query)).await
}

/// A server on UDP and TCP of one port. `datagram` answers the first; streams get what `stream` makes of
/// everything that has arrived so far.
async fn both(
    datagram: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    stream: impl Fn(&[u8]) -> Vec<u8> + Send + Clone + 'static,
    streams: &Arc<AtomicUsize>,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    let streams = Arc::clone(streams);
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for reply in datagram(&buffer[..length]) {
                socket.send_to(&reply, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            streams.fetch_add(1, SeqCst);
            tokio::spawn(serve(socket, stream.clone()));
        }
    });
    address
}

async fn serve(mut socket: TcpStream, script: impl Fn(&[u8]) -> Vec<u8>) -> std::io::Result<()> {
    loop {
        let length = socket.read_u16().await?;
        let mut query = vec![0; usize::from(length)];
        socket.read_exact(&mut query).await?;
        let reply = script(&query);
        if reply.is_empty() {
            return Ok(());
        }
        socket.write_u16(u16::try_from(reply.len()).unwrap()).await?;
        socket.write_all(&reply).await?;
    }
}

#[tokio::test]
async fn more_near_misses_and_tcp_settles_it() {
    let streams = Arc::new(AtomicUsize::new(0));
    for forge in [|reply: &mut Vec<u8>| reply[0] ^= 1, |reply: &mut Vec<u8>| reply[14] ^= 1] {
        let spoofed = both(
            move |query| {
                let mut forged = respond(query, 0);
                forge(&mut forged);
                vec![forged.clone(), forged, respond(query, 0)]
            },
            |query| respond(query, 3),
            &streams,
        );
        let upstreams = upstreams(&[spoofed.await]);
        assert_eq!(ask(&upstreams).await.unwrap().bytes[3] & 0xf, 3, "the answer over TCP");
        let stats = &upstreams.servers()[0];
        assert_eq!((stats.near_misses, stats.over_tcp), (2, 1));
    }
}

#[tokio::test]
async fn streams_are_shared_and_kept() {
    let streams = Arc::new(AtomicUsize::new(0));
    let truncates = |query: &[u8]| {
        let mut reply = respond(query, 0);
        reply[2] |= TRUNCATED;
        vec![reply]
    };
    let address = both(truncates, |query| respond(query, 3), &streams).await;
    let upstreams = upstreams(&[address]);
    let group = upstreams.group(0).unwrap();
    for round in 0..3 {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..20 {
            let group = Arc::clone(group);
            tasks.spawn(async move { group.ask(&named(round * 20 + number)).await.unwrap() });
        }
        assert!(tasks.join_all().await.iter().all(|answer| answer.bytes[3] & 0xf == 3));
    }
    assert_eq!(streams.load(SeqCst), 1);
}

#[tokio::test]
async fn a_stream_that_was_closed_meanwhile_costs_no_answer() {
    let streams = Arc::new(AtomicUsize::new(0));
    let answered = Arc::new(AtomicUsize::new(0));
    // Every second question finds its stream closed.
    let script = move |query: &[u8]| {
        if answered.fetch_add(1, SeqCst) % 2 == 1 { Vec::new() } else { respond(query, 3) }
    };
    let address = both(|_| Vec::new(), script, &streams).await;
    let group = vec![ServerAddress::plain(Carrier::Tcp, address)];
    let upstreams = Upstreams::plain(vec![group], &[]);
    for _ in 0..6 {
        assert_eq!(ask(&upstreams).await.unwrap().bytes[3] & 0xf, 3);
    }
    assert_eq!(upstreams.servers()[0].failures, 0);
    assert!(streams.load(SeqCst) > 3);
}

#[tokio::test]
async fn lost_datagrams_are_sent_again() {
    for lost in 1..usize::try_from(ROUNDS).unwrap() {
        let counter = Arc::new(AtomicUsize::new(0));
        let lossy = counting(
            &counter,
            move |number, query| if number < lost { vec![] } else { vec![respond(query, 0)] },
        );
        ask(&upstreams(&[lossy.await])).await.unwrap();
        assert_eq!(counter.load(SeqCst), lost + 1, "as many as it takes");
    }
}

#[tokio::test]
async fn a_slow_server_is_still_an_answer() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        // It answers the first question, but only when it has heard it for the third time: after more
        // than a second.
        let mut heard = Vec::new();
        let mut buffer = [0; 2048];
        for _ in 0..3 {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            heard.push((respond(&buffer[..length], 0), from));
        }
        socket.send_to(&heard[0].0, heard[0].1).await.unwrap();
    });
    let upstreams = upstreams(&[address]);
    ask(&upstreams).await.unwrap();
}

#[tokio::test]
async fn no_question_causes_more_packets_than_the_budget() {
    let counter = Arc::new(AtomicUsize::new(0));
    let mut servers = Vec::new();
    for _ in 0..PACKETS_MAX + 30 {
        servers.push(counting(&counter, |_, query| vec![respond(query, SERVFAIL)]).await);
    }
    let failed = ask(&upstreams(&servers)).await.unwrap_err();
    assert_eq!(failed, UpError::AllServersFailed { rcode: SERVFAIL, ede: None });
    assert_eq!(u32::try_from(counter.load(SeqCst)).unwrap(), PACKETS_MAX);
}

#[tokio::test]
async fn ports_change_and_are_many() {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            noted.lock().unwrap().insert((from.port(), [buffer[0], buffer[1]]));
            socket.send_to(&respond(&buffer[..length], 0), from).await.unwrap();
        }
    });
    let upstreams = upstreams(&[address]);
    let questions = usize::from(PORTS) * usize::try_from(PORT_USES).unwrap() * 3 / 2;
    for number in 0..questions {
        upstreams.group(0).unwrap().ask(&named(number)).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    let ports: HashSet<u16> = seen.iter().map(|(port, _)| *port).collect();
    let ids: HashSet<[u8; 2]> = seen.iter().map(|(_, id)| *id).collect();
    assert!(ports.len() > usize::from(PORTS), "{} ports for {questions} questions", ports.len());
    assert!(ids.len() > questions * 8 / 10, "{} ids for {questions} questions", ids.len());
    assert!(upstreams.servers()[0].connections <= u64::from(PORTS));
}

#[tokio::test]
async fn the_fastest_is_asked_and_the_others_now_and_then() {
    let (slow_count, fast_count) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Never in time is slow.
    let slow = counting(&slow_count, |_, _| Vec::new());
    let fast = counting(&fast_count, |_, query| vec![respond(query, 0)]).await;
    let servers = [slow.await, fast];
    let upstreams = with(&servers, Options { strategy: Strategy::Fastest, ..Options::default() });
    for _ in 0..50 {
        ask(&upstreams).await.unwrap();
    }
    assert!(fast_count.load(SeqCst) >= 48, "{fast_count:?} of 50");
    assert!((1..5).contains(&slow_count.load(SeqCst)), "{slow_count:?} of 50");
}

#[tokio::test]
async fn in_a_race_the_first_good_answer_counts() {
    let silent = server(|_| Vec::new()).await;
    let servers = [says(SERVFAIL).await, silent, says(0).await];
    let upstreams = with(&servers, Options { strategy: Strategy::Race, ..Options::default() });
    assert_eq!(&*ask(&upstreams).await.unwrap().server, label(servers[2]));
    assert_eq!(upstreams.servers().iter().map(|server| server.requests).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn a_server_that_recovers_is_found_out_by_one_question_that_need_not_wait() {
    let dead = closed().await;
    let good = says(0).await;
    let upstreams = upstreams(&[dead, good]);
    for _ in 0..5 {
        ask(&upstreams).await.unwrap();
    }
    assert!(!upstreams.servers()[0].healthy);
    // Its port is free: nobody listened there.
    let socket = UdpSocket::bind(dead).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            socket.send_to(&respond(&buffer[..length], 0), from).await.unwrap();
        }
    });
    let recovered = async {
        while !upstreams.servers()[0].healthy {
            ask(&upstreams).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), recovered).await.unwrap();
}

#[tokio::test]
async fn bogus_data_is_not_asked_for_elsewhere() {
    let validating = server(|query| {
        let mut reply = respond(query, SERVFAIL);
        // EDE 6 (DNSSEC bogus) in the OPT record, which is the last one; its own cookie goes.
        let end = 12 + query[12..].iter().position(|&octet| octet == 0).unwrap() + 5;
        reply.truncate(end);
        reply.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\x06\0\x0f\0\x02\0\x06");
        vec![reply]
    });
    let upstreams = upstreams(&[validating.await, says(0).await]);
    let failed = ask(&upstreams).await.unwrap_err();
    assert_eq!(failed, UpError::AllServersFailed { rcode: SERVFAIL, ede: Some(6) });
}

#[tokio::test]
async fn with_random_letter_case_another_case_is_a_near_miss() {
    let streams = Arc::new(AtomicUsize::new(0));
    let lowers = |query: &[u8]| {
        let mut reply = respond(query, 0);
        reply[12..].make_ascii_lowercase();
        reply
    };
    let address = both(move |query| vec![lowers(query), lowers(query)], lowers, &streams).await;
    let upstreams = with(&[address], Options { case_randomisation: true, ..Options::default() });
    for _ in 0..10 {
        ask(&upstreams).await.unwrap();
    }
    let stats = &upstreams.servers()[0];
    assert!((1..=4).contains(&stats.over_tcp), "TCP settles it, then it is given up: {stats:?}");
}

#[tokio::test]
async fn a_cookie_that_a_server_gave_is_expected_from_then_on() {
    let streams = Arc::new(AtomicUsize::new(0));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let keeps = move |query: &[u8]| {
        let (mut reply, at) = (respond(query, 0), query.len());
        if count.fetch_add(1, SeqCst) >= 2 {
            // A forger knows everything but the cookie.
            let opt = 12 + query[12..].iter().position(|&octet| octet == 0).unwrap() + 5;
            reply.truncate(opt);
            reply[11] = 0;
            return vec![reply.clone(), reply];
        }
        if query[at - 9] == 8 {
            reply.extend(b"a server");
            let (option, opt) = (at - 9, at - 13);
            reply[option] += 8;
            reply[opt] += 8;
        }
        vec![reply]
    };
    let address = both(keeps, |query| respond(query, 3), &streams).await;
    let upstreams = upstreams(&[address]);
    for expected in [0, 0, 3, 3] {
        assert_eq!(ask(&upstreams).await.unwrap().bytes[3] & 0xf, expected);
    }
    assert_eq!(upstreams.servers()[0].near_misses, 4);
}
