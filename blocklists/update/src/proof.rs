//! Whether content is what its author published: a checksum, or a minisign signature.
//!
//! This is looked at before anything reads the content, and what fails is never used.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use blocklists::upkeep::Proof;
use minisign_verify::{PublicKey, Signature};

use crate::error::NoCopy;
use crate::fetch::Fetcher;

/// Longest checksum or signature file.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Longest content under a signature of the older kind, which is checked in one piece.
const LEGACY_BYTES_MAX: u64 = 256 << 20;

/// Whether content fetched from a URL is proved. `sha256` is its SHA-256 in hex.
///
/// # Errors
/// [`NoCopy::Unfit`] when it is not what its author published; [`NoCopy::Source`] when the checksum
/// or the signature could not be had.
pub(crate) fn check(
    proof: &Proof,
    url: &str,
    content: &Path,
    sha256: &str,
    fetcher: &Fetcher,
) -> Result<(), NoCopy> {
    match proof {
        Proof::Sha256(expected) => compare(expected, sha256),
        Proof::ChecksumUrl(checksum_url) => {
            let text = fetch_text(fetcher, checksum_url, "checksum")?;
            let expected = checksum_in(&text, file_of(url));
            compare(
                &expected.ok_or_else(|| NoCopy::source("there is no SHA-256 at its `checksum_url`"))?,
                sha256,
            )
        }
        Proof::Minisign(key) => {
            let text = fetch_text(fetcher, &beside(url, ".minisig"), "signature")?;
            is_signed(key, &text, content)
        }
    }
}

/// A word for a way of proof that changes when the way does.
pub(crate) fn name(proof: &Proof) -> &str {
    match proof {
        Proof::Sha256(text) | Proof::ChecksumUrl(text) | Proof::Minisign(text) => text,
    }
}

fn fetch_text(fetcher: &Fetcher, url: &str, what: &str) -> Result<String, NoCopy> {
    fetcher.get_text(url, TEXT_BYTES_MAX).map_err(|error| match error {
        NoCopy::Source { why, retry_after } => {
            NoCopy::Source { why: format!("its {what}: {why}"), retry_after }
        }
        NoCopy::Unfit(why) => NoCopy::source(format!("its {what}: {why}")),
        directory @ NoCopy::Directory(_) => directory,
    })
}

fn compare(expected: &str, found: &str) -> Result<(), NoCopy> {
    if expected.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    Err(NoCopy::Unfit(format!("its checksum is wrong: SHA-256 {found}, and it should be {expected}")))
}

/// The last part of a URL's path.
fn file_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or("")
}

/// A URL with something appended to its path, in front of its query.
fn beside(url: &str, end: &str) -> String {
    let (path, rest) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    format!("{path}{end}{rest}")
}

/// The SHA-256 of a file in text as `sha256sum` writes it (`digits  name`), or the only one there is.
fn checksum_in(text: &str, file: &str) -> Option<String> {
    let digits = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let rows: Vec<(String, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let first = words.next().filter(|word| digits(word))?;
            Some((first.to_ascii_lowercase(), words.next().unwrap_or("").trim_start_matches(['*', '.', '/'])))
        })
        .collect();
    match &rows[..] {
        [(only, _)] => Some(only.clone()),
        rows => {
            rows.iter().find(|(_, name)| !file.is_empty() && *name == file).map(|(digits, _)| digits.clone())
        }
    }
}

fn is_signed(key: &str, signature: &str, content: &Path) -> Result<(), NoCopy> {
    let key = PublicKey::from_base64(key)
        .map_err(|_| NoCopy::source("the `minisign` key of this source is not a public key"))?;
    let unfit = |why: &str| NoCopy::Unfit(format!("its signature is wrong: {why}"));
    let signature = Signature::decode(signature).map_err(|_| unfit("that is no minisign signature"))?;
    let unreadable = |error: std::io::Error| NoCopy::source(error.to_string());
    let mut file = File::open(content).map_err(unreadable)?;
    let wrong = |error| match error {
        minisign_verify::Error::UnexpectedKeyId => unfit("another key made it"),
        _ => unfit("the list is not the one that was signed"),
    };
    match key.verify_stream(&signature) {
        Ok(mut stream) => {
            let mut chunk = vec![0; 64 << 10];
            loop {
                let count = file.read(&mut chunk).map_err(unreadable)?;
                match chunk.get(..count) {
                    Some(bytes) if count > 0 => stream.update(bytes),
                    _ => return stream.finalize().map_err(wrong),
                }
            }
        }
        Err(minisign_verify::Error::UnsupportedLegacyMode) => {
            let mut bytes = Vec::new();
            file.take(LEGACY_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
            key.verify(&bytes, &signature, true).map_err(wrong)
        }
        Err(error) => Err(wrong(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_found_in_what_providers_write() {
        let (ours, other) = ("ab".repeat(32), "cd".repeat(32));
        for (text, found) in [
            (format!("{ours}\n"), Some(&ours)),
            (format!("{ours}  whatever.txt\n"), Some(&ours)),
            (format!("{other}  b.txt\n{ours} *a.txt\n"), Some(&ours)),
            (format!("{other}  b.txt\n{ours}  ./a.txt\n"), Some(&ours)),
            (format!("{other}  b.txt\n{other}  c.txt\n"), None),
            ("no digits\n".to_owned(), None),
        ] {
            assert_eq!(
                checksum_in(&text, file_of("https://lists.example/x/a.txt?v=1")).as_ref(),
                found,
                "{text}"
            );
        }
        assert_eq!(beside("https://a.example/x?y=1", ".minisig"), "https://a.example/x.minisig?y=1");
    }

    /// The example of minisign's own documentation.
    #[test]
    fn a_signature_holds_for_the_bytes_that_were_signed_only() {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        let signature = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        for (content, good) in [("test", true), ("tesT", false), ("", false)] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(is_signed(key, signature, &path).is_ok(), good, "{content}");
        }
        assert!(is_signed(key, "nonsense", &path).is_err());
    }
}
