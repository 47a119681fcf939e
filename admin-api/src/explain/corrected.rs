//! What keeps lists from deciding: the school's corrections, and names that are held back for lessons.

use blocklists::category::CategoryId;
use blocklists::evidence::{Asked, evidence_for};
use blocklists::name::NameRef;
use blocklists::overlay::Correction;
use blocklists_update::Lists;
use blocklists_update::held::Held;
use jiff::Timestamp;
use policy::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

/// The record type that sites are asked for: A (RFC 1035 section 3.2.2).
const ADDRESS: u16 = 1;

/// Something that takes the name out of what lists say of it, or puts it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Corrected {
    /// `correction`: the school says that lists are wrong. `held-back`: a list is new, and lessons use it.
    pub kind: &'static str,
    /// The name that it is about, this one or one above; `=name` is that name only.
    pub name: String,
    /// The category.
    pub category: String,
    /// Into the category instead of out of it.
    pub into: bool,
    /// The block lists that have it there all the same.
    pub sources: Vec<String>,
    /// Why, in the school's words.
    pub reason: Option<String>,
    /// Until when it is held back; a correction has no end.
    pub until: Option<Timestamp>,
}

/// All that holds for a name in force. Of what is locked nothing is ever corrected out or held back.
pub(super) fn find(snapshot: &Snapshot, lists: &Lists, name: NameRef<'_>) -> Vec<Corrected> {
    let asked = Asked::Question(name, None, None);
    let sources = |category: &CategoryId| {
        let evidence = evidence_for(snapshot.index(), lists.copies(), asked, category).unwrap_or_default();
        let mut sources: Vec<String> =
            evidence.into_iter().filter(|line| !line.exception).map(|line| line.source).collect();
        sources.sort();
        sources.dedup();
        sources
    };
    let school = snapshot.school();
    let mut found = Vec::new();
    for (place, correction) in school.corrections().iter().enumerate() {
        let Correction { name: about, exact, category, into } = correction;
        // What is listed in its own right below a corrected name is listed all the same.
        if covers(about.as_ref(), *exact, name) && is_in(snapshot, category, name) == *into {
            found.push(Corrected {
                kind: "correction",
                name: format!("{}{about}", if *exact { "=" } else { "" }),
                category: category.to_string(),
                into: *into,
                sources: if *into { Vec::new() } else { sources(category) },
                reason: school.correction_reason(place).map(str::to_owned),
                until: None,
            });
        }
    }
    for held in Held::of(lists).active(Timestamp::now()) {
        let Some(about) = held.covered.wire() else { continue };
        if covers(about.as_ref(), !held.covered.subtree, name) && !is_in(snapshot, &held.category, name) {
            found.push(Corrected {
                kind: "held-back",
                name: format!("{}{about}", if held.covered.subtree { "" } else { "=" }),
                category: held.category.to_string(),
                into: false,
                sources: vec![held.source.clone()],
                reason: None,
                until: Some(held.until),
            });
        }
    }
    found
}

fn covers(about: NameRef<'_>, exact: bool, name: NameRef<'_>) -> bool {
    if !name.is_at_or_below(about) {
        return false;
    }
    let more = name.label_count() - about.label_count();
    !exact || name.labels().take(more).all(|label| label.first() == Some(&b'_'))
}

/// Whether a name is in a category, or waits for it to be confirmed.
fn is_in(snapshot: &Snapshot, category: &CategoryId, name: NameRef<'_>) -> bool {
    let index = snapshot.index();
    let here = index.find(name, ADDRESS).here;
    let holds =
        |category: &CategoryId| index.category_number(category).is_some_and(|number| here.contains(number));
    holds(category) || category.unconfirmed().is_some_and(|waiting| holds(&waiting))
}

/// What it means, as a sentence.
pub(super) fn sentence(corrected: &Corrected) -> String {
    let Corrected { name, category, sources, reason, until, .. } = corrected;
    let because = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let listed = match sources.as_slice() {
        [] => String::new(),
        some => format!(", where {} has it", some.join(", ")),
    };
    match (until, corrected.into) {
        (Some(until), _) => {
            format!("{name} is held back from {category}{listed}, until {until}, because lessons use it.")
        }
        (None, true) => format!("The school's correction puts {name} into {category}{because}."),
        (None, false) => format!("The school's correction takes {name} out of {category}{listed}{because}."),
    }
}
