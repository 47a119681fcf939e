//! Who asks what, and the facts of the machine around the school.

use std::net::IpAddr;

use blocklists::index::Listing;
use blocklists::name::{Name, NameRef};
use ipnet::IpNet;

/// Where a question came from, as the transport saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Source address; IPv4-mapped IPv6 is taken for the IPv4 address it holds.
    pub source: IpAddr,
    /// Local address that the question was sent to, where known.
    pub local: Option<IpAddr>,
    /// Index of the interface it arrived on, where known.
    pub interface: Option<u32>,
}

/// Who asks (design section 5, step 2), by numbers of one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Number in [`Snapshot::networks`](crate::Snapshot::networks).
    pub network: Option<u16>,
    /// Number in [`School::groups`](crate::School::groups).
    pub group: Option<u16>,
    /// Number in [`School::devices`](crate::School::devices).
    pub device: Option<u16>,
    /// Number in [`Snapshot::policies`](crate::Snapshot::policies).
    pub policy: u16,
    /// How well the box knows the client.
    pub standing: Standing,
    /// What lists say of its address (`rpz-client-ip`): that holds of whatever it asks for.
    pub listed: Listing,
    /// It asks over a stream (TCP), where entries that want to be asked so have no say.
    pub stream: bool,
}

/// How well the box knows a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In a declared network.
    Known,
    /// A private or on-link address in no network: policy `unknown`, and worth an alarm.
    Unknown,
    /// Anything else: refused. This is never an open resolver.
    Stranger,
}

/// One question. Class is IN; other classes never come here (step 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// The name, in lower case.
    pub name: NameRef<'a>,
    /// The record type. What is blocked is blocked for every type, but for entries of lists that
    /// speak of some types only (`$dnstype`); the answer's form is the engine's work.
    pub rtype: u16,
}

/// Facts from outside the policy file that decisions need.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Apexes of the school's own zones.
    pub local_zones: Vec<Name>,
    /// Owners of the school's own single records.
    pub local_records: Vec<Name>,
    /// Conditional forwards: the zone at position `n` is asked of upstream group `n + 1`.
    pub forward_zones: Vec<Name>,
    /// Names at or below which a private address is fine.
    pub rebind_allow: Vec<Name>,
    /// The machine's interfaces.
    pub interfaces: Vec<Interface>,
    /// Number of the policy revision that the snapshot is built from.
    pub revision: u64,
}

/// One interface of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's index.
    pub index: u32,
    /// Its name, such as `eth0.20`.
    pub name: String,
    /// Networks that are directly reachable on it.
    pub prefixes: Vec<IpNet>,
}
