//! Asking another resolver: the seam that the engine sees, and the groups of servers behind it.
//!
//! The engine knows only [`Upstream`]: one question in, one checked answer or one error out. What
//! stands behind it (plain UDP and TCP now; encrypted transports and recursion later) can be
//! replaced without the engine noticing. [`Upstreams`] is the numbered row of groups that a policy
//! decision points into: group 0 is the default, the others belong to forward zones.
//!
//! Which server of a group comes first is its [`Strategy`]; the failing ones always come last. A group
//! that begins with a filtering server never asks one that does not filter, and one that begins with
//! an encrypted server never asks a plain one.
//!
//! [`group`] chooses among servers, [`work`] sees one question through, [`link`] knows one server: plain
//! over [`udp`] and [`tcp`], encrypted over [`sealed`].

mod address;
mod bootstrap;
mod budget;
mod cookie;
mod dice;
mod group;
mod link;
mod message;
mod row;
mod sealed;
mod server;
mod slots;
mod stats;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trouble_tests;
mod udp;
mod waiting;
mod work;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use blocklists::name::Name;
use thiserror::Error;

use bootstrap::Bootstrap;
use group::Group;
use slots::Slots;

pub use address::{AddressError, Carrier, DOH_PATH, Host, PORT, ServerAddress};
pub use budget::PACKETS_MAX;
pub use cookie::{COOKIE_AGE, COOKIE_TRIES};
pub use group::{MEASURE_AGE, RACE, Strategy};
pub use link::{CASE_TRIES, NAME_AGE};
pub use message::UDP_OCTETS;
pub use row::{LINE_COMFORT, LINE_QUESTIONS, LINE_SILENT, LINES};
pub use sealed::{Trust, TrustError};
pub use server::{Class, Server, askable, surprises};
pub use stats::{
    BOUNDS_MS, RETRY_FIRST, RETRY_MAX, ServerStats, UNHEALTHY_AFTER, UNHEALTHY_SILENCE, USELESS_AFTER,
};
pub use tcp::STREAM_IDLE;
pub use udp::{PORT_AGE, PORT_COUNT, PORT_USES, PORTS, STRAYS_MAX};
pub use waiting::NEAR_MISSES;
pub use work::{ROUNDS, SILENCE, STREAM_ROUNDS, TRY, VALIDATION, WHOLE};

/// Most questions in flight upstream at one time; beyond, [`UpError::Busy`].
///
/// One zone may hold no more than half of what is free, so that a flood of names that nobody answers
/// leaves room for all others.
pub const IN_FLIGHT_MAX: usize = 4096;

/// A future that can be sent to another thread and stored behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an upstream is asked; always class IN with RD set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpQuestion {
    /// The name, lower-case.
    pub name: Name,
    /// The record type.
    pub rtype: u16,
    /// Sets DO: signatures are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// Sets CD: the answer is wanted even if it does not validate (RFC 4035 section 3.2.2).
    pub checking_disabled: bool,
}

/// What an upstream said, as it came over the wire.
///
/// The id, QR, opcode and question have been compared with what was asked; the records have not
/// been looked at.
#[derive(Debug, Clone)]
pub struct UpAnswer {
    /// The whole message. Its id is the random one of the upstream leg.
    pub bytes: Vec<u8>,
    /// Which server said it, as it is written in the configuration.
    pub server: Arc<str>,
    /// The first extended error that came with it (RFC 8914).
    pub ede: Option<u16>,
}

/// How servers are asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which server comes first.
    pub strategy: Strategy,
    /// 0x20: random letter case, which a forger has to guess too.
    pub case_randomisation: bool,
    /// DNS cookies (RFC 7873) towards servers over UDP.
    pub cookies: bool,
    /// Whose word about the names of encrypted servers is taken.
    pub trust: Trust,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            case_randomisation: false,
            cookies: true,
            trust: Trust::default(),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UpError {
    /// Nobody is configured to be asked (or the group does not exist).
    #[error("no upstream server is configured")]
    NoServers,
    /// Too many questions are in flight; this one was not sent.
    #[error("too many questions are waiting for the upstream servers")]
    Busy,
    /// Some server stayed silent, and none gave an answer in time.
    #[error("no upstream server answered in time")]
    Timeout,
    /// No server could be reached: the network said so for each of them.
    #[error("no upstream server could be reached")]
    Network,
    /// No server gave a usable answer, and at least one said so itself.
    #[error("every upstream server failed; the last code was {rcode}")]
    AllServersFailed {
        /// The response code (2 SERVFAIL, 5 REFUSED) of the last server that gave one.
        rcode: u8,
        /// The extended error that it gave with it.
        ede: Option<u16>,
    },
}

/// Something that can be asked.
pub trait Upstream: Send + Sync {
    /// Asks one question. Ends within the whole deadline of the upstream work (7 s).
    fn ask<'a>(&'a self, question: &'a UpQuestion) -> BoxFuture<'a, Result<UpAnswer, UpError>>;

    /// How its servers are doing; nothing for upstreams that have no servers.
    fn servers(&self) -> Vec<ServerStats> {
        Vec::new()
    }
}

/// All groups by number.
#[derive(Clone, Default)]
pub struct Upstreams {
    groups: Vec<Arc<dyn Upstream>>,
    slots: Option<Arc<Slots>>,
}

impl Upstreams {
    /// Groups of servers, each asked as `options` say. `bootstrap` servers find those that are written
    /// as names.
    #[must_use]
    pub fn of_servers(groups: &[Vec<Server>], bootstrap: &[SocketAddr], options: Options) -> Self {
        let bootstrap = Arc::new(Bootstrap::new(bootstrap));
        let options = Arc::new(options);
        let slots = Slots::new(IN_FLIGHT_MAX);
        let group = |servers: &Vec<Server>| {
            Arc::new(Group::new(servers, &bootstrap, &options, &slots)) as Arc<dyn Upstream>
        };
        Self { groups: groups.iter().map(group).collect(), slots: Some(Arc::clone(&slots)) }
    }

    /// Groups of servers that do not filter, asked in the order written; see
    /// [`of_servers`](Self::of_servers).
    #[must_use]
    pub fn plain(groups: Vec<Vec<ServerAddress>>, bootstrap: &[SocketAddr]) -> Self {
        let group = |servers: Vec<ServerAddress>| servers.into_iter().map(Server::from).collect();
        let groups: Vec<Vec<Server>> = groups.into_iter().map(group).collect();
        let options = Options { strategy: Strategy::Ordered, ..Options::default() };
        Self::of_servers(&groups, bootstrap, options)
    }

    /// Groups in the order of their numbers: 0 the default, then the forward zones.
    #[must_use]
    pub fn new(groups: Vec<Arc<dyn Upstream>>) -> Self {
        Self { groups, slots: None }
    }

    /// The group that a decision names.
    #[must_use]
    pub fn group(&self, number: u16) -> Option<&Arc<dyn Upstream>> {
        self.groups.get(usize::from(number))
    }

    /// How every server of every group is doing.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerStats> {
        self.groups.iter().flat_map(|group| group.servers()).collect()
    }

    /// Questions in flight upstream, of at most [`IN_FLIGHT_MAX`].
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots.as_ref().map_or(0, |slots| slots.taken())
    }
}
