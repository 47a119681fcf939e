//! Lists end to end: written as files, compiled, asked, and proved from their lines.

#![allow(clippy::unwrap_used, reason = "in a test, a panic names the line that failed")]

mod damage;
mod matching;
mod naive;
mod stories;

use std::collections::BTreeMap;
use std::path::Path;

use blocklists::category::{CategoryId, CategorySet};
use blocklists::compile::{Compiled, Input, compile};
use blocklists::index::Index;
use blocklists::source::{Actions, Format, Location, Source, Trust};

/// A source that stands in a file or folder of its own id.
fn source(id: &str, category: &str, format: Format) -> Source {
    Source {
        id: id.to_owned(),
        category: CategoryId::new(category),
        format,
        location: Location::Path(id.into()),
        span: None,
        trust: Trust::Normal,
        map: BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    }
}

/// Compiles sources whose copies stand in a folder.
fn compiled(copies: &Path, sources: &[Source]) -> Compiled {
    let input = |source: &Source| Input {
        source: source.clone(),
        copy: copies.join(&source.id),
        copy_name: source.id.clone(),
    };
    compile(&sources.iter().map(input).collect::<Vec<_>>()).unwrap()
}

/// The categories of a set, by id.
fn ids(index: &Index, set: &CategorySet) -> Vec<String> {
    set.iter().map(|number| index.categories()[usize::from(number)].to_string()).collect()
}
