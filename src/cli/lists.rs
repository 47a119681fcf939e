//! `lists`: update, roll back, status and verify the block lists, beside a running server or without one.
//!
//! `update` is also what the server runs as a child process when it needs a new index, so that the
//! bytes of a list never meet the process that answers DNS.

mod accept;
mod changes;
mod export;
pub(super) mod lessons;
mod rollback;
mod status;
mod update;
mod verify;

use blocklists_update::Lists;

use crate::config::Config;

use super::{Failure, Outcome};

/// What can be done with the block lists.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Fetches every list, compiles the index and makes it the current one
    ///
    /// A running server takes it up within a second. Code 0: every list is fresh or unchanged;
    /// 1: some were refused and stay as they were.
    #[command(
        after_help = "Examples:\n  schoolgate lists update          # everything, in force at once\n  schoolgate lists update --due --wait   # what the server does by itself"
    )]
    Update(update::Arguments),
    /// Shows what each update brought and took
    #[command(
        after_help = "Examples:\n  schoolgate lists changes\n  schoolgate lists changes --since 2026-09-01 --source county --names"
    )]
    Changes(changes::Arguments),
    /// Goes back to the index before the one in force
    ///
    /// What is taken back is not taken up again by the next update.
    #[command(after_help = "Example:\n  schoolgate lists rollback")]
    Rollback {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Puts names in force now that are held back because lessons use them
    #[command(
        after_help = "Examples:\n  schoolgate lists accept times-tables.example   # and what is held back below it\n  schoolgate lists accept --all"
    )]
    Accept(accept::Arguments),
    /// Shows every list: entries, age, state and what it could not use
    #[command(
        after_help = "Examples:\n  schoolgate lists status --json\n  schoolgate lists status --coverage   # strong, weak or none, by category"
    )]
    Status(status::Arguments),
    /// Prints the addresses of the block lists as sets for a firewall
    ///
    /// DNS cannot stop who asks for no name. Ranges that shared hosting uses are left out and named in
    /// comments.
    #[command(
        after_help = "Example:\n  schoolgate lists export --for nftables --category malware > /etc/nftables.d/schoolgate.nft"
    )]
    Export(export::Arguments),
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
        Command::Update(arguments) => update::run(config, arguments),
        Command::Accept(arguments) => accept::run(config, arguments),
        Command::Changes(arguments) => changes::run(config, arguments),
        Command::Export(arguments) => export::run(config, arguments),
        Command::Rollback { json } => rollback::run(config, *json),
        Command::Status(arguments) => status::run(config, arguments),
        Command::Verify { json } => verify::run(config, *json),
    }
}

fn open(config: &Config) -> Result<Lists, Failure> {
    Lists::open(&config.data.join("lists")).map_err(Failure::failed)
}
