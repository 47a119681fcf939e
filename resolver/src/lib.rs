//! Answers a query: the data plane of schoolgate.
//!
//! One query flows through this crate in the order in which these modules are best read:
//!
//! 1. [`transport`] takes a packet from a socket and notes who sent it and where to: a
//!    [`Peer`] and a [`Tick`] read once per batch.
//! 2. [`wire`] borrows a [`Query`](wire::Query) from the bytes, or says which error they deserve.
//! 3. [`engine`] is the story on one page: query -> client -> policy -> verdict -> answer -> event.
//!    Policy is asked *before* the cache, so that a change is live on the next query.
//! 4. [`answer`] writes what needs nobody else (blocks, refusals, errors), [`reply`] lays every
//!    reply out: the client's question bytes, records, OPT last.
//! 5. [`cache`] keeps what upstreams said, [`local`] serves the school's own records, [`flight`] asks
//!    an [`upstream`] once for everybody who waits for the same answer.
//! 6. [`scrub`] lets only what belongs to the question out of an upstream's message into a
//!    [`body`](body::Body), and [`inspect`] puts every hop of it, fresh or cached, to the policy each
//!    time it is given.
//! 7. The answered query is an [`event`]: a [`recorder`], one a thread, files it in the [`counters`]
//!    and in the [`ring`] that the control plane reads; [`sightings`] notes who should not be there.
//!    Nothing here knows who reads them.
//!
//! Nothing in here waits for a disk, a database or a lock that is held across I/O, and no bytes
//! from a client or an upstream can make it panic.

pub mod answer;
pub mod body;
pub mod cache;
mod case;
pub mod counters;
pub mod engine;
pub mod event;
#[cfg(test)]
mod fixtures;
pub mod flight;
pub mod inspect;
pub mod labels;
pub mod limits;
pub mod local;
pub mod peer;
pub mod recorder;
mod renewal;
pub mod reply;
pub mod ring;
pub mod scrub;
pub mod sightings;
pub mod svcb;
mod tallies;
pub mod tick;
pub mod transport;
pub mod upstream;
pub mod wire;

pub use counters::Counters;
pub use engine::{Engine, Fast, Live, Settings};
pub use event::Path;
pub use local::LocalZones;
pub use peer::{Peer, Transport};
pub use recorder::Recorder;
pub use ring::{EventRing, Look};
pub use tick::{Batch, Tick};
