//! What stands behind a decision: the line of the list, and whether this school uses the name.

use std::path::Path;

use blocklists::category::CategoryId;
use blocklists::evidence::{Asked, evidence_for};
use blocklists::name::NameRef;
use blocklists_update::used_here;
use jiff::Timestamp;
use jiff::civil::Date;
use policy::{Decision, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

/// What of a list says so.
pub(super) struct Proof {
    pub(super) source: String,
    /// The listed name.
    pub(super) matched: String,
    /// File inside the source, if it has several.
    pub(super) file: Option<String>,
    /// Line in the source or file; nothing for lists that are not there any more.
    pub(super) line: Option<u64>,
}

/// On how many of the last thirty days this school used a name, or one below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsedHere {
    /// How many days; one in a thousand times too many, never too few. None: never seen before here.
    #[schema(maximum = 30)]
    pub days: u32,
    /// The last of them.
    #[schema(value_type = Option<String>, format = Date)]
    pub last: Option<Date>,
}

/// The deciding category, when lists feed it and it is not locked: of what is locked nobody is shown
/// which list, which line, which name.
pub(super) fn category<'s>(snapshot: &'s Snapshot, decision: &Decision) -> Option<&'s CategoryId> {
    let category = snapshot.category(decision.reason.category?)?;
    // What an approved list opened is told by that list, not by the one that blocks.
    let is_told = decision.reason.approved.is_none()
        && snapshot.index().category_number(category).is_some()
        && !snapshot.school().is_locked(category);
    is_told.then_some(category)
}

/// The line behind the deciding category, and what to say when there is none.
pub(super) fn find(
    snapshot: &Snapshot,
    copies: &Path,
    asked: Asked<'_>,
    decision: &Decision,
) -> (Option<Proof>, Option<String>) {
    let Some(category) = category(snapshot, decision) else { return (None, None) };
    match evidence_for(snapshot.index(), copies, asked, category) {
        Ok(all) => match all.into_iter().find(|evidence| !evidence.exception) {
            Some(found) => {
                let proof = Proof {
                    source: found.source,
                    matched: found.matched.to_string(),
                    file: Some(found.file).filter(|file| !file.is_empty()),
                    line: Some(found.line),
                };
                (Some(proof), None)
            }
            None => (None, Some("no line of the kept list copies covers this name".to_owned())),
        },
        Err(error) => (None, Some(format!("the list copies could not be read: {error}"))),
    }
}

/// Whether this school used a name lately; nothing where that was never noted.
pub(super) fn used_here(snapshot: &Snapshot, dir: &Path, name: NameRef<'_>) -> Option<UsedHere> {
    if !dir.is_dir() {
        return None;
    }
    let today = Timestamp::now().to_zoned(super::as_of::zone(snapshot)).date();
    let used = used_here::UsedHere::open(dir, today).ok()?;
    Some(UsedHere { days: used.days_used(name), last: used.last_used(name) })
}
