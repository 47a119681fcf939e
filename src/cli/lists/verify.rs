//! `lists verify`: reads everything again and checks the hashes.

use std::process::ExitCode;

use crate::cli::{Failure, Outcome, print_json};
use crate::config::Config;

use super::open;

/// Checks every file; code 1 when one is damaged.
pub(super) fn run(config: &Config, json: bool) -> Outcome {
    let checked = open(config)?.verify().map_err(Failure::failed)?;
    if json {
        print_json(&checked)?;
    } else {
        for file in &checked {
            say!("{}: {}", file.file, file.error.as_deref().unwrap_or("good"));
        }
    }
    Ok(if checked.iter().all(|file| file.error.is_none()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
