//! Looks at a running box, and later changes it: HTTP API, metrics, tokens, store.
//!
//! This is the control plane's face. It reads from the data plane through [`Facts`] and never makes
//! it wait: the server has a thread and a runtime of its own, files are read beside it, and what the
//! data plane counts is read from plain numbers. Read in this order: [`server`] -> [`api`] (one file
//! per resource) -> [`auth`] -> [`store`] (the only place with SQL); [`explain`] is shared with the
//! command line.

pub mod api;
pub mod auth;
mod connections;
pub mod explain;
mod exposition;
mod facts;
mod problem;
pub mod server;
pub mod store;

pub use facts::{Facts, LiveDocument};
pub use problem::Problem;
pub use server::{AdminServer, StartError};
