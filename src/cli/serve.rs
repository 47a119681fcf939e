//! `serve`: starts everything and stays until it is told to stop.

use std::io::IsTerminal;
use std::process::ExitCode;

use crate::config::Config;
use crate::wiring::{self, ServeError};

use super::{Failure, Outcome};

/// Serves until SIGTERM or SIGINT.
pub fn run(config: Config) -> Outcome {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SCHOOLGATE_LOG")
                .unwrap_or_else(|_| "info,hickory=warn,sqlx=warn".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match wiring::serve(config) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error @ (ServeError::Policy(_) | ServeError::World(_))) => Err(Failure::misused(error)),
        Err(error) => Err(Failure::failed(error)),
    }
}
