//! A server's process: on a core of its own, watched through `/proc`, ended with its children.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;
use crate::machine::{self, Memory};

/// Clock ticks a second in `/proc/PID/stat`; the same on every Linux of today.
const TICKS: f64 = 100.0;

/// Processor time of a process, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// In all, to the nanosecond.
    pub total: f64,
    /// Of it in the program itself, to a hundredth of a second.
    pub user: f64,
    /// Of it in the kernel, to a hundredth of a second.
    pub system: f64,
}

impl Spent {
    /// What was spent since an earlier look.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total: self.total - earlier.total,
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }
}

/// Process groups that this program started and that have not ended.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A running process, ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it, in a group of its own, on this core (without one: on all, wherever this thread is kept);
    /// what it says goes to a file.
    pub fn start(command: &mut Command, log: &Path, core: Option<usize>) -> Outcome<Self> {
        let (out, error) = (File::create(log)?, File::options().append(true).open(log)?);
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(error);
        let own = sched_getaffinity(None)?;
        // A child inherits the affinity of the thread that starts it.
        match core {
            Some(core) => pin(core)?,
            None => sched_setaffinity(None, &every_core())?,
        }
        let child = command.spawn();
        sched_setaffinity(None, &own)?;
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(child.id());
        Ok(Self { child, log: log.to_owned() })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Outcome<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Its memory, and that of those that it started.
    pub fn memory(&self) -> Outcome<Memory> {
        let mut sum = Memory::of(&self.id().to_string())?;
        // One of the others may have ended since.
        for other in members(self.id())?.iter().filter_map(|id| Memory::of(id).ok()) {
            sum.rss += other.rss;
            sum.pss += other.pss;
        }
        Ok(sum)
    }

    /// Processor time so far of all its threads, and of those that it started.
    pub fn spent(&self) -> Outcome<Spent> {
        let mut sum = spent(&self.id().to_string())?;
        // One of the others may have ended since.
        for other in members(self.id())?.iter().filter_map(|id| spent(id).ok()) {
            sum.total += other.total;
            sum.user += other.user;
            sum.system += other.system;
        }
        Ok(sum)
    }

    /// Whether it said something.
    pub fn said(&self, what: &str) -> bool {
        std::fs::read(&self.log).is_ok_and(|said| String::from_utf8_lossy(&said).contains(what))
    }

    /// The end of what it said, for a complaint.
    pub fn last_words(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// The others of a process's group: a server of several processes starts the others itself.
fn members(group: u32) -> Outcome<Vec<String>> {
    let (own, mut members) = (group.to_string(), Vec::new());
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // It may have ended since; the third field behind the name in brackets is its group.
        let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).unwrap_or_default();
        let group = stat.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(2));
        if name != own && name.bytes().all(|byte| byte.is_ascii_digit()) && group == Some(own.as_str()) {
            members.push(name);
        }
    }
    Ok(members)
}

/// Processor time of one process.
fn spent(id: &str) -> Outcome<Spent> {
    let folder = PathBuf::from("/proc").join(id);
    let stat = std::fs::read_to_string(folder.join("stat"))?;
    // The name in brackets may hold anything; fields 14 and 15 follow it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| -> f64 {
        fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0) * 1e6 / TICKS
    };
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir(folder.join("task"))? {
        // A thread may end between the two looks.
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0);
    }
    Ok(Spent { total: nanoseconds / 1e3, user: ticks(11), system: ticks(12) })
}

impl Drop for Process {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| *id != self.id());
        end(self.id());
        let _ = self.child.wait();
    }
}

/// Ends a group of processes. It is of no more use; one that is already gone is no trouble either.
fn end(id: u32) {
    if let Ok(group) = i32::try_from(id) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

/// Ends what was started when this program is told to end: servers left behind would take their share of
/// the next measurement. To be called before there are other threads.
pub fn end_together() -> Outcome<()> {
    let mut signals = SigSet::empty();
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().for_each(|signal| signals.add(signal));
    signals.thread_block()?;
    std::thread::spawn(move || {
        if signals.wait().is_ok() {
            RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().for_each(end);
            std::process::exit(130);
        }
    });
    Ok(())
}

/// As many as a set can hold: the kernel takes those that there are.
fn every_core() -> CpuSet {
    let mut set = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| set.set(core));
    set
}

/// Keeps this thread, and what it starts, on one core.
pub fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// Lets this thread, and what it starts, run wherever there is room.
pub fn unpin() -> Outcome<()> {
    Ok(sched_setaffinity(None, &every_core())?)
}

/// The core that servers run on and the one that asks: the first and the last. One and the same on a
/// machine with a single core, which is said in the report.
pub fn cores() -> (usize, usize) {
    (0, machine::cores().saturating_sub(1))
}

/// A loopback address with a port that was free just now, for both UDP and TCP.
pub fn free_address() -> Outcome<SocketAddr> {
    loop {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
}
