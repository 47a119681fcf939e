//! `lists`: update, status and verify the block lists, beside a running server or without one.
//!
//! `update` is also what the server runs as a child process when it needs a new index, so that the
//! bytes of a list never meet the process that answers DNS.

use std::process::ExitCode;

use blocklists_update::{Lists, SourceStatus, State, Status};

use crate::config::{Config, document};

use super::{Failure, Outcome};

/// What can be done with the block lists.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Fetches every list, compiles the index and makes it the current one
    ///
    /// A running server takes it up within a second. Code 0: every list is fresh or unchanged;
    /// 1: some were refused and stay as they were.
    #[command(after_help = "Example:\n  schoolgate lists update")]
    Update {
        /// Read files and kept copies only; fetch nothing
        #[arg(long)]
        local_only: bool,
        /// Run at the lowest priority, as the server does
        #[arg(long)]
        background: bool,
    },
    /// Shows every list: entries, age, state and what it could not use
    #[command(after_help = "Example:\n  schoolgate lists status --json")]
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Reads the current index, the previous one and the kept copies again and checks their hashes
    #[command(after_help = "Example:\n  schoolgate lists verify")]
    Verify {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one of them.
pub fn run(config: &Config, command: &Command) -> Outcome {
    match command {
        Command::Update { local_only, background } => update(config, *local_only, *background),
        Command::Status { json } => status(config, *json),
        Command::Verify { json } => verify(config, *json),
    }
}

fn open(config: &Config) -> Result<Lists, Failure> {
    Lists::open(&config.data.join("lists")).map_err(Failure::failed)
}

fn update(config: &Config, local_only: bool, background: bool) -> Outcome {
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

fn status(config: &Config, json: bool) -> Outcome {
    let lists = open(config)?;
    let index = lists.load_best().map(|(index, _)| index);
    let status = lists.status(index.as_ref());
    if json {
        super::print_json(&status)?;
    } else {
        print_status(&status);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_status(status: &Status) {
    match &status.index {
        Some(index) => {
            let when = index.compiled_at.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string());
            say!("Index {}: {} names, {} bytes, compiled {when}.", index.id, index.entries, index.bytes);
        }
        None => say!("No index yet. Run `schoolgate lists update`, or start the server."),
    }
    for item in &status.items {
        say!("{}", line_of(item));
    }
}

fn line_of(item: &SourceStatus) -> String {
    let category = item.category.as_ref().map_or("(several)", |category| category.as_str());
    let mut line =
        format!("{:<28} {:<18} {:<8} {:>9} names", item.id, category, word(item.state), item.entries);
    if item.rejected_lines > 0 {
        line += &format!(", {} lines not understood", item.rejected_lines);
    }
    if item.not_enforceable > 0 {
        line += &format!(", {} that DNS cannot enforce", item.not_enforceable);
    }
    if item.dropped > 0 {
        line += &format!(", {} dropped on sites that schools need", item.dropped);
    }
    if let Some(error) = &item.error {
        line += &format!("\n    {error}");
    }
    line
}

fn verify(config: &Config, json: bool) -> Outcome {
    let checked = open(config)?.verify().map_err(Failure::failed)?;
    if json {
        super::print_json(&checked)?;
    } else {
        for file in &checked {
            say!("{}: {}", file.file, file.error.as_deref().unwrap_or("good"));
        }
    }
    Ok(if checked.iter().all(|file| file.error.is_none()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Stale => "stale",
        State::Refused => "refused",
        State::Missing => "missing",
    }
}
