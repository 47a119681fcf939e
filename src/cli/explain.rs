//! `explain`: what would be answered for a name, and why, down to list and line.
//!
//! It works from the state directory: the current index and the policy that is in force there,
//! whether a server runs or not; it names both in what it prints.

use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

use admin_api::explain::{ExplainError, ExplainRequest, Explanation, Records, Subject, explain};
use blocklists_update::Lists;
use policy::Snapshot;

use crate::config::{Config, document, parts};

use super::{Failure, Outcome};

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The name that was asked for
    name: String,
    /// The device's address; 127.0.0.1 when nothing else says who asks
    #[arg(long, value_name = "IP", group = "who")]
    client: Option<IpAddr>,
    /// A device of this network, without a group or policy of its own
    #[arg(long, value_name = "ID", group = "who")]
    network: Option<String>,
    /// A device of this group
    #[arg(long, value_name = "ID", group = "who")]
    group: Option<String>,
    /// Under this policy, whoever asks
    #[arg(long, value_name = "ID", group = "who")]
    policy: Option<String>,
    /// Record type
    #[arg(long = "type", value_name = "TYPE", default_value = "A")]
    rtype: String,
    /// At this moment (RFC 3339); now when left out
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// With the block lists as they were at the end of this day, or at this moment (RFC 3339); the policy
    /// stays the one in force
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Print it as JSON, as the API does
    #[arg(long)]
    json: bool,
}

/// Explains one name; the exit code says the verdict.
pub fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let loaded = match document::recall(&config.data).map(document::revive) {
        Some(Ok(loaded)) => loaded,
        _ => document::load(config, None).map_err(Failure::misused)?,
    };
    let lists = Lists::open(&config.data.join("lists")).map_err(Failure::failed)?;
    let (index, _) = lists.load_best().ok_or_else(|| {
        Failure::failed("there is no index yet; run `schoolgate lists update`, or start the server once")
    })?;
    let world = parts::world(config, loaded.live.revision).map_err(Failure::misused)?;
    let snapshot = Snapshot::build(&loaded.school, &world, Arc::new(index));
    let request = ExplainRequest {
        name: arguments.name.clone(),
        subject: subject(arguments),
        rtype: arguments.rtype.clone(),
        at: arguments.at.clone(),
        as_of: arguments.as_of.clone(),
    };
    let records = Records { lists: &lists, used_here: &config.data.join("used-here") };
    let explanation = explain(&snapshot, records, &request).map_err(|error| match error {
        ExplainError::NotKnown(_) => Failure::failed(error),
        _ => Failure::misused(error),
    })?;
    if arguments.json {
        super::print_json(&explanation)?;
    } else {
        print(&explanation);
    }
    Ok(exit_code(&explanation))
}

fn subject(arguments: &Arguments) -> Subject {
    match arguments {
        Arguments { network: Some(network), .. } => Subject::Network(network.clone()),
        Arguments { group: Some(group), .. } => Subject::Group(group.clone()),
        Arguments { policy: Some(policy), .. } => Subject::Policy(policy.clone()),
        Arguments { client, .. } => Subject::Client(client.unwrap_or(IpAddr::from([127, 0, 0, 1]))),
    }
}

fn print(explanation: &Explanation) {
    say!("{}", explanation.sentence);
    say!();
    for step in &explanation.trace {
        say!("  {:<2} {:<22} {}", step.step, step.name, step.outcome);
    }
    if let Some(then) = &explanation.as_of {
        say!();
        for listing in &then.listings {
            let still = if listing.still { "still there" } else { "not there now" };
            let held = if listing.held_back { ", held back from the school then" } else { "" };
            say!("  {} for {}: {} ({still}{held})", listing.source, listing.category, listing.entry);
        }
        if then.listings.is_empty() {
            say!("  no block list said anything of it");
        }
    }
    if let Some(used) = &explanation.used_here {
        say!();
        match used.last {
            Some(day) => say!("used here on {} of the last 30 days, last on {day}", used.days),
            None => say!("never seen before here: used on none of the last 30 days"),
        }
    }
    if let Some(note) = &explanation.note {
        say!();
        say!("{note}");
    }
    if explanation.as_of.is_none()
        && let Some(way_out) = super::way_out::way_out(explanation)
    {
        say!("\n{way_out}");
    }
    say!();
    say!("policy revision {}, index {}", explanation.revision, explanation.index);
}

fn exit_code(explanation: &Explanation) -> ExitCode {
    ExitCode::from(match explanation.verdict {
        "block" | "refuse" => 3,
        "rewrite" => 4,
        _ => 0,
    })
}
