//! Restarts while somebody asks without a pause: the sockets are systemd's, and what comes meanwhile waits in them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use nix::sys::signal::Signal;

use super::{PATIENCE, Systemd};
use crate::actors::{Plan, Question, Reply, Upstream};

/// Restarts.
const TIMES: usize = 10;
/// Questions that a client has on the way: of all clients together far fewer than any kernel keeps in one socket.
const WINDOW: usize = 24;
/// Answers that come between two restarts.
const BETWEEN: usize = 200;

/// What is asked under this number, and what is to come back: blocked, cached, or new to everybody.
fn question(client: u8, number: usize) -> (String, &'static str) {
    match number % 8 {
        0 => (format!("new-{client}-{number}.example"), "A 198.51.100.7"),
        1..4 => ("www.casino.example".to_owned(), "NXDOMAIN"),
        _ => ("shop.example".to_owned(), "A 198.51.100.7"),
    }
}

/// Asks without a pause until told that it is over; every single question has to be answered, rightly and once.
fn ask_until(over: &AtomicBool, client: u8, server: SocketAddr, answered: &AtomicUsize) -> usize {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 20, 7, client), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut asked, mut heard, mut buffer) = (0, 0, [0; 2048]);
    let mut waiting = std::collections::BTreeMap::new();
    while !over.load(Relaxed) || !waiting.is_empty() {
        while !over.load(Relaxed) && waiting.len() < WINDOW {
            let (name, said) = question(client, asked);
            let mut bytes = Question::new(&name, "A").bytes();
            let id = u16::try_from(asked % 65_536).unwrap();
            bytes[..2].copy_from_slice(&id.to_be_bytes());
            socket.send_to(&bytes, server).unwrap();
            assert_eq!(waiting.insert(id, (name, said)), None);
            asked += 1;
        }
        let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{error}: lost are {waiting:?}"));
        let (name, said) = waiting.remove(&u16::from_be_bytes([buffer[0], buffer[1]])).unwrap();
        let reply = Reply::read(buffer[..length].to_vec());
        assert_eq!(reply.said(), said, "{name}: {:?}", reply.extended_errors());
        heard += 1;
        answered.fetch_add(1, Relaxed);
    }
    assert_eq!(heard, asked);
    heard
}

#[test]
fn ten_restarts_under_socket_activation_lose_no_question() {
    let upstream = Upstream::start();
    let policy = "version = 1\n[[source]]\nid = \"casinos\"\ncategory = \"gambling\"\nformat = \"domains\"\npath = \"casinos.txt\"\n\
                  [[network]]\nid = \"pupils\"\nsubnets = [\"127.20.0.0/16\"]\npolicy = \"ks2\"\n";
    let plan = Plan::new().policy(policy).file("casinos.txt", "casino.example\n").forwards_to(&upstream);
    let systemd = Systemd::new(plan.lay_out());
    let mut service = systemd.start();
    systemd.hears("READY=1");
    let (server, over, answered) = (systemd.school.server(), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|threads| {
        let (over, answered) = (&over, &answered);
        let clients: Vec<_> =
            (1..=4).map(|client| threads.spawn(move || ask_until(over, client, server, answered))).collect();
        let all_ask = || clients.iter().all(|client| !client.is_finished());
        for _ in 0..TIMES {
            let so_far = answered.load(Relaxed);
            systemd.school.until("many are answered between two restarts", || {
                answered.load(Relaxed) > so_far + BETWEEN || !all_ask()
            });
            service.signal(Signal::SIGTERM);
            assert!(service.0.wait().unwrap().success());
            service = systemd.start();
            systemd.hears("READY=1");
            if !all_ask() {
                break;
            }
        }
        over.store(true, Relaxed);
        let answers: Vec<usize> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        println!("{answers:?} questions were answered over {TIMES} restarts");
        assert!(answers.iter().sum::<usize>() > TIMES * BETWEEN);
    });
}
