//! Whether a quiet client is answered while others ask as fast as they can.
//!
//! Server, flood and quiet client are threads of this process on loopback; the flood's addresses
//! are 127.21.x.y, the quiet client's is 127.20.0.9. A try is lost when no answer came within
//! [`PATIENCE`].

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use resolver::upstream::Upstreams;
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

/// What the quiet client saw.
#[derive(Debug, Default)]
struct Seen {
    asked: u32,
    at_first: u32,
    in_three: u32,
    slowest: Duration,
}

/// Floods from one address, then from 1,000, with names that are blocked, cached and on no list.
///
/// # Errors
/// When sockets cannot be had.
pub fn run() -> Outcome<ExitCode> {
    let mut rows = Vec::new();
    for (addresses, first, three) in [(1, 99.9, 99.9), (1000, 0.0, 99.0)] {
        for (what, case) in [("blocked", scene::Case::Blocked), ("missing", scene::Case::Missing)] {
            let (seen, after, facts) = flood(addresses, case)?;
            let what = format!("{addresses} addresses ask for {what} names");
            let share = |part: u32, of: &Seen| f64::from(part) * 100.0 / f64::from(of.asked.max(1));
            let at_least = |name: &str, value: f64, least: f64| Row {
                what: format!("{what}: {name}"),
                figure: format!("{value:.2} %"),
                aim: if least > 0.0 { format!(">= {least} %") } else { String::new() },
                met: (least > 0.0).then_some(value >= least),
            };
            rows.push(Row::fact(&what, facts));
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

fn flood(addresses: u16, case: scene::Case) -> Outcome<(Seen, Seen, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let group: Arc<dyn resolver::upstream::Upstream> = Arc::new(scene::Toy);
    let settings = Settings { cache_bytes: 1 << 24, ..Settings::default() };
    let local = LocalZones::new(&[], &[])?;
    let engine = Engine::new(settings, Upstreams::new(vec![group]), local, Arc::new(scene::snapshot(true)?));
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
    let seen = ask_quietly(server, LASTS)?;
    let peak = memory()?;
    stop.store(true, Relaxed);
    flooder.join().map_err(|_| "the flood ended early")??;
    let after = ask_quietly(server, AFTER)?;
    runtime.block_on(transports.stop());
    let facts = format!(
        "{:.0} a second, {} shed, {} had no room to wait, {} KiB more memory",
        sent.load(Relaxed) as f64 / LASTS.as_secs_f64(),
        load.shed(),
        load.queues().first().map_or(0, |queue| queue.refused),
        peak.saturating_sub(before)
    );
    Ok((seen, after, facts))
}

/// Asks every few milliseconds, up to three times.
fn ask_quietly(server: SocketAddr, lasts: Duration) -> Outcome<Seen> {
    let client = UdpSocket::bind(("127.20.0.9", 0))?;
    client.connect(server)?;
    let queries = [scene::queries(scene::Case::Blocked), scene::queries(scene::Case::Cached)].concat();
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

/// Resident memory of this process, in KiB.
fn memory() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no figure")?.parse()?)
}
