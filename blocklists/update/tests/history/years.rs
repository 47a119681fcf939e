//! A box whose lists change from day to day.

use std::collections::BTreeMap;
use std::path::PathBuf;

use blocklists::category::CategoryId;
use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use blocklists::name::Name;
use blocklists::source::{Format, Location, Source, Trust};
use blocklists_update::Lists;
use blocklists_update::as_of::{AsOfError, Then};
use blocklists_update::changes::{Change, Changed, Kept, keep};
use blocklists_update::held::Lessons;
use jiff::{Timestamp, ToSpan};
use tempfile::TempDir;

/// The first update of every box here.
pub const FIRST: &str = "2026-09-01T04:00:00Z";

/// One box.
pub struct Years {
    pub dir: TempDir,
    pub lists: Lists,
    /// The sources in force, with the names of their copies.
    pub kept: Vec<Kept>,
    pub index: Option<Index>,
    pub now: Timestamp,
}

impl Years {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lists = Lists::open(&dir.path().join("lists")).unwrap();
        Self { dir, lists, kept: Vec::new(), index: None, now: FIRST.parse().unwrap() }
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
        let after: Vec<Kept> = sources
            .iter()
            .map(|(source, text)| {
                let copy = format!("{}.{}", source.id, hash(text));
                std::fs::write(self.lists.copies().join(&copy), text).unwrap();
                Kept { source: source.clone(), copy }
            })
            .collect();
        let index = self.compiled(&after);
        let changed = self.keep(&after, &index, lessons);
        (self.kept, self.index) = (after, Some(index));
        changed
    }

    /// Everything of an update but the end: it is not in force.
    pub fn keep(&self, after: &[Kept], index: &Index, lessons: Option<&Lessons>) -> Changed {
        let by_id = |kept: &[Kept], id: &str| kept.iter().find(|kept| kept.source.id == id).cloned();
        let ids = self.kept.iter().chain(after).map(|kept| kept.source.id.clone());
        let ids: std::collections::BTreeSet<_> = ids.collect();
        let changes = ids.iter().map(|id| Change { before: by_id(&self.kept, id), after: by_id(after, id) });
        let changes: Vec<_> = changes.filter(|change| change.before != change.after).collect();
        keep(&self.lists, &changes, self.index.as_ref(), index, lessons, self.now).unwrap()
    }

    pub fn compiled(&self, kept: &[Kept]) -> Index {
        let inputs = kept.iter().map(|kept| Input {
            source: kept.source.clone(),
            copy: self.lists.copies().join(&kept.copy),
            copy_name: kept.copy.clone(),
        });
        Index::from_bytes(&compile(&inputs.collect::<Vec<_>>()).unwrap().bytes).unwrap()
    }

    pub fn as_of(&self, name: &str, at: Timestamp) -> Result<Then, AsOfError> {
        let name = Name::parse(name).unwrap();
        self.lists.as_of(self.index.as_ref().unwrap(), name.as_ref(), 1, at)
    }
}

/// The categories of a name, by id.
pub fn categories(index: &Index, name: &str) -> Vec<String> {
    let found = index.find(Name::parse(name).unwrap().as_ref());
    found.here.iter().map(|number| index.categories()[usize::from(number)].to_string()).collect()
}

pub fn source(id: &str, category: &str, format: Format, trust: Trust) -> Source {
    Source {
        id: id.to_owned(),
        category: CategoryId::new(category),
        format,
        location: Location::Path(PathBuf::from(id)),
        span: None,
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
