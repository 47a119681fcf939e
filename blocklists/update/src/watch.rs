//! Seeing that lists on this machine changed, and that anything is due, at the price of a few
//! `stat` calls.
//!
//! Notices of the kernel (inotify) were left out: they miss network file systems, need a watch for
//! every folder, and a change still has to be compared after a restart. A look each second costs
//! less than one look-up and needs nothing.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use blocklists::overlay::Correction;
use blocklists::read::FILES_MAX;
use blocklists::source::{Location, Source};
use blocklists::upkeep::Upkeep;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::corrected::corrections_word;
use crate::record::{Record, program};
use crate::{Lists, Promotion, files, when};

/// Share of the time that looking may take: a folder whose look took so long rests so many times as long.
const REST: u32 = 100;

/// What a file or folder looks like from outside: another look, another content. `None` when it is
/// not there.
pub(crate) fn look_of(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_dir() {
        return Some(look(&metadata));
    }
    let mut digest = Sha256::new();
    let mut files = 0;
    look_into(path, &mut digest, &mut files);
    Some(format!("{files} files {}", files::hex(&digest.finalize())))
}

fn look(metadata: &Metadata) -> String {
    let (mtime, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
    format!("{}:{}:{}:{mtime}.{nanoseconds:09}", metadata.dev(), metadata.ino(), metadata.size())
}

fn look_into(folder: &Path, digest: &mut Sha256, files: &mut usize) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let is_hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
        let Some(metadata) = entry.metadata().ok().filter(|_| !is_hidden && *files < FILES_MAX) else {
            continue;
        };
        digest.update(entry.file_name().as_encoded_bytes());
        if metadata.is_dir() {
            digest.update(b"/");
            look_into(&entry.path(), digest, files);
        } else {
            *files += 1;
            digest.update(look(&metadata));
        }
    }
}

/// Watches one lists directory and the sources of a policy. Made once, asked each second.
#[derive(Default)]
pub struct Watch {
    /// What `status.json` looked like when it was read, and what it said.
    read: Option<(Option<String>, Record)>,
    /// What `path` sources looked like at the look before, and when they are looked at next.
    paths: HashMap<String, (Option<String>, Instant)>,
}

impl Watch {
    /// Whether an update would find something to do: a source that is due, a file that changed and
    /// is quiet again, content whose hour has come, built-in tables of another program. `promotion`
    /// is what waits for its hour.
    pub fn is_anything_due(
        &mut self,
        lists: &Lists,
        sources: &[Source],
        upkeep: &std::collections::BTreeMap<String, Upkeep>,
        promotion: &Promotion,
        corrections: &[Correction],
        now: Timestamp,
    ) -> bool {
        let status = lists.file("status.json");
        let looks = std::fs::metadata(&status).ok().map(|metadata| look(&metadata));
        if self.read.as_ref().is_none_or(|(seen, _)| *seen != looks) {
            self.read = Some((looks, Record::read(&status)));
        }
        let Some((_, record)) = &self.read else { return false };
        let is_over = record.held_until.is_some_and(|until| until <= now);
        // Somebody accepted what was held back.
        let is_over = is_over || record.held_seen != look_of(&lists.file("held.json"));
        if record.program != program() || record.corrections != corrections_word(corrections) || is_over {
            return true;
        }
        let goes_live = |until: Timestamp| until <= now || matches!(promotion, Promotion::AtOnce);
        if record
            .sources
            .iter()
            .filter_map(|known| known.waiting.as_ref())
            .any(|waiting| goes_live(waiting.until))
        {
            return true;
        }
        let default = Upkeep::default();
        sources.iter().any(|source| {
            let known = record.sources.iter().find(|known| known.source.id == source.id);
            match (&source.location, known) {
                (Location::Path(path), Some(known)) if known.source.location == source.location => {
                    changed(&mut self.paths, &source.id, path, known.seen.as_deref())
                }
                (location, known) => {
                    when::is_due(known, location, upkeep.get(&source.id).unwrap_or(&default), now)
                }
            }
        })
    }
}

/// Whether a file or folder is another one than when it was read, and the same as a look ago:
/// whoever writes it now has not ended yet.
fn changed(
    paths: &mut HashMap<String, (Option<String>, Instant)>,
    id: &str,
    path: &Path,
    read: Option<&str>,
) -> bool {
    let start = Instant::now();
    if paths.get(id).is_some_and(|(_, next)| *next > start) {
        return false;
    }
    let looks = look_of(path);
    let took = start.elapsed();
    let rest = if took > Duration::from_millis(5) { took * REST } else { Duration::ZERO };
    let before = paths.insert(id.to_owned(), (looks.clone(), Instant::now() + rest));
    looks.as_deref() != read && before.is_some_and(|(before, _)| before == looks)
}
