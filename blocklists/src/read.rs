//! A kept copy as the plain files inside it.
//!
//! Lists arrive as a file, a folder or a tar, each perhaps compressed, perhaps twice (a `.tar.zst`,
//! a `.gz` inside a folder). What a thing is, its first bytes say, never its name. All of it is
//! hostile input: everything streams, and one budget counts the bytes of every layer.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use thiserror::Error;

/// Most bytes read for one source, each layer of packing counted: 1 GiB. The largest real list
/// (4.6 million names) takes a tenth of it.
pub const SOURCE_BYTES_MAX: u64 = 1 << 30;
/// Most files in one source.
pub const FILES_MAX: usize = 100_000;
/// Most layers of packing, one in another.
const LAYERS_MAX: u32 = 5;
/// Longest name of a file in an archive, in bytes.
const NAME_BYTES_MAX: usize = 1024;
/// Most memory that an xz stream may ask for.
const XZ_MEMORY_MAX: u64 = 256 << 20;
/// Bytes of a piece: much longer than any line, much shorter than a long list.
const PIECE: usize = 256 << 10;

/// Why a copy cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Missing, unreadable, or damaged packing.
    #[error("{path}: {error}")]
    Unreadable {
        /// The copy.
        path: PathBuf,
        /// What the system or the unpacker said.
        error: io::Error,
    },
    /// It unpacks to more than any list holds.
    #[error("{path}: it unpacks to more than {} MiB, which no list needs", SOURCE_BYTES_MAX >> 20)]
    TooBig {
        /// The copy.
        path: PathBuf,
    },
    /// It holds more files than any list does.
    #[error("{path}: it holds more than {FILES_MAX} files, which no list needs")]
    TooManyFiles {
        /// The copy.
        path: PathBuf,
    },
    /// It is packed in packing in packing.
    #[error("{path}: it is packed more than {LAYERS_MAX} times over")]
    TooDeep {
        /// The copy.
        path: PathBuf,
    },
}

/// Hands over each plain file of a copy with its name inside the copy (empty for a single file).
///
/// A folder's files come in sorted order, an archive's in its own; names that start with a dot,
/// and links inside folders and archives, are left out.
///
/// # Errors
/// [`ReadError`]; files handed over before it were whole.
pub fn read_files(path: &Path, sink: &mut dyn FnMut(&str, &[u8])) -> Result<(), ReadError> {
    read_within(SOURCE_BYTES_MAX, usize::MAX, path, &mut |piece| sink(piece.name, piece.bytes))
}

/// A stretch of a plain file, cut behind a line feed: all of them in order are the file.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The file's name inside the copy, empty for a single file.
    pub name: &'a str,
    /// Whole lines. (A file without line feeds is one piece.)
    pub bytes: &'a [u8],
    /// A file begins here; even an empty one has a first piece.
    pub is_first: bool,
}

/// The same as [`read_files`] a piece at a time, so that a list of any length takes little memory.
///
/// # Errors
/// [`ReadError`]; pieces handed over before it may be of a file that is not whole.
pub fn read_pieces(path: &Path, sink: &mut dyn FnMut(Piece<'_>)) -> Result<(), ReadError> {
    read_within(SOURCE_BYTES_MAX, PIECE, path, sink)
}

fn read_within(
    budget: u64,
    step: usize,
    path: &Path,
    sink: &mut dyn FnMut(Piece<'_>),
) -> Result<(), ReadError> {
    let mut walk = Walk { budget: Rc::new(Cell::new(budget)), files: 0, step, sink };
    let outcome = if path.is_dir() {
        walk.folder(path, "")
    } else {
        File::open(path).map_err(Stop::Io).and_then(|file| walk.stream("", Box::new(file), LAYERS_MAX))
    };
    let path = path.to_owned();
    outcome.map_err(|stop| match stop {
        Stop::Io(_) if walk.budget.get() == 0 => ReadError::TooBig { path },
        Stop::Io(error) => ReadError::Unreadable { path, error },
        Stop::TooManyFiles => ReadError::TooManyFiles { path },
        Stop::TooDeep => ReadError::TooDeep { path },
    })
}

enum Stop {
    Io(io::Error),
    TooManyFiles,
    TooDeep,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Walk<'s> {
    budget: Rc<Cell<u64>>,
    files: usize,
    /// About how many bytes are handed over at once.
    step: usize,
    sink: &'s mut dyn FnMut(Piece<'_>),
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, inside: &str) -> Result<(), Stop> {
        let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let inside = if inside.is_empty() { name.into_owned() } else { format!("{inside}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.folder(&entry.path(), &inside)?;
            } else if kind.is_file() {
                self.stream(&inside, Box::new(File::open(entry.path())?), LAYERS_MAX)?;
            }
        }
        Ok(())
    }

    /// Unpacks one layer, or hands the file over when it is plain.
    fn stream(&mut self, name: &str, bytes: Box<dyn Read + '_>, layers: u32) -> Result<(), Stop> {
        let mut bytes = BufReader::new(Metered { inner: bytes, budget: Rc::clone(&self.budget) });
        // A tar header is 512 bytes and has its mark near the end.
        let mut head = Vec::with_capacity(512);
        (&mut bytes).take(512).read_to_end(&mut head)?;
        let packing = Packing::of(&head);
        let whole = io::Cursor::new(head).chain(bytes);
        if packing != Packing::Plain && layers == 0 {
            return Err(Stop::TooDeep);
        }
        match packing {
            Packing::Plain => self.plain(name, whole),
            Packing::Gzip => {
                self.stream(name, Box::new(flate2::read::MultiGzDecoder::new(whole)), layers - 1)
            }
            Packing::Zstd => self.stream(name, Box::new(zstd::Decoder::new(whole)?), layers - 1),
            Packing::Xz => {
                let limits = liblzma::stream::CONCATENATED;
                let state = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, limits)
                    .map_err(io::Error::from)?;
                self.stream(name, Box::new(liblzma::read::XzDecoder::new_stream(whole, state)), layers - 1)
            }
            Packing::Tar => self.tar(name, whole, layers - 1),
        }
    }

    fn tar(&mut self, outer: &str, bytes: impl Read, layers: u32) -> Result<(), Stop> {
        for entry in tar::Archive::new(bytes).entries()? {
            let entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path()?.to_string_lossy().into_owned();
            let path = path.trim_start_matches("./");
            if path.len() > NAME_BYTES_MAX {
                return Err(io::Error::other("a file in the archive has a name that is far too long").into());
            }
            if path.split('/').any(|part| part.starts_with('.')) {
                continue;
            }
            let name = if outer.is_empty() { path.to_owned() } else { format!("{outer}/{path}") };
            self.stream(&name, Box::new(entry), layers)?;
        }
        Ok(())
    }

    fn plain(&mut self, name: &str, mut bytes: impl Read) -> Result<(), Stop> {
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(Stop::TooManyFiles);
        }
        let (mut held, mut is_first) = (Vec::new(), true);
        loop {
            let before = held.len();
            let more = (&mut bytes).take(self.step as u64).read_to_end(&mut held)?;
            let is_last = more < self.step;
            let cut = memchr::memrchr(b'\n', held.get(before..).unwrap_or(&[])).map(|at| before + at + 1);
            let end = if is_last { Some(held.len()) } else { cut };
            let Some(end) = end else { continue };
            (self.sink)(Piece { name, bytes: held.get(..end).unwrap_or(&[]), is_first });
            is_first = false;
            if is_last {
                return Ok(());
            }
            held.drain(..end);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
    Xz,
    Tar,
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else if head.starts_with(b"\xfd7zXZ\0") {
            Self::Xz
        } else if head.get(257..262) == Some(b"ustar") {
            Self::Tar
        } else {
            Self::Plain
        }
    }
}

/// Takes every byte read from the budget, and fails when there is none left.
struct Metered<R> {
    inner: R,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.budget.get().checked_sub(count as u64) {
            Some(left) if left > 0 => self.budget.set(left),
            _ => {
                self.budget.set(0);
                return Err(io::Error::other("too big"));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn zst(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            out.append_data(&mut header, name, *bytes).unwrap();
        }
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        out.append_link(&mut link, "alias", "a").unwrap();
        out.into_inner().unwrap()
    }

    fn files(path: &Path) -> Result<Vec<(String, Vec<u8>)>, ReadError> {
        let mut all = Vec::new();
        read_files(path, &mut |name, bytes| all.push((name.to_owned(), bytes.to_vec())))?;
        Ok(all)
    }

    fn of_bytes(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ReadError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("copy"), bytes).unwrap();
        files(&dir.path().join("copy"))
    }

    #[test]
    fn a_file_is_unpacked_whatever_it_is_called() {
        let text = b"a.example\n";
        for packed in [
            text.to_vec(),
            gzip(text),
            zst(text),
            xz(text),
            zst(&gzip(text)),
            [gzip(b"a.exa"), gzip(b"mple\n")].concat(),
        ] {
            assert_eq!(of_bytes(&packed).unwrap(), [(String::new(), text.to_vec())]);
        }
        assert_eq!(of_bytes(b"").unwrap(), [(String::new(), Vec::new())]);
    }

    #[test]
    fn pieces_end_behind_lines_and_are_the_file() {
        let dir = tempfile::tempdir().unwrap();
        for (text, step, expected) in [
            ("one\ntwo\nthree", 6, &["one\n", "two\n", "three"][..]),
            ("one\ntwo\n", 4, &["one\n", "two\n", ""]),
            ("a line that is longer\nbcd", 3, &["a line that is longer\n", "bcd"]),
            ("one\rtwo\rthree", 4, &["one\rtwo\rthree"]),
            ("", 4, &[""]),
        ] {
            std::fs::write(dir.path().join("copy"), gzip(text.as_bytes())).unwrap();
            let mut pieces = Vec::new();
            let mut firsts = 0;
            read_within(1 << 20, step, &dir.path().join("copy"), &mut |piece| {
                pieces.push(String::from_utf8(piece.bytes.to_vec()).unwrap());
                firsts += usize::from(piece.is_first);
            })
            .unwrap();
            assert_eq!((pieces.concat().as_str(), firsts), (text, 1));
            assert!(pieces.iter().rev().skip(1).all(|piece| piece.ends_with('\n')), "{pieces:?}");
            assert_eq!(pieces.len(), expected.len(), "{pieces:?}");
        }
    }

    #[test]
    fn an_archive_gives_its_files_and_no_links() {
        let inner: Vec<(&str, Vec<u8>)> =
            vec![("x/b", gzip(b"bee")), ("x/a", b"ay".to_vec()), (".git/config", b"no".to_vec())];
        let inner: Vec<(&str, &[u8])> = inner.iter().map(|(name, bytes)| (*name, &**bytes)).collect();
        let wanted = [("x/b".to_owned(), b"bee".to_vec()), ("x/a".to_owned(), b"ay".to_vec())];
        assert_eq!(of_bytes(&tar(&inner)).unwrap(), wanted);
        assert_eq!(of_bytes(&zst(&tar(&inner))).unwrap(), wanted);
    }

    #[test]
    fn a_folder_gives_its_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("b/c")).unwrap();
        std::fs::write(dir.path().join("b/c/two"), zst(b"2")).unwrap();
        std::fs::write(dir.path().join("a"), b"1").unwrap();
        std::fs::write(dir.path().join(".hidden"), b"0").unwrap();
        let wanted = [("a".to_owned(), b"1".to_vec()), ("b/c/two".to_owned(), b"2".to_vec())];
        assert_eq!(files(dir.path()).unwrap(), wanted);
    }

    #[test]
    fn damaged_and_hostile_packing_ends_in_an_error() {
        let whole = zst(&vec![b'x'; 100_000]);
        assert!(matches!(of_bytes(&whole[..whole.len() / 2]), Err(ReadError::Unreadable { .. })));
        assert!(matches!(files(Path::new("nowhere")), Err(ReadError::Unreadable { .. })));
        let nested = (0..7).fold(b"x".to_vec(), |bytes, _| gzip(&bytes));
        assert!(matches!(of_bytes(&nested), Err(ReadError::TooDeep { .. })));
    }

    #[test]
    fn a_bomb_is_stopped_by_the_budget() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bomb");
        std::fs::write(&path, zst(&gzip(&vec![0; 1 << 20]))).unwrap();
        let outcome = read_within(1 << 20, PIECE, &path, &mut |_| {});
        assert!(matches!(outcome, Err(ReadError::TooBig { .. })));
        assert!(read_within(2 << 20, PIECE, &path, &mut |_| {}).is_ok());
    }

    proptest::proptest! {
        /// Whatever stands behind the mark of a packing, it ends in an error or in files.
        #[test]
        fn hostile_packing_never_panics(
            mark in 0_usize..6,
            noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000),
            place in proptest::prelude::any::<proptest::sample::Index>(),
        ) {
            let text = b"a.example\n".repeat(100);
            let marks = [&[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd], b"\xfd7zXZ\0"];
            let sound = [tar(&[("a", &text), ("b/c", &text)]), gzip(&text), xz(&text)];
            let bytes = match marks.get(mark) {
                Some(mark) => [*mark, &noise].concat(),
                // A sound one, overwritten somewhere.
                None => {
                    let mut bytes = sound[mark - 3].clone();
                    let at = place.index(bytes.len());
                    let end = (at + noise.len() % 40).min(bytes.len());
                    bytes[at..end].copy_from_slice(&noise[..end - at]);
                    bytes
                }
            };
            let _ = of_bytes(&bytes);
        }
    }
}
