//! What one answer costs the UDP front, over a floor that only echoes.
//!
//! Server and client are threads of this process on loopback. The client keeps a window of queries
//! on the way; the server's processor time is that of its threads alone, as the kernel counts it.
//! For instructions instead of time: `valgrind --tool=callgrind --collect-atstart=no
//! --toggle-collect='*udp*Worker*run*' benches front blocked 100000`.

use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use resolver::upstream::Upstreams;
use resolver::{Engine, LocalZones, Settings};

use crate::Outcome;

pub mod scene;

use scene::Case;

/// Queries that the client keeps on the way.
const WINDOW: usize = 64;
/// Datagrams that the echo takes at once, as the front does.
const BATCH: usize = 32;

/// Runs one case (`count` queries), or all of them in turns.
///
/// # Errors
/// When sockets cannot be had, or an answer is not the one that was to be measured.
pub fn run(arguments: &[&str]) -> Outcome<ExitCode> {
    let cases = [
        ("echo", Case::Echo),
        ("blocked", Case::Blocked),
        ("cached", Case::Cached),
        ("safe-search", Case::SafeSearch),
    ];
    match arguments {
        [] => {
            println!(
                "| case | school | CPU us an answer | of which user | answers a second |\n|---|---|---|---|---|"
            );
            for _ in 0..3 {
                for (name, case) in cases {
                    for full in [false, true] {
                        if case != Case::Echo || !full {
                            measure(name, case, full, 400_000)?;
                        }
                    }
                }
            }
        }
        [name, count, rest @ ..] => {
            let (_, case) = cases
                .iter()
                .find(|(known, _)| known == name)
                .ok_or("echo, blocked, cached or safe-search")?;
            measure(name, *case, rest == ["full"], count.parse()?)?;
        }
        _ => return Err("front [CASE COUNT [full]]".into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(name: &str, case: Case, full: bool, count: u64) -> Outcome<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if case == Case::Echo {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let stopped = Arc::clone(&stop);
        let echo = std::thread::Builder::new().name("dns-udp-echo".to_owned());
        let echo = echo.spawn(move || echo_until(&socket, &stopped))?;
        ask(name, case, full, count, address)?;
        stop.store(true, Relaxed);
        return echo.join().map_err(|_| "the echo ended early".into());
    }
    let group: Arc<dyn resolver::upstream::Upstream> = Arc::new(scene::Toy);
    let local = LocalZones::new(&[], &[])?;
    let settings = Settings { cache_bytes: 1 << 24, ..Settings::default() };
    let engine = Engine::new(settings, Upstreams::new(vec![group]), local, Arc::new(scene::snapshot(full)?));
    let bound = resolver::transport::bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 1)?;
    let address = bound.addresses().first().copied().ok_or("no address")?;
    let transports = resolver::transport::serve(bound, Arc::clone(&engine), runtime.handle())?;
    let seen = Arc::new(AtomicU64::new(0));
    let reader = full.then(|| {
        let (engine, stopped, seen) = (Arc::clone(&engine), Arc::clone(&stop), Arc::clone(&seen));
        std::thread::spawn(move || {
            while !stopped.load(Relaxed) {
                let drained = engine.events().drain(&mut |_| {
                    seen.fetch_add(1, Relaxed);
                });
                if drained == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        })
    });
    ask(name, case, full, count, address)?;
    stop.store(true, Relaxed);
    runtime.block_on(transports.stop());
    if let Some(reader) = reader {
        reader.join().map_err(|_| "the reader ended early")?;
        let load = engine.events().load();
        eprintln!("{} events read, {} dropped", seen.load(Relaxed), load.dropped);
    }
    Ok(())
}

/// The least that a front can do: takes a batch, sends it back.
fn echo_until(socket: &UdpSocket, stop: &AtomicBool) {
    let mut buffers = vec![[0_u8; 4096]; BATCH];
    let mut headers: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(BATCH, None);
    let mut back: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(BATCH, None);
    while !stop.load(Relaxed) {
        let mut lengths = Vec::with_capacity(BATCH);
        let mut addresses = Vec::with_capacity(BATCH);
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let Ok(received) = recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None) else {
            continue;
        };
        for message in received {
            lengths.push(message.bytes);
            addresses.push(message.address);
        }
        let replies: Vec<[IoSlice<'_>; 1]> = buffers
            .iter()
            .zip(&lengths)
            .map(|(buffer, &length)| [IoSlice::new(buffer.get(..length).unwrap_or(&[]))])
            .collect();
        drop(sendmmsg(
            socket.as_raw_fd(),
            &mut back,
            replies.iter(),
            addresses.as_slice(),
            [],
            MsgFlags::empty(),
        ));
    }
}

/// Asks, and prints what it cost the server.
fn ask(name: &str, case: Case, full: bool, count: u64, server: SocketAddr) -> Outcome<()> {
    let client = UdpSocket::bind(("127.20.0.9", 0))?;
    client.connect(server)?;
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    let queries = scene::queries(case);
    // Once each, so that the cache has them.
    for query in &queries {
        client.send(query)?;
        let mut reply = [0; 2048];
        let length = client.recv(&mut reply)?;
        scene::check(case, reply.get(..length).unwrap_or(&[]))?;
    }
    let (began, before) = (Instant::now(), processor_time()?);
    let mut sending = queries.iter().cycle();
    let (mut sent, mut received) = (0_u64, 0_u64);
    let mut reply = [0; 2048];
    while received < count {
        while sent < count && sent - received < WINDOW as u64 {
            client.send(sending.next().ok_or("nothing to ask")?)?;
            sent += 1;
        }
        // Half a window at a time, so that batches form.
        let until = (received + WINDOW as u64 / 2).min(sent);
        while received < until {
            client.recv(&mut reply)?;
            received += 1;
        }
    }
    let (took, after) = (began.elapsed(), processor_time()?);
    let each = |ticks: u64| ticks as f64 * 10_000.0 / count as f64;
    println!(
        "| {name} | {} | {:.2} | {:.2} | {:.0} |",
        if full { "10 policies, 1,000 subnets, events read" } else { "bare" },
        each(after.0 + after.1 - before.0 - before.1),
        each(after.0 - before.0),
        count as f64 / took.as_secs_f64()
    );
    Ok(())
}

/// Ticks (10 ms) in user and kernel mode of the server's threads.
fn processor_time() -> Outcome<(u64, u64)> {
    let mut sum = (0, 0);
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        if head.contains("(dns-udp") {
            let mut fields = tail.split_whitespace().skip(11);
            let mut next = || fields.next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            sum.0 += next();
            sum.1 += next();
        }
    }
    Ok(sum)
}
