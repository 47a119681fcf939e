//! `lists update`: fetch, compile, promote; also what the server runs as a child process.

use std::process::ExitCode;

use crate::cli::{Failure, Outcome};
use crate::config::{Config, document};

use super::open;

/// Fetches and compiles once; the exit code says whether all lists are fresh.
pub(super) fn run(config: &Config, local_only: bool, background: bool) -> Outcome {
    if background {
        // A server that answers is worth more than lists that are a second younger; where the
        // system refuses, the update is only less polite.
        let _ = rustix::process::setpriority_process(None, 19);
    }
    let sources = match document::load(config, None) {
        Ok(loaded) => loaded.school.sources().to_vec(),
        Err(error) => match document::recall(&config.data).and_then(|live| document::revive(live).ok()) {
            Some(loaded) => {
                eprintln!(
                    "schoolgate: {error}\nschoolgate: going on with the block lists of the policy that was last good"
                );
                loaded.school.sources().to_vec()
            }
            None => return Err(Failure::misused(error)),
        },
    };
    let outcome = open(config)?
        .update(&sources, local_only, &mut |sentence| say!("{sentence}"))
        .map_err(Failure::failed)?;
    for (source, why) in &outcome.refused {
        eprintln!("schoolgate: {source}: {why}");
    }
    Ok(if outcome.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
