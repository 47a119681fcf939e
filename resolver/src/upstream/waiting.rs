//! Who waits for an answer on one socket, by message id.
//!
//! Many questions share a socket, each under a random id of its own. What arrives is put to the
//! question that it claims to answer; what does not fit is a near miss, and a question that has seen
//! more than [`NEAR_MISSES`] of them is told so: somebody may be guessing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::dice;
use super::message::{self, Match, Query, Reply};

/// Near misses that a question over UDP puts up with; one more, and it is asked over TCP.
pub const NEAR_MISSES: u8 = 1;
/// Random ids tried before a socket counts as full.
const ID_TRIES: usize = 64;

/// What a question came to.
#[derive(Debug)]
pub(super) enum Heard {
    /// The message and what its header says.
    Reply(Vec<u8>, Reply),
    /// More near misses than a question puts up with.
    Doubtful,
}

/// What became of something that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Somebody waited for it.
    Taken,
    /// It nearly answers a question that waits.
    NearMiss,
    /// Nobody waits for anything like it: late, sent twice, or a guess.
    Stray,
}

#[derive(Debug)]
struct Waiter {
    query: Arc<Query>,
    tell: oneshot::Sender<io::Result<Heard>>,
    near_misses: u8,
}

/// The questions of one socket.
#[derive(Debug)]
pub(super) struct Waiting {
    how: Match,
    /// `None` once the socket is closed.
    table: Mutex<Option<HashMap<u16, Waiter>>>,
}

/// A question's place in the table; given up when dropped.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    waiting: &'a Waiting,
    id: u16,
    heard: oneshot::Receiver<io::Result<Heard>>,
    /// The query with its id.
    pub(super) query: Arc<Query>,
}

impl Waiting {
    pub(super) fn new(how: Match) -> Self {
        Self { how, table: Mutex::new(Some(HashMap::new())) }
    }

    fn table(&self) -> MutexGuard<'_, Option<HashMap<u16, Waiter>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place under a random id.
    ///
    /// # Errors
    /// `NotConnected` once closed, `WouldBlock` when no id is free.
    pub(super) fn sit(&self, mut query: Query) -> io::Result<Seat<'_>> {
        let mut table = self.table();
        let table = table.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        for _ in 0..ID_TRIES {
            let id = dice::bits16()?;
            let Entry::Vacant(place) = table.entry(id) else { continue };
            query.set_id(id);
            let query = Arc::new(query);
            let (tell, heard) = oneshot::channel();
            place.insert(Waiter { query: Arc::clone(&query), tell, near_misses: 0 });
            return Ok(Seat { waiting: self, id, heard, query });
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Puts what arrived to whoever waits for it, if `believes` too.
    pub(super) fn deliver(&self, bytes: &[u8], believes: impl Fn(&Query, &Reply) -> bool) -> Delivery {
        let mut table = self.table();
        let (Some(table), Some(id)) = (table.as_mut(), message::id(bytes)) else { return Delivery::Stray };
        if let Some(waiter) = table.get_mut(&id) {
            let query = &waiter.query;
            let reply = query.check(bytes, self.how).filter(|reply| believes(query, reply));
            let Some(reply) = reply else {
                self.near_miss(table, id);
                return Delivery::NearMiss;
            };
            if let Some(waiter) = table.remove(&id) {
                // Whoever waited may have given up; then nobody misses it.
                let _ = waiter.tell.send(Ok(Heard::Reply(bytes.to_vec(), reply)));
            }
            return Delivery::Taken;
        }
        let meant = table.iter().find(|(_, waiter)| waiter.query.is_asked_in(bytes)).map(|(id, _)| *id);
        match meant {
            Some(id) => {
                self.near_miss(table, id);
                Delivery::NearMiss
            }
            None => Delivery::Stray,
        }
    }

    fn near_miss(&self, table: &mut HashMap<u16, Waiter>, id: u16) {
        let Entry::Occupied(mut place) = table.entry(id) else { return };
        let bound = if self.how == Match::Exact { NEAR_MISSES } else { 0 };
        if place.get().near_misses >= bound {
            let _ = place.remove().tell.send(Ok(Heard::Doubtful));
        } else {
            place.get_mut().near_misses += 1;
        }
    }

    /// Tells everybody that nothing more will come.
    pub(super) fn close(&self, why: &io::Error) {
        self.tell_all(why, None);
    }

    /// Tells everybody that waits that this happened; others may still come.
    pub(super) fn disappoint(&self, why: &io::Error) {
        self.tell_all(why, Some(HashMap::new()));
    }

    fn tell_all(&self, why: &io::Error, then: Option<HashMap<u16, Waiter>>) {
        let waiters = std::mem::replace(&mut *self.table(), then);
        for waiter in waiters.into_iter().flat_map(HashMap::into_values) {
            let _ = waiter.tell.send(Err(io::Error::new(why.kind(), why.to_string())));
        }
    }
}

impl Seat<'_> {
    /// Waits for the answer.
    ///
    /// # Errors
    /// What happened to the socket.
    pub(super) async fn hear(mut self) -> io::Result<Heard> {
        (&mut self.heard).await.unwrap_or_else(|_| Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(table) = self.waiting.table().as_mut() {
            table.remove(&self.id);
        }
    }
}
