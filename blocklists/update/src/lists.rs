//! The lists directory: what is in force, and whether it is whole.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use blocklists::index::{Index, IndexError};
use blocklists::source::Source;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::disk;
use crate::promote::{self, RolledBack};
use crate::record::Record;
use crate::status::{self, Status};
use crate::update::{self, Job, Outcome, Take};
use crate::{Access, Promotion, UpdateError, copies, files, watch};

/// The lists directory of one box.
#[derive(Debug)]
pub struct Lists {
    root: PathBuf,
    copies: PathBuf,
    /// Indexes stay in their files: this process asks them seldom.
    sparing: bool,
}

/// Which index [`Lists::load_best`] found usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadedFrom {
    /// The one in force.
    Current,
    /// The one before: the one in force is missing or damaged.
    Previous,
}

/// One file that [`Lists::verify`] looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The file, relative to the lists directory.
    pub file: String,
    /// Its bytes are those that its name proves.
    pub good: bool,
    /// What is wrong with it.
    pub error: Option<String>,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            None => write!(f, "{}: good", self.file),
            Some(error) => write!(f, "{}: {error}", self.file),
        }
    }
}

/// Whether an index was compiled from exactly these sources (whatever their content was then, and in
/// whatever order).
#[must_use]
pub fn is_compiled_from(index: &Index, sources: &[Source]) -> bool {
    let indexed = index.sources();
    let is_in = |source: &Source| indexed.iter().any(|indexed| indexed.source == *source);
    indexed.len() == sources.len() && sources.iter().all(is_in)
}

impl Lists {
    /// Opens the lists directory, making it where it is not there.
    ///
    /// # Errors
    /// [`UpdateError::Disk`] when it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, UpdateError> {
        let lists = Self { root: dir.to_owned(), copies: dir.join("copies"), sparing: false };
        for folder in [&lists.root, &lists.copies] {
            if folder.is_dir() {
                continue;
            }
            std::fs::create_dir_all(folder).map_err(disk("make", folder))?;
            if let (Some(above), Ok(made)) = (folder.parent(), File::open(folder)) {
                files::give_to_owner_of(above, &made);
            }
        }
        Ok(lists)
    }

    /// Where the kept copies are.
    #[must_use]
    pub fn copies(&self) -> &Path {
        &self.copies
    }

    /// Takes copies of sources, checks and compiles them, and promotes the new index. A source that
    /// cannot be had or is not fit keeps the copy it had. `progress` is told sentences. Waits while
    /// another update of this directory runs.
    ///
    /// # Errors
    /// [`UpdateError`]; what was in force stays in force.
    pub fn run(&self, job: &Job<'_>, progress: &mut dyn FnMut(&str)) -> Result<Outcome, UpdateError> {
        update::run(self, job, progress)
    }

    /// [`run`](Self::run) for sources that are kept and reached as the defaults say, with all of them
    /// tried (`only_local`: nothing is fetched) and new content in force at once.
    ///
    /// # Errors
    /// [`UpdateError`]; what was in force stays in force.
    pub fn update(
        &self,
        sources: &[Source],
        only_local: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Outcome, UpdateError> {
        let (upkeep, access) = (BTreeMap::new(), Access::default());
        let take = if only_local { Take::Local } else { Take::All };
        let promotion = Promotion::AtOnce;
        let job = Job {
            sources,
            upkeep: &upkeep,
            access: &access,
            take,
            promotion,
            forget_rollback: false,
            lessons: None,
            corrections: &[],
        };
        self.run(&job, progress)
    }

    /// Goes back to the index before the one in force. The content that this takes out of force is
    /// not promoted again until its list changes, or an update is told to forget it.
    ///
    /// # Errors
    /// [`UpdateError`]; what was in force stays in force.
    pub fn roll_back(&self, progress: &mut dyn FnMut(&str)) -> Result<RolledBack, UpdateError> {
        promote::roll_back(self, progress)
    }

    /// The id of the index in force.
    #[must_use]
    pub fn current(&self) -> Option<String> {
        files::pointer(&self.file("current"))
    }

    /// The id of the overlay in force; `None` when there are no small sources beside big ones and there
    /// is nothing to correct.
    #[must_use]
    pub fn current_overlay(&self) -> Option<String> {
        files::overlay_pointer(&self.file("current"))
    }

    /// What the pointer to the index in force looks like from outside: whoever promotes, or heals what
    /// is damaged, leaves another look behind. `None` before the first update.
    #[must_use]
    pub fn look_of_current(&self) -> Option<String> {
        watch::look_of(&self.file("current"))
    }

    /// The index that `current` or `previous` names, with its overlay; one of those that are `loaded`
    /// is not read again.
    ///
    /// # Errors
    /// [`IndexError`] when either is missing or damaged.
    pub(crate) fn load_sharing(&self, pointer: &str, loaded: &[&Index]) -> Option<Result<Index, IndexError>> {
        let path = self.file(pointer);
        let id = files::pointer(&path)?;
        let known = loaded.iter().find(|index| index.id() == id);
        let base = known.map_or_else(|| self.load(&id), |index| Ok(index.without_overlay()));
        let Some(overlay) = files::overlay_pointer(&path) else { return Some(base) };
        Some(base.and_then(|base| base.load_overlay(&self.file(&format!("{overlay}.ovl")))))
    }

    /// The index in force with its overlay.
    ///
    /// # Errors
    /// [`IndexError`] when either is missing or damaged; `None` when there is none yet.
    #[must_use]
    pub fn load_current(&self) -> Option<Result<Index, IndexError>> {
        self.load_sharing("current", &[])
    }

    /// The same for who has an index already: where only the overlay is another one, only that is read,
    /// and the big tables are shared.
    ///
    /// # Errors
    /// As [`load_current`](Self::load_current).
    #[must_use]
    pub fn load_current_beside(&self, live: &Index) -> Option<Result<Index, IndexError>> {
        self.load_sharing("current", &[live])
    }

    /// The index with this id, without an overlay.
    ///
    /// # Errors
    /// [`IndexError`] when it is missing or damaged.
    pub fn load(&self, id: &str) -> Result<Index, IndexError> {
        let path = self.file(&format!("{id}.idx"));
        if self.sparing { Index::open(&path) } else { Index::load(&path) }
    }

    /// The index in force, or the one before when that is damaged. Where an overlay is damaged, its
    /// index alone will do when no source is missing in it, or when nothing whole is left.
    #[must_use]
    pub fn load_best(&self) -> Option<(Index, LoadedFrom)> {
        let sources = self.record().sources;
        let has_all = |index: &Index| {
            let has = |id: &str| index.sources().iter().any(|indexed| indexed.source.id == id);
            !sources.is_empty() && sources.iter().all(|known| has(&known.source.id))
        };
        let mut incomplete = None;
        for (pointer, from) in [("current", LoadedFrom::Current), ("previous", LoadedFrom::Previous)] {
            let error = match self.load_sharing(pointer, &[]) {
                Some(Ok(index)) => return Some((index, from)),
                Some(Err(error)) => error,
                None => continue,
            };
            tracing::warn!("{pointer}: {error}");
            let base = files::pointer(&self.file(pointer)).and_then(|id| self.load(&id).ok());
            match base {
                // It is without its corrections, and still better than an older one.
                Some(index) if has_all(&index) => return Some((index, from)),
                base => incomplete = incomplete.or(base.map(|index| (index, from))),
            }
        }
        incomplete
    }

    /// What is known of the index given (the one in force, when there is one) and of every source.
    #[must_use]
    pub fn status(&self, index: Option<&Index>) -> Status {
        status::of(&self.record(), index, Timestamp::now())
    }

    /// Re-hashes current, previous and the kept copies.
    ///
    /// # Errors
    /// [`UpdateError::Disk`] when the directory cannot be read.
    pub fn verify(&self) -> Result<Vec<Checked>, UpdateError> {
        let mut checked = Vec::new();
        let mut needed = Vec::new();
        for pointer in ["current", "previous"] {
            let Some(id) = files::pointer(&self.file(pointer)) else {
                let is_there = self.file(pointer).exists();
                if is_there {
                    checked.push(told(pointer, Some("it does not name an index".to_owned())));
                }
                continue;
            };
            let mut index = self.load(&id);
            let of_index = told(&format!("{id}.idx"), index.as_ref().err().map(ToString::to_string));
            // Both may name one index, with another overlay each.
            if !checked.contains(&of_index) {
                checked.push(of_index);
            }
            if let (Ok(base), Some(overlay)) = (&index, files::overlay_pointer(&self.file(pointer))) {
                let file = format!("{overlay}.ovl");
                let laid = base.load_overlay(&self.file(&file));
                checked.push(told(&file, laid.as_ref().err().map(ToString::to_string)));
                index = laid;
            }
            needed.extend(index.iter().flat_map(Index::sources).map(|source| source.copy_name.clone()));
        }
        let entries = std::fs::read_dir(&self.copies).map_err(disk("read", &self.copies))?;
        let there = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        needed.extend(there.filter(|name| !name.starts_with(files::UNFINISHED)));
        needed.retain(|name| !name.is_empty());
        needed.sort();
        needed.dedup();
        for name in needed {
            let error = match copies::is_whole(&self.copies.join(&name)) {
                Ok(true) => None,
                Ok(false) => Some("its bytes do not match its name".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            checked.push(told(&format!("copies/{name}"), error));
        }
        Ok(checked)
    }

    /// The same directory for a process that must take little memory: indexes stay in their files.
    pub(crate) fn sparing(&self) -> Self {
        Self { root: self.root.clone(), copies: self.copies.clone(), sparing: true }
    }

    /// A file of the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What the last update knew.
    pub(crate) fn record(&self) -> Record {
        Record::read(&self.file("status.json"))
    }
}

fn told(file: &str, error: Option<String>) -> Checked {
    Checked { file: file.to_owned(), good: error.is_none(), error }
}
