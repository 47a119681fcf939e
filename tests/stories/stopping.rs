//! A stop under load: whoever had asked before the signal is answered, over UDP and TCP, from the cache and
//! from an upstream that takes its time. Restarts with the service manager's sockets are told in `tests/service`.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::actors::{Mood, Question, Upstream};
use crate::scene::plan;

/// Questions that one client has on the way.
const WINDOW: usize = 32;
/// Every so many questions of a client are for a name that has to be asked for upstream.
const NEW_EVERY: u16 = 16;
/// Answers that clients have had before the signal comes.
const UNDER_WAY: usize = 1000;
/// How long a client listens before it looks whether all is over.
const LOOK: Duration = Duration::from_millis(20);

/// What a client asked, by id: when it had left, and whether it was answered.
type Asked = Vec<(Instant, bool)>;

/// The question under this id, with the id in place.
fn question(client: u8, id: u16) -> Vec<u8> {
    let name = match id % NEW_EVERY {
        0 => format!("new-{client}-{id}.example"),
        1..8 => "poker.example".to_owned(),
        _ => "shop.example".to_owned(),
    };
    let mut bytes = Question::new(&name, "A").bytes();
    bytes[..2].copy_from_slice(&id.to_be_bytes());
    bytes
}

/// Asks without a pause until told that it is over, then hears what is still there.
fn ask_until(over: &AtomicBool, client: u8, server: SocketAddr, answered: &AtomicUsize) -> Asked {
    let socket = UdpSocket::bind((std::net::Ipv4Addr::new(127, 20, 7, client), 0)).unwrap();
    socket.set_read_timeout(Some(LOOK)).unwrap();
    let (mut asked, mut buffer) = (Asked::new(), [0; 2048]);
    let mut waiting = 0;
    let mut last_look = false;
    loop {
        while !last_look && waiting < WINDOW && asked.len() < usize::from(u16::MAX) {
            let id = u16::try_from(asked.len()).unwrap();
            let sent = socket.send_to(&question(client, id), server).is_ok();
            asked.push((Instant::now(), !sent));
            waiting += usize::from(sent);
        }
        match socket.recv(&mut buffer) {
            Ok(length) => {
                assert!(length > 12 && [0, 3].contains(&(buffer[3] & 15)), "{:02x?}", &buffer[..length]);
                let place = &mut asked[usize::from(u16::from_be_bytes([buffer[0], buffer[1]]))];
                assert!(!place.1, "answered once");
                place.1 = true;
                waiting -= 1;
                answered.fetch_add(1, Relaxed);
            }
            // What was sent to a port that nobody has any more comes back as an error.
            Err(_) if last_look => return asked,
            Err(_) => last_look = over.load(Relaxed),
        }
    }
}

#[test]
fn what_was_asked_before_the_stop_signal_is_answered() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).open();
    let pupil = school.pupil("127.20.0.5");
    pupil.ask("shop.example", "A");
    upstream.is_always(Some(Mood::Slow));
    let (server, over, answered) = (school.server(), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|threads| {
        let (over, answered) = (&over, &answered);
        let clients: Vec<_> =
            (1..=4).map(|client| threads.spawn(move || ask_until(over, client, server, answered))).collect();
        school.until("many have been answered", || answered.load(Relaxed) > UNDER_WAY);

        // On one connection: some hundred questions at once, with the signal on their heels.
        let mut stream = pupil.connect(Duration::from_secs(10)).unwrap();
        // It is known to the server, and not only to the kernel.
        assert_eq!(exchange(&mut stream, 0..1), 1);
        let framed: Vec<u8> = (16..116).flat_map(|id| framed(&question(9, id))).collect();
        stream.write_all(&framed).unwrap();
        let before = Instant::now();
        school.signal(Signal::SIGTERM);

        assert_eq!(read_answers(&mut stream, 100), 100, "over TCP");
        assert_eq!(school.ended().code, Some(0));
        over.store(true, Relaxed);
        for client in clients {
            let asked = client.join().unwrap();
            let lost = asked.iter().filter(|(sent, answered)| *sent < before && !answered).count();
            assert_eq!(lost, 0, "of {}", asked.len());
        }
    });
}

fn framed(query: &[u8]) -> Vec<u8> {
    [&u16::try_from(query.len()).unwrap().to_be_bytes()[..], query].concat()
}

fn exchange(stream: &mut (impl Read + Write), ids: std::ops::Range<u16>) -> usize {
    let count = ids.len();
    stream.write_all(&ids.flat_map(|id| framed(&question(8, id + 1))).collect::<Vec<u8>>()).unwrap();
    read_answers(stream, count)
}

/// How many whole answers come, of so many.
fn read_answers(stream: &mut impl Read, count: usize) -> usize {
    let one = |_: &usize| {
        let mut length = [0; 2];
        let mut answer = Vec::new();
        let length = stream.read_exact(&mut length).map(|()| u16::from_be_bytes(length));
        length.is_ok_and(|length| {
            answer.resize(usize::from(length), 0);
            stream.read_exact(&mut answer).is_ok()
        })
    };
    (0..count).take_while(one).count()
}
