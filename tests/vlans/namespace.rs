//! A network namespace: a machine with nothing but its own network.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::actors::Exit;

/// First part of the names of all namespaces that these stories make; the process id follows.
const PREFIX: &str = "schoolgate-";

/// A namespace, removed with everything that runs in it.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace; `role` says in its name what it is for.
    pub fn new(role: &str) -> Self {
        static SWEPT: Once = Once::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        assert!(
            geteuid().is_root(),
            "these stories build a school out of network namespaces, which only root may do: run them as root"
        );
        SWEPT.call_once(sweep);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{role}-{number}", std::process::id());
        let made = Exit::of(Command::new("ip").args(["netns", "add", &name]));
        assert!(
            made.code == Some(0),
            "this machine permits no network namespaces (a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN): {}",
            made.err
        );
        let namespace = Self { name };
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs `ip` commands inside, one a line; each has to succeed.
    pub fn ip(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let done = Exit::of(Command::new("ip").args(["-n", &self.name]).args(line.split(' ')));
            assert_eq!(done.code, Some(0), "ip {line} in {}: {}", self.name, done.err);
        }
    }

    /// A cable from a port here to a port of another namespace; both ends are up. IPv6 addresses are
    /// only the ones that a story gives.
    pub fn cable(&self, port: &str, other: &Self, other_port: &str) {
        self.ip(&format!("link add {port} type veth peer name {other_port} netns {}", other.name));
        for (end, port) in [(self, port), (other, other_port)] {
            end.ip(&format!("link set {port} addrgenmode none up"));
        }
    }

    /// A program that will run inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// The same command, but inside.
    pub fn inside(&self, outside: &Command) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(outside.get_program()).args(outside.get_args());
        if let Some(folder) = outside.get_current_dir() {
            command.current_dir(folder);
        }
        for (name, value) in outside.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Ends what runs in a namespace, and removes it. Says nothing: a panic may be on its way.
fn remove(name: &str) {
    if let Ok(listed) = Command::new("ip").args(["netns", "pids", name]).output() {
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        for process in text.lines().filter_map(|line| line.trim().parse().ok()) {
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
    }
    let _ = Command::new("ip").args(["netns", "delete", name]).output();
}

/// Removes what runs left behind that were killed before they could.
fn sweep() {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.and_then(|text| text.parse::<u32>().ok()) else { continue };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            remove(&name);
        }
    }
}
