//! The servers that are measured side by side: ours and its peers, each as Debian has it.
//!
//! A [`Plan`] says what every one of them gets alike: the same listed names, the same upstream, one
//! worker thread, an address on loopback. Each server's file says how its own configuration expresses
//! that. Nothing is installed from here: what is missing is named with the package that has it.

mod classic;
pub mod nsd;
mod resolvers;
pub mod schoolgate;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::process::{Process, free_address};
use crate::question::{Said, ask};

/// A server that has not loaded its lists by then never will.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest wait for one reply while a server loads.
const PACE: Duration = Duration::from_millis(2);

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This project.
    Schoolgate,
    /// `local-zone … always_nxdomain`.
    Unbound,
    /// The same with an RPZ zone from a file.
    UnboundRpz,
    /// `SuffixMatchNode` in front of a packet cache.
    Dnsdist,
    /// `policy.rpz` from a file.
    Knot,
    /// An RPZ zone from a file.
    Recursor,
    /// A response-policy zone from a file.
    Bind,
    /// `local=/x/`.
    Dnsmasq,
}

/// What a server gets.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where its files go; its own alone.
    pub folder: PathBuf,
    /// Listed names, one a line; each blocks itself and all below.
    pub names: PathBuf,
    /// Who answers what is not blocked.
    pub upstream: SocketAddr,
    /// The core that it is kept on; without one it has all.
    pub core: Option<usize>,
    /// Threads (or processes) that answer, where it can have more than one.
    pub threads: usize,
    /// Our program.
    pub program: PathBuf,
    /// Whether answers are cached. Off where memory for lists alone is asked for and a server would cache
    /// its blocks as well.
    pub cache: bool,
}

/// A configured server that can be started, again and again.
#[derive(Debug)]
pub struct Prepared {
    /// Which it is.
    pub kind: Kind,
    /// Where it will answer.
    pub address: SocketAddr,
    plan: Plan,
    command: Vec<String>,
}

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    /// Its name, for a complaint.
    pub name: &'static str,
    /// Where it answers.
    pub address: SocketAddr,
    /// Its process.
    pub process: Process,
    /// From exec until the first and the last listed name were blocked.
    pub loading: Duration,
}

impl Kind {
    /// In the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Schoolgate,
        Self::Unbound,
        Self::UnboundRpz,
        Self::Dnsdist,
        Self::Knot,
        Self::Recursor,
        Self::Bind,
        Self::Dnsmasq,
    ];

    /// Its name in reports and for `--only`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schoolgate => "schoolgate",
            Self::Unbound => "unbound",
            Self::UnboundRpz => "unbound-rpz",
            Self::Dnsdist => "dnsdist",
            Self::Knot => "knot-resolver",
            Self::Recursor => "pdns-recursor",
            Self::Bind => "bind9",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// The Debian package.
    pub fn package(self) -> &'static str {
        match self {
            Self::Dnsmasq => "dnsmasq-base",
            Self::UnboundRpz => "unbound",
            _ => self.name(),
        }
    }

    /// How it is told to block.
    pub fn method(self) -> &'static str {
        match self {
            Self::Schoolgate => "`domains` list",
            Self::Unbound => "`local-zone: … always_nxdomain`",
            Self::UnboundRpz => "`rpz:`, `x` and `*.x`",
            Self::Dnsdist => "`SuffixMatchNodeRule`, `RCodeAction(NXDOMAIN)`",
            Self::Knot => "`policy.rpz(policy.DENY, …)`, `x` and `*.x`",
            Self::Recursor => "`rpzFile`, `x` and `*.x`",
            Self::Bind => "`response-policy`, `x` and `*.x`",
            Self::Dnsmasq => "`local=/x/`",
        }
    }

    /// Where its program is.
    fn program(self) -> &'static str {
        match self {
            Self::Schoolgate => "",
            Self::Unbound | Self::UnboundRpz => "/usr/sbin/unbound",
            Self::Dnsdist => "/usr/bin/dnsdist",
            Self::Knot => "/usr/sbin/kresd",
            Self::Recursor => "/usr/sbin/pdns_recursor",
            Self::Bind => "/usr/sbin/named",
            Self::Dnsmasq => "/usr/sbin/dnsmasq",
        }
    }

    /// The sentence for somebody who lacks it; `None` where it is there.
    pub fn missing(self) -> Option<String> {
        if self == Self::Schoolgate || Path::new(self.program()).exists() {
            return None;
        }
        let package = self.package();
        Some(format!(
            "{} is not measured: `apt-get install --no-install-recommends {package}` gets it",
            self.name()
        ))
    }

    /// Version of the package; ours from the program.
    pub fn version(self, program: &Path) -> String {
        match self {
            Self::Schoolgate => first_line(Command::new(program).arg("--version")).replace("schoolgate ", ""),
            _ => version_of(self.package()),
        }
    }

    /// Writes its configuration. Ours compiles its lists when it first starts.
    pub fn prepare(self, plan: &Plan) -> Outcome<Prepared> {
        std::fs::create_dir_all(&plan.folder)?;
        let address = free_address()?;
        let arguments = match self {
            Self::Schoolgate => schoolgate::configure(plan, address)?,
            Self::Unbound => classic::unbound(plan, address)?,
            Self::UnboundRpz => classic::unbound_rpz(plan, address)?,
            Self::Dnsmasq => classic::dnsmasq(plan, address)?,
            Self::Bind => classic::bind(plan, address)?,
            Self::Dnsdist => resolvers::dnsdist(plan, address)?,
            Self::Recursor => resolvers::recursor(plan, address)?,
            Self::Knot => resolvers::knot(plan, address)?,
        };
        let program = match self {
            Self::Schoolgate => plan.program.display().to_string(),
            Self::Knot => "/bin/sh".to_owned(),
            _ => self.program().to_owned(),
        };
        let command = std::iter::once(program).chain(arguments).collect();
        Ok(Prepared { kind: self, address, plan: plan.clone(), command })
    }
}

impl Prepared {
    /// Its files.
    pub fn folder(&self) -> &Path {
        &self.plan.folder
    }

    /// The program itself.
    pub fn program(&self) -> &Path {
        Path::new(self.command.first().map_or("", String::as_str))
    }

    /// Starts it and waits until all of these names are blocked: the first and the last of its list, and
    /// any more. Bind answers before its whole zone is in force; there it has to say so as well.
    pub fn start(&self, names: &[&str]) -> Outcome<Running> {
        let started = Instant::now();
        let mut process = self.launch()?;
        let socket = UdpSocket::bind((schoolgate::CLIENT, 0))?;
        let mut wait = |what: &str, done: &mut dyn FnMut(&Process) -> Outcome<bool>| -> Outcome<()> {
            while !done(&process)? {
                let ended = process.ended()?;
                if ended.is_some() || started.elapsed() > PATIENCE {
                    let (name, said) = (self.kind.name(), process.last_words());
                    let how =
                        ended.map_or("is not ready".to_owned(), |status| format!("ended with {status}"));
                    return Err(format!("{name} {how}, waiting for {what}:\n{said}").into());
                }
            }
            Ok(())
        };
        for name in names {
            wait(name, &mut |_| Ok(ask(&socket, self.address, name, PACE)? == Said::Nothing))?;
        }
        if self.kind == Kind::Bind {
            wait("its policy zone", &mut |process| {
                std::thread::sleep(PACE);
                Ok(process.said("reload done"))
            })?;
        }
        let loading = started.elapsed();
        Ok(Running { name: self.kind.name(), address: self.address, process, loading })
    }

    /// Starts it without waiting.
    pub fn launch(&self) -> Outcome<Process> {
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Err("a server without a program".into());
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.plan.folder);
        Process::start(&mut command, &self.plan.folder.join("said.log"), self.plan.core)
    }
}

impl Running {
    /// Fails unless it blocks all of these names and what is below them, and answers all of those.
    pub fn check(&self, listed: &[&str], open: &[&str]) -> Outcome<()> {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 20, 0, 8), 0))?;
        let below: Vec<String> = listed.iter().map(|name| format!("www.{name}")).collect();
        let blocked = listed.iter().copied().chain(below.iter().map(String::as_str));
        let wanted = blocked.map(|name| (name, Said::Nothing));
        for (name, want) in wanted.chain(open.iter().map(|name| (*name, Said::Records))) {
            let got = ask(&socket, self.address, name, Duration::from_secs(5))?;
            if got != want {
                return Err(format!("{}: {name}: {got:?} instead of {want:?}", self.name).into());
            }
        }
        Ok(())
    }
}

/// Waits until these names are blocked.
pub fn wait_until_blocked(running: &Running, names: &[&str]) -> Outcome<()> {
    let (socket, started) = (UdpSocket::bind((schoolgate::CLIENT, 0))?, Instant::now());
    for name in names {
        while ask(&socket, running.address, name, PACE)? != Said::Nothing {
            if started.elapsed() > PATIENCE {
                return Err(
                    format!("{} is not ready:\n{}", running.name, running.process.last_words()).into()
                );
            }
        }
    }
    Ok(())
}

/// Waits until something comes back, whatever it is.
pub fn wait_for_any_reply(running: &Running) -> Outcome<()> {
    let socket = UdpSocket::bind((schoolgate::CLIENT, 0))?;
    let started = Instant::now();
    while ask(&socket, running.address, "www.example", PACE)? == Said::Silence {
        if started.elapsed() > PATIENCE {
            return Err(format!("nothing comes back:\n{}", running.process.last_words()).into());
        }
    }
    Ok(())
}

/// Version of an installed Debian package.
pub fn version_of(package: &str) -> String {
    first_line(Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]))
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    output
        .ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}
