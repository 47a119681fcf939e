//! `cache`: makes the running server forget answers, for when a site has moved.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use blocklists::name::Name;

use crate::config::Config;
use crate::flush::{self, Flush};
use crate::state;

use super::{Failure, Outcome};

/// How long the server may take; it looks several times a second.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often its answer is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What can be done with the cache of answers.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Makes the running server forget what it knows of a name
    ///
    /// The next question about it is asked upstream again. Devices and browsers keep answers of their
    /// own for a while.
    #[command(
        after_help = "Examples:\n  schoolgate cache flush www.moved.example\n  schoolgate cache flush moved.example --subtree"
    )]
    Flush {
        /// The name
        name: String,
        /// Everything below it too
        #[arg(long)]
        subtree: bool,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one of them.
pub fn run(config: &Config, command: &Command) -> Outcome {
    let Command::Flush { name, subtree, json } = command;
    Name::parse(name).map_err(|error| Failure::misused(format!("{name} is not a name: {error}")))?;
    if state::server_of(&config.data).is_none() {
        return Err(Failure::failed(format!(
            "no server runs from {}, so there is nothing to forget",
            config.data.display()
        )));
    }
    let wanted = Flush { name: name.clone(), subtree: *subtree };
    let waiting = flush::ask(&config.data, &wanted).map_err(|error| {
        Failure::failed(format!("the server cannot be asked: {error}; are you its user, or root?"))
    })?;
    let since = Instant::now();
    let flushed = loop {
        if let Some(flushed) = waiting.answer() {
            break flushed;
        }
        if since.elapsed() > PATIENCE {
            return Err(Failure::failed("the server did not answer in time; its log may say why"));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    if *json {
        super::print_json(&flushed)?;
    } else {
        let below = if *subtree { " and below" } else { "" };
        say!("{} answers of {name}{below} are forgotten.", flushed.answers);
    }
    Ok(ExitCode::SUCCESS)
}
