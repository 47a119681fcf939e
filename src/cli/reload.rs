//! `reload`: signals the server of this state directory and waits for what it says.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::config::Config;
use crate::state;

use super::{Failure, Outcome};

/// How long a reload may take before we stop waiting for its outcome.
const OUTCOME_TIME_MAX: Duration = Duration::from_secs(30);
/// How often its outcome is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Code 0 when the new files are live, 1 when the old ones stayed.
pub fn run(config: &Config) -> Outcome {
    let server = state::server_of(&config.data).ok_or_else(|| {
        Failure::failed(format!(
            "no server runs from {}; start it with `schoolgate serve`",
            config.data.display()
        ))
    })?;
    let before = state::last_reload(&config.data);
    let pid = i32::try_from(server).map_err(Failure::failed)?;
    kill(Pid::from_raw(pid), Signal::SIGHUP).map_err(|error| {
        Failure::failed(format!(
            "the server (process {server}) cannot be signalled: {error}; run this as its user or as root"
        ))
    })?;
    let started = Instant::now();
    while started.elapsed() < OUTCOME_TIME_MAX {
        if let Some(outcome) =
            state::last_reload(&config.data).filter(|outcome| Some(outcome) != before.as_ref())
        {
            for sentence in &outcome.sentences {
                say!("{sentence}");
            }
            return Ok(if outcome.good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(Failure::failed("the server was signalled but did not say how it went; look at its log"))
}
