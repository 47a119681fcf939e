//! One file of the journal: zstd with a checksum; first the step as JSON, then a line an entry.
//!
//! `+gambling ||bets.example` was added, `-` was removed. Of a locked category no name is written, only
//! a hash of the entry: enough to answer "was this name listed then?", nothing to read through.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use blocklists::category::CategoryId;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::Step;
use crate::error::disk;
use crate::listed::Entry;
use crate::{UpdateError, files};

/// No step of ours unpacks to more.
const UNPACKED_BYTES_MAX: u64 = 1 << 32;
/// No line of ours is longer.
const LINE_BYTES_MAX: u64 = 256 << 10;
/// Hex digits of a locked entry's hash.
const HASH_DIGITS: usize = 32;

/// Whether an entry came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Added,
    Removed,
}

/// A line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'l> {
    pub(crate) sign: Sign,
    pub(crate) category: &'l str,
    /// The entry as text, or its hash.
    pub(crate) entry: &'l str,
}

/// What stands in the journal for an entry of a locked category; how it is answered is left out.
pub(crate) fn hashed(category: &CategoryId, entry: &Entry) -> String {
    let entry = Entry { how: String::new(), ..entry.clone() };
    let hash = Sha256::digest(format!("schoolgate {category} {entry}"));
    let mut text = files::hex(&hash);
    text.truncate(HASH_DIGITS);
    format!("#{text}")
}

/// A step being written.
pub(crate) struct Writer {
    path: PathBuf,
    lines: zstd::Encoder<'static, NamedTempFile>,
    failed: Option<io::Error>,
}

impl Writer {
    pub(super) fn new(dir: &Path, path: PathBuf, step: &Step) -> Result<Self, UpdateError> {
        let file = files::unfinished(dir)?;
        let lines = zstd::Encoder::new(file, 3).and_then(|mut lines| {
            lines.include_checksum(true)?;
            serde_json::to_writer(&mut lines, step)?;
            lines.write_all(b"\n")?;
            Ok(lines)
        });
        let lines = lines.map_err(disk("write", &path))?;
        Ok(Self { path, lines, failed: None })
    }

    /// Adds a line; what the disk says to it is told at the end.
    pub(crate) fn line(&mut self, sign: Sign, category: &CategoryId, entry: &Entry, is_locked: bool) {
        let sign = if sign == Sign::Added { '+' } else { '-' };
        let written = match is_locked {
            true => writeln!(self.lines, "{sign}{category} {}", hashed(category, entry)),
            false => writeln!(self.lines, "{sign}{category} {entry}"),
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    /// Makes it stay.
    ///
    /// # Errors
    /// [`UpdateError::Disk`]; then nothing is there.
    pub(crate) fn finish(self) -> Result<(), UpdateError> {
        if let Some(error) = self.failed {
            return Err(disk("write", &self.path)(error));
        }
        files::finish(self.lines.finish().map_err(disk("write", &self.path))?, &self.path)
    }
}

/// The step of a file.
///
/// # Errors
/// When it is damaged.
pub(super) fn head(path: &Path) -> io::Result<Step> {
    let mut lines = open(path)?;
    head_of(&mut lines)
}

/// The step of a file, its lines handed over.
///
/// # Errors
/// When it is damaged.
pub(super) fn read(path: &Path, sink: &mut dyn FnMut(Line<'_>)) -> io::Result<Step> {
    let mut lines = open(path)?;
    let step = head_of(&mut lines)?;
    let mut text = String::new();
    while next(&mut lines, &mut text)? {
        let line = Line::parse(text.trim_end_matches('\n')).ok_or(io::ErrorKind::InvalidData)?;
        sink(line);
    }
    Ok(step)
}

type Lines = BufReader<io::Take<zstd::Decoder<'static, BufReader<File>>>>;

fn open(path: &Path) -> io::Result<Lines> {
    Ok(BufReader::new(zstd::Decoder::new(File::open(path)?)?.take(UNPACKED_BYTES_MAX)))
}

fn head_of(lines: &mut Lines) -> io::Result<Step> {
    let mut text = String::new();
    next(lines, &mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Whether there is another line; it is in `text` then.
fn next(lines: &mut Lines, text: &mut String) -> io::Result<bool> {
    text.clear();
    let length = lines.by_ref().take(LINE_BYTES_MAX).read_line(text)?;
    if length > 0 && !text.ends_with('\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(length > 0)
}

impl<'l> Line<'l> {
    fn parse(text: &'l str) -> Option<Self> {
        let (sign, text) = match text.split_at_checked(1)? {
            ("+", text) => (Sign::Added, text),
            ("-", text) => (Sign::Removed, text),
            _ => return None,
        };
        let (category, entry) = text.split_once(' ')?;
        Some(Self { sign, category, entry })
    }
}
