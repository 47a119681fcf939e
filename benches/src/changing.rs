//! A school whose lists change under load: what the proofs of starts, swaps and rebuilds share.
//!
//! Every edition has the same names, spread over the sources anew, and one name that tells which edition
//! is live. A client on a core of its own asks at a fixed rate while the work goes on.

use std::cell::Cell;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::arena::Arena;
use crate::load::paced::{self, Paced};
use crate::load::stream::Stream;
use crate::names;
use crate::options::Options;
use crate::process::{cores, pin, unpin};
use crate::question::{Said, ask};
use crate::servers::schoolgate;
use crate::servers::{Kind, Plan, Prepared};

/// Sources that the names are spread over.
const SOURCES: usize = 4;
/// An edition that is not live by then never will be.
const PATIENCE: Duration = Duration::from_secs(120);

/// The school, its names and its upstream.
pub struct Changing {
    /// What is listed, and what is not.
    pub arena: Arena,
    /// The program, ready to be started.
    pub prepared: Prepared,
    number: Cell<usize>,
}

impl Changing {
    /// Lays out the first edition of so many names. The program has every core: as it is in a school.
    pub fn lay_out(options: &Options, names: usize) -> Outcome<Self> {
        let arena = Arena::open(options, names)?;
        // The client alone is kept on a core: what this thread starts is not.
        unpin()?;
        // Nothing is written for it: its sources are the editions.
        let plan = Plan { names: "".into(), core: None, ..arena.plan("school") };
        let prepared = Kind::Schoolgate.prepare(&plan)?;
        let files: Vec<String> = (0..SOURCES).map(file).collect();
        schoolgate::write_policy(&plan.folder, &files.iter().map(String::as_str).collect::<Vec<_>>())?;
        let changing = Self { arena, prepared, number: Cell::new(0) };
        changing.write()?;
        Ok(changing)
    }

    /// Writes the next edition.
    pub fn next_edition(&self) -> Outcome<()> {
        self.number.set(self.number.get() + 1);
        self.write()
    }

    /// `lists update`, as politely as the program itself runs it.
    pub fn update_command(&self) -> Command {
        let mut command = Command::new(self.prepared.program());
        command.arg("--config").arg(self.prepared.folder().join("schoolgate.toml"));
        command.args(["lists", "update", "--background"]).stdin(Stdio::null());
        command
    }

    /// Asks at this rate on a core of its own while `work` goes on.
    pub fn while_asked<T>(
        &self,
        mut stream: Stream,
        rate: f64,
        work: impl FnOnce() -> Outcome<T>,
    ) -> Outcome<(T, Paced)> {
        let (done, server, (_, core)) = (AtomicBool::new(false), self.prepared.address, cores());
        thread::scope(|threads| {
            let asking = threads.spawn(|| -> Result<Paced, String> {
                let stop = &mut |_| done.load(Ordering::Relaxed);
                pin(core)
                    .and_then(|()| paced::run(server, &mut stream, rate, stop, &mut |_| {}))
                    .map_err(|error| error.to_string())
            });
            let worked = work();
            done.store(true, Ordering::Relaxed);
            let paced = asking.join().map_err(|_| "the client stopped")??;
            Ok((worked?, paced))
        })
    }

    /// Blocks in this edition and in no earlier one.
    fn mark(&self) -> String {
        format!("edition-{}.changing-lists.com", self.number.get())
    }

    fn write(&self) -> Outcome<()> {
        let mark = self.mark();
        for source in 0..SOURCES {
            // Each name is in one source, and in another one in the next edition.
            let own = self.arena.names.listed.iter().enumerate();
            let own = own.filter(|(at, _)| (at + self.number.get()) % SOURCES == source);
            let own = own.map(|(_, name)| name.as_str()).chain([mark.as_str()]);
            let path = self.prepared.folder().join(file(source));
            // Whole or not at all: an update may begin at any moment.
            let whole = path.with_extension("new");
            names::write(&whole, own)?;
            std::fs::rename(whole, path)?;
        }
        Ok(())
    }

    /// Waits until the server blocks the mark of this edition.
    pub fn wait_until_live(&self) -> Outcome<()> {
        let socket = UdpSocket::bind((schoolgate::CLIENT, 0))?;
        let (mark, started) = (self.mark(), Instant::now());
        while ask(&socket, self.prepared.address, &mark, Duration::from_millis(20))? != Said::Nothing {
            if started.elapsed() > PATIENCE {
                return Err(format!("edition {} is not live after {PATIENCE:?}", self.number.get()).into());
            }
        }
        Ok(())
    }
}

fn file(source: usize) -> String {
    format!("part-{source}.txt")
}
