//! A server's process: on a core of its own, watched through `/proc`, ended with its children.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;
use crate::machine::Memory;

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

/// A running process, ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it, in a group of its own, on this core (all cores without one); what it says goes to a file.
    pub fn start(command: &mut Command, log: &Path, core: Option<usize>) -> Outcome<Self> {
        let (out, error) = (File::create(log)?, File::options().append(true).open(log)?);
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(error);
        let own = sched_getaffinity(None)?;
        // A child inherits the affinity of the thread that starts it.
        core.map(pin).transpose()?;
        let child = command.spawn();
        sched_setaffinity(None, &own)?;
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
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

    /// Its memory.
    pub fn memory(&self) -> Outcome<Memory> {
        Memory::of(&self.id().to_string())
    }

    /// Processor time of all its threads so far.
    pub fn spent(&self) -> Outcome<Spent> {
        let folder = PathBuf::from("/proc").join(self.id().to_string());
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

    /// The end of what it said, for a complaint.
    pub fn last_words(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It is of no more use; a process that is already gone is no trouble either.
        if let Ok(group) = i32::try_from(self.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// Keeps this thread, and what it starts, on one core.
pub fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// The core that servers run on and the one that asks: the first and the last. One and the same on a
/// machine with a single core, which is said in the report.
pub fn cores() -> (usize, usize) {
    (0, std::thread::available_parallelism().map_or(0, |count| count.get() - 1))
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
