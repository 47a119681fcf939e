//! `lists rollback`: back to the index before the one in force.

use std::process::ExitCode;

use crate::cli::{Failure, Outcome, print_json};
use crate::config::Config;

use super::open;

/// Goes back, and says what that did.
pub(super) fn run(config: &Config, json: bool) -> Outcome {
    let done = open(config)?.roll_back(&mut |sentence| eprintln!("{sentence}")).map_err(Failure::failed)?;
    if json {
        print_json(&done)?;
        return Ok(ExitCode::SUCCESS);
    }
    let by_itself = |overlay: &Option<String>| overlay.clone().unwrap_or_else(|| "none".to_owned());
    if done.from == done.to {
        say!(
            "The index {} stays: only small lists had changed. Went back from their overlay {} to {}; a running server takes it up within a second.",
            done.to,
            by_itself(&done.from_overlay),
            by_itself(&done.to_overlay)
        );
    } else {
        say!(
            "Went back from index {} to {}; a running server takes it up within a second.",
            done.from,
            done.to
        );
    }
    if done.set_aside.is_empty() {
        say!(
            "The two hold the same content of every list and differ in how it was compiled: the next update compiles it anew."
        );
    } else {
        say!("These lists have their content from before: {}.", done.set_aside.join(", "));
        say!(
            "What was taken back stays out until a list changes, or until `schoolgate lists update --forget-rollback`."
        );
    }
    Ok(ExitCode::SUCCESS)
}
