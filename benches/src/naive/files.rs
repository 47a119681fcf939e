//! The plain text files of a list: one file, a folder or a tar, packed by zstd or not at all.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Outcome;

/// What a zstd file begins with (RFC 8878 section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Hands over each file with its path inside the list.
pub fn each(path: &Path, sink: &mut dyn FnMut(&str, &str)) -> Outcome<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            each(&entry?.path(), sink)?;
        }
        return Ok(());
    }
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    if bytes.starts_with(&ZSTD) {
        bytes = zstd::decode_all(bytes.as_slice())?;
    }
    // Every tar since 1988 says so at this place of its first header.
    if bytes.get(257..262) == Some(b"ustar") {
        return each_of_tar(&bytes, sink);
    }
    sink("", &String::from_utf8_lossy(&bytes));
    Ok(())
}

fn each_of_tar(bytes: &[u8], sink: &mut dyn FnMut(&str, &str)) -> Outcome<()> {
    for entry in tar::Archive::new(bytes).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let name = entry.path()?.to_string_lossy().into_owned();
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            sink(&name, &String::from_utf8_lossy(&text));
        }
    }
    Ok(())
}
