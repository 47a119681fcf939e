//! `lists status`: what is in force, how old it is, and what people should look at.

use std::process::ExitCode;

use blocklists_update::{SourceStatus, Status};

use crate::cli::{Outcome, print_json};
use crate::config::Config;

use super::open;

/// Prints the status of every list.
pub(super) fn run(config: &Config, json: bool) -> Outcome {
    let lists = open(config)?;
    let index = lists.load_best().map(|(index, _)| index);
    let status = lists.status(index.as_ref());
    if json {
        print_json(&status)?;
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
    let mut line = format!("{:<28} {:<18} {:<8} {:>9} names", item.id, category, item.state, item.entries);
    if item.rejected_lines > 0 {
        line += &format!(", {} lines not understood", item.rejected_lines);
    }
    if item.not_enforceable > 0 {
        line += &format!(", {} that DNS cannot enforce", item.not_enforceable);
    }
    if item.dropped > 0 {
        line += &format!(", {} dropped on sites that schools need", item.dropped);
    }
    if let Some(waiting) = &item.waiting {
        line += &format!(
            "\n    new content since {} waits until {}: +{} -{} lines",
            waiting.since, waiting.until, waiting.added, waiting.removed
        );
    }
    if item.failures > 0
        && let Some(next) = item.next_at
    {
        line += &format!("\n    failed {} times in a row, tried again at {next}", item.failures);
    }
    if let Some(error) = &item.error {
        line += &format!("\n    {error}");
    }
    line
}
