//! The generator that everybody knows: `dnsperf`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::Outcome;

const PROGRAM: &str = "/usr/bin/dnsperf";

/// What it measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Replies.
    pub answered: f64,
    /// Replies a second.
    pub rate: f64,
    /// Questions without a reply.
    pub lost: f64,
}

/// The sentence for somebody who lacks it.
pub fn missing() -> Option<String> {
    let there = Path::new(PROGRAM).exists();
    (!there)
        .then(|| "dnsperf is not run: `apt-get install --no-install-recommends dnsperf` gets it".to_owned())
}

/// Asks the questions of a file for so many seconds, on the core of this thread, with EDNS. `open` is
/// the number of questions that are open at once.
pub fn run(server: SocketAddr, questions: &Path, seconds: u32, open: usize) -> Outcome<Measured> {
    let output = Command::new(PROGRAM)
        .args(["-s", &server.ip().to_string(), "-p", &server.port().to_string(), "-e", "-c", "4", "-T", "1"])
        .args(["-t", "2", "-q", &open.to_string(), "-l", &seconds.to_string(), "-d"])
        .arg(questions)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = |what: &str| -> Outcome<f64> {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(what));
        let word = line.and_then(|rest| rest.split_whitespace().next());
        let word = word.ok_or_else(|| format!("dnsperf said nothing of `{what}`:\n{text}"))?;
        Ok(word.parse()?)
    };
    Ok(Measured {
        answered: number("Queries completed:")?,
        rate: number("Queries per second:")?,
        lost: number("Queries lost:")?,
    })
}
