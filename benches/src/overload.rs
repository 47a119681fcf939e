//! Whether a quiet client is answered while others ask as fast as they can.
//!
//! Server, flood and quiet client are threads of this process on loopback; the flood's addresses
//! are 127.21.x.y, the quiet client's is 127.20.0.9. A try is lost when no answer came within
//! [`PATIENCE`]. Names that are on no list are new each time; they are answered at once by an upstream, or by nobody.
//! What memory grows by has the bounds of cache and queue.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use resolver::transport::{WAITING_MAX, WAITING_OCTETS};
use resolver::upstream::{ServerAddress, Upstreams};
use resolver::{Engine, LocalZones, Settings};

use crate::Outcome;
use crate::figures::{Row, print_table};
use crate::front::scene;

/// How long a client waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_millis(500);
/// Queries that leave in one call of the flood.
const BURST: usize = 32;
/// How long each flood goes on.
const LASTS: Duration = Duration::from_secs(10);
/// How long after it the server is watched.
const AFTER: Duration = Duration::from_secs(1);

/// What answers are kept in.
const CACHE_OCTETS: u64 = 16 << 20;
/// What memory may grow by: the cache with a quarter for tables that double, what waits, and what the allocator
/// keeps for threads that have been busy.
const GROWTH_MAX: u64 = CACHE_OCTETS + CACHE_OCTETS / 4 + (WAITING_MAX * WAITING_OCTETS) as u64 + (8 << 20);

/// What a flood asks for.
const FLOODS: [(&str, scene::Case, bool); 3] = [
    ("blocked names", scene::Case::Blocked, false),
    ("new names", scene::Case::Missing, false),
    ("new names that nobody answers", scene::Case::Missing, true),
];

/// What the quiet client saw.
#[derive(Debug, Default)]
struct Seen {
    asked: u32,
    at_first: u32,
    in_three: u32,
    slowest: Duration,
}

/// Floods from one address, then from 1,000, with every kind of names.
///
/// # Errors
/// When sockets cannot be had.
pub fn run() -> Outcome<ExitCode> {
    let mut rows = Vec::new();
    for (addresses, first, three) in [(1, 99.9, 99.9), (1000, 0.0, 99.0)] {
        for (what, case, is_dead) in FLOODS {
            let (seen, after, grown, facts) = flood(addresses, case, is_dead)?;
            let what = format!("{addresses} addresses ask for {what}");
            let share = |part: u32, of: &Seen| f64::from(part) * 100.0 / f64::from(of.asked.max(1));
            let at_least = |name: &str, value: f64, least: f64| Row {
                what: format!("{what}: {name}"),
                figure: format!("{value:.2} %"),
                aim: if least > 0.0 { format!(">= {least} %") } else { String::new() },
                met: (least > 0.0).then_some(value >= least),
            };
            rows.push(Row::fact(&what, facts));
            rows.push(Row {
                what: format!("{what}: more memory"),
                figure: format!("{:.1} MiB", grown as f64 / f64::from(1 << 20)),
                aim: format!("<= {} MiB", GROWTH_MAX >> 20),
                met: Some(grown <= GROWTH_MAX),
            });
            rows.push(at_least("answered at the first try", share(seen.at_first, &seen), first));
            rows.push(at_least("answered within three", share(seen.in_three, &seen), three));
            rows.push(Row::fact(&format!("{what}: slowest answer"), format!("{:?}", seen.slowest)));
            rows.push(at_least(
                "answered at the first try within a second after",
                share(after.at_first, &after),
                100.0,
            ));
        }
    }
    print_table(&rows);
    Ok(if rows.iter().any(|row| row.met == Some(false)) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the quiet client saw during and after it, by how many octets memory grew, and what else there is to say.
fn flood(addresses: u16, case: scene::Case, is_dead: bool) -> Outcome<(Seen, Seen, u64, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // Somebody who listens and never says anything.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let upstreams = match is_dead {
        true => Upstreams::plain(vec![vec![ServerAddress::udp(silent.local_addr()?)]], &[]),
        false => Upstreams::new(vec![Arc::new(scene::Toy)]),
    };
    let settings = Settings { cache_bytes: CACHE_OCTETS, ..Settings::default() };
    let local = LocalZones::new(&[], &[])?;
    let engine = Engine::new(settings, upstreams, local, Arc::new(scene::snapshot(true)?));
    let bound = resolver::transport::bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 2)?;
    let server = bound.addresses().first().copied().ok_or("no address")?;
    let transports = resolver::transport::serve(bound, engine, runtime.handle())?;
    let load = transports.load();
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let before = memory()?;
    let flooder = {
        let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
        std::thread::spawn(move || {
            send_until(&stop, server, addresses, case, &sent).map_err(|error| error.to_string())
        })
    };
    // With nobody to ask, no answer has got into the cache.
    let cases: &[scene::Case] =
        if is_dead { &[scene::Case::Blocked] } else { &[scene::Case::Blocked, scene::Case::Cached] };
    let seen = ask_quietly(server, cases, LASTS)?;
    let peak = memory()?;
    stop.store(true, Relaxed);
    flooder.join().map_err(|_| "the flood ended early")??;
    let after = ask_quietly(server, cases, AFTER)?;
    runtime.block_on(transports.stop());
    let facts = format!(
        "{:.0} a second, {} shed, {} had no room to wait",
        sent.load(Relaxed) as f64 / LASTS.as_secs_f64(),
        load.shed(),
        load.queues().first().map_or(0, |queue| queue.refused),
    );
    Ok((seen, after, peak.saturating_sub(before), facts))
}

/// Asks every few milliseconds, up to three times.
fn ask_quietly(server: SocketAddr, cases: &[scene::Case], lasts: Duration) -> Outcome<Seen> {
    let client = UdpSocket::bind(("127.20.0.9", 0))?;
    client.connect(server)?;
    let queries: Vec<_> = cases.iter().flat_map(|case| scene::queries(*case)).collect();
    let mut seen = Seen::default();
    let until = Instant::now() + lasts;
    let mut reply = [0; 2048];
    for (id, query) in (0_u16..).zip(queries.iter().cycle()) {
        if Instant::now() > until || id == u16::MAX {
            break;
        }
        let [high, low] = id.to_be_bytes();
        let query = [&[high, low], query.get(2..).unwrap_or(&[])].concat();
        seen.asked += 1;
        for number in 0..3 {
            let asked = Instant::now();
            client.send(&query)?;
            if answered(&client, asked, [high, low], &mut reply) {
                seen.at_first += u32::from(number == 0);
                seen.in_three += 1;
                seen.slowest = seen.slowest.max(asked.elapsed());
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    Ok(seen)
}

/// Whether the answer of this id comes in time; others are late ones.
fn answered(client: &UdpSocket, asked: Instant, id: [u8; 2], reply: &mut [u8]) -> bool {
    while let Some(left) = PATIENCE.checked_sub(asked.elapsed()).filter(|left| !left.is_zero()) {
        if client.set_read_timeout(Some(left)).is_err() {
            return false;
        }
        if client.recv(reply).is_ok_and(|length| length > 2) && reply.get(..2) == Some(&id) {
            return true;
        }
    }
    false
}

/// Sends as fast as it can, each burst from the next address; answers are not read.
fn send_until(
    stop: &AtomicBool,
    server: SocketAddr,
    addresses: u16,
    case: scene::Case,
    sent: &AtomicU64,
) -> Outcome<()> {
    let SocketAddr::V4(server) = server else { return Err("IPv4 is wanted".into()) };
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let control = nix::cmsg_space!(libc::in_pktinfo);
    let mut headers: MultiHeaders<SockaddrIn> = MultiHeaders::preallocate(BURST, Some(control));
    let to = [Some(SockaddrIn::from(SocketAddrV4::new(*server.ip(), server.port()))); BURST];
    let mut queries = scene::queries(case);
    for (round, address) in (0..addresses).cycle().enumerate() {
        if stop.load(Relaxed) {
            break;
        }
        if case == scene::Case::Missing {
            scene::make_new(&mut queries, round);
        }
        let [high, low] = address.to_be_bytes();
        let from = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes([127, 21, high, low.max(1)]) },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let slices: Vec<[IoSlice<'_>; 1]> = queries
            .iter()
            .cycle()
            .skip(round * BURST % queries.len())
            .take(BURST)
            .map(|query| [IoSlice::new(query)])
            .collect();
        let control = [ControlMessage::Ipv4PacketInfo(&from)];
        let gone = sendmmsg(socket.as_raw_fd(), &mut headers, slices.iter(), to, control, MsgFlags::empty());
        sent.fetch_add(gone.map_or(0, |gone| gone.count() as u64), Relaxed);
    }
    Ok(())
}

/// Octets of memory of this process's own; pages of files are not among them.
fn memory() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    Ok(line.split_whitespace().next().ok_or("no figure")?.parse::<u64>()? << 10)
}
