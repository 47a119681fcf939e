//! Stories about a school, told to the real program over the real wire.
//!
//! Each test is a sentence: the school as it stands, what somebody asks or does, what is then true.
//! The actors are in [`actors`]: a `School` is a running schoolgate in a folder of its own, a `Pupil`
//! a device that asks from its own address, an `Upstream` the resolver that the school forwards to
//! (it notes every question, which proves what was *not* asked), a `Coordinator` the person at the
//! command line and the admin API. Everything stays on loopback: all of 127.0.0.0/8 is this machine,
//! so that a pupil network is 127.20.0.0/16, staff 127.30.0.0/16, guests 127.90.0.0/16.
//!
//! Nothing sleeps. Whatever takes time is waited for with a bound, by looking at it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod actors;
mod everywhere;
mod scene;

mod admin_api;
mod answer_text;
mod bad_days;
mod bad_input;
mod blocking;
mod clients;
mod commands;
mod encrypted_upstreams;
mod entry_actions;
mod floods;
mod list_forms;
mod local_names;
mod messages;
mod no_config;
mod over_time;
mod real_clients;
mod record;
mod running;
mod safe_search;

mod stale;
mod starting;
mod stopping;
mod swaps;
mod targets;
mod transports;
mod upstream_trouble;
