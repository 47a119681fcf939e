//! The admin API of the real program, held against its own description.
//!
//! What the API is, `admin-api/openapi.json` says; so these tests read it and walk over every path:
//! who may read it, what it answers to nonsense, and (with `schemathesis`) whether any request that
//! the description allows or forbids is answered otherwise than it says. [`resources`] then looks at
//! what stands in the bodies.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[allow(dead_code, unused_imports, reason = "the stories use all of the actors, these tests some")]
#[path = "../stories/actors/mod.rs"]
mod actors;

mod described;
mod manners;
mod matrix;
mod office;
mod resources;
mod schemathesis;
