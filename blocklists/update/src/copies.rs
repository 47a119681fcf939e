//! Kept copies: the bytes of each source as an index was compiled from them.
//!
//! `<source id>.<first 16 hex of SHA-256>`: a file as it came (packed stays packed), a folder as a
//! tar that is the same for the same content, a built-in list as its text. A name is a proof.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use blocklists::read::{SOURCE_BYTES_MAX, read_files};
use blocklists::source::{Location, Source};
use blocklists::starter::starter_text;
use blocklists::upkeep::Proof;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::UpdateError;
use crate::error::{NoCopy, disk};
use crate::fetch::{Answer, Fetcher};
use crate::record::Fetched;
use crate::{files, gates, proof};

/// Hex digits of the hash in a copy's name.
const PROOF: usize = 16;

fn bad(error: impl std::fmt::Display) -> NoCopy {
    NoCopy::source(error.to_string())
}

/// A copy of a source's newest content.
pub(crate) struct Taken {
    /// Its file name.
    pub(crate) copy: String,
    /// What its provider said of it.
    pub(crate) fetched: Option<Fetched>,
}

/// Takes a copy of a source's content as it is now. `known` is what was fetched before: while its
/// provider says that nothing changed, and its copy is whole, nothing is transferred.
///
/// # Errors
/// [`NoCopy`].
pub(crate) fn take(
    source: &Source,
    proof: Option<&Proof>,
    known: Option<&Fetched>,
    copies: &Path,
    fetcher: &Result<Fetcher, String>,
) -> Result<Taken, NoCopy> {
    let mut copy = Copy::new(copies)?;
    let mut fetched = None;
    match &source.location {
        Location::BuiltIn(file) => {
            let text = starter_text(file).ok_or_else(|| bad("this program has no such built-in list"))?;
            copy.fill(&mut text.as_bytes())?;
        }
        Location::Path(path) if path.is_dir() => copy.pack(path)?,
        Location::Path(path) => {
            let mut file = File::open(path).map_err(|error| bad(format!("{}: {error}", path.display())))?;
            copy.fill(&mut file)?;
        }
        Location::Url(url) => {
            let fetcher = fetcher.as_ref().map_err(NoCopy::source)?;
            let proof_name = proof.map(|proof| proof::name(proof).to_owned());
            let known = known.filter(|known| {
                let is_whole = is_whole(&copies.join(&known.copy)).unwrap_or(false);
                known.url == *url && known.proof == proof_name && is_whole
            });
            match (fetcher.get(url, known.map(|known| &known.edition))?, known) {
                (Answer::Same, Some(known)) => {
                    return Ok(Taken { copy: known.copy.clone(), fetched: Some(known.clone()) });
                }
                (Answer::Same, None) => {
                    return Err(bad("the server says that nothing changed, but was not asked"));
                }
                (Answer::Content(mut content, edition), _) => {
                    copy.fill(&mut content)?;
                    fetched =
                        Some(Fetched { copy: String::new(), url: url.clone(), proof: proof_name, edition });
                }
            }
            if let Some(proof) = proof {
                let sha256 = files::hex(&copy.hasher.clone().finalize());
                proof::check(proof, url, copy.file.path(), &sha256, fetcher)?;
            }
        }
    }
    if gates::is_html(&copy.head) {
        return Err(NoCopy::Unfit("it is a web page, not a list".to_owned()));
    }
    let copy = copy.keep(&source.id)?;
    let fetched = fetched.map(|fetched| Fetched { copy: copy.clone(), ..fetched });
    Ok(Taken { copy, fetched })
}

/// Whether a kept copy still has the bytes that its name proves.
///
/// # Errors
/// What the system says.
pub(crate) fn is_whole(path: &Path) -> io::Result<bool> {
    let proof = path.extension().map(|proof| proof.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(proof.len() == PROOF && files::hash(path)?.starts_with(&proof))
}

/// A copy in the making.
struct Copy<'d> {
    folder: &'d Path,
    file: NamedTempFile,
    hasher: Sha256,
    /// Its first bytes.
    head: Vec<u8>,
    size: u64,
    /// A write failed: the directory is to blame, not the source.
    failed: bool,
}

impl<'d> Copy<'d> {
    fn new(folder: &'d Path) -> Result<Self, UpdateError> {
        let file = files::unfinished(folder)?;
        Ok(Self { folder, file, hasher: Sha256::new(), head: Vec::new(), size: 0, failed: false })
    }

    /// Copies bytes as they come.
    fn fill(&mut self, from: &mut dyn Read) -> Result<(), NoCopy> {
        io::copy(&mut from.take(SOURCE_BYTES_MAX + 1), self).map_err(|error| self.blame(error))?;
        if self.size > SOURCE_BYTES_MAX {
            return Err(NoCopy::Unfit(format!("it is larger than {} MiB", SOURCE_BYTES_MAX >> 20)));
        }
        Ok(())
    }

    /// Packs a folder's plain files, in their order, without times and owners.
    fn pack(&mut self, folder: &Path) -> Result<(), NoCopy> {
        let mut outcome = Ok(());
        let read = self.archive(|archive| {
            read_files(folder, &mut |name, bytes| {
                if outcome.is_ok() {
                    let mut header = tar::Header::new_gnu();
                    header.set_size(bytes.len() as u64);
                    header.set_mode(0o644);
                    outcome = archive.append_data(&mut header, name, bytes);
                }
            })
        });
        let read = read.map_err(|error| self.blame(error))?;
        outcome.map_err(|error| self.blame(error))?;
        read.map_err(bad)
    }

    fn archive<T>(
        &mut self,
        fill: impl FnOnce(&mut tar::Builder<zstd::Encoder<'_, &mut Self>>) -> T,
    ) -> io::Result<T> {
        let mut archive = tar::Builder::new(zstd::Encoder::new(&mut *self, 1)?);
        let outcome = fill(&mut archive);
        archive.into_inner()?.finish()?;
        Ok(outcome)
    }

    fn blame(&self, error: io::Error) -> NoCopy {
        if self.failed { NoCopy::Directory(disk("write into", self.folder)(error)) } else { bad(error) }
    }

    /// Keeps it under its name; what is there already, whole, stays.
    fn keep(self, id: &str) -> Result<String, NoCopy> {
        let proof = files::hex(&self.hasher.finalize());
        let name = format!("{}.{}", file_name(id), proof.get(..PROOF).unwrap_or(&proof));
        let path = self.folder.join(&name);
        if !is_whole(&path).unwrap_or(false) {
            files::finish(self.file, &path)?;
        }
        Ok(name)
    }
}

impl Write for Copy<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes).inspect_err(|_| self.failed = true)?;
        let written = bytes.get(..count).unwrap_or(bytes);
        self.hasher.update(written);
        self.size += count as u64;
        let wanted = gates::HEAD.saturating_sub(self.head.len()).min(count);
        self.head.extend_from_slice(written.get(..wanted).unwrap_or(written));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A source id as a file name: letters, digits, hyphens and underscores stay.
pub(crate) fn file_name(id: &str) -> String {
    let plain = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_');
    id.chars().map(|symbol| if plain(symbol) { symbol } else { '-' }).take(64).collect()
}
