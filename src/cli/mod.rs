//! The command line: one file a command.
//!
//! Exit codes are the same everywhere: 0 done, 1 failed, 2 wrong use or wrong configuration;
//! `explain` says its verdict (0 allow, watch, local; 3 block, refuse; 4 rewrite).

mod audit;
mod cache;
mod check_config;
mod dhcp_options;
mod doctor;
mod explain;
mod healthcheck;
mod lists;
mod reload;
mod serve;
mod token;
mod way_out;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

/// A command's end: done, or a sentence and an exit code.
type Outcome = Result<ExitCode, Failure>;

/// Why a command ended early.
#[derive(Debug)]
struct Failure {
    code: u8,
    sentence: String,
}

impl Failure {
    /// It was asked rightly and did not work.
    fn failed(sentence: impl std::fmt::Display) -> Self {
        Self { code: 1, sentence: sentence.to_string() }
    }

    /// The question, or the configuration behind it, is wrong.
    fn misused(sentence: impl std::fmt::Display) -> Self {
        Self { code: 2, sentence: sentence.to_string() }
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::misused(error)
    }
}

/// DNS filtering resolver for schools.
///
/// Without a command it serves: `schoolgate` is `schoolgate serve`.
#[derive(Parser)]
#[command(
    name = "schoolgate",
    version,
    after_help = "Example:\n  schoolgate                 # answers on 127.0.0.1:5300 with the built-in lists\n  schoolgate explain bet365.com --client 10.20.0.7"
)]
struct Arguments {
    /// Configuration file; else $SCHOOLGATE_CONFIG, ./schoolgate.toml,
    /// /etc/schoolgate/schoolgate.toml, or the built-in one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Answers DNS and serves the admin API, until it is stopped
    #[command(after_help = "Example:\n  schoolgate serve --config /etc/schoolgate/schoolgate.toml")]
    Serve,
    /// Reads both configuration files and says what is wrong or worth knowing
    #[command(name = "check-config", after_help = "Example:\n  schoolgate check-config --config school.toml")]
    CheckConfig(check_config::Arguments),
    /// Makes the running server read its files again
    #[command(after_help = "Example:\n  schoolgate reload")]
    Reload,
    /// Says what would be answered for a name, and why, down to list and line
    #[command(
        after_help = "Examples:\n  schoolgate explain bet365.com --client 10.20.0.7\n  schoolgate explain www.youtube.com --network guest --json\n\nExit code: 0 allowed, watched or local; 3 blocked or refused; 4 rewritten."
    )]
    Explain(explain::Arguments),
    /// Block lists: update, rollback, status, verify
    #[command(after_help = "Example:\n  schoolgate lists status")]
    Lists {
        #[command(subcommand)]
        command: lists::Command,
    },
    /// Access tokens of the admin API: new, list, revoke
    #[command(after_help = "Example:\n  schoolgate token new --name grafana --scope metrics")]
    Token {
        #[command(subcommand)]
        command: token::Command,
    },
    /// The cache of answers: flush
    #[command(after_help = "Example:\n  schoolgate cache flush moved.example --subtree")]
    Cache {
        #[command(subcommand)]
        command: cache::Command,
    },
    /// The record of who changed what: verify
    #[command(after_help = "Example:\n  schoolgate audit verify")]
    Audit {
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Prints what to paste into a DHCP server, so that every network asks this box
    #[command(
        name = "dhcp-options",
        after_help = "Example:\n  schoolgate dhcp-options --for kea --network pupils"
    )]
    DhcpOptions(dhcp_options::Arguments),
    /// Looks at every part of the box and says what is wrong, with a way out
    #[command(after_help = "Example:\n  schoolgate doctor\n\nExit code: 0 nothing is wrong, 1 something is.")]
    Doctor(doctor::Arguments),
    /// Ends with 0 when the running server is ready, with 1 when it is not
    #[command(after_help = "Example:\n  schoolgate healthcheck && echo ready")]
    Healthcheck,
}

/// Parses the command line, runs the command, and turns its end into an exit code.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Config::find(arguments.config.as_deref()).map_err(Failure::from).and_then(|config| {
        match arguments.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(config),
            Command::CheckConfig(arguments) => check_config::run(&config, &arguments),
            Command::Reload => reload::run(&config),
            Command::Explain(arguments) => explain::run(&config, &arguments),
            Command::Lists { command } => lists::run(&config, &command),
            Command::Token { command } => token::run(&config, &command),
            Command::Cache { command } => cache::run(&config, &command),
            Command::Audit { command } => audit::run(&config, &command),
            Command::DhcpOptions(arguments) => dhcp_options::run(&config, &arguments),
            Command::Doctor(arguments) => doctor::run(&config, &arguments),
            Command::Healthcheck => healthcheck::run(&config),
        }
    });
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("schoolgate: {}", failure.sentence);
            ExitCode::from(failure.code)
        }
    }
}

/// Who runs this command, for the record of changes: `box:` and the user, with whoever became that
/// user through sudo.
fn actor() -> String {
    let uid = nix::unistd::Uid::current();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    let user = user.map_or_else(|| format!("uid {uid}"), |user| user.name);
    // Whoever is root may say anything here; it is a courtesy to the honest.
    match std::env::var("SUDO_USER").ok().filter(|_| uid.is_root()) {
        Some(person) if person.chars().all(|symbol| symbol.is_ascii_graphic()) => {
            format!("box:{user} ({person})")
        }
        _ => format!("box:{user}"),
    }
}

/// Prints a value as indented JSON, for `--json`.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    say!("{text}");
    Ok(())
}
