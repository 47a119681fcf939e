//! What is this name? Lists of names, the categories they feed, and the index compiled from them.
//!
//! The way of a name: a [`source::Source`] says where a list is and how it is written; [`read`]
//! unpacks its kept copy, [`parse`] turns lines into rules, [`compile`] resolves each source alone
//! and unites them, and the result is an immutable [`index::Index`] that answers in nanoseconds.
//! An [`overlay`] brings what changes often, small sources and corrections, without a new index.
//! [`evidence`] goes back to the copies to say which line of which list is to blame.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "in a test, a panic names the line that failed"))]

pub mod addresses;
pub mod category;
pub mod compile;
pub mod evidence;
mod guard;
pub mod index;
pub mod masked;
pub mod must_open;
pub mod name;
pub mod overlay;
pub mod parse;
pub mod patterns;
pub mod read;
pub mod report;
mod scratch;
pub mod services;
pub mod source;
pub mod starter;
pub mod tables;
pub mod upkeep;
