//! May this client have this name, and why?
//!
//! A pure crate: a [`School`] (what `policy.toml` says, valid by construction), a [`World`] (facts
//! of the machine and the main configuration) and an index of lists are built into one immutable
//! [`Snapshot`]; the snapshot takes a [`Client`] and a [`Question`] and says a [`Decision`]. There is
//! no I/O, no clock and no async here, so the query path, `explain`, simulators and property tests
//! all call the very same function.
//!
//! Read in this order: [`document`] (as written) -> [`school`] (valid) -> [`snapshot`] (compiled) ->
//! `decide` (design section 5, steps 3 to 14) -> `inspect` (step 15).

pub mod address;
mod calendar;
mod canary;
mod client;
pub mod compare;
mod core_names;
mod decide;
mod decision;
pub mod document;
mod identify;
mod inspect;
mod local_names;
mod must_open;
mod names;
mod presets;
mod safe_search;
pub mod school;
pub mod snapshot;
mod trace;
mod verb;

pub use client::{Asker, Client, Interface, Question, Standing, World};
pub use decision::{BlockStyle, Decision, Hop, Inspection, Reason, ReasonId, Target, Verdict, Waiver};
pub use document::{Document, DocumentError};
pub use local_names::may_be_forwarded;
pub use names::Covered;
pub use presets::PRESETS;
pub use school::policies::{Action, HttpsRecords, Policy, Rule, YouTube};
pub use school::{School, is_public_suffix};
pub use snapshot::Snapshot;
pub use trace::{Trace, TraceStep};
pub use verb::Verb;
