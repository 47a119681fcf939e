//! `lists changes`: what every update brought and took, for as long as the journal goes back.

use std::process::ExitCode;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::cli::{Failure, Outcome, print_json};
use crate::config::Config;

use super::open;

/// Most entries of one update that are shown.
const ENTRIES_MAX: usize = 1_000;
/// Days shown when nothing is said.
const DAYS: i64 = 7;

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// From this day on, or from this moment (RFC 3339); the last seven days when left out
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Of this list only
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// With the names, the first thousand of each update; never those of illegal content
    #[arg(long)]
    names: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the journal since a day.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let now = Timestamp::now();
    let since = match &arguments.since {
        Some(text) => begin(text).ok_or_else(|| wrong(text))?,
        None => now.checked_sub((DAYS * 24).hours()).map_err(Failure::failed)?,
    };
    let entries_max = if arguments.names { ENTRIES_MAX } else { 0 };
    let pages = open(config)?.changes(since, arguments.source.as_deref(), entries_max);
    if arguments.json {
        print_json(&serde_json::json!({ "items": pages }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if pages.is_empty() {
        say!("No list has changed since {since}.");
    }
    for page in &pages {
        match &page.error {
            Some(error) => say!("{}  {:<28} {error}", page.at, page.source),
            None => say!("{}  {:<28} +{} -{}", page.at, page.source, page.added, page.removed),
        }
        for entry in &page.entries {
            say!("    {entry}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A moment, or the begin of a day where this box stands.
fn begin(text: &str) -> Option<Timestamp> {
    let of_day = |day: Date| day.to_zoned(TimeZone::system()).ok().map(|begin| begin.timestamp());
    text.parse().ok().or_else(|| of_day(text.parse().ok()?))
}

fn wrong(text: &str) -> Failure {
    Failure::misused(format!(
        "`{text}` is not a day or a time; write it like 2026-09-02 or 2026-09-02T12:30:00Z"
    ))
}
