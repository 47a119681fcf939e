//! What the lists said on days that lie behind, and names that are held back: against the lists
//! themselves.

#![allow(clippy::unwrap_used, reason = "in a test, a panic names the line that failed")]

mod held;
mod journal;
mod random;
mod years;
