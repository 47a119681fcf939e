//! From what the lists say now back to what they said then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use blocklists::category::CategoryId;
use blocklists::index::{Index, IndexedSource};
use blocklists::name::{Name, NameRef};
use blocklists::parse::{Reach, Rule, Subject};
use jiff::Timestamp;
use rayon::prelude::*;

use super::AsOfError;
use crate::journal::{Line, Place, Sign, Step, Was, hashed};
use crate::listed::{About, Content, Entry, covers};

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'n> {
    pub(super) name: NameRef<'n>,
    pub(super) rtype: u16,
}

/// What one source says of the name asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) id: String,
    /// The source then; `None` when it was not declared, or listed nothing yet.
    pub(super) was: Option<Was>,
    /// Its entries that speak of the name, by category.
    pub(super) entries: BTreeSet<(CategoryId, Entry)>,
}

impl Said {
    /// Whether its names in a category may not be shown.
    pub(super) fn is_locked(&self, category: &CategoryId) -> bool {
        category.is_locked() || self.was.as_ref().is_some_and(|was| was.locked)
    }
}

/// What the sources of an index say, by their kept copies.
///
/// # Errors
/// [`AsOfError::Copy`].
pub(super) fn now(index: &Index, copies: &Path, asked: Asked<'_>) -> Result<Vec<Said>, AsOfError> {
    index.sources().par_iter().map(|source| scan(source, copies, asked)).collect()
}

fn scan(indexed: &IndexedSource, copies: &Path, asked: Asked<'_>) -> Result<Said, AsOfError> {
    let source = &indexed.source;
    let mut said = Said { id: source.id.clone(), was: None, entries: BTreeSet::new() };
    if indexed.copy_name.is_empty() {
        return Ok(said);
    }
    said.was = Some(Was::of(source, &indexed.copy_name));
    let content = Content { source, copy: &copies.join(&indexed.copy_name) };
    let scanned = content.visit(&mut |category, rule| {
        // Nearly all entries end here, without anything made of them.
        if may_cover(rule, asked.name) {
            let entry = Entry::of(rule);
            if entry.covers(asked.name, asked.rtype) {
                said.entries.insert((category.clone(), entry));
            }
        }
    });
    scanned.map_err(|error| AsOfError::Copy { id: source.id.clone(), error })?;
    Ok(said)
}

fn may_cover(rule: &Rule<'_>, name: NameRef<'_>) -> bool {
    match rule.subject {
        Subject::Name(listed, reach) => covers(listed, reach, name),
        Subject::Pattern(_) => true,
        Subject::Answer(_) | Subject::Client(_) => false,
    }
}

/// Walks every source back to a moment. Beside what they said then: what could not be found out.
pub(super) fn back(
    now: &[Said],
    places: &[Place],
    asked: Asked<'_>,
    at: Timestamp,
) -> (Vec<Said>, Vec<String>) {
    let mut steps: BTreeMap<String, Vec<(&Place, Step)>> = BTreeMap::new();
    let mut gaps = Vec::new();
    for place in places.iter().rev().take_while(|place| place.at > at) {
        match place.head() {
            Ok(step) => steps.entry(step.id.clone()).or_default().push((place, step)),
            Err(_) => gaps.push(gap(&place.id, place.at, "its page of the list journal is damaged")),
        }
    }
    let gone = steps.keys().filter(|id| !now.iter().any(|said| said.id == **id));
    let gone = gone.map(|id| Said { id: id.clone(), was: None, entries: BTreeSet::new() });
    let mut then: Vec<Said> = now.iter().cloned().chain(gone).collect();
    for said in &mut then {
        for (place, step) in steps.get(&said.id).into_iter().flatten() {
            if step.after != said.was {
                // An update that was cut short before it was in force: it starts from here.
                if step.before != said.was {
                    gaps.push(gap(&said.id, step.at, "a page of the list journal is missing after that"));
                    said.was.clone_from(&step.after);
                } else {
                    continue;
                }
            }
            if undo(said, place, asked).is_err() {
                gaps.push(gap(&said.id, step.at, "its page of the list journal is damaged"));
            }
            said.was.clone_from(&step.before);
        }
    }
    (then, gaps)
}

fn gap(id: &str, at: Timestamp, why: &str) -> String {
    format!("source `{id}` changed at {at}, and {why}: what it said before is not certain")
}

/// Undoes one step.
fn undo(said: &mut Said, place: &Place, asked: Asked<'_>) -> std::io::Result<()> {
    let mut entries = said.entries.clone();
    let text = asked.name.to_string();
    let mut locked: BTreeMap<String, BTreeMap<String, Entry>> = BTreeMap::new();
    let step = place.read(&mut |line| {
        let entry = match line.entry.starts_with('#') {
            true => {
                let known = locked.entry(line.category.to_owned());
                known.or_insert_with(|| hashes(line.category, asked)).get(line.entry).cloned()
            }
            false => readable(&line, &text).filter(|entry| entry.covers(asked.name, asked.rtype)),
        };
        if let (Some(entry), Some(category)) = (entry, CategoryId::new(line.category)) {
            match line.sign {
                Sign::Added => _ = entries.remove(&(category, entry)),
                Sign::Removed => _ = entries.insert((category, entry)),
            }
        }
    })?;
    if step.before.is_none() {
        entries.clear();
    }
    said.entries = entries;
    Ok(())
}

/// The entry of a line, if it may speak of the name at all: most lines are of other names.
fn readable(line: &Line<'_>, name: &str) -> Option<Entry> {
    let listed = line.entry.rsplit(['|', ' ']).next().unwrap_or(line.entry);
    let listed = listed.strip_prefix("*.").unwrap_or(listed);
    let is_strange = listed.starts_with("0x") || line.entry.contains('/');
    (is_strange || name.ends_with(listed)).then(|| Entry::parse(line.entry)).flatten()
}

/// What stands in the journal for every plain entry of a locked category that would speak of a name.
fn hashes(category: &str, asked: Asked<'_>) -> BTreeMap<String, Entry> {
    let Some(category) = CategoryId::new(category) else { return BTreeMap::new() };
    let entry = |name: Name, reach, important| Entry {
        about: About::Name(name, reach),
        exception: false,
        important,
        cancels: false,
        types: None,
        spared: Vec::new(),
        how: String::new(),
    };
    let mut known = BTreeMap::new();
    for suffix in asked.name.suffixes() {
        for reach in [Reach::Subtree, Reach::Below, Reach::Exact] {
            for important in [false, true] {
                let entry = entry(suffix.to_owned(), reach, important);
                if entry.covers(asked.name, asked.rtype) {
                    known.insert(hashed(&category, &entry), entry);
                }
            }
        }
    }
    known
}
