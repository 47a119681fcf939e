//! What the benches that drive servers share: the same names and questions for everybody, one upstream,
//! a core for the servers and one for the generator.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::load::echo::{self, Manner};
use crate::load::saturating::{self, NARROW, Until};
use crate::load::stream::{CACHED_NAMES, Mix, Stream};
use crate::names::{self, Names};
use crate::options::Options;
use crate::process::{cores, pin};
use crate::servers::nsd::Upstream;
use crate::servers::{Kind, Plan, Prepared, Running, wait_for_any_reply};
use crate::{Outcome, page};

/// Listed and unlisted names that every server has to treat right before it is measured.
const SAMPLE: usize = 100;
/// A trial has so much fewer names.
const TRIAL: usize = 20;

/// The place.
pub struct Arena {
    /// What is asked for.
    pub names: Names,
    /// A folder that goes with it.
    pub folder: PathBuf,
    /// The program that is measured.
    pub program: PathBuf,
    /// Who answers what nobody has.
    pub upstream: Upstream,
    list: PathBuf,
    salt: Cell<u64>,
    _temporary: TempDir,
}

impl Arena {
    /// Takes so many names (unless the options say otherwise), starts the upstream, and keeps this thread
    /// on the generator's core.
    pub fn open(options: &Options, names: usize) -> Outcome<Self> {
        let temporary = tempfile::tempdir()?;
        let folder = temporary.path().to_owned();
        let names = options.names.unwrap_or(if options.quick { names / TRIAL } else { names });
        let names = Names::take(options.data.as_deref(), names)?;
        let upstream = Upstream::start(&folder.join("nsd"), Some(cores().1))?;
        let list = folder.join("names.txt");
        names::write(&list, names.listed.iter().map(String::as_str))?;
        let program = options.server.clone();
        let arena =
            Self { names, folder, program, upstream, list, salt: Cell::new(0), _temporary: temporary };
        arena.keep_to_core()?;
        Ok(arena)
    }

    /// Keeps this thread, which asks, on the generator's core.
    pub fn keep_to_core(&self) -> Outcome<()> {
        pin(cores().1)
    }

    /// What a server gets: all names, one thread on the servers' core.
    pub fn plan(&self, folder: &str) -> Plan {
        Plan {
            folder: self.folder.join(folder),
            names: self.list.clone(),
            upstream: self.upstream.address,
            core: Some(cores().0),
            threads: 1,
            program: self.program.clone(),
            cache: true,
        }
    }

    /// The file with all names.
    pub fn list(&self) -> &Path {
        &self.list
    }

    /// A stream whose fresh names nobody was asked before.
    pub fn stream(&self, mix: Mix) -> Stream {
        Stream::mix(&self.names, mix, self.salt())
    }

    /// What sets a stream's fresh names apart from all others of this run.
    pub fn salt(&self) -> u64 {
        self.salt.set(self.salt.get() + 1);
        self.salt.get()
    }

    /// Has a server answer every name of the cached part, so that it has them from now on.
    pub fn warm(&self, server: SocketAddr) -> Outcome<()> {
        let cached = self.names.open.iter().take(CACHED_NAMES);
        let mut stream = Stream::of(cached.map(String::as_str));
        let length = stream.len() as u64;
        saturating::run(server, &mut stream, NARROW, Until::Questions(length)).map(|_| ())
    }

    /// Starts a server and checks that it blocks and answers.
    pub fn start(&self, kind: Kind, plan: &Plan) -> Outcome<Running> {
        eprintln!("benches: {} loads", kind.name());
        let prepared = kind.prepare(plan)?;
        if kind == Kind::Schoolgate {
            // Compiled before, as it is on any day but the first.
            drop(prepared.start(&self.names.ends())?);
        }
        self.start_prepared(&prepared)
    }

    /// Starts what is prepared, and checks it.
    pub fn start_prepared(&self, prepared: &Prepared) -> Outcome<Running> {
        let running = prepared.start(&self.names.ends())?;
        self.check(&running)?;
        Ok(running)
    }

    /// Fails unless it blocks some listed names and answers some unlisted ones.
    pub fn check(&self, running: &Running) -> Outcome<()> {
        let open: Vec<&str> = self.names.open.iter().take(SAMPLE).map(String::as_str).collect();
        running.check(&self.names.some_listed(SAMPLE, 5), &open)
    }

    /// Starts an echo whose replies are as large as this server's answers to this mix.
    pub fn echo(&self, manner: Manner, like: &Running, mix: Mix, threads: usize) -> Outcome<Running> {
        let mut stream = self.stream(mix);
        let octets =
            saturating::run(like.address, &mut stream, NARROW, Until::Questions(2_000))?.mean_octets();
        let core = (threads == 1).then_some(cores().0);
        let (process, address) = echo::start(manner, octets, threads, &self.folder, core)?;
        let running = Running { name: manner.name(), address, process, loading: Duration::ZERO };
        wait_for_any_reply(&running)?;
        Ok(running)
    }

    /// The page's beginning: what it shows, how, on which machine, with which names.
    pub fn introduce(&self, options: &Options, bench: &str, title: &str, method: &str) -> String {
        page::begin(bench, title, options.quick, &format!("{method}\n\nNames: {}.", self.names.origin))
    }
}
