//! DNS cookies towards a server (RFC 7873, RFC 9018): a secret that only somebody on the way can know.
//!
//! Our half is random and differs for each server. A server that gives its own half back can from then
//! on be told from a forger. One that does not know cookies is asked without them after a few tries: they
//! must never cost an answer, and boxes on the way are known to drop what they do not understand.

use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::dice;

/// Octets of our half.
pub(super) const CLIENT_OCTETS: usize = 8;
/// Most octets of the server's half.
const SERVER_OCTETS: usize = 32;
/// Queries with a cookie that bring none back, after which a server is asked without.
pub const COOKIE_TRIES: u8 = 3;
/// How long a half of ours is used.
pub const COOKIE_AGE: Duration = Duration::from_hours(6);

/// A cookie as it travels: our half and, once known, the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) client: [u8; CLIENT_OCTETS],
    octets: [u8; CLIENT_OCTETS + SERVER_OCTETS],
    length: usize,
}

impl Cookie {
    fn ours(client: [u8; CLIENT_OCTETS]) -> Self {
        let mut octets = [0; CLIENT_OCTETS + SERVER_OCTETS];
        if let Some(half) = octets.first_chunk_mut() {
            *half = client;
        }
        Self { client, octets, length: CLIENT_OCTETS }
    }

    /// Reads an option: 8 octets of ours, then 0 or 8 to 32 of the server's.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let client = *data.first_chunk()?;
        let mut cookie = Self::ours(client);
        let server = data.len() - CLIENT_OCTETS;
        if server != 0 && !(8..=SERVER_OCTETS).contains(&server) {
            return None;
        }
        cookie.octets.get_mut(..data.len())?.copy_from_slice(data);
        cookie.length = data.len();
        Some(cookie)
    }

    /// The option's data.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn has_server_half(&self) -> bool {
        self.length > CLIENT_OCTETS
    }
}

/// What is known of one server's cookies.
#[derive(Debug)]
pub(super) struct Jar(Option<Mutex<State>>);

#[derive(Debug)]
struct State {
    cookie: Option<(Cookie, Instant)>,
    /// Queries with a cookie that brought none back, since the last one that did.
    missed: u8,
}

impl Jar {
    /// A jar that is used, or one that stays empty.
    pub(super) fn new(used: bool) -> Self {
        Self(used.then(|| Mutex::new(State { cookie: None, missed: 0 })))
    }

    /// What goes with the next query.
    ///
    /// # Errors
    /// When there are no random numbers to be had.
    pub(super) fn take(&self) -> io::Result<Option<Cookie>> {
        let Some(mut state) = self.0.as_ref().and_then(|state| state.lock().ok()) else { return Ok(None) };
        if state.missed >= COOKIE_TRIES {
            return Ok(None);
        }
        match state.cookie {
            Some((cookie, made)) if made.elapsed() < COOKIE_AGE => Ok(Some(cookie)),
            _ => {
                let cookie = Cookie::ours(dice::octets()?);
                state.cookie = Some((cookie, Instant::now()));
                Ok(Some(cookie))
            }
        }
    }

    /// Whether a datagram with this cookie, for a query with that one, may be believed: a cookie that
    /// is not ours never; none at all only from a server that has never given one.
    pub(super) fn believes(&self, sent: Option<[u8; CLIENT_OCTETS]>, got: Option<&Cookie>) -> bool {
        let (Some(sent), Some(state)) = (sent, &self.0) else { return true };
        match got {
            Some(cookie) => cookie.client == sent,
            None => state
                .lock()
                .is_ok_and(|state| !state.cookie.is_some_and(|(cookie, _)| cookie.has_server_half())),
        }
    }

    /// The server does not understand a query with a cookie.
    pub(super) fn refused(&self) {
        if let Some(mut state) = self.0.as_ref().and_then(|state| state.lock().ok()) {
            *state = State { cookie: None, missed: COOKIE_TRIES };
        }
    }

    /// Silence: of a server that has never given a cookie, it may be the cookie that was dropped.
    pub(super) fn silent(&self, sent: Option<[u8; CLIENT_OCTETS]>) {
        let Some(mut state) = self.0.as_ref().and_then(|state| state.lock().ok()) else { return };
        if sent.is_some() && !state.cookie.is_some_and(|(cookie, _)| cookie.has_server_half()) {
            state.missed = state.missed.saturating_add(1);
        }
    }

    /// Learns from a reply over a connection or a believed datagram.
    pub(super) fn learn(&self, sent: Option<[u8; CLIENT_OCTETS]>, got: Option<Cookie>) {
        let (Some(sent), Some(state)) = (sent, &self.0) else { return };
        let Ok(mut state) = state.lock() else { return };
        match got.filter(|cookie| cookie.client == sent && cookie.has_server_half()) {
            Some(cookie) => {
                state.missed = 0;
                let made = state.cookie.filter(|(known, _)| known.client == sent).map(|(_, made)| made);
                // A half of ours that was replaced in the meantime is not taken up again.
                if let Some(made) = made {
                    state.cookie = Some((cookie, made));
                }
            }
            None => {
                state.missed = state.missed.saturating_add(1);
                if state.missed >= COOKIE_TRIES {
                    state.cookie = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(sent: Cookie) -> Cookie {
        Cookie::read(&[sent.client.as_slice(), b"12345678"].concat()).unwrap()
    }

    #[test]
    fn what_a_server_gave_is_given_back() {
        let jar = Jar::new(true);
        let first = jar.take().unwrap().unwrap();
        assert_eq!(first.octets().len(), CLIENT_OCTETS);
        assert!(jar.believes(Some(first.client), None), "nothing is known of the server yet");
        jar.learn(Some(first.client), Some(answered(first)));
        assert_eq!(jar.take().unwrap(), Some(answered(first)));
        assert!(!jar.believes(Some(first.client), None), "it has given one before");
        let forged = Cookie::ours(*b"a guess!");
        assert!(!jar.believes(Some(first.client), Some(&forged)));
        assert!(jar.believes(Some(first.client), Some(&answered(first))));
    }

    #[test]
    fn a_server_without_cookies_is_soon_asked_without() {
        let jar = Jar::new(true);
        for _ in 0..COOKIE_TRIES {
            let sent = jar.take().unwrap().unwrap();
            jar.learn(Some(sent.client), None);
        }
        assert_eq!(jar.take().unwrap(), None);
        assert_eq!(Jar::new(false).take().unwrap(), None);
    }

    #[test]
    fn cookies_of_odd_sizes_are_no_cookies() {
        for length in [0, 7, 9, 15, 41] {
            assert_eq!(Cookie::read(&vec![1; length]), None, "{length}");
        }
        for length in [8, 16, 40] {
            assert_eq!(Cookie::read(&vec![1; length]).unwrap().octets().len(), length);
        }
    }
}
