//! The group against toy servers on loopback: failover, health, bounds.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use blocklists::name::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::bootstrap::Bootstrap;
use super::group::Group;
use super::slots::Slots;
use super::{
    Class, Options, Server, ServerAddress, UNHEALTHY_AFTER, UpAnswer, UpError, UpQuestion, Upstream,
    Upstreams,
};

pub(super) const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;

pub(super) fn question() -> UpQuestion {
    UpQuestion {
        name: Name::parse("www.example.org").unwrap(),
        rtype: 1,
        dnssec_ok: false,
        checking_disabled: false,
    }
}

/// The query turned into a response with this code.
pub(super) fn respond(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2] |= 0x80;
    reply[3] = rcode;
    reply
}

/// A UDP server that sends everything that `script` makes of each query.
pub(super) async fn server(script: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for reply in script(&buffer[..length]) {
                socket.send_to(&reply, from).await.unwrap();
            }
        }
    });
    address
}

pub(super) async fn says(rcode: u8) -> SocketAddr {
    server(move |query| vec![respond(query, rcode)]).await
}

/// A port where nobody listens.
pub(super) async fn closed() -> SocketAddr {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
}

pub(super) fn upstreams(servers: &[SocketAddr]) -> Upstreams {
    let group = servers.iter().copied().map(ServerAddress::udp).collect();
    Upstreams::plain(vec![group], &[])
}

pub(super) async fn ask(upstreams: &Upstreams) -> Result<UpAnswer, UpError> {
    upstreams.group(0).unwrap().ask(&question()).await
}

pub(super) fn label(address: SocketAddr) -> String {
    ServerAddress::udp(address).to_string()
}

#[tokio::test]
async fn the_next_server_answers_when_the_first_fails_in_any_way() {
    let silent = server(|_| Vec::new()).await;
    for bad in [says(SERVFAIL).await, says(REFUSED).await, says(4).await, closed().await, silent] {
        let good = says(0).await;
        let upstreams = upstreams(&[bad, good]);
        let answer = ask(&upstreams).await.unwrap();
        assert_eq!(&*answer.server, label(good));
    }
}

#[tokio::test]
async fn nxdomain_is_an_answer() {
    let first = says(3).await;
    let answer = ask(&upstreams(&[first, says(0).await])).await.unwrap();
    assert_eq!(&*answer.server, label(first));
    assert_eq!(answer.bytes[3] & 0xf, 3);
}

#[tokio::test]
async fn errors_say_what_was_wrong() {
    assert_eq!(ask(&upstreams(&[])).await.unwrap_err(), UpError::NoServers);
    let refused = upstreams(&[closed().await]);
    assert_eq!(ask(&refused).await.unwrap_err(), UpError::Network);
    let failed = upstreams(&[closed().await, says(REFUSED).await]);
    assert_eq!(ask(&failed).await.unwrap_err(), UpError::AllServersFailed { rcode: REFUSED, ede: None });
    let silent = upstreams(&[server(|_| Vec::new()).await, closed().await]);
    assert_eq!(ask(&silent).await.unwrap_err(), UpError::Timeout);
    assert!(Upstreams::default().group(0).is_none());
}

#[tokio::test]
async fn one_near_miss_is_ignored() {
    for change in [0, 1, 2, 14, 30, 99] {
        let spoofed = server(move |query| {
            let mut near_miss = respond(query, 0);
            match near_miss.get_mut(change) {
                Some(octet) => *octet ^= 0x81,
                None => near_miss.truncate(11),
            }
            vec![Vec::new(), near_miss, respond(query, 3)]
        });
        let upstreams = upstreams(&[spoofed.await]);
        assert_eq!(ask(&upstreams).await.unwrap().bytes[3] & 0xf, 3, "octet {change}");
        assert_eq!(upstreams.servers()[0].over_tcp, 0);
    }
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let mut reply = respond(&buffer[..length], 0);
        reply[2] |= 0x02;
        socket.send_to(&reply, from).await.unwrap();

        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await.unwrap();
        let mut reply = respond(&query, 0);
        reply.extend([0; 3000]);
        stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
        stream.write_all(&reply).await.unwrap();
    });
    let answer = ask(&upstreams(&[address])).await.unwrap();
    assert!(answer.bytes.len() > 3000);
    assert_eq!(answer.bytes[2] & 0x02, 0);
}

#[tokio::test]
async fn servers_are_counted_and_the_failing_ones_asked_last() {
    let dead = closed().await;
    let good = says(0).await;
    let upstreams = upstreams(&[dead, good]);
    for _ in 0..10 {
        ask(&upstreams).await.unwrap();
    }
    let stats = upstreams.servers();
    let tries = u64::from(UNHEALTHY_AFTER);
    assert_eq!((stats[0].requests, stats[0].failures, stats[0].healthy), (tries, tries, false));
    assert_eq!((stats[1].requests, stats[1].failures, stats[1].healthy), (10, 0, true));
    assert_eq!(stats[1].durations.iter().sum::<u64>(), 10);
}

#[tokio::test]
async fn a_filtering_server_that_fails_is_not_replaced_by_one_that_does_not_filter() {
    let counted = Arc::new(AtomicUsize::new(0));
    let (count, silent) = (Arc::clone(&counted), server(|_| Vec::new()).await);
    let unfiltered = server(move |query| {
        count.fetch_add(1, SeqCst);
        vec![respond(query, 0)]
    })
    .await;
    let filtering = |address| Server { address: ServerAddress::udp(address), class: Some(Class::Filtering) };
    for (bad, error) in [
        (says(SERVFAIL).await, UpError::AllServersFailed { rcode: SERVFAIL, ede: None }),
        (says(REFUSED).await, UpError::AllServersFailed { rcode: REFUSED, ede: None }),
        (closed().await, UpError::Network),
        (silent, UpError::Timeout),
    ] {
        let group = vec![filtering(bad), ServerAddress::udp(unfiltered).into()];
        let upstreams = Upstreams::of_servers(&[group], &[], Options::default());
        assert_eq!(upstreams.servers().len(), 1);
        // More often than it takes to count as unhealthy and to be asked last.
        let tries = if error == UpError::Timeout { 1 } else { UNHEALTHY_AFTER + 2 };
        for _ in 0..tries {
            assert_eq!(ask(&upstreams).await.unwrap_err(), error);
        }
        let other = says(0).await;
        let group = vec![filtering(bad), ServerAddress::udp(unfiltered).into(), filtering(other)];
        assert_eq!(
            &*ask(&Upstreams::of_servers(&[group], &[], Options::default())).await.unwrap().server,
            label(other)
        );
    }
    assert_eq!(counted.load(SeqCst), 0);
}

#[tokio::test]
async fn beyond_the_bound_questions_are_refused_and_slots_come_back() {
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let silent = server(move |_| {
        heard.send(()).unwrap();
        Vec::new()
    });
    let slots = Slots::new(1);
    let servers = [ServerAddress::udp(silent.await).into()];
    let group = Arc::new(Group::new(&servers, &Arc::new(Bootstrap::new(&[])), &Arc::default(), &slots));
    let first = tokio::spawn({
        let group = Arc::clone(&group);
        async move { group.ask(&question()).await }
    });
    hears.recv().await.unwrap();
    assert_eq!(group.ask(&question()).await.unwrap_err(), UpError::Busy);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(slots.taken(), 0);
}

#[tokio::test]
async fn a_server_written_as_a_name_is_found_through_the_bootstrap() {
    // Says that every name has the address 127.0.0.1 (and no IPv6 address).
    let bootstrap = server(|query| {
        let question_end = 12 + query[12..].iter().position(|&byte| byte == 0).unwrap() + 5;
        let is_a = query[question_end - 3] == 1;
        let mut reply = query[..question_end].to_vec();
        reply[2] |= 0x80;
        reply[3] = 0x80;
        reply[6..12].copy_from_slice(&[0, u8::from(is_a), 0, 0, 0, 0]);
        if is_a {
            reply.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01");
        }
        vec![reply]
    });
    let good = says(0).await;
    let named: ServerAddress = format!("udp://dns.example:{}", good.port()).parse().unwrap();
    let upstreams = Upstreams::plain(vec![vec![named.clone()]], &[bootstrap.await]);
    assert_eq!(&*ask(&upstreams).await.unwrap().server, named.to_string());

    let nobody = Upstreams::plain(vec![vec![named]], &[]);
    assert_eq!(ask(&nobody).await.unwrap_err(), UpError::Network);
}
