//! One update, from copies to the promoted index.
//!
//! The way: take copies of what is to be tried ([`collect`]), judge each ([`Candidate`]), compile
//! what is fit ([`fit`]), write and read back, swap ([`promote`]), write the note, sweep. Killed at any point
//! the index in force is whole, and the next update picks up where this one ended.

use std::collections::BTreeMap;
use std::fs::File;

use blocklists::index::Index;
use blocklists::overlay::Correction;
use blocklists::source::{Location, Source};
use blocklists::upkeep::Upkeep;
use jiff::Timestamp;

use crate::access::Access;
use crate::candidate::{Candidate, Terms};
use crate::collect::{self, Task};
use crate::corrected::{Corrected, corrections_word};
use crate::error::disk;
use crate::fetch::Fetcher;
use crate::fit::{self, Compiling, Fit, is_made_of};
use crate::held::{Held, Lessons};
use crate::record::{Record, SourceRecord, program};
use crate::{Lists, Promotion, UpdateError, changes, copies, files, promote, watch, when};

/// What an update did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The index in force after it.
    pub id: String,
    /// Sources that were tried and are not fresh, with the reason.
    pub refused: Vec<(String, String)>,
    /// Sources with new content that waits for its hour.
    pub waiting: Vec<String>,
    /// The index in force is the one from before.
    pub unchanged: bool,
}

/// Which sources an update tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// All of them.
    All,
    /// Those whose time has come, and those that changed on this machine.
    Due,
    /// All that are on this machine; nothing is fetched.
    Local,
}

/// What an update is to do.
#[derive(Debug)]
pub struct Job<'a> {
    /// The sources of the policy.
    pub sources: &'a [Source],
    /// How they are kept, by id.
    pub upkeep: &'a BTreeMap<String, Upkeep>,
    /// The way out to their providers.
    pub access: &'a Access,
    /// Which of them are tried.
    pub take: Take,
    /// When new content goes live.
    pub promotion: Promotion,
    /// Content that was rolled back may come into force again.
    pub forget_rollback: bool,
    /// Names that the policy takes out of categories, or into them.
    pub corrections: &'a [Correction],
    /// What lessons are to be left undisturbed; `None`: no name is held back.
    pub lessons: Option<&'a Lessons>,
}

/// What one update works with.
struct Round<'l> {
    lists: &'l Lists,
    job: &'l Job<'l>,
    record: Record,
    in_force: Option<Index>,
    now: Timestamp,
}

pub(crate) fn run(
    lists: &Lists,
    job: &Job<'_>,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, UpdateError> {
    let _lock = lock(lists, progress)?;
    let lists = &lists.sparing();
    let outcome = Round::new(lists, job).run(progress);
    if outcome.is_err() {
        // What this one took and did not use must not fill the disk for the next.
        promote::sweep(lists, &lists.record(), &[]);
    }
    outcome
}

/// Held as long as the file is open.
pub(crate) fn lock(lists: &Lists, progress: &mut dyn FnMut(&str)) -> Result<File, UpdateError> {
    let path = lists.file("lock");
    let lock = File::create(&path).map_err(disk("make", &path))?;
    files::give_to_owner_of(lists.root(), &lock);
    if lock.try_lock().is_err() {
        progress("waiting for another update to end");
        lock.lock().map_err(disk("lock", &path))?;
    }
    Ok(lock)
}

impl<'l> Round<'l> {
    fn new(lists: &'l Lists, job: &'l Job<'l>) -> Self {
        let now = Timestamp::now();
        // Whole seconds: people read them.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut record = lists.record();
        let in_force = in_force(lists, &record);
        if let Some(in_force) = &in_force {
            record.follow(in_force);
        }
        Self { lists, job, record, in_force, now }
    }

    fn run(self, progress: &mut dyn FnMut(&str)) -> Result<Outcome, UpdateError> {
        let mut candidates: Vec<Candidate> =
            self.job.sources.iter().map(|source| self.candidate(source)).collect();
        self.take_copies(&mut candidates)?;
        let terms = self.terms();
        candidates.iter_mut().for_each(|candidate| candidate.promote_waiting(&terms));
        let fit = self.compile(&mut candidates, progress)?;
        candidates.iter_mut().for_each(|candidate| candidate.close(self.now));
        match changes::settle(self.lists, self.now) {
            Ok(0) => {}
            Ok(over) => progress(&format!("{over} names that were held back for three days are in force")),
            Err(error) => tracing::warn!("what was held back could not be settled: {error}"),
        }
        let held_seen = watch::look_of(&self.lists.file("held.json"));
        let held = Held::of(self.lists);
        let (base, is_written) = (fit.base.clone(), fit.is_written);
        let overlay = self.write_overlay(fit, &held)?;
        let whole = self.whole();
        let is_named = |index: &Index| (index.id(), index.overlay_id()) == (base.id(), overlay.as_deref());
        // What was healed is in force anew, although nothing else is named.
        let unchanged = !is_written && whole.is_some_and(is_named);
        // Where only corrections change, the way back leads to the lists before, not to these.
        let is_new = !whole.is_some_and(|index| index.id() == base.id() && is_same(index, &candidates));
        if !unchanged {
            promote::swap(self.lists, base.id(), overlay.as_deref(), whole.filter(|_| is_new))?;
        }
        let rolled_back_from = self.record.rolled_back_from.clone();
        let written = Record {
            program: program().to_owned(),
            index: Some(base.id().to_owned()),
            overlay,
            generation: self.record.generation + u64::from(!unchanged),
            compiled_at: if unchanged { self.record.compiled_at } else { Some(self.now) },
            rolled_back_from: rolled_back_from
                .filter(|_| (unchanged || !is_new) && !self.job.forget_rollback),
            corrected: self.corrected(),
            corrections: corrections_word(self.job.corrections),
            held_seen,
            held_until: held.next_end(self.now),
            sources: candidates.iter().map(|candidate| candidate.after.clone()).collect(),
        };
        promote::write_record(self.lists, &written)?;
        let loaded: Vec<&Index> = self.in_force.iter().chain([&base]).collect();
        promote::sweep(self.lists, &written, &loaded);
        tell(&candidates, progress);
        let refused = candidates.iter().filter_map(Candidate::refused).collect();
        let waits = |candidate: &&Candidate| candidate.after.waiting.is_some();
        let waiting =
            candidates.iter().filter(waits).map(|candidate| candidate.after.source.id.clone()).collect();
        Ok(Outcome { id: base.id().to_owned(), refused, waiting, unchanged })
    }

    /// The last change of the corrections: this one, or the one from before.
    fn corrected(&self) -> Option<Corrected> {
        let before = &self.record.corrections;
        if *before == corrections_word(self.job.corrections) {
            return self.record.corrected.clone();
        }
        Some(Corrected { at: self.now, before: before.clone() })
    }

    /// The index in force, when it and its overlay are what `current` names.
    fn whole(&self) -> Option<&Index> {
        let named = (self.lists.current(), self.lists.current_overlay());
        let is_named = |index: &&Index| {
            (Some(index.id()), index.overlay_id()) == (named.0.as_deref(), named.1.as_deref())
        };
        self.in_force.as_ref().filter(is_named)
    }

    /// Compiles what changed: nothing, the overlay of small sources, or all. The journal knows of it
    /// before it is in force.
    fn compile(
        &self,
        candidates: &mut [Candidate],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Fit, UpdateError> {
        let known = self.in_force.as_ref().filter(|_| self.record.program == program());
        let same = |index: &&Index| known.is_some() && is_same(index, candidates);
        if let Some(index) = self.whole().filter(same) {
            return Ok(Fit::of(self.lists, index));
        }
        progress("compiling");
        let fit = Compiling::new(self.lists, known, self.now).run(candidates)?;
        self.keep_locked(candidates)?;
        if fit.is_written || !self.whole().is_some_and(|index| is_same(index, candidates)) {
            self.note_changes(&fit.uncorrected());
        }
        Ok(fit)
    }

    /// What is always blocked never goes empty once it was there: rather nothing changes at all.
    fn keep_locked(&self, candidates: &[Candidate]) -> Result<(), UpdateError> {
        let in_force = self.in_force.as_ref().map_or(&[][..], Index::sources);
        for Candidate { after, .. } in candidates.iter().filter(|lost| lost.after.copy.is_none()) {
            let held = in_force.iter().find(|indexed| indexed.source.id == after.source.id);
            // What a damaged overlay held, the note knows.
            let noted = || self.record.known(&after.source).filter(|known| known.copy.is_some());
            let report = held.map(|held| &held.report).or_else(|| noted().map(|known| &known.report));
            if report.is_some_and(|report| report.entries > 0 && after.is_locked(report)) {
                let (id, why) = (after.source.id.clone(), after.error.clone().unwrap_or_default());
                return Err(UpdateError::LockedLost { id, why });
            }
        }
        Ok(())
    }

    /// Puts the small sources into the overlay, and what takes names out of the lists, or into them,
    /// without touching the lists: the corrections of the policy, and what is held back for lessons.
    /// Gives the overlay's id.
    fn write_overlay(&self, fit: Fit, held: &Held) -> Result<Option<String>, UpdateError> {
        let held = held.active(self.now).filter_map(|held| {
            let (name, exact) = (held.covered.wire()?, !held.covered.subtree);
            Some(Correction { name, exact, category: held.category.clone(), into: false })
        });
        let corrections: Vec<Correction> = self.job.corrections.iter().cloned().chain(held).collect();
        let base = fit.base.clone();
        let Some(overlay) = fit.overlay(self.lists, &corrections)? else { return Ok(None) };
        if self.whole().and_then(Index::overlay_id) != Some(&overlay.id) {
            promote::write_overlay(self.lists, &base, &overlay)?;
        }
        Ok(Some(overlay.id))
    }

    /// Writes down what the new lists change, before they are in force. What fails here must not keep
    /// lists from being fresh.
    fn note_changes(&self, after: &Index) {
        let before = self.in_force.as_ref().map(|index| fit::uncorrected(self.lists, index));
        let noted = changes::keep(self.lists, before.as_ref(), after, self.job.lessons, self.now);
        if let Err(error) = noted {
            tracing::warn!("what changed could not be noted, and no name is held back: {error}");
        }
    }

    fn terms(&self) -> Terms<'_> {
        Terms { copies: self.lists.copies(), promotion: &self.job.promotion, now: self.now }
    }

    /// One source with what is known of it, and whether it is tried.
    fn candidate(&self, source: &Source) -> Candidate {
        let upkeep = self.job.upkeep.get(&source.id).cloned().unwrap_or_default();
        let copies = self.lists.copies();
        let is_whole = |name: &str| copies::is_whole(&copies.join(name)).unwrap_or(false);
        let mut before = self.record.of(source, self.in_force.as_ref());
        let mut tried = match (self.job.take, &source.location) {
            (Take::All, _) => true,
            (Take::Local, location) => !matches!(location, Location::Url(_)),
            // Its text is in the program.
            (Take::Due, Location::BuiltIn(_)) if self.record.program != program() => true,
            (Take::Due, location) => when::is_due(self.record.known(source), location, &upkeep, self.now),
        };
        let is_damaged = !before.copy.as_deref().is_none_or(is_whole);
        if is_damaged {
            let error = Some("its kept copy is damaged".to_owned());
            before = SourceRecord { error, ..SourceRecord::new(source) };
            tried |= self.job.take == Take::Due;
        }
        if self.job.forget_rollback {
            before.set_aside.clear();
        }
        if before.waiting.as_ref().is_some_and(|waiting| !is_whole(&waiting.copy)) {
            before.waiting = None;
        }
        let mut after = before.clone();
        if tried {
            after.checked_at = Some(self.now);
            if let Location::Path(path) = &source.location {
                // Before it is read: what changes meanwhile is seen at the next look.
                after.seen = watch::look_of(path);
            }
        }
        Candidate { before, after, upkeep, tried }
    }

    /// Takes copies of what is to be tried, and judges each.
    fn take_copies(&self, candidates: &mut [Candidate]) -> Result<(), UpdateError> {
        let outcomes = {
            // What is on this machine is taken up even when the way out is not written as it should be.
            let fetcher = Fetcher::new(self.job.access).map_err(|error| format!("[lists]: {error}"));
            let tried = candidates.iter().enumerate().filter(|(_, candidate)| candidate.tried);
            let tasks = tried.map(|(place, candidate)| Task {
                place,
                source: &candidate.before.source,
                proof: candidate.upkeep.proof.as_ref(),
                known: candidate.before.fetched.as_ref(),
            });
            collect::take_all(tasks.collect(), self.lists.copies(), &fetcher)
        };
        let terms = self.terms();
        for (place, outcome) in outcomes {
            if let Some(candidate) = candidates.get_mut(place) {
                candidate.settle(outcome, &terms)?;
            }
        }
        Ok(())
    }
}

/// What an update starts from. Where only the overlay is damaged, the note still knows what it held:
/// then nothing goes back to what was before.
fn in_force(lists: &Lists, record: &Record) -> Option<Index> {
    let is_noted = record.index == lists.current() && record.overlay == lists.current_overlay();
    let alone = || lists.load(&lists.current().filter(|_| is_noted)?).ok();
    let whole = lists.load_current().and_then(Result::ok);
    whole.or_else(alone).or_else(|| lists.load_best().map(|(index, _)| index))
}

/// Whether an index was compiled from exactly these copies.
fn is_same(index: &Index, candidates: &[Candidate]) -> bool {
    is_made_of(index, candidates.iter().map(|candidate| (&candidate.after.source, candidate.copy_name())))
}

fn tell(candidates: &[Candidate], progress: &mut dyn FnMut(&str)) {
    for candidate in candidates {
        let after = &candidate.after;
        let names = after.report.entries;
        let waits = after.waiting.as_ref().map_or_else(String::new, |waiting| {
            format!(
                "; new content waits until {}: +{} -{} lines",
                waiting.until, waiting.added, waiting.removed
            )
        });
        match &after.error {
            None => progress(&format!("{}: {names} names{waits}", after.source.id)),
            Some(why) => {
                progress(&format!(
                    "{} ({}): {names} names in force{waits}; {why}",
                    after.source.id, after.state
                ));
            }
        }
    }
}
