//! Lists that change: the same names every time, spread over the sources anew, and one name that tells
//! which edition is live.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::names::{self, Names};
use crate::question::{Said, ask};
use crate::servers::schoolgate;

/// Sources that the names are spread over.
const SOURCES: usize = 4;
/// An edition that is not live by then never will be.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lists in a school's folder.
pub struct Editions<'a> {
    folder: PathBuf,
    names: &'a Names,
    number: usize,
}

impl<'a> Editions<'a> {
    /// Writes the first edition, and the policy that reads it.
    pub fn lay_out(folder: &Path, names: &'a Names) -> Outcome<Self> {
        let files: Vec<String> = (0..SOURCES).map(file).collect();
        schoolgate::write_policy(folder, &files.iter().map(String::as_str).collect::<Vec<_>>())?;
        let editions = Self { folder: folder.to_owned(), names, number: 0 };
        editions.write()?;
        Ok(editions)
    }

    /// Writes the next edition.
    pub fn next(&mut self) -> Outcome<()> {
        self.number += 1;
        self.write()
    }

    /// Blocks in this edition and in no earlier one.
    fn mark(&self) -> String {
        format!("edition-{}.changing-lists.com", self.number)
    }

    fn write(&self) -> Outcome<()> {
        let mark = self.mark();
        for source in 0..SOURCES {
            // Each name is in one source, and in another one in the next edition.
            let own = self.names.listed.iter().enumerate();
            let own = own.filter(|(at, _)| (at + self.number) % SOURCES == source);
            let own = own.map(|(_, name)| name.as_str()).chain([mark.as_str()]);
            let path = self.folder.join(file(source));
            // Whole or not at all: an update may begin at any moment.
            let whole = path.with_extension("new");
            names::write(&whole, own)?;
            std::fs::rename(whole, path)?;
        }
        Ok(())
    }

    /// Waits until the server blocks the mark of this edition.
    pub fn wait_until_live(&self, server: SocketAddr) -> Outcome<()> {
        let socket = UdpSocket::bind((schoolgate::CLIENT, 0))?;
        let (mark, started) = (self.mark(), Instant::now());
        while ask(&socket, server, &mark, Duration::from_millis(20))? != Said::Nothing {
            if started.elapsed() > PATIENCE {
                return Err(format!("edition {} is not live after {PATIENCE:?}", self.number).into());
            }
        }
        Ok(())
    }
}

fn file(source: usize) -> String {
    format!("part-{source}.txt")
}
