//! What every school must have (`blocklists/data/must_open.tsv`), as essentials of all policies but
//! walled gardens: they clear what lists say, never a locked or sealed category, and a person's own
//! block beats them.

use std::sync::LazyLock;

use crate::names::{Covered, Fact, Names, Scope};

/// The names, with what they cover.
pub(crate) fn names() -> &'static [Covered] {
    static NAMES: LazyLock<Vec<Covered>> = LazyLock::new(|| {
        let rows = blocklists::must_open::must_open().iter();
        rows.map(|row| Covered { name: row.name.clone(), subtree: row.subtree }).collect()
    });
    &NAMES
}

/// Says them.
pub(crate) fn say(to: &mut Names) {
    for covered in names() {
        to.say(covered, Scope::All, Fact::MustOpen);
    }
}
