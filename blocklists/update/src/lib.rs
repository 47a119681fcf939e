//! Keeps list sources fetched, checked, compiled and promoted.
//!
//! One directory holds everything: `<sha256>.idx` (indexes), `<sha256>.ovl` (overlays: small sources
//! and corrections, so that what changes in them costs milliseconds), `current` and `previous` (which
//! index in the first line, which overlay in the second, if any), `status.json` (what is known of each source), `copies/` (the bytes that the
//! indexes were compiled from). Whatever instant power is lost at, `current` names a whole index.
//! Beside them stand `journal/` (what every update changed, for 13 months), which [`as_of`] reads
//! backwards, and `held.json` (names that lessons use and lists would newly block, see [`held`]).
//!
//! This runs in a child process of the server, or from the command line: hostile bytes never meet
//! the process that answers DNS, and the memory of compiling goes back to the system.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "in a test, a panic names the line that failed"))]

mod access;
pub mod as_of;
mod candidate;
pub mod changes;
mod collect;
mod compare;
mod copies;
mod corrected;
pub mod coverage;
mod difference;
mod error;
mod fetch;
mod files;
mod fit;
mod gates;
pub mod held;
pub mod journal;
mod listed;
mod lists;
pub mod locked;
mod overview;
mod promote;
mod proof;
mod record;
mod status;
mod update;
pub mod used_here;
mod watch;
mod when;

pub use access::{Access, AccessError, Bounds, Credentials};
pub use error::UpdateError;
pub use files::give_to_owner_of;
pub use lists::{Checked, Lists, LoadedFrom, is_compiled_from};
pub use overview::Overview;
pub use promote::RolledBack;
pub use status::{IndexStatus, SourceStatus, State, Status, WaitingStatus};
pub use update::{Job, Outcome, Take};
pub use watch::Watch;
pub use when::Promotion;
