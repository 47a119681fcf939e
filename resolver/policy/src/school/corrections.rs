//! Corrections as written become corrections as they hold.

use std::collections::BTreeSet;

use blocklists::overlay::Correction;
use blocklists::source::Span;

use super::{build, is_public_suffix};
use crate::document::{CorrectionWord, Document, DocumentError};

/// Reads all corrections, with their reasons. Nothing leaves a locked category, and nobody takes a whole public suffix
/// out of one: strangers register names there.
pub(super) fn corrections(
    document: &Document,
    categories: &build::Categories,
) -> Result<Vec<(Correction, Option<String>)>, DocumentError> {
    let mut seen = BTreeSet::new();
    let mut corrections = Vec::new();
    for written in &document.written.correction {
        let covered = build::covered(document, &written.name, Span::Subtree)?;
        let category = categories.known(document, &written.category)?;
        if let Some(confirmed) = category.confirmed() {
            let message = format!("correct `{confirmed}`: `{category}` goes with it");
            return Err(document.error(&written.category, message));
        }
        let into = written.action == CorrectionWord::Add;
        if !into && categories.is_locked(&category) {
            let message = format!("`{category}` is locked: no correction takes a name out of it");
            return Err(document.error(&written.category, message));
        }
        if !into && is_public_suffix(covered.name.as_ref()) {
            return Err(document.error(&written.name, build::opens_suffix(&covered.name)));
        }
        if !seen.insert((covered.clone(), category.clone())) {
            let message = format!("{} is corrected twice in `{category}`", covered.name);
            return Err(document.error(&written.name, message));
        }
        let correction = Correction { name: covered.name, exact: !covered.subtree, category, into };
        corrections.push((correction, written.reason.clone()));
    }
    Ok(corrections)
}
