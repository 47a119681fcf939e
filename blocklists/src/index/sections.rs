//! The container of an index file: magic, version, then tagged sections, one behind the other.
//!
//! A section is an eight-byte tag, its length, its bytes, and zeros up to the next multiple of
//! sixteen, so that tables of numbers stand aligned. Everything stays in the one buffer that the
//! file was read into: tables are read where they lie, nothing is held twice. A new kind of content
//! is a new tag; a tag that this program does not know ends reading, because an index that says
//! less than was compiled into it would let listed names through.

use std::io::{self, Write};
use std::ops::Range;

use super::IndexError;
use super::buffer::Buffer;

/// Eight bytes that say what a section holds.
pub(crate) type Tag = [u8; 8];

/// The form of everything behind it.
pub(crate) const VERSION: u32 = 2;
/// Sections start at multiples of this many bytes.
pub(crate) const STEP: usize = 16;
/// Most sections; far more than there are tags.
const SECTIONS_MAX: usize = 64;

/// The bytes of a file and where its sections are.
pub(crate) struct Sections {
    bytes: Buffer,
    places: Vec<(Tag, Range<usize>)>,
}

impl Sections {
    /// No bytes, no sections.
    pub(crate) const fn none() -> Self {
        Self { bytes: Buffer::Small(Vec::new()), places: Vec::new() }
    }

    /// Finds the sections in the bytes of a file.
    ///
    /// # Errors
    /// [`IndexError`] for a wrong magic or version, a tag not among `known` or met twice, or a
    /// section that does not fit.
    pub(crate) fn read(bytes: impl Into<Buffer>, magic: Tag, known: &[Tag]) -> Result<Self, IndexError> {
        let bytes = bytes.into();
        let too_early = IndexError::Damaged("it ends too early");
        if bytes.first_chunk() != Some(&magic) {
            return Err(IndexError::Damaged("it does not start as an index does"));
        }
        let Some(version) = bytes.get(8..).and_then(<[u8]>::first_chunk) else { return Err(too_early) };
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(IndexError::OtherVersion(version));
        }
        let mut places: Vec<(Tag, Range<usize>)> = Vec::new();
        let mut at = STEP;
        while at != bytes.len() {
            let Some((tag, rest)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<8>) else {
                return Err(too_early);
            };
            let Some((length, rest)) = rest.split_first_chunk::<8>() else { return Err(too_early) };
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length > rest.len() {
                return Err(too_early);
            }
            if !known.contains(tag) || places.iter().any(|(other, _)| other == tag) {
                return Err(IndexError::Damaged("it has a section that this program does not know"));
            }
            let start = at + STEP;
            places.push((*tag, start..start + length));
            at = (start + length).next_multiple_of(STEP);
            if at > bytes.len() || places.len() > SECTIONS_MAX {
                return Err(too_early);
            }
        }
        Ok(Self { bytes, places })
    }

    /// Where a section stands in [`bytes`](Self::bytes).
    pub(crate) fn place(&self, tag: Tag) -> Option<Range<usize>> {
        self.places.iter().find(|(other, _)| *other == tag).map(|(_, place)| place.clone())
    }

    /// A section that may be missing.
    pub(crate) fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.bytes.get(self.place(tag)?)
    }

    /// A section without which there is no index.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] when it is missing.
    pub(crate) fn need(&self, tag: Tag) -> Result<&[u8], IndexError> {
        self.get(tag).ok_or(IndexError::Damaged("a part of it is missing"))
    }

    /// The whole file.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Little-endian numbers as a vector; bytes that make no whole number are damage.
pub(crate) fn numbers<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Result<Vec<T>, IndexError> {
    match bytes.as_chunks::<N>() {
        (chunks, []) => Ok(chunks.iter().map(|chunk| read(*chunk)).collect()),
        _ => Err(IndexError::Damaged("a table ends inside a number")),
    }
}

/// Writes a file section by section; the same sections give the same bytes.
pub(crate) struct SectionWriter<W>(W);

impl<W: Write> SectionWriter<W> {
    /// A file that has nothing but its head.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn new(magic: Tag, mut out: W) -> io::Result<Self> {
        out.write_all(&magic)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&[0; STEP - 12])?;
        Ok(Self(out))
    }

    /// Adds a section with these bytes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn section(&mut self, tag: Tag, bytes: &[u8]) -> io::Result<()> {
        self.streamed(tag, bytes.len() as u64, |out| out.write_all(bytes))
    }

    /// Adds a section of so many bytes, which `fill` writes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn streamed(
        &mut self,
        tag: Tag,
        length: u64,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.0.write_all(&tag)?;
        self.0.write_all(&length.to_le_bytes())?;
        fill(&mut self.0)?;
        let gap = usize::try_from(length.next_multiple_of(STEP as u64) - length).unwrap_or(0);
        self.0.write_all([0; STEP].get(..gap).unwrap_or(&[]))
    }

    /// What it was written into.
    pub(crate) fn finish(self) -> W {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: Tag = *b"TEST....";
    const ONE: Tag = *b"one.....";
    const TWO: Tag = *b"two.....";

    fn written() -> Vec<u8> {
        let mut writer = SectionWriter::new(MAGIC, Vec::new()).unwrap();
        writer.section(ONE, b"hello").unwrap();
        writer.section(TWO, b"").unwrap();
        writer.finish()
    }

    #[test]
    fn sections_read_back_as_they_were_written() {
        let sections = Sections::read(written(), MAGIC, &[ONE, TWO]).unwrap();
        assert_eq!(sections.get(ONE), Some(&b"hello"[..]));
        assert_eq!(sections.need(TWO).unwrap(), b"");
        assert!(sections.need(*b"three...").is_err() && sections.get(*b"three...").is_none());
    }

    #[test]
    fn what_is_cut_foreign_or_twice_there_is_damage() {
        for cut in 0..written().len() {
            let mut bytes = written();
            bytes.truncate(cut);
            // A cut between two sections leaves a sound container; its reader misses a section.
            let whole = Sections::read(bytes, MAGIC, &[ONE, TWO]).is_ok_and(|s| s.get(TWO).is_some());
            assert!(!whole, "{cut}");
        }
        assert!(Sections::read(written(), *b"OTHER...", &[ONE, TWO]).is_err());
        assert!(Sections::read(written(), MAGIC, &[ONE]).is_err());
        let mut twice = written();
        let again = twice[STEP..].to_vec();
        twice.extend(again);
        assert!(Sections::read(twice, MAGIC, &[ONE, TWO]).is_err());
    }
}
