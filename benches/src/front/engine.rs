//! The data plane by itself, as a server's process: one UDP thread over an engine, without the program
//! around it.
//!
//! The program always reads the events that its engine writes. Here that can be left out, so that there is
//! a bare figure to hold the full one against.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use resolver::upstream::{ServerAddress, Upstreams};
use resolver::{Engine, LocalZones, Settings};

use crate::arena::Arena;
use crate::process::{Process, cores, free_address};
use crate::servers::schoolgate::School;
use crate::servers::{Running, wait_until_blocked};
use crate::{Outcome, school};

const CACHE_BYTES: u64 = 64 << 20;
/// Events are read so often at least, and counters as often as Prometheus would at its fastest.
const READ_EVERY: Duration = Duration::from_secs(1);

/// A school with everything on: 10 policies, 1,000 subnets, safe search.
pub fn full(list: &str) -> School {
    School { policies: 10, subnets: 1_000, safe_search: true, ..School::small(&[list]) }
}

/// Starts it on the servers' core over the school that stands in this folder.
pub fn start(arena: &Arena, name: &'static str, school: &School, read: bool) -> Outcome<Running> {
    let folder = arena.folder.join(name);
    std::fs::create_dir_all(&folder)?;
    school.write(&folder)?;
    school::compile_beside(&folder)?;
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("engine").arg(&folder).args([address.to_string(), arena.upstream.address.to_string()]);
    command.arg(if read { "read" } else { "bare" });
    let process = Process::start(&mut command, &folder.join("said.log"), Some(cores().0))?;
    let running = Running { name, address, process, loading: Duration::ZERO };
    wait_until_blocked(&running, &arena.names.ends())?;
    arena.check(&running)?;
    Ok(running)
}

/// The process itself; it runs until it is killed.
pub fn in_this_process(folder: &Path, address: &str, upstream: &str, events: &str) -> Outcome<ExitCode> {
    let upstreams = Upstreams::plain(vec![vec![ServerAddress::udp(upstream.parse()?)]], &[]);
    let settings = Settings { cache_bytes: CACHE_BYTES, ..Settings::default() };
    let snapshot = Arc::new(school::snapshot_beside(folder)?);
    let engine = Engine::new(settings, upstreams, LocalZones::new(&[], &[])?, snapshot);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let bound = resolver::transport::bind(&[address.parse::<SocketAddr>()?], 1)?;
    let _transports = resolver::transport::serve(bound, Arc::clone(&engine), runtime.handle())?;
    runtime.block_on(async {
        if events != "read" {
            return std::future::pending().await;
        }
        // A consumer that counts, and counters that are gathered, as long as it runs.
        let seen = AtomicU64::new(0);
        loop {
            engine.events().drain(&mut |_| {
                seen.fetch_add(1, Relaxed);
            });
            let _ = tokio::time::timeout(READ_EVERY, engine.events().filling()).await;
            std::hint::black_box(engine.counters().read());
        }
    })
}
