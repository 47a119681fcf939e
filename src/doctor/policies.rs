//! Whether both files are good, and are what the server runs with.

use crate::config::document::{self, Loaded};
use crate::config::{Config, parts};

use super::Finding;

const CHECK: &str = "policy";

/// The findings, and the policy when it can be used.
pub fn examine(config: &Config, is_running: bool) -> (Vec<Finding>, Option<Loaded>) {
    let mut findings: Vec<Finding> =
        config.warnings.iter().map(|warning| Finding::note(CHECK, warning.clone())).collect();
    if let Err(sentence) = parts::world(config, 1) {
        findings.push(Finding::wrong(CHECK, sentence));
    }
    let loaded = match document::load(config, None) {
        Ok(loaded) => loaded,
        Err(error) => {
            findings.push(Finding::wrong(CHECK, error.to_string()));
            return (findings, None);
        }
    };
    findings.extend(loaded.warnings.iter().map(|warning| Finding::note(CHECK, warning.clone())));
    let live = document::recall(&config.data);
    if is_running
        && live.is_some_and(|live| (&live.text, &live.files) != (&loaded.live.text, &loaded.live.files))
    {
        findings.push(Finding::wrong(
            CHECK,
            "the policy file was changed after the server read it: run `schoolgate reload`",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::good(CHECK, format!("{} and its policy are good", config.shown())));
    }
    (findings, Some(loaded))
}
