//! `check-config`: both files are read as the server would read them; nothing is changed.

use std::process::ExitCode;

use crate::config::{Config, document, parts};

use super::{Failure, Outcome};

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Findings<'a> {
    configuration: String,
    networks: &'a [String],
    policies: &'a [String],
    sources: usize,
    warnings: Vec<String>,
}

/// Reads both files; wrong ones end with code 2 and the place.
pub fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let loaded = document::load(config, None).map_err(Failure::misused)?;
    config.lists.access.check().map_err(|error| Failure::misused(format!("[lists]: {error}")))?;
    let world = parts::world(config, 1).map_err(Failure::misused)?;
    // Without an index every category is empty, which is enough to see which identities a policy
    // could not be given to.
    let snapshot = policy::Snapshot::build(
        &loaded.school,
        &world,
        std::sync::Arc::new(blocklists::index::Index::empty()),
    );
    let warnings: Vec<String> =
        config.warnings.iter().chain(&loaded.warnings).chain(snapshot.warnings()).cloned().collect();
    let findings = Findings {
        configuration: config.shown(),
        networks: snapshot.networks(),
        policies: snapshot.policies(),
        sources: loaded.school.sources().len(),
        warnings,
    };
    if arguments.json {
        super::print_json(&findings)?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in &findings.warnings {
        say!("warning: {warning}");
    }
    say!(
        "{} is good: {} networks, {} policies, {} block lists.",
        findings.configuration,
        findings.networks.len(),
        findings.policies.len(),
        findings.sources
    );
    Ok(ExitCode::SUCCESS)
}
