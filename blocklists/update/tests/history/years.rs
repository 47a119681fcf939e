//! A box whose lists change from day to day.

use std::collections::BTreeMap;
use std::path::PathBuf;

use blocklists::category::CategoryId;
use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::source::{Actions, Format, Location, Source, Trust};
use blocklists_update::Lists;
use blocklists_update::as_of::{AsOfError, Then};
use blocklists_update::changes::{Changed, keep};
use blocklists_update::held::Lessons;
use jiff::{Timestamp, ToSpan};
use tempfile::TempDir;

/// The first update of every box here.
pub const FIRST: &str = "2026-09-01T04:00:00Z";

/// One box.
pub struct Years {
    pub dir: TempDir,
    pub lists: Lists,
    pub index: Option<Index>,
    pub now: Timestamp,
}

impl Years {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lists = Lists::open(&dir.path().join("lists")).unwrap();
        Self { dir, lists, index: None, now: FIRST.parse().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("lists").join(name)
    }

    /// The files of the journal, oldest first.
    pub fn pages(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("journal")).unwrap();
        let mut pages: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        pages.sort();
        pages
    }

    /// Updates to these sources and texts, one hour later; as the updater does it.
    pub fn update(&mut self, sources: &[(Source, &str)], lessons: Option<&Lessons>) -> Changed {
        self.now = self.now.checked_add(1.hours()).unwrap();
        let (changed, index) = self.begin(sources, lessons);
        self.index = Some(index);
        changed
    }

    /// Everything of an update but its end: nothing of it is in force.
    pub fn begin(&self, sources: &[(Source, &str)], lessons: Option<&Lessons>) -> (Changed, Index) {
        let inputs = sources.iter().map(|(source, text)| {
            let copy_name = format!("{}.{}", source.id, hash(text));
            let copy = self.lists.copies().join(&copy_name);
            std::fs::write(&copy, text).unwrap();
            Input { source: source.clone(), copy, copy_name }
        });
        let index = Index::from_bytes(&compile(&inputs.collect::<Vec<_>>()).unwrap().bytes).unwrap();
        let changed = keep(&self.lists, self.index.as_ref(), &index, lessons, self.now).unwrap();
        (changed, index)
    }

    pub fn as_of(&self, name: &str, at: Timestamp) -> Result<Then, AsOfError> {
        let name = Name::parse(name).unwrap();
        self.lists.as_of(self.index.as_ref().unwrap(), name.as_ref(), 1, at)
    }
}

/// The categories of a name, by id.
pub fn categories(index: &Index, name: &str) -> Vec<String> {
    let found = index.find(Name::parse(name).unwrap().as_ref(), 1);
    found.here.iter().map(|number| index.categories()[usize::from(number)].to_string()).collect()
}

pub fn source(id: &str, category: &str, format: Format, trust: Trust) -> Source {
    Source {
        id: id.to_owned(),
        category: CategoryId::new(category),
        format,
        location: Location::Path(PathBuf::from(id)),
        span: None,
        actions: Actions::Entry,
        trust,
        map: BTreeMap::new(),
        licence: None,
        locked: false,
    }
}

pub fn domains(id: &str, category: &str) -> Source {
    source(id, category, Format::Domains, Trust::Normal)
}

fn hash(text: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
