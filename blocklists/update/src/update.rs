//! One update, from copies to the promoted index.

use std::fs::File;

use blocklists::compile::{CompileError, Compiled, Input, compile};
use blocklists::index::Index;
use blocklists::report::SourceReport;
use blocklists::source::{Location, Source};
use jiff::Timestamp;

use crate::copies;
use crate::error::{NoCopy, disk};
use crate::fetch::Fetcher;
use crate::record::{Record, SourceRecord};
use crate::status::State;
use crate::{Lists, UpdateError, files, gates};

/// The program that compiles: another version may read lists in another way.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// What an update did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The index in force after it.
    pub id: String,
    /// Sources that were tried and are not fresh, with the reason.
    pub refused: Vec<(String, String)>,
    /// The index in force is the one from before.
    pub unchanged: bool,
}

/// One source on its way through an update.
struct Candidate {
    /// What was known before.
    before: SourceRecord,
    /// What will be known after.
    after: SourceRecord,
    /// It was tried this time.
    tried: bool,
}

impl Candidate {
    /// Goes on with the copy from before.
    fn fall_back(&mut self, state: State, why: String) {
        self.after.copy.clone_from(&self.before.copy);
        self.after.report.clone_from(&self.before.report);
        self.after.had_at = self.before.had_at;
        self.after.changed_at = self.before.changed_at;
        self.after.state =
            if self.after.copy.is_none() && state == State::Stale { State::Missing } else { state };
        self.after.error = Some(why);
    }

    /// Its copy cannot be used: the one from before must do, or, when it is that one, nothing.
    fn give_up(&mut self, why: String) {
        if self.is_new_content() {
            self.fall_back(State::Refused, why);
        } else {
            let nothing = SourceRecord::new(&self.after.source);
            self.after = SourceRecord { checked_at: self.after.checked_at, error: Some(why), ..nothing };
        }
    }

    fn is_new_content(&self) -> bool {
        self.after.copy != self.before.copy
    }

    /// Whether new content is fit to replace what was. With nothing before it, little is better
    /// than nothing.
    fn judge(&self, report: &SourceReport) -> Result<(), String> {
        if self.after.copy.is_none() || !self.is_new_content() {
            return Ok(());
        }
        gates::leaves_schools_alone(report, self.after.is_locked(report))?;
        gates::holds_names(report)?;
        if self.before.copy.is_some() { gates::is_understood(report) } else { Ok(()) }
    }

    /// Says of a source in force what people should look at.
    fn note_doubts(&mut self) {
        if self.after.state == State::Ok {
            self.after.error = gates::is_understood(&self.after.report).err();
        }
    }

    fn refused(&self) -> Option<(String, String)> {
        let is_refused = self.tried && self.after.state != State::Ok;
        is_refused.then(|| (self.after.source.id.clone(), self.after.error.clone().unwrap_or_default()))
    }

    fn copy_name(&self) -> &str {
        self.after.copy.as_deref().unwrap_or("")
    }

    fn input(&self, lists: &Lists) -> Input {
        let copy = self.after.copy.as_ref().map(|name| lists.copies().join(name));
        Input {
            source: self.after.source.clone(),
            copy: copy.unwrap_or_default(),
            copy_name: self.copy_name().to_owned(),
        }
    }
}

/// What one update works with.
struct Round<'l> {
    lists: &'l Lists,
    record: Record,
    in_force: Option<Index>,
    only_local: bool,
    fetcher: Fetcher,
    now: Timestamp,
}

pub(crate) fn run(
    lists: &Lists,
    sources: &[Source],
    only_local: bool,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, UpdateError> {
    let _lock = lock(lists, progress)?;
    let now = Timestamp::now();
    // Whole seconds: people read them.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let in_force = lists.load_best().map(|(index, _)| index);
    let round = Round { lists, record: lists.record(), in_force, only_local, fetcher: Fetcher::new(), now };
    let candidates: Result<Vec<_>, _> = sources.iter().map(|source| round.candidate(source)).collect();
    let mut candidates = candidates?;
    let Round { record, in_force, .. } = round;
    let current = lists.current();
    let same = in_force.filter(|index| Some(index.id()) == current.as_deref());
    let same = same.filter(|index| record.program == PROGRAM && is_same(index, &candidates));
    let (id, unchanged) = match same {
        Some(index) => (index.id().to_owned(), true),
        None => {
            progress("compiling");
            let compiled = compile_what_is_fit(lists, &mut candidates)?;
            let unchanged =
                lists.current().as_deref() == Some(&compiled.id) && lists.load(&compiled.id).is_ok();
            if !unchanged {
                promote(lists, &compiled)?;
            }
            (compiled.id, unchanged)
        }
    };
    candidates.iter_mut().for_each(Candidate::note_doubts);
    let written = Record {
        program: PROGRAM.to_owned(),
        generation: record.generation + u64::from(!unchanged),
        compiled_at: if unchanged { record.compiled_at } else { Some(now) },
        sources: candidates.iter().map(|candidate| candidate.after.clone()).collect(),
    };
    write_record(lists, &written)?;
    sweep(lists, &candidates);
    tell(&candidates, progress);
    let refused = candidates.iter().filter_map(Candidate::refused).collect();
    Ok(Outcome { id, refused, unchanged })
}

/// Held as long as the file is open.
fn lock(lists: &Lists, progress: &mut dyn FnMut(&str)) -> Result<File, UpdateError> {
    let path = lists.file("lock");
    let lock = File::create(&path).map_err(disk("make", &path))?;
    files::give_to_owner_of(lists.root(), &lock);
    if lock.try_lock().is_err() {
        progress("waiting for another update to end");
        lock.lock().map_err(disk("lock", &path))?;
    }
    Ok(lock)
}

impl Round<'_> {
    /// Takes a fresh copy of one source, or says why the one before must do.
    fn candidate(&self, source: &Source) -> Result<Candidate, UpdateError> {
        let mut before = self.record.of(source, self.in_force.as_ref());
        let copies = self.lists.copies();
        let is_whole = |name: &str| copies::is_whole(&copies.join(name)).unwrap_or(false);
        if !before.copy.as_deref().is_none_or(is_whole) {
            let error = Some("its kept copy is damaged".to_owned());
            before = SourceRecord { error, ..SourceRecord::new(source) };
        }
        let tried = !(self.only_local && matches!(source.location, Location::Url(_)));
        let mut candidate = Candidate { after: before.clone(), before, tried };
        if !tried {
            return Ok(candidate);
        }
        candidate.after.checked_at = Some(self.now);
        match copies::take(source, copies, &self.fetcher) {
            Ok(name) => {
                let after = &mut candidate.after;
                if after.copy.as_ref() != Some(&name) {
                    after.changed_at = Some(self.now);
                }
                (after.copy, after.had_at) = (Some(name), Some(self.now));
                (after.state, after.error) = (State::Ok, None);
            }
            Err(NoCopy::Source(why)) => candidate.fall_back(State::Stale, why),
            Err(NoCopy::Unfit(why)) => candidate.fall_back(State::Refused, why),
            Err(NoCopy::Directory(error)) => return Err(error),
        }
        Ok(candidate)
    }
}

/// Whether an index was compiled from exactly these copies.
fn is_same(index: &Index, candidates: &[Candidate]) -> bool {
    let indexed = index.sources().iter().map(|source| (&source.source, source.copy_name.as_str()));
    indexed.eq(candidates.iter().map(|candidate| (&candidate.after.source, candidate.copy_name())))
}

/// Compiles; a source whose new content is broken or not fit falls back to its copy from before,
/// and all is compiled again without that content. Each turn gives up at least one copy.
fn compile_what_is_fit(lists: &Lists, candidates: &mut [Candidate]) -> Result<Compiled, UpdateError> {
    loop {
        let inputs: Vec<Input> = candidates.iter().map(|candidate| candidate.input(lists)).collect();
        let compiled = match compile(&inputs) {
            Ok(compiled) => compiled,
            Err(CompileError::Read { id, error }) => {
                let broken = candidates.iter_mut().find(|candidate| candidate.after.source.id == id);
                let Some(broken) = broken.filter(|broken| broken.after.copy.is_some()) else {
                    return Err(CompileError::Read { id, error }.into());
                };
                broken.give_up(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut is_fit = true;
        for (candidate, report) in candidates.iter_mut().zip(&compiled.reports) {
            match candidate.judge(report) {
                Ok(()) => candidate.after.report = report.clone(),
                Err(why) => {
                    candidate.give_up(why);
                    is_fit = false;
                }
            }
        }
        if is_fit {
            return Ok(compiled);
        }
    }
}

/// Writes a new index and makes it the one in force; the one before stays beside it.
fn promote(lists: &Lists, compiled: &Compiled) -> Result<(), UpdateError> {
    let path = lists.file(&format!("{}.idx", compiled.id));
    files::write(&path, &compiled.bytes)?;
    lists.load(&compiled.id).map_err(|error| UpdateError::NotKept { path, error })?;
    // A damaged index is no index to go back to.
    let before = lists.current().filter(|before| *before != compiled.id && lists.load(before).is_ok());
    if let Some(before) = before {
        files::write(&lists.file("previous"), format!("{before}\n").as_bytes())?;
    }
    files::write(&lists.file("current"), format!("{}\n", compiled.id).as_bytes())
}

fn write_record(lists: &Lists, record: &Record) -> Result<(), UpdateError> {
    let path = lists.file("status.json");
    let json = serde_json::to_vec_pretty(record).map_err(|error| disk("write", &path)(error.into()))?;
    files::write(&path, &json)
}

/// What neither index, record nor the next update needs goes.
fn sweep(lists: &Lists, candidates: &[Candidate]) {
    let kept = ["current", "previous"].map(|pointer| files::pointer(&lists.file(pointer)));
    let kept: Vec<Index> = kept.into_iter().flatten().filter_map(|id| lists.load(&id).ok()).collect();
    let last_good: Vec<&str> = candidates.iter().map(Candidate::copy_name).collect();
    files::sweep(lists.root(), lists.copies(), &kept, &last_good);
}

fn tell(candidates: &[Candidate], progress: &mut dyn FnMut(&str)) {
    for candidate in candidates {
        let after = &candidate.after;
        let names = after.report.entries;
        match &after.error {
            None => progress(&format!("{}: {names} names", after.source.id)),
            Some(why) => {
                progress(&format!("{} ({}): {names} names in force; {why}", after.source.id, after.state));
            }
        }
    }
}
