//! What an update changed, source by source: written into the journal, and looked through for names
//! that this school uses.
//!
//! One pass serves both. It runs after the new index was made and read back, and before it is in
//! force, so that nothing is in force of which the journal does not know.

use std::collections::BTreeMap;

use blocklists::index::{Index, IndexedSource};
use jiff::Timestamp;

use crate::compare::{Difference, compare, spell_out};
use crate::held::{self, Candidates, Held, Lessons};
use crate::journal::{Journal, Sign, Step, Was};
use crate::listed::{Content, Entry, is_locked};
use crate::used_here::UsedHere;
use crate::{Lists, UpdateError};

/// A source in two indexes.
#[derive(Default)]
struct Change<'i> {
    before: Option<&'i IndexedSource>,
    after: Option<&'i IndexedSource>,
}

/// What an update's changes came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// Entries that sources gained.
    pub added: u64,
    /// Entries that they lost.
    pub removed: u64,
    /// Names held back now.
    pub held: usize,
    /// Sources whose changes could not be written down: the journal has a gap there.
    pub lost: usize,
}

/// Writes down what an update changes, and holds back names that this school uses.
///
/// `before` is the index in force, `after` the one to come, both without what is held back; the kept
/// copies of both are still there. A source that cannot be compared costs the journal a gap and nothing
/// else. Without `lessons` nothing more is held back than was.
///
/// # Errors
/// [`UpdateError::Disk`] when `held.json` cannot be written; the promotion need not wait for that.
pub fn keep(
    lists: &Lists,
    before: Option<&Index>,
    after: &Index,
    lessons: Option<&Lessons>,
    now: Timestamp,
) -> Result<Changed, UpdateError> {
    let journal = Journal::of(lists.root());
    let used = lessons.map(|lessons| UsedHere::open(&lessons.used_here, lessons.today)).transpose();
    let used = used.unwrap_or_else(|error| {
        tracing::warn!("which names were used here is not known, none is held back: {error}");
        None
    });
    let mut candidates = lessons.zip(used).map(|(lessons, used)| Candidates::new(lessons, used));
    let mut changed = Changed::default();
    for change in between(before, after) {
        match one(lists, &journal, &change, candidates.as_mut(), now) {
            Ok(Some(step)) => {
                changed.added += step.added;
                changed.removed += step.removed;
            }
            Ok(None) => {}
            Err(why) => {
                changed.lost += 1;
                tracing::warn!("the list journal has a gap: {why}");
            }
        }
    }
    journal.sweep(now);
    let empty = Index::empty();
    if let Some(candidates) = &mut candidates {
        candidates.keep_real(before.unwrap_or(&empty), after);
    }
    changed.held = held::change(lists.root(), |held| {
        held.settle(now);
        match &candidates {
            // Nothing was in force before: this is a new box, and nothing is taken from anybody.
            Some(candidates) if before.is_some() => held.take_in(candidates, after, now),
            _ => {}
        }
        held.active(now).count()
    })?;
    Ok(changed)
}

/// Puts in force what was held back long enough, at the end of every update; gives how many names.
///
/// # Errors
/// [`UpdateError::Disk`]; what is over is not [`Held::active`] any more in any case.
pub fn settle(lists: &Lists, now: Timestamp) -> Result<usize, UpdateError> {
    held::change(lists.root(), |held| held.settle(now))
}

/// Accepts what is held back of a name and below it, or all of it; gives how many names.
///
/// # Errors
/// [`UpdateError::Disk`]; then they are held back as before.
pub fn accept(
    lists: &Lists,
    name: Option<blocklists::name::NameRef<'_>>,
    now: Timestamp,
) -> Result<usize, UpdateError> {
    held::change(lists.root(), |held: &mut Held| {
        held.settle(now);
        held.accept(name, now)
    })
}

/// The sources of two indexes, those that have content, by id.
fn between<'i>(before: Option<&'i Index>, after: &'i Index) -> Vec<Change<'i>> {
    let mut changes: BTreeMap<&str, Change<'i>> = BTreeMap::new();
    let has_content = |source: &&IndexedSource| !source.copy_name.is_empty();
    for source in before.into_iter().flat_map(Index::sources).filter(has_content) {
        changes.entry(&source.source.id).or_default().before = Some(source);
    }
    for source in after.sources().iter().filter(has_content) {
        changes.entry(&source.source.id).or_default().after = Some(source);
    }
    changes.into_values().collect()
}

/// Writes down one source's change.
fn one(
    lists: &Lists,
    journal: &Journal,
    change: &Change<'_>,
    mut candidates: Option<&mut Candidates<'_>>,
    now: Timestamp,
) -> Result<Option<Step>, String> {
    let was = |source: Option<&IndexedSource>| source.map(|it| Was::of(&it.source, &it.copy_name));
    let (before, after) = (was(change.before), was(change.after));
    let Some(id) = change.after.or(change.before).map(|indexed| indexed.source.id.clone()) else {
        return Ok(None);
    };
    if before == after {
        return Ok(None);
    }
    // What a person declared anew is meant to work at once; only what a list brings by itself waits.
    let is_same_declaration = before.as_ref().zip(after.as_ref()).is_some_and(|(b, a)| b.is_declared_as(a));
    candidates = candidates.filter(|_| is_same_declaration);
    let path = |source: Option<&IndexedSource>| source.map(|it| lists.copies().join(&it.copy_name));
    let (old_path, new_path) = (path(change.before), path(change.after));
    let old = change.before.zip(old_path.as_deref());
    let old = old.map(|(it, copy)| Content { source: &it.source, copy });
    let new = change.after.zip(new_path.as_deref());
    let new = new.map(|(it, copy)| Content { source: &it.source, copy });
    let difference = compare(old, new).map_err(|error| format!("source `{id}`: {error}"))?;
    let step = Step {
        id,
        at: now,
        before,
        after,
        added: difference.added.len() as u64,
        removed: difference.removed.len() as u64,
    };
    write(journal, &step, &difference, old, new, candidates)?;
    Ok(Some(step))
}

fn write(
    journal: &Journal,
    step: &Step,
    difference: &Difference,
    old: Option<Content<'_>>,
    new: Option<Content<'_>>,
    mut candidates: Option<&mut Candidates<'_>>,
) -> Result<(), String> {
    let mut writer = journal.write(step).map_err(|error| error.to_string())?;
    // A source's first content needs no names: before it, the source listed nothing.
    let added = if old.is_some() { difference.added.as_slice() } else { &[] };
    for (content, wanted, sign) in
        [(new, added, Sign::Added), (old, difference.removed.as_slice(), Sign::Removed)]
    {
        let Some(content) = content else { continue };
        let source = content.source;
        let spelt = spell_out(content, difference, wanted, &mut |category, rule| {
            writer.line(sign, category, &Entry::of(rule), is_locked(source, category));
            if let Some(candidates) = candidates.as_deref_mut() {
                candidates.look_at(&source.id, category, rule, sign == Sign::Added);
            }
        });
        spelt.map_err(|error| format!("source `{}`: {error}", step.id))?;
    }
    writer.finish().map_err(|error| error.to_string())
}
