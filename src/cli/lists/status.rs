//! `lists status`: what is in force, how old it is, and what people should look at.

use std::process::ExitCode;

use blocklists_update::coverage::{Coverage, Grade};
use blocklists_update::locked::{Light, LockedFeed};
use blocklists_update::{Overview, SourceStatus, Status};

use crate::cli::{Failure, Outcome, print_json};
use crate::config::Config;

use super::open;

/// Odd lines of each list that are shown; `--json` has all that are kept.
const SAMPLES_SHOWN: usize = 3;

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// How well each category is covered, by which lists, under which terms
    #[arg(long)]
    coverage: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the status of every list, or the coverage of every category.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let lists = open(config)?;
    if arguments.coverage {
        coverage(&lists.coverage(), arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let index = lists.load_best().map(|(index, _)| index);
    let overview = lists.overview(index.as_ref());
    if arguments.json {
        print_json(&overview)?;
    } else {
        print_status(&overview.status);
        print_locked(&overview.locked_feeds);
        print_held(&overview);
    }
    Ok(ExitCode::SUCCESS)
}

fn coverage(all: &[Coverage], json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&serde_json::json!({ "items": all }));
    }
    for one in all {
        let grade = match one.grade {
            Grade::Strong => "strong",
            Grade::Weak => "weak",
            Grade::None => "none",
        };
        let entries = one.entries.map_or_else(|| "several".to_owned(), |entries| entries.to_string());
        say!("{:<20} {grade:<7} {entries:>9} entries  {}", one.category.as_str(), one.why);
        for source in &one.sources {
            let licence = source.licence.as_deref().unwrap_or("terms not written down");
            let fresh = if source.fresh { "fresh" } else { "not fresh" };
            say!("    {} ({fresh}, {licence}) from {}", source.id, source.location);
        }
    }
    Ok(())
}

fn print_locked(feeds: &[LockedFeed]) {
    say!();
    for feed in feeds {
        let light = if feed.status == Light::Green { "GREEN" } else { "AMBER" };
        say!("{light} {} ({}): {}", feed.title, feed.category, feed.why);
        if feed.status == Light::Amber {
            say!("    {}", feed.licence);
        }
    }
}

fn print_held(overview: &Overview) {
    if !overview.held.is_empty() {
        say!();
        say!("Held back, because lessons use them (`schoolgate lists accept NAME` puts one in force now):");
    }
    for held in &overview.held {
        say!(
            "  {} would be {} by {}; used on {} of 30 days; in force from {}",
            held.covered.name,
            held.category,
            held.source,
            held.days_used,
            held.until
        );
    }
    if overview.not_held > 0 {
        say!("  {} more are in force at once: no more are held back than this.", overview.not_held);
    }
    if overview.patterns_not_held > 0 {
        say!(
            "  {} new patterns are in force at once: which names in use they spell cannot be known.",
            overview.patterns_not_held
        );
    }
    if !overview.opened.is_empty() {
        say!();
        say!("Open again, and in use:");
    }
    for opened in &overview.opened {
        say!("  {} left {} with {} at {}", opened.covered.name, opened.category, opened.source, opened.at);
    }
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
    if item.addresses > 0 {
        line += &format!(", {} of them addresses", item.addresses);
    }
    if item.not_enforceable > 0 {
        line += &format!(", {} that DNS cannot enforce", item.not_enforceable);
    }
    if item.dropped > 0 {
        line += &format!(", {} dropped on sites that schools need", item.dropped);
    }
    if !item.unsupported.is_empty() {
        let kinds: Vec<String> =
            item.unsupported.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        line += &format!("\n    ignored, as they mean nothing here: {}", kinds.join(", "));
    }
    if item.widened > 0 {
        line += &format!(
            "\n    {} entries hold for more types than they say, or are answered as the policy answers: there are too many kinds",
            item.widened
        );
    }
    if !item.unmapped.is_empty() {
        line += &format!("\n    folders that feed no category: {}", item.unmapped.join(", "));
    }
    for sample in item.samples.iter().take(SAMPLES_SHOWN) {
        let file = if sample.file.is_empty() { String::new() } else { format!("{}, ", sample.file) };
        line += &format!("\n    {file}line {}: {}", sample.line, sample.why);
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
