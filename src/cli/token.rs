//! `token`: access tokens of the admin API, written straight into the store.

use std::process::ExitCode;

use admin_api::store::{Scope, Store};

use crate::config::Config;

use super::{Failure, Outcome};

/// What can be done with tokens.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Makes a token and prints it alone; it cannot be shown again
    #[command(after_help = "Example:\n  schoolgate token new --name grafana --scope metrics")]
    New {
        /// What it is for
        #[arg(long)]
        name: String,
        /// `metrics` reads /metrics only; `read` reads everything; `operate` empties the cache of answers
        /// and reads nothing
        #[arg(long, value_parser = ["metrics", "read", "operate"])]
        scope: String,
        /// Who holds it
        #[arg(long)]
        person: Option<String>,
    },
    /// Lists tokens; their secret is not kept and so not shown
    #[command(after_help = "Example:\n  schoolgate token list --json")]
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Ends a token at once
    #[command(after_help = "Example:\n  schoolgate token revoke grafana")]
    Revoke {
        /// Its name or id, as `token list` shows it
        token: String,
    },
}

/// Runs one of them.
pub fn run(config: &Config, command: &Command) -> Outcome {
    std::fs::create_dir_all(&config.data)
        .map_err(|error| Failure::failed(format!("{} cannot be written: {error}", config.data.display())))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    runtime.block_on(async {
        let store = Store::open(&config.data).await.map_err(Failure::failed)?;
        match command {
            Command::New { name, scope, person } => {
                let scope = scope.parse::<Scope>().map_err(Failure::misused)?;
                let made = store.tokens().create(name, scope, person.as_deref(), &super::actor()).await;
                let secret = made.map_err(Failure::failed)?;
                say!("{secret}");
            }
            Command::List { json } => {
                let tokens = store.tokens().list().await.map_err(Failure::failed)?;
                if *json {
                    super::print_json(&tokens)?;
                } else if tokens.is_empty() {
                    say!("No tokens yet. Make one: schoolgate token new --name grafana --scope metrics");
                } else {
                    for token in tokens {
                        let state = if token.revoked_ms.is_some() { "revoked" } else { "live" };
                        say!("{:<20} {:<8} {:<8} {}", token.name, token.scope, state, token.id);
                    }
                }
            }
            Command::Revoke { token } => {
                store.tokens().revoke(token, &super::actor()).await.map_err(Failure::failed)?;
                say!("Token `{token}` is revoked.");
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
