//! How far two copies of a list differ, in lines: the number that a coordinator sees beside content
//! that waits. Lines and not names, because a line is the same in every format.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use blocklists::read::{ReadError, read_pieces};

/// Lines that only `after` has, and lines that only `before` has.
///
/// # Errors
/// [`ReadError`] when a copy cannot be read.
pub(crate) fn lines(before: &Path, after: &Path) -> Result<(u64, u64), ReadError> {
    let key = RandomState::new();
    let (before, after) = (hashes(before, &key)?, hashes(after, &key)?);
    Ok((missing(&after, &before), missing(&before, &after)))
}

/// The hashes of the lines that say something, sorted, each once.
fn hashes(copy: &Path, key: &RandomState) -> Result<Vec<u64>, ReadError> {
    let mut hashes = Vec::new();
    read_pieces(copy, &mut |piece| {
        let lines = piece.bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let said = lines.filter(|line| !line.is_empty() && !matches!(line.first(), Some(b'#' | b'!')));
        hashes.extend(said.map(|line| key.hash_one(line)));
    })?;
    hashes.sort_unstable();
    hashes.dedup();
    Ok(hashes)
}

/// How many of `these` are not among `those`; both are sorted.
fn missing(these: &[u64], those: &[u64]) -> u64 {
    let mut those = those.iter().peekable();
    let is_missing = |this: &&u64| {
        while those.next_if(|that| that < this).is_some() {}
        those.peek() != Some(this)
    };
    these.iter().filter(is_missing).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_came_and_went_are_counted_whatever_the_order() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let before = file("before", "# one\na.example\nb.example\n\nc.example\n");
        let after = file("after", "! two\nd.example\r\nc.example\na.example\ne.example\na.example\n");
        assert_eq!(lines(&before, &after).unwrap(), (2, 1));
        assert_eq!(lines(&before, &before).unwrap(), (0, 0));
        assert!(lines(&before, Path::new("nowhere")).is_err());
    }
}
