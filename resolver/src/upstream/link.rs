//! One server: how a question reaches it, over which carrier, and what is known of it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use blocklists::name::Name;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::address::{Carrier, Host, ServerAddress};
use super::bootstrap::Bootstrap;
use super::budget::Budget;
use super::cookie::Jar;
use super::message::{BADCOOKIE, Extras, Query, Reply};
use super::sealed::Sealed;
use super::stats::Stats;
use super::tcp::Streams;
use super::udp::Datagrams;
use super::waiting::Heard;
use super::{Options, UpQuestion};

/// Response code of a server that does not understand the query.
const FORMERR: u16 = 1;
/// How long the address of a server that is written as a name is used before it is looked up again.
pub const NAME_AGE: Duration = Duration::from_secs(60);
/// How long that look-up may take while an earlier address is known; then that one goes on being used.
const NAME_WAIT: Duration = Duration::from_millis(500);
/// Answers over TCP that show a server changing the letter case, after which it is asked in lower case.
pub const CASE_TRIES: u32 = 3;

/// One server that may be asked.
pub(super) struct Link {
    pub(super) address: ServerAddress,
    pub(super) label: Arc<str>,
    pub(super) stats: Stats,
    options: Arc<Options>,
    bootstrap: Arc<Bootstrap>,
    jar: Arc<Jar>,
    case_lost: std::sync::atomic::AtomicU32,
    place: Place,
}

/// Where the server is.
enum Place {
    Known(Arc<Way>),
    Named(Name, Mutex<Option<Found>>),
}

/// An address that the bootstrap found.
struct Found {
    ip: IpAddr,
    way: Arc<Way>,
    until: Instant,
}

/// The sockets to one address.
enum Way {
    Plain { datagrams: Option<Datagrams>, streams: Streams },
    Sealed(Sealed),
}

impl Link {
    pub(super) fn new(address: ServerAddress, bootstrap: &Arc<Bootstrap>, options: &Arc<Options>) -> Self {
        let stats = Stats::default();
        let jar = Arc::new(Jar::new(options.cookies && address.carrier == Carrier::Udp));
        let place = match &address.host {
            Host::Address(ip) => Place::Known(Arc::new(Way::new(*ip, &address, options, &stats, &jar))),
            Host::Name(name) => Place::Named(name.clone(), Mutex::new(None)),
        };
        Self {
            label: address.to_string().into(),
            address,
            stats,
            options: Arc::clone(options),
            bootstrap: Arc::clone(bootstrap),
            jar,
            case_lost: Default::default(),
            place,
        }
    }

    /// Whether what is sent may be lost on the way, so that it is worth sending again.
    pub(super) fn loses(&self) -> bool {
        self.address.carrier == Carrier::Udp
    }

    /// Sockets and streams that are open.
    pub(super) fn connections(&self) -> usize {
        match &self.place {
            Place::Known(way) => way.open(),
            // While it is being looked up nobody knows; then the last ones count again.
            Place::Named(_, found) => {
                found.try_lock().map_or(0, |found| found.as_ref().map_or(0, |found| found.way.open()))
            }
        }
    }

    /// Asks; gives the checked message. The caller bounds the time.
    ///
    /// # Errors
    /// Whatever the network says; `QuotaExceeded` when the budget is used up.
    pub(super) async fn ask(&self, question: &UpQuestion, budget: &Budget) -> io::Result<(Vec<u8>, Reply)> {
        let way = self.way().await?;
        let (datagrams, streams) = match &*way {
            Way::Plain { datagrams, streams } => (datagrams, streams),
            Way::Sealed(sealed) => {
                budget.spend()?;
                return sealed.ask(question).await;
            }
        };
        let plain = Extras::default();
        if let Some(datagrams) = datagrams {
            let case = self.options.case_randomisation && self.case_lost.load(Relaxed) < CASE_TRIES;
            match self.over_udp(datagrams, question, case, budget).await? {
                Some((bytes, reply)) if !reply.truncated => return Ok((bytes, reply)),
                Some(_) | None => {}
            }
            self.stats.over_tcp.fetch_add(1, Relaxed);
            let answer = over_tcp(streams, Query::new(question, Extras { case, ..plain })?, budget).await?;
            if case && !answer.1.same_case && self.case_lost.fetch_add(1, Relaxed) + 1 == CASE_TRIES {
                tracing::warn!(server = %self.label, "the server changes the letter case of questions: case_randomisation is off for it");
            }
            return Ok(answer);
        }
        over_tcp(streams, Query::new(question, plain)?, budget).await
    }

    /// `None` when TCP has to settle it.
    async fn over_udp(
        &self,
        datagrams: &Datagrams,
        question: &UpQuestion,
        case: bool,
        budget: &Budget,
    ) -> io::Result<Option<(Vec<u8>, Reply)>> {
        // A server that does not know our cookie hands out the one it wants; once is enough.
        for _ in 0..2 {
            budget.spend()?;
            let query = Query::new(question, Extras { case, cookie: self.jar.take()?, padded: false })?;
            let cookie = Sent { jar: &self.jar, cookie: query.cookie, heard: false };
            let Heard::Reply(bytes, reply) = datagrams.ask(query).await? else { return Ok(None) };
            let with_cookie = cookie.cookie.is_some();
            cookie.heard(&reply);
            match reply.rcode {
                BADCOOKIE => {}
                FORMERR if with_cookie => self.jar.refused(),
                _ => return Ok(Some((bytes, reply))),
            }
        }
        Ok(None)
    }

    /// The sockets to the server, wherever it is now.
    async fn way(&self) -> io::Result<Arc<Way>> {
        let (name, found) = match &self.place {
            Place::Known(way) => return Ok(Arc::clone(way)),
            Place::Named(name, found) => (name, found),
        };
        let mut found = found.lock().await;
        let now = Instant::now();
        if let Some(found) = found.as_ref().filter(|found| now < found.until) {
            return Ok(Arc::clone(&found.way));
        }
        let looked_up = match &*found {
            Some(_) => timeout(NAME_WAIT, self.bootstrap.address(name)).await,
            None => Ok(self.bootstrap.address(name).await),
        };
        match (looked_up, found.as_mut()) {
            (Ok(Ok(ip)), Some(known)) if known.ip == ip => known.until = now + NAME_AGE,
            (Ok(Ok(ip)), _) => {
                let way = Arc::new(Way::new(ip, &self.address, &self.options, &self.stats, &self.jar));
                *found = Some(Found { ip, way, until: now + NAME_AGE });
            }
            (failed, Some(known)) => {
                let error = failed.map_or_else(
                    |_| "no answer in time".to_owned(),
                    |found| found.err().map_or_else(String::new, |error| error.to_string()),
                );
                tracing::warn!(server = %self.label, %error, "not found again; its last address is used");
                known.until = now + NAME_AGE / 10;
            }
            (Ok(Err(error)), None) => return Err(error),
            (Err(_), None) => return Err(ErrorKind::TimedOut.into()),
        }
        found.as_ref().map(|found| Arc::clone(&found.way)).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

/// A cookie on its way: if nothing is heard of it, that is learnt too.
struct Sent<'a> {
    jar: &'a Jar,
    cookie: Option<[u8; super::cookie::CLIENT_OCTETS]>,
    heard: bool,
}

impl Sent<'_> {
    fn heard(mut self, reply: &Reply) {
        self.heard = true;
        self.jar.learn(self.cookie, reply.cookie);
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if !self.heard {
            self.jar.silent(self.cookie);
        }
    }
}

async fn over_tcp(streams: &Streams, query: Query, budget: &Budget) -> io::Result<(Vec<u8>, Reply)> {
    budget.spend()?;
    match streams.ask(query).await? {
        Heard::Reply(bytes, reply) if !reply.truncated => Ok((bytes, reply)),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "not the answer to this question")),
    }
}

impl Way {
    fn new(ip: IpAddr, address: &ServerAddress, options: &Options, stats: &Stats, jar: &Arc<Jar>) -> Self {
        let server = SocketAddr::new(ip, address.port);
        let near_misses = || Arc::clone(&stats.near_misses);
        match address.carrier {
            Carrier::Udp | Carrier::Tcp => Self::Plain {
                datagrams: (address.carrier == Carrier::Udp)
                    .then(|| Datagrams::new(server, Arc::clone(jar), near_misses())),
                streams: Streams::new(server, near_misses()),
            },
            Carrier::Tls | Carrier::Https | Carrier::Quic => {
                Self::Sealed(Sealed::new(server, address, &options.trust, near_misses()))
            }
        }
    }

    fn open(&self) -> usize {
        match self {
            Self::Plain { datagrams, streams } => {
                datagrams.as_ref().map_or(0, Datagrams::open) + streams.open()
            }
            Self::Sealed(sealed) => sealed.open(),
        }
    }
}
