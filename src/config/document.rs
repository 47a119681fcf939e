//! The policy document that is live: read from the file, remembered in the state directory.
//!
//! What decides must survive a file that was saved half-way: after every good load the document,
//! and every file it reads, is kept as `policy/live.json` in the state directory. A later start
//! with a broken file goes on with that copy and says so. `explain` reads it too, so that it
//! answers for what the server does and not for what the file says now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use policy::{Document, DocumentError, School};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Config;

/// A policy document that was valid, with the files it reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Rises by one with each changed document.
    pub revision: u64,
    /// When it became live, RFC 3339 in UTC.
    pub at: String,
    /// The file's own text; none = the built-in document.
    pub text: Option<String>,
    /// What relative paths in it are relative to.
    pub base: PathBuf,
    /// Content of the approved lists that it reads, by path.
    pub files: BTreeMap<PathBuf, String>,
}

/// Why there is no policy.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("{path}: {error}. Check [policy] file in the configuration")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The document is not valid.
    #[error("{path}:{}:{}: {}", error.line, error.column, error.message)]
    Wrong {
        /// Which file.
        path: String,
        /// Line, column, what is wrong and what would be right.
        error: DocumentError,
    },
}

/// A policy and what is to be said about it.
pub struct Loaded {
    /// The valid form.
    pub school: School,
    /// The document behind it.
    pub live: Live,
    /// Sentences worth reading that stop nothing.
    pub warnings: Vec<String>,
}

/// Reads the policy that the configuration names. `previous` numbers the revision: equal bytes
/// keep its number and time.
///
/// # Errors
/// [`PolicyError`]; whoever has a last good document goes on with it.
pub fn load(config: &Config, previous: Option<&Live>) -> Result<Loaded, PolicyError> {
    let (text, base) = match &config.policy {
        None => (None, PathBuf::new()),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| PolicyError::Unreadable { path: path.display().to_string(), error })?;
            (Some(text), path.parent().map_or_else(PathBuf::new, Path::to_path_buf))
        }
    };
    let shown = config
        .policy
        .as_deref()
        .map_or_else(|| "built-in policy".to_owned(), |path| path.display().to_string());
    let live =
        Live { revision: 1, at: jiff::Timestamp::now().to_string(), text, base, files: BTreeMap::new() };
    let mut loaded =
        validate(live, &mut |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string()))
            .map_err(|error| PolicyError::Wrong { path: shown, error })?;
    if let Some(previous) = previous {
        let live = &mut loaded.live;
        if (&live.text, &live.base, &live.files) == (&previous.text, &previous.base, &previous.files) {
            (live.revision, live.at) = (previous.revision, previous.at.clone());
        } else {
            live.revision = previous.revision + 1;
        }
    }
    Ok(loaded)
}

/// Makes a kept document valid again, from its own copies of the files.
///
/// # Errors
/// [`DocumentError`] when this version of the program no longer accepts it.
pub fn revive(live: Live) -> Result<Loaded, DocumentError> {
    let files = live.files.clone();
    validate(live, &mut |path: &Path| {
        files.get(path).cloned().ok_or_else(|| "not kept in the state directory".to_owned())
    })
}

fn validate(
    mut live: Live,
    read: &mut dyn FnMut(&Path) -> Result<String, String>,
) -> Result<Loaded, DocumentError> {
    let Some(text) = &live.text else {
        return Ok(Loaded { school: School::built_in(), live, warnings: Vec::new() });
    };
    let document = Document::parse(text)?;
    let mut files = BTreeMap::new();
    let (school, warnings) = School::new(&document, &live.base, &mut |path: &Path| {
        let content = read(path)?;
        files.insert(path.to_path_buf(), content.clone());
        Ok(content.into_bytes())
    })?;
    live.files = files;
    Ok(Loaded { school, live, warnings })
}

/// The document kept in the state directory; none when there is none, or it is damaged.
#[must_use]
pub fn recall(state: &Path) -> Option<Live> {
    let text = std::fs::read_to_string(state.join("policy/live.json")).ok()?;
    serde_json::from_str(&text).ok()
}

/// Keeps a document in the state directory, whole or not at all.
///
/// # Errors
/// What the system said: a full disk, a directory that cannot be written.
pub fn keep(state: &Path, live: &Live) -> std::io::Result<()> {
    let directory = state.join("policy");
    std::fs::create_dir_all(&directory)?;
    let mut file = tempfile::NamedTempFile::new_in(&directory)?;
    serde_json::to_writer(&mut file, live)?;
    file.as_file().sync_all()?;
    file.persist(directory.join("live.json"))?;
    std::fs::File::open(&directory)?.sync_all()
}
