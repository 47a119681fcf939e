//! "Was it blocked last Tuesday?": the decision of today's policy over the lists of then.

use blocklists_update::Lists;
use blocklists_update::as_of::{AsOfError, Listing, Then, moment};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use policy::{Decision, Question, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::proof::{self, Proof};
use super::{ExplainError, Explanation};

/// What the lists said at a moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AsOf {
    /// The moment.
    pub at: Timestamp,
    /// Every block list that said anything of the name then; never a locked one.
    pub listings: Vec<ListedThen>,
    /// What the list journal does not know any more, as sentences.
    pub gaps: Vec<String>,
}

/// What one block list said of the name then.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedThen {
    /// The block list.
    pub source: String,
    /// The category that the entry feeds.
    pub category: String,
    /// The entry: `||x` is x and all below, `|x` x alone, `|*.x` only what is below; `@@` takes out.
    pub entry: String,
    /// It took the name out of the list.
    pub exception: bool,
    /// The list says the same now.
    pub still: bool,
    /// The school was spared it then: it was held back because lessons use the name.
    pub held_back: bool,
}

impl From<Then> for AsOf {
    fn from(then: Then) -> Self {
        let listings = then.listings.into_iter().map(|listing| ListedThen {
            category: listing.category.to_string(),
            source: listing.source,
            entry: listing.entry,
            exception: listing.exception,
            still: listing.still,
            held_back: listing.held_back,
        });
        Self { at: then.at, listings: listings.collect(), gaps: then.gaps }
    }
}

/// The school's time zone; the system's where the policy names none, or one that is not known here.
pub(super) fn zone(snapshot: &Snapshot) -> TimeZone {
    let named = snapshot.school().timezone().and_then(|name| TimeZone::get(name).ok());
    named.unwrap_or_else(TimeZone::system)
}

/// What the lists said at the moment that a person wrote.
///
/// # Errors
/// [`ExplainError`] when it is no moment, or nothing is known of it.
pub(super) fn then(
    snapshot: &Snapshot,
    lists: &Lists,
    question: Question<'_>,
    text: &str,
) -> Result<Then, ExplainError> {
    let at =
        moment(text, &zone(snapshot), Timestamp::now()).map_err(|_| ExplainError::Time(text.to_owned()))?;
    let then = lists.as_of(snapshot.index(), question.name, question.rtype, at);
    then.map_err(|error: AsOfError| ExplainError::NotKnown(error.to_string()))
}

/// The entry behind the deciding category.
pub(super) fn find(snapshot: &Snapshot, then: &Then, decision: &Decision) -> (Option<Proof>, Option<String>) {
    let found = proof::category(snapshot, decision).and_then(|category| then.matched.get(category));
    let proof = |listing: &Listing| Proof {
        source: listing.source.clone(),
        matched: listing.matched.clone(),
        file: None,
        line: None,
    };
    (found.map(proof), None)
}

/// What a reader must know beside it.
pub(super) fn note(then: &Then, explanation: &Explanation) -> Option<String> {
    let category = explanation.reason.category.as_ref();
    let was_held = then
        .listings
        .iter()
        .any(|listing| listing.held_back && category.is_some_and(|id| *id == listing.category.as_str()));
    let mut notes = then.gaps.clone();
    if was_held {
        notes.push(
            "it was held back from the school then, because lessons use it, and so was not blocked"
                .to_owned(),
        );
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// The sentence, with what it is about said first.
pub(super) fn sentence(sentence: &str, at: Timestamp) -> String {
    format!("With the block lists as they were at {at} and the policy as it is now: {sentence}")
}
