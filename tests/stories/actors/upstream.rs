//! The resolver that the school forwards to: a real DNS server on loopback that says what a story
//! tells it to say, misbehaves on request, and remembers every question.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::Transport;
use super::records::{read_name, record, record_data, start_of_authority, type_number, wire_name};

/// How the upstream answers for a name, or for everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// SERVFAIL.
    Servfail,
    /// REFUSED.
    Refused,
    /// No answer at all.
    Silent,
    /// Over UDP every answer comes a second late.
    Slow,
    /// Over UDP half of all questions or their answers are lost, by lot.
    Lossy,
    /// TC and nothing else over UDP; the whole answer over TCP.
    Truncated,
    /// The right answer under another id, then nothing.
    WrongId,
    /// The right id, but the question of somebody else.
    WrongQuestion,
    /// An A record of three bytes.
    BrokenRecord,
    /// Beside the answer, an address for a name that nobody asked about.
    Stuffed,
}

/// Most CNAMEs and DNAMEs that one answer follows.
const CHAIN_MAX: usize = 16;

#[derive(Default)]
struct Zone {
    records: BTreeMap<String, Vec<(u16, u32, Vec<u8>)>>,
    moods: BTreeMap<String, Mood>,
    always: Option<Mood>,
    asked: Vec<(String, u16, Vec<u8>)>,
    lot: u32,
}

/// How late [`Mood::Slow`] is.
const LATE: Duration = Duration::from_secs(1);

/// An answer that is on its way for a while.
type Late = (Instant, Vec<u8>, SocketAddr);

/// A programmable DNS server. Names that no story set up have the address 198.51.100.7.
pub struct Upstream {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl Upstream {
    /// Starts on a free port of 127.0.0.1, UDP and TCP.
    pub fn start() -> Self {
        let zone = Arc::new(Mutex::new(Zone::default()));
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let (for_udp, for_tcp) = (Arc::clone(&zone), Arc::clone(&zone));
        // Both threads live as long as the test program: their sockets cost nothing.
        thread::spawn(move || serve_udp(&udp, &for_udp));
        thread::spawn(move || serve_tcp(&tcp, &for_tcp));
        Self { address, zone }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As `schoolgate.toml` writes it.
    pub fn url(&self) -> String {
        format!("udp://{}", self.address)
    }

    /// Adds records, one a line: `name [ttl] TYPE data`. The TTL is an hour when left out.
    pub fn has(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, rest) = line.split_once(' ').unwrap();
            let (ttl, rest) = match rest.split_once(' ') {
                Some((first, rest)) if first.parse::<u32>().is_ok() => (first.parse().unwrap(), rest),
                _ => (3600, rest),
            };
            let (rtype, data) = rest.split_once(' ').unwrap();
            let rtype = type_number(rtype);
            let entry = (rtype, ttl, record_data(rtype, data));
            self.zone.lock().unwrap().records.entry(name.to_owned()).or_default().push(entry);
        }
    }

    /// Misbehaves for one name.
    pub fn is(&self, mood: Mood, name: &str) {
        self.zone.lock().unwrap().moods.insert(name.to_owned(), mood);
    }

    /// Misbehaves for every name, or stops doing so.
    pub fn is_always(&self, mood: Option<Mood>) {
        self.zone.lock().unwrap().always = mood;
    }

    /// How often a name was asked for, whatever the type.
    pub fn times_asked(&self, name: &str) -> usize {
        self.zone.lock().unwrap().asked.iter().filter(|(asked, _, _)| asked == name).count()
    }

    /// How often a name at or below `apex` was asked for.
    pub fn times_asked_below(&self, apex: &str) -> usize {
        let below = format!(".{apex}");
        let zone = self.zone.lock().unwrap();
        zone.asked.iter().filter(|(asked, _, _)| asked == apex || asked.ends_with(&below)).count()
    }

    /// The questions about a name as they came over the wire.
    pub fn packets_about(&self, name: &str) -> Vec<Vec<u8>> {
        let zone = self.zone.lock().unwrap();
        zone.asked.iter().filter(|(asked, _, _)| asked == name).map(|(_, _, bytes)| bytes.clone()).collect()
    }
}

fn serve_udp(socket: &UdpSocket, zone: &Mutex<Zone>) {
    let mut buffer = [0; 4096];
    let (delay, late) = channel();
    let deliverer = socket.try_clone().unwrap();
    thread::spawn(move || deliver(&deliverer, &late));
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        match answer(&buffer[..length], Transport::Udp, zone) {
            Some((answer, Some(Mood::Slow))) => delay.send((Instant::now() + LATE, answer, from)).unwrap(),
            Some((answer, _)) => drop(socket.send_to(&answer, from)),
            None => {}
        }
    }
}

/// Sends each answer when its time has come.
fn deliver(socket: &UdpSocket, late: &Receiver<Late>) {
    let (_never, tick) = channel::<()>();
    for (due, answer, to) in late {
        let _ = tick.recv_timeout(due.saturating_duration_since(Instant::now()));
        let _ = socket.send_to(&answer, to);
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Arc<Mutex<Zone>>) {
    for stream in listener.incoming().flatten() {
        let zone = Arc::clone(zone);
        thread::spawn(move || while serve_one(&stream, &zone).is_some() {});
    }
}

fn serve_one(mut stream: &TcpStream, zone: &Mutex<Zone>) -> Option<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut question).ok()?;
    let (answer, _) = answer(&question, Transport::Tcp, zone)?;
    let framed = [&u16::try_from(answer.len()).ok()?.to_be_bytes()[..], &answer].concat();
    stream.write_all(&framed).ok()
}

/// What to say to one question, and in which mood; `None` is silence.
fn answer(packet: &[u8], transport: Transport, zone: &Mutex<Zone>) -> Option<(Vec<u8>, Option<Mood>)> {
    let (name, after) = read_name(packet, 12)?;
    let rtype = u16::from_be_bytes([*packet.get(after)?, *packet.get(after + 1)?]);
    let mut zone = zone.lock().unwrap();
    zone.asked.push((name.clone(), rtype, packet.to_vec()));
    let mood = zone.always.or_else(|| zone.moods.get(&name).copied());
    let question = &packet[12..after + 4];
    let head = |rcode: u8, truncated: bool| -> Vec<u8> {
        let flags = [0x80 | (packet[2] & 1) | if truncated { 2 } else { 0 }, 0x80 | rcode];
        [&packet[..2], &flags, &[0, 1, 0, 0, 0, 0, 0, 0], question].concat()
    };
    let reply = match mood {
        Some(Mood::Silent) => return None,
        Some(Mood::Lossy) if transport == Transport::Udp && zone.loses() => return None,
        Some(Mood::Servfail) => head(2, false),
        Some(Mood::Refused) => head(5, false),
        Some(Mood::Truncated) if transport == Transport::Udp => head(0, true),
        Some(Mood::BrokenRecord) => with(head(0, false), 1, &[record(&name, 1, 60, &[192, 0, 2])]),
        _ => {
            let mut reply = zone.compose(head(0, false), &name, rtype);
            match mood {
                Some(Mood::WrongId) => reply[0] ^= 0xff,
                Some(Mood::WrongQuestion) => reply[13] ^= 0x01,
                Some(Mood::Stuffed) => reply = stuffed(reply),
                _ => {}
            }
            reply
        }
    };
    Some((reply, mood))
}

/// Adds records behind the question: the first `answers` as answers, the rest as authority.
fn with(mut head: Vec<u8>, answers: usize, records: &[Vec<u8>]) -> Vec<u8> {
    head[7] = u8::try_from(answers).unwrap();
    head[9] = u8::try_from(records.len() - answers).unwrap();
    head.extend(records.concat());
    head
}

/// An extra answer and an extra glue record about a bank that nobody asked for.
fn stuffed(mut reply: Vec<u8>) -> Vec<u8> {
    assert_eq!(reply[9], 0, "stuff only positive answers");
    reply[7] += 1;
    reply[11] += 1;
    reply.extend(record("bank.example", 1, 3600, &[203, 0, 113, 66]));
    reply.extend(record("bank.example", 1, 3600, &[203, 0, 113, 66]));
    reply
}

impl Zone {
    /// Whether this packet is lost: the same lots in every run (the generator of POSIX's `rand`).
    fn loses(&mut self) -> bool {
        self.lot = self.lot.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        self.lot >> 30 & 1 == 1
    }

    /// The answer as a resolver gives it: the whole chain, then the records at its end.
    fn compose(&self, head: Vec<u8>, name: &str, rtype: u16) -> Vec<u8> {
        let mut answers = Vec::new();
        let mut owner = name.to_owned();
        for _ in 0..CHAIN_MAX {
            let Some(next) = self.step(&owner, rtype, &mut answers) else {
                break;
            };
            owner = next;
        }
        let found = answers.len();
        self.own_records(&owner, rtype, &mut answers);
        let rcode = u8::from(owner.split('.').any(|label| label == "nowhere")) * 3;
        let count = answers.len();
        if count == found {
            answers.push(start_of_authority("example"));
        }
        let mut reply = with(head, count, &answers);
        reply[3] |= rcode;
        reply
    }

    /// Follows one CNAME or DNAME from `owner`; says where it leads.
    fn step(&self, owner: &str, rtype: u16, answers: &mut Vec<Vec<u8>>) -> Option<String> {
        let here = self.records.get(owner).map_or(&[][..], Vec::as_slice);
        if let Some((_, ttl, data)) = here.iter().find(|(kind, _, _)| *kind == 5 && rtype != 5) {
            answers.push(record(owner, 5, *ttl, data));
            return Some(read_name(data, 0)?.0);
        }
        let dots = owner.match_indices('.').map(|(at, _)| at);
        for (prefix, apex) in dots.map(|at| (&owner[..at], &owner[at + 1..])) {
            let Some(records) = self.records.get(apex) else {
                continue;
            };
            if let Some((_, ttl, data)) = records.iter().find(|(kind, _, _)| *kind == 39) {
                let target = format!("{prefix}.{}", read_name(data, 0)?.0);
                answers.push(record(apex, 39, *ttl, data));
                answers.push(record(owner, 5, *ttl, &wire_name(&target)));
                return Some(target);
            }
        }
        None
    }

    fn own_records(&self, owner: &str, rtype: u16, answers: &mut Vec<Vec<u8>>) {
        match self.records.get(owner) {
            Some(records) => {
                let wanted = records.iter().filter(|(kind, _, _)| *kind == rtype || rtype == 255);
                answers.extend(wanted.map(|(kind, ttl, data)| record(owner, *kind, *ttl, data)));
            }
            None if owner.split('.').any(|label| label == "nowhere") => {}
            None if rtype == 1 => answers.push(record(owner, 1, 3600, &[198, 51, 100, 7])),
            None if rtype == 28 => {
                answers.push(record(owner, 28, 3600, &record_data(28, "2001:db8::7")));
            }
            None => {}
        }
    }
}
