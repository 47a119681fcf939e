//! `lists update`: fetch, compile, promote; also what the server runs as a child process.

use std::process::ExitCode;

use blocklists_update::{Job, Promotion, Take};
use policy::School;

use crate::cli::{Failure, Outcome};
use crate::config::{Config, document};

use super::lessons::lessons;
use super::open;

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Read files and kept copies only; fetch nothing
    #[arg(long, conflicts_with = "due")]
    local_only: bool,
    /// Try only the lists whose time has come, as the server does
    #[arg(long)]
    due: bool,
    /// Let new content of ordinary lists wait for [lists] promote_at, as the server does
    #[arg(long)]
    wait: bool,
    /// Take up content again that was rolled back
    #[arg(long)]
    forget_rollback: bool,
    /// Run at the lowest priority, as the server does
    #[arg(long)]
    background: bool,
}

/// Fetches and compiles once; the exit code says whether all lists are fresh.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Outcome {
    if arguments.background {
        // A server that answers is worth more than lists that are a second younger; where the
        // system refuses, the update is only less polite.
        let _ = rustix::process::setpriority_process(None, 19);
    }
    let school = school(config)?;
    let take = match arguments {
        Arguments { due: true, .. } => Take::Due,
        Arguments { local_only: true, .. } => Take::Local,
        _ => Take::All,
    };
    let lessons = lessons(config, &school);
    let job = Job {
        sources: school.sources(),
        upkeep: school.upkeep(),
        access: &config.lists.access,
        take,
        promotion: if arguments.wait { config.lists.promotion(&school) } else { Promotion::AtOnce },
        forget_rollback: arguments.forget_rollback,
        lessons: Some(&lessons),
        corrections: school.corrections(),
    };
    let outcome = open(config)?.run(&job, &mut |sentence| say!("{sentence}")).map_err(Failure::failed)?;
    for (source, why) in &outcome.refused {
        eprintln!("schoolgate: {source}: {why}");
    }
    Ok(if outcome.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The school of the policy file, or of the last good one.
fn school(config: &Config) -> Result<School, Failure> {
    let error = match document::load(config, None) {
        Ok(loaded) => return Ok(loaded.school),
        Err(error) => error,
    };
    match document::recall(&config.data).and_then(|live| document::revive(live).ok()) {
        Some(loaded) => {
            eprintln!(
                "schoolgate: {error}\nschoolgate: going on with the block lists of the policy that was last good"
            );
            Ok(loaded.school)
        }
        None => Err(Failure::misused(error)),
    }
}
