//! Floods: of names that nobody has asked for before, which is what costs most, and from addresses beside
//! which a quiet client asks. Counted, not timed; the figures are `cargo run --release -p benches -- overload`.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use resolver::transport::{WAITING_MAX, WAITING_OCTETS};

use crate::actors::{Mood, Question, Reply, School, Transport, Upstream};
use crate::scene::plan;

/// What the school of these stories keeps answers in.
const CACHE_OCTETS: u64 = 2 << 20;
/// What the allocator keeps besides for threads that have been busy.
const BESIDES: u64 = 8 << 20;
/// Names that fill that cache twice.
const NAMES: usize = 12_000;
/// How long the quiet client waits before it asks again.
const PATIENCE: Duration = Duration::from_millis(300);
/// How many queries wait for an upstream.
const WAITING: &str = "schoolgate_queue_depth{queue=\"udp\"} ";

/// Whoever floods stops, even when the story fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn school() -> (School, Upstream) {
    let upstream = Upstream::start();
    let tables = format!("[cache]\nbytes = \"{}MiB\"", CACHE_OCTETS >> 20);
    (plan().forwards_to(&upstream).tables(&tables).admin("metrics = \"open\"").open(), upstream)
}

/// Devices that flood.
struct Flood {
    server: SocketAddr,
    sockets: Vec<UdpSocket>,
}

impl Flood {
    /// From so many addresses of the pupils' network.
    fn from(school: &School, addresses: u8) -> Self {
        let socket = |host| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 20, 9, host), 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            socket
        };
        Self { server: school.server(), sockets: (1..=addresses).map(socket).collect() }
    }

    /// Asks for these names, `window` from each address in turn, and hears the answers where it has
    /// `patience` for them. Each name is in one of many zones, as no zone may hold much by itself.
    fn asks(&self, names: Range<usize>, window: usize, patience: bool) {
        let mut buffer = [0; 2048];
        let mut names = names.peekable();
        for socket in self.sockets.iter().cycle() {
            let asked = names.by_ref().take(window);
            let asked = asked.map(|name| Question::new(&format!("n{name}.z{}.example", name % 499), "A"));
            // With its queues full the kernel may say so.
            let sent = asked.filter(|asked| socket.send_to(&asked.bytes(), self.server).is_ok()).count();
            for _ in 0..if patience { sent } else { 0 } {
                if socket.recv(&mut buffer).is_err() {
                    break;
                }
            }
            if names.peek().is_none() {
                return;
            }
        }
    }
}

/// Of a gauge with one label, its value.
fn gauge(school: &School, series: &str) -> u64 {
    let page = school.coordinator().get("/metrics").body;
    let line =
        page.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_else(|| panic!("no {series}"));
    line.trim().parse().unwrap()
}

#[test]
fn a_flood_of_new_names_takes_no_more_memory_than_the_bounds_say() {
    let (school, upstream) = school();
    let flood = Flood::from(&school, 16);
    // Every thread has served somebody, every table is there.
    flood.asks(0..500, 20, true);
    let before = school.resident();
    let mut grown = Vec::new();
    let mut note = || grown.push(school.resident().saturating_sub(before));

    // Answered: what grows is the cache, up to its bound.
    flood.asks(1_000..1_000 + NAMES, 50, true);
    assert!(gauge(&school, "schoolgate_cache_bytes ") > CACHE_OCTETS / 4 * 3, "the cache is full");
    note();
    flood.asks(100_000..100_000 + NAMES, 50, true);
    note();
    // Faster than it can be answered, then answered by nobody: what waits grows, up to its bound.
    flood.asks(200_000..220_000, 50, false);
    note();
    upstream.is_always(Some(Mood::Silent));
    for round in 1..=6 {
        let first = round * 1_000_000;
        flood.asks(first..first + 8_000, 100, false);
        note();
    }
    let waiting = gauge(&school, WAITING);
    assert!(waiting > WAITING_MAX as u64 / 2, "{waiting} wait");
    let bound = CACHE_OCTETS + CACHE_OCTETS / 4 + (WAITING_MAX * WAITING_OCTETS) as u64 + BESIDES;
    println!("grown to {grown:?} of {bound}");
    assert!(grown.iter().all(|grown| *grown < bound), "{grown:?} of {bound}");
    // A further flood of the same kind finds the room of the one before.
    assert!(grown[1] < grown[0] + (4 << 20), "{grown:?}");
}

#[test]
fn a_quiet_client_is_answered_while_others_flood_with_new_names_and_after() {
    let (school, upstream) = school();
    let pupil = school.pupil("127.20.0.5");
    upstream.has("shop.example 600 A 198.51.100.7");
    assert_eq!(pupil.ask("shop.example", "A").said(), "A 198.51.100.7");
    upstream.is_always(Some(Mood::Silent));
    let hears = |name: &str, said: &str| {
        let asked = pupil.exchange(Transport::Udp, &Question::new(name, "A").bytes(), PATIENCE);
        asked.is_some_and(|reply| Reply::read(reply).said() == said)
    };
    for addresses in [1, 200] {
        let (flood, done) = (Flood::from(&school, addresses), AtomicBool::new(false));
        thread::scope(|threads| {
            threads.spawn(|| {
                let mut next = 0;
                while !done.load(Relaxed) {
                    flood.asks(next..next + 1_000, 32, false);
                    next += 1_000;
                }
            });
            let _done = Done(&done);
            // How many tries that takes depends on the machine; that it is answered at all does not.
            for _ in 0..50 {
                school.until("what is cached is answered", || hears("shop.example", "A 198.51.100.7"));
                school.until("what is blocked is answered", || hears("poker.example", "NXDOMAIN"));
            }
        });
        school.until("the flood is over", || gauge(&school, WAITING) == 0);
        assert_eq!(pupil.ask("shop.example", "A").said(), "A 198.51.100.7", "at the first try");
    }
    upstream.is_always(None);
    school.until("what nobody answered is answered again", || {
        pupil.ask("after-the-flood.example", "A").said() == "A 198.51.100.7"
    });
}
