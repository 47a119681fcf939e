//! `lists accept`: what a list newly blocks and lessons use need not wait out its three days.

use std::process::ExitCode;

use blocklists::name::Name;
use blocklists_update::changes;
use jiff::Timestamp;

use crate::cli::{Failure, Outcome};
use crate::config::Config;

use super::open;

/// What can be asked of it.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub struct Arguments {
    /// The name; with it goes what is held back below it
    name: Option<String>,
    /// Every name that is held back
    #[arg(long)]
    all: bool,
}

/// Accepts one name or all; code 1 when nothing of the kind is held back.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let name = arguments.name.as_deref().map(|text| {
        Name::parse(text).map_err(|error| Failure::misused(format!("`{text}` is not a name: {error}")))
    });
    let name = name.transpose()?;
    let lists = open(config)?;
    let accepted = changes::accept(&lists, name.as_ref().map(Name::as_ref), Timestamp::now());
    match (accepted.map_err(Failure::failed)?, &name) {
        (0, Some(name)) => {
            Err(Failure::failed(format!("{name} is not held back; `schoolgate lists status` shows what is")))
        }
        (0, None) => {
            say!("No name is held back.");
            Ok(ExitCode::SUCCESS)
        }
        (1, _) => {
            say!("1 name is accepted: its category applies to it now.");
            Ok(ExitCode::SUCCESS)
        }
        (count, _) => {
            say!("{count} names are accepted: their categories apply to them now.");
            Ok(ExitCode::SUCCESS)
        }
    }
}
