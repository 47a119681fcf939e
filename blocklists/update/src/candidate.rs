//! One source on its way through an update: what was known before, what will be known after.

use std::path::Path;

use blocklists::compile::{Input, compile_into};
use blocklists::index::Index;
use blocklists::report::SourceReport;
use blocklists::source::Source;
use blocklists::upkeep::Upkeep;
use jiff::Timestamp;

use crate::copies::Taken;
use crate::error::{NoCopy, UpdateError};
use crate::record::{SourceRecord, Waiting};
use crate::status::State;
use crate::{Lists, Promotion, difference, files, gates, when};

/// What every candidate of one update is judged with.
pub(crate) struct Terms<'a> {
    pub(crate) copies: &'a Path,
    pub(crate) promotion: &'a Promotion,
    pub(crate) now: Timestamp,
}

/// One source on its way through an update.
pub(crate) struct Candidate {
    /// What was known before.
    pub(crate) before: SourceRecord,
    /// What will be known after.
    pub(crate) after: SourceRecord,
    /// How it is kept.
    pub(crate) upkeep: Upkeep,
    /// It was tried this time.
    pub(crate) tried: bool,
}

impl Candidate {
    /// Takes what came of the attempt to have it.
    ///
    /// # Errors
    /// [`UpdateError`] when the lists directory is to blame.
    pub(crate) fn settle(
        &mut self,
        outcome: Result<Taken, NoCopy>,
        terms: &Terms<'_>,
    ) -> Result<(), UpdateError> {
        match outcome {
            Ok(taken) => self.offer(taken, terms),
            Err(NoCopy::Source { why, retry_after }) => self.fail(State::Stale, why, retry_after, terms.now),
            Err(NoCopy::Unfit(why)) => self.fail(State::Refused, why, None, terms.now),
            Err(NoCopy::Directory(error)) => return Err(error),
        }
        Ok(())
    }

    /// Content that was had whole: in force already, waiting already, set aside, or new.
    fn offer(&mut self, Taken { copy, fetched }: Taken, terms: &Terms<'_>) {
        if self.after.copy.as_ref() == Some(&copy) {
            // Its author took back what was waiting.
            self.after.waiting = None;
        } else if self.after.waiting.as_ref().is_some_and(|waiting| waiting.copy == copy) {
            // Nothing new.
        } else if self.after.set_aside.contains(&copy) {
            self.after.waiting = None;
            self.after.next_at = Some(when::after_success(terms.now, &self.upkeep));
            (self.after.state, self.after.fetched) = (State::Refused, fetched);
            let why = "it still offers the content that was rolled back; what was before stays in force until the \
                       list changes, or until `schoolgate lists update --forget-rollback`";
            self.after.error = Some(why.to_owned());
            return;
        } else if let Err(why) = self.admit(&copy, terms) {
            self.fail(State::Refused, why, None, terms.now);
            return;
        }
        let after = &mut self.after;
        (after.state, after.error, after.failures) = (State::Ok, None, 0);
        (after.had_at, after.fetched) = (Some(terms.now), fetched);
        after.next_at = Some(when::after_success(terms.now, &self.upkeep));
    }

    /// Lets new content in, or lets it wait for its hour.
    fn admit(&mut self, copy: &str, terms: &Terms<'_>) -> Result<(), String> {
        let until = terms.promotion.after(terms.now).filter(|_| self.before.copy.is_some());
        let until = until.filter(|_| !self.after.is_urgent(&self.before.report));
        let bytes = terms.copies.join(copy).metadata().map_or(0, |metadata| metadata.len());
        if until.is_none() && !gates::has_canaries(&self.after.source, &self.upkeep, bytes) {
            // It goes live with this update: it is judged when all is compiled.
            self.after.copy = Some(copy.to_owned());
            self.after.waiting = None;
            return Ok(());
        }
        let (report, alone) = compile_alone(&self.after.source, terms.copies, copy)?;
        self.judge(&report)?;
        if !self.after.is_locked(&report) {
            gates::holds_canaries(&self.after.source, &self.upkeep, report.entries, &alone)?;
        }
        match until.filter(|_| !self.after.is_urgent(&report)) {
            Some(until) => {
                let before = self.before.copy.as_deref().unwrap_or("");
                let differ = difference::lines(&terms.copies.join(before), &terms.copies.join(copy));
                let (added, removed) = differ.unwrap_or_default();
                let copy = copy.to_owned();
                self.after.waiting = Some(Waiting { copy, report, since: terms.now, until, added, removed });
            }
            None => {
                self.after.copy = Some(copy.to_owned());
                self.after.waiting = None;
            }
        }
        Ok(())
    }

    /// Lets what waits go live, when its hour has come.
    pub(crate) fn promote_waiting(&mut self, terms: &Terms<'_>) {
        let is_ripe = |waiting: &Waiting| {
            matches!(terms.promotion, Promotion::AtOnce)
                || waiting.until <= terms.now
                || waiting.since > terms.now
        };
        if self.after.waiting.as_ref().is_some_and(is_ripe)
            && let Some(waiting) = self.after.waiting.take()
        {
            self.after.copy = Some(waiting.copy);
            self.after.report = waiting.report;
        }
    }

    /// It could not be had, or is not fit: the copy from before must do.
    fn fail(&mut self, state: State, why: String, retry_after: Option<u64>, now: Timestamp) {
        self.fall_back(state, why);
        self.after.failures = self.before.failures.saturating_add(1);
        self.after.next_at = Some(when::after_failure(now, self.after.failures, retry_after));
    }

    fn fall_back(&mut self, state: State, why: String) {
        self.after.copy.clone_from(&self.before.copy);
        self.after.report.clone_from(&self.before.report);
        self.after.had_at = self.before.had_at;
        self.after.fetched.clone_from(&self.before.fetched);
        self.after.state =
            if self.after.copy.is_none() && state == State::Stale { State::Missing } else { state };
        self.after.error = Some(why);
    }

    /// Its copy cannot be used: the one from before must do, or, when it is that one, nothing.
    pub(crate) fn give_up(&mut self, why: String, now: Timestamp) {
        self.after.waiting = None;
        if self.is_new_content() {
            self.fail(State::Refused, why, None, now);
        } else {
            let nothing = SourceRecord::new(&self.after.source);
            self.after = SourceRecord {
                checked_at: self.after.checked_at,
                set_aside: std::mem::take(&mut self.after.set_aside),
                error: Some(why),
                ..nothing
            };
        }
    }

    pub(crate) fn is_new_content(&self) -> bool {
        self.after.copy != self.before.copy
    }

    /// Whether new content is fit to replace what was. With nothing before it, little is better
    /// than nothing.
    ///
    /// # Errors
    /// A sentence for people.
    pub(crate) fn judge(&self, report: &SourceReport) -> Result<(), String> {
        gates::leaves_schools_alone(report, self.after.is_locked(report))?;
        gates::holds_names(report, &self.before.report)?;
        if self.before.copy.is_none() {
            return Ok(());
        }
        gates::is_understood(report)?;
        gates::keeps_its_size(self.before.report.entries, report.entries, &self.upkeep)
    }

    /// The last words: when it changed, and what people should look at.
    pub(crate) fn close(&mut self, now: Timestamp) {
        if self.is_new_content() {
            self.after.changed_at = Some(now);
        }
        if self.after.state == State::Ok {
            self.after.error = gates::is_understood(&self.after.report).err();
        }
    }

    /// Its id and the reason, when it was tried and is not fresh.
    pub(crate) fn refused(&self) -> Option<(String, String)> {
        let is_refused = self.tried && self.after.state != State::Ok;
        is_refused.then(|| (self.after.source.id.clone(), self.after.error.clone().unwrap_or_default()))
    }

    /// The file name of the copy that goes into the index; empty when there is none.
    pub(crate) fn copy_name(&self) -> &str {
        self.after.copy.as_deref().unwrap_or("")
    }

    pub(crate) fn input(&self, lists: &Lists) -> Input {
        let copy = self.after.copy.as_ref().map(|name| lists.copies().join(name));
        Input {
            source: self.after.source.clone(),
            copy: copy.unwrap_or_default(),
            copy_name: self.copy_name().to_owned(),
        }
    }
}

/// One source as if there were no other: what it holds, before it is let near the rest.
fn compile_alone(source: &Source, copies: &Path, copy: &str) -> Result<(SourceReport, Index), String> {
    let input = Input { source: source.clone(), copy: copies.join(copy), copy_name: copy.to_owned() };
    let mut compiled =
        compile_into(copies, files::UNFINISHED, &[input], 0).map_err(|error| error.to_string())?;
    let index = Index::open_unnamed(compiled.file.path()).map_err(|error| error.to_string())?;
    Ok((compiled.reports.pop().unwrap_or_default(), index))
}
