//! The policy crate from outside: documents, identities, the order of decision, inspection, and the
//! slow spec. One binary, because linking is what tests wait for.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

mod document;
mod identify;
mod inspect;
mod must_open;
mod order;
mod school;
mod spec;
mod stage;
