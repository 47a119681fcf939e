//! Stories about a school with VLANs, told to the real program among real switches, DHCP servers and
//! devices.
//!
//! The school is built of network namespaces: a `switch` with one bridge for each VLAN, the `box`
//! with an address on each, the `internet` with the resolver behind the box, and a namespace for each
//! device that a story plugs in. So everything has its real port, its real interface and its real
//! source address, and nothing reaches the machine's own network. Making namespaces takes root, and
//! the Debian packages that `tests/run` installs; without them these stories fail, they are not
//! skipped.
//!
//! Nothing sleeps. Whatever takes time is waited for with a bound, by what it says.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[allow(dead_code, unused_imports, reason = "the actors of the stories; not each has a part here")]
#[path = "../stories/actors/mod.rs"]
mod actors;

mod daemon;
mod device;
mod dhcp;
mod namespace;
mod site;

mod leases;
mod management;
mod who_asks;
