//! A server that runs while a story needs it, and what it says.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longest wait for anything that a server should say; generous, for a busy two-core machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server, ended on drop with all that it started.
pub struct Daemon {
    child: Child,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Default)]
struct Said {
    text: String,
    pipes_ended: usize,
}

impl Daemon {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        // A group of its own: what it starts ends with it.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot run: {error}"));
        let log = Arc::new(Log::default());
        record(child.stdout.take().unwrap(), &log);
        record(child.stderr.take().unwrap(), &log);
        Self { child, log }
    }

    /// Waits until it has said this.
    pub fn hears(&self, words: &str) {
        let missing = |said: &mut Said| !said.text.contains(words) && said.pipes_ended < 2;
        let said = self.log.said.lock().unwrap();
        let (said, _) = self.log.changed.wait_timeout_while(said, PATIENCE, missing).unwrap();
        assert!(said.text.contains(words), "it never said {words:?}:\n{}", said.text);
    }

    /// How many of its lines hold all these words.
    pub fn times_said(&self, words: &[&str]) -> usize {
        let said = self.log.said.lock().unwrap();
        said.text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).map(|id| Pid::from_raw(-id));
        if let Ok(group) = group {
            let _ = kill(group, Signal::SIGKILL);
        }
        let _ = self.child.wait();
        if thread::panicking()
            && let Ok(said) = self.log.said.lock()
        {
            eprintln!("--- what a server said ---\n{}", said.text);
        }
    }
}

fn record(pipe: impl Read + Send + 'static, log: &Arc<Log>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            log.said.lock().unwrap().text.push_str(&format!("{line}\n"));
            log.changed.notify_all();
        }
        log.said.lock().unwrap().pipes_ended += 1;
        log.changed.notify_all();
    });
}
