//! The state directory, the index in it, and how fresh the lists are.

use std::path::Path;

use blocklists_update::{Lists, LoadedFrom, SourceStatus, State, is_compiled_from};

use crate::config::Config;
use crate::config::document::Loaded;

use super::Finding;

/// A list from the web that is older is not being updated.
const AGE_MAX_DAYS: u64 = 7;
const SECONDS_A_DAY: u64 = 86_400;

/// Looks at the state directory, and at the lists when the policy can be read.
pub fn examine(config: &Config, loaded: Option<&Loaded>) -> Vec<Finding> {
    if !config.data.is_dir() {
        return vec![Finding::wrong(
            "state",
            format!("there is no state directory {} yet: start the server once", config.data.display()),
        )];
    }
    let mut findings = vec![directory(&config.data)];
    let lists = config.data.join("lists");
    if !lists.is_dir() {
        findings
            .push(Finding::wrong("lists", "no block list was ever compiled: run `schoolgate lists update`"));
        return findings;
    }
    match Lists::open(&lists) {
        Ok(lists) => findings.extend(examine_lists(&lists, loaded)),
        Err(error) => findings.push(Finding::wrong("lists", format!("the lists cannot be used: {error}"))),
    }
    findings
}

fn directory(path: &Path) -> Finding {
    match tempfile::tempfile_in(path) {
        Ok(_) => Finding::good("state", format!("the state directory {} can be written", path.display())),
        Err(error) => Finding::wrong(
            "state",
            format!(
                "the state directory {} cannot be written ({error}): run this as root or the service's user; if it \
                 fails there too, mend its owner or free some space",
                path.display()
            ),
        ),
    }
}

fn examine_lists(lists: &Lists, loaded: Option<&Loaded>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((index, from)) = lists.load_best() else {
        let sentence = "there is no usable index, so everything but core names is refused: run `schoolgate lists update`";
        return vec![Finding::wrong("lists", sentence)];
    };
    if from == LoadedFrom::Previous {
        findings.push(Finding::wrong(
            "lists",
            "the current index is damaged and the one before is in force: run `schoolgate lists update`",
        ));
    }
    if loaded.is_some_and(|loaded| !is_compiled_from(&index, loaded.school.sources())) {
        findings.push(Finding::wrong(
            "lists",
            "the index was not compiled from the policy's block lists: run `schoolgate lists update`",
        ));
    }
    findings.extend(lists.status(Some(&index)).items.iter().filter_map(list));
    if findings.is_empty() {
        let count = index.sources().len();
        findings.push(Finding::good(
            "lists",
            format!("{} names of {count} block lists are in force", index.entries()),
        ));
    }
    findings
}

/// What is wrong with one list.
fn list(item: &SourceStatus) -> Option<Finding> {
    let days = item.age_seconds.map(|age| age / SECONDS_A_DAY);
    let why = item.error.as_deref().unwrap_or("no reason is known");
    let sentence = match item.state {
        State::Missing => format!("block list `{}` is missing, nothing of it is in force ({why})", item.id),
        State::Stale => {
            format!("block list `{}` could not be had, its old copy is in force ({why})", item.id)
        }
        State::Refused => format!("block list `{}` was refused, its old copy is in force ({why})", item.id),
        State::Ok => {
            let days = days.filter(|&days| days > AGE_MAX_DAYS && item.location.starts_with("http"))?;
            let sentence = format!(
                "block list `{}` is {days} days old: let something run `schoolgate lists update` daily (a systemd timer)",
                item.id
            );
            return Some(Finding::wrong("lists", sentence));
        }
    };
    Some(Finding::wrong(
        "lists",
        format!("{sentence}: check {}, then run `schoolgate lists update`", item.location),
    ))
}
