//! Forgetting cached answers on request: how the command tells the running server, and hears back.
//!
//! A request is a small file in the state directory, which only those can write who may stop the
//! server anyway; its answer is another beside it. Both are gone when they were read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use blocklists::name::Name;
use blocklists_update::give_to_owner_of;
use resolver::Engine;
use serde::{Deserialize, Serialize};

/// The folder of requests in the state directory.
const FOLDER: &str = "requests";
/// How a request's file ends.
const WANTED: &str = "flush";
/// How its answer's file ends.
const DONE: &str = "done";
/// Largest request that is read, in bytes.
const REQUEST_MAX: u64 = 4096;

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flush {
    /// The name.
    pub name: String,
    /// Everything below it too.
    pub subtree: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flushed {
    /// How many answers were forgotten.
    pub answers: usize,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Waiting(PathBuf);

impl Waiting {
    /// The answer, once it is there; read once.
    #[must_use]
    pub fn answer(&self) -> Option<Flushed> {
        let answer = serde_json::from_slice(&fs::read(&self.0).ok()?).ok();
        let _ = fs::remove_file(&self.0);
        answer
    }
}

/// Asks the server of this state directory.
///
/// # Errors
/// What the system says.
pub fn ask(data: &Path, flush: &Flush) -> io::Result<Waiting> {
    let folder = data.join(FOLDER);
    fs::create_dir_all(&folder)?;
    give_to_owner_of(data, &fs::File::open(&folder)?);
    let wanted = folder.join(format!("{}.{WANTED}", std::process::id()));
    let answer = wanted.with_extension(DONE);
    let _ = fs::remove_file(&answer);
    write(&wanted, flush)?;
    Ok(Waiting(answer))
}

/// Answers every request that waits; says in words what was done.
pub fn serve(data: &Path, engine: &Engine) -> Vec<String> {
    let Ok(entries) = fs::read_dir(data.join(FOLDER)) else { return Vec::new() };
    let wanted = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wanted = wanted.filter(|path| path.extension().is_some_and(|end| end == WANTED));
    wanted.filter_map(|path| serve_one(&path, engine)).collect()
}

fn serve_one(path: &Path, engine: &Engine) -> Option<String> {
    let is_small = fs::metadata(path).is_ok_and(|file| file.len() <= REQUEST_MAX);
    let request = if is_small { fs::read(path).ok() } else { None };
    let _ = fs::remove_file(path);
    let flush: Flush = serde_json::from_slice(&request?).ok()?;
    let name = Name::parse(&flush.name).ok()?;
    let flushed = Flushed { answers: engine.flush(name.as_ref(), flush.subtree) };
    if let Err(error) = write(&path.with_extension(DONE), &flushed) {
        tracing::warn!("the outcome of a flush could not be told: {error}");
    }
    let below = if flush.subtree { " and below" } else { "" };
    Some(format!("{} cached answers of {name}{below} were forgotten on request", flushed.answers))
}

/// Whole or not at all.
fn write(path: &Path, what: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    give_to_owner_of(folder, file.as_file());
    file.write_all(&serde_json::to_vec(what)?)?;
    file.persist(path)?;
    Ok(())
}
