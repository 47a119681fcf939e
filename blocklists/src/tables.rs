//! The tables that are compiled into the program, as one number.
//!
//! An index depends on more than the copies of its sources: on the names that schools must have, on
//! shared hosting, on the services catalogue, on the starter lists. When only such a table changes
//! between two builds, the index must be compiled anew all the same, and this says so.

use sha2::{Digest, Sha256};

use crate::services;
use crate::source::Location;
use crate::starter::{starter_sources, starter_text};

const MUST_OPEN: &str = include_str!("../data/must_open.tsv");
const SHARED_HOSTING: &str = include_str!("../data/shared_hosting.txt");
const SERVICES: &str = include_str!("../data/services.tsv");

/// SHA-256 over every built-in table that an index depends on, in hex.
#[must_use]
pub fn fingerprint() -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    };
    [MUST_OPEN, SHARED_HOSTING, SERVICES].into_iter().for_each(&mut add);
    for source in starter_sources().iter().chain([&services::source()]) {
        if let Location::BuiltIn(file) = &source.location {
            add(file);
            add(starter_text(file).unwrap_or_default());
        }
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_same_at_every_look() {
        assert_eq!(fingerprint(), fingerprint());
        assert_eq!(fingerprint().len(), 64);
    }
}
