//! The work on one question: who is asked when, until somebody answers.
//!
//! The first server is asked; after a short silence the next turn comes, and the first usable answer
//! wins. A server that says SERVFAIL or REFUSED makes way at once, and so does one whose network says
//! no. Where a datagram may have been lost, a silent server has further turns, each after twice the
//! silence of the one before. One timer serves the whole work: a miss costs no more than it must.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::budget::Budget;
use super::link::Link;
use super::slots::Slot;
use super::{BoxFuture, UpAnswer, UpError, UpQuestion};

/// One try at one server, TCP after truncation included.
pub const TRY: Duration = Duration::from_millis(1500);
/// Silence after which the next turn comes.
pub const SILENCE: Duration = Duration::from_millis(400);
/// All work on one question.
pub const WHOLE: Duration = Duration::from_secs(7);
/// Turns that a server has for one question while it stays silent: a datagram may be lost.
pub const ROUNDS: u32 = 4;
/// Turns of a server on a stream, which loses nothing: a new stream may do better.
pub const STREAM_ROUNDS: u32 = 2;

const SERVFAIL: u16 = 2;
const NOERROR: u16 = 0;
const NXDOMAIN: u16 = 3;
/// Extended errors that say that validation failed (RFC 8914 sections 4.7 to 4.13): another server
/// that does not validate must not be asked instead.
pub const VALIDATION: std::ops::RangeInclusive<u16> = 6..=12;

/// What one try brought.
enum Try {
    Answer(UpAnswer),
    Code {
        rcode: u16,
        ede: Option<u16>,
    },
    NetworkError,
    /// There was no room; the server is not to blame.
    NoRoom,
}

/// A server's turn, the how-manieth for this question.
struct Turn {
    link: Arc<Link>,
    round: u32,
}

struct Pending {
    turn: Turn,
    deadline: Instant,
    outcome: BoxFuture<'static, Try>,
}

/// The work on one question.
pub(super) struct Work {
    question: Arc<UpQuestion>,
    budget: Arc<Budget>,
    /// Held by the tries too: one that outlives the question still takes up its slot.
    slot: Slot,
    queue: VecDeque<Turn>,
    tries: Vec<Pending>,
    code: Option<(u16, Option<u16>)>,
    silence: bool,
    network: bool,
}

/// In which order servers are asked.
pub(super) struct Order {
    /// One after the other.
    pub(super) queue: Vec<Arc<Link>>,
    /// How many of those at once.
    pub(super) at_once: usize,
    /// Asked at once besides, mainly to see how they are doing.
    pub(super) beside: Option<Arc<Link>>,
}

impl Work {
    pub(super) fn new(question: UpQuestion, slot: Slot) -> Self {
        Self {
            question: Arc::new(question),
            budget: Arc::default(),
            slot,
            queue: VecDeque::new(),
            tries: Vec::new(),
            code: None,
            silence: false,
            network: false,
        }
    }

    /// Works until there is an answer, or nobody left to ask, or no time.
    pub(super) async fn run(mut self, order: Order) -> Result<UpAnswer, UpError> {
        let started = Instant::now();
        let end = started + WHOLE;
        self.queue = order.queue.into_iter().map(|link| Turn { link, round: 0 }).collect();
        if let Some(link) = order.beside {
            self.queue.push_front(Turn { link, round: 0 });
            self.next(started);
        }
        let mut next_at = started;
        for _ in 0..order.at_once.max(1) {
            next_at = self.next(started);
        }
        let mut timer = std::pin::pin!(sleep_until(next_at));
        loop {
            if self.tries.is_empty() && self.queue.is_empty() {
                return Err(self.failure());
            }
            let expires = self.tries.iter().map(|pending| pending.deadline).min();
            let wake = if self.queue.is_empty() { end } else { next_at };
            let wake = expires.unwrap_or(end).min(wake).min(end);
            let Some((turn, outcome)) = ended(&mut self.tries, timer.as_mut(), wake).await else {
                let now = Instant::now();
                if now >= end {
                    return Err(self.failure());
                }
                for pending in &self.tries {
                    pending.turn.link.stats.slow(now - (pending.deadline - TRY));
                }
                self.expire(now);
                if now >= next_at || self.tries.is_empty() {
                    next_at = self.next(now);
                }
                continue;
            };
            match outcome {
                Try::Answer(answer) => {
                    self.leave();
                    return Ok(answer);
                }
                Try::Code { rcode, ede } => {
                    self.code = Some((rcode, ede));
                    if rcode == SERVFAIL && ede.is_some_and(|code| VALIDATION.contains(&code)) {
                        return Err(self.failure());
                    }
                    self.queue.retain(|waiting| !Arc::ptr_eq(&waiting.link, &turn.link));
                }
                Try::NetworkError => {
                    self.network = true;
                    self.queue.retain(|waiting| !Arc::ptr_eq(&waiting.link, &turn.link));
                }
                Try::NoRoom => {}
            }
            // Whoever has not been asked yet is, at once; repetitions keep their time.
            if self.tries.is_empty() || self.queue.front().is_some_and(|turn| turn.round == 0) {
                next_at = self.next(Instant::now());
            }
        }
    }

    /// Gives the next server its turn, if there is one and the budget allows; gives the time of the turn
    /// after it.
    fn next(&mut self, now: Instant) -> Instant {
        if self.budget.is_spent() {
            self.queue.clear();
        }
        let Some(turn) = self.queue.pop_front() else { return now + SILENCE };
        let round = turn.round;
        if turn.link.loses() && round + 1 < ROUNDS {
            self.queue.push_back(Turn { link: Arc::clone(&turn.link), round: round + 1 });
        }
        self.start(turn, now);
        now + SILENCE * (1 << round.min(ROUNDS))
    }

    fn start(&mut self, turn: Turn, now: Instant) {
        let outcome =
            attempt(Arc::clone(&turn.link), Arc::clone(&self.question), Arc::clone(&self.budget), now);
        self.tries.push(Pending { turn, deadline: now + TRY, outcome: Box::pin(outcome) });
    }

    /// Ends the tries whose time is up.
    fn expire(&mut self, now: Instant) {
        for pending in self.tries.extract_if(.., |pending| pending.deadline <= now) {
            self.silence = true;
            let Turn { link, round } = pending.turn;
            if !link.loses() && round + 1 < STREAM_ROUNDS {
                self.queue.push_back(Turn { link, round: round + 1 });
            }
        }
    }

    /// Slow tries go on by themselves until their time is up, so that their servers get the count they
    /// deserve.
    fn leave(self) {
        let Self { mut tries, slot, .. } = self;
        if tries.is_empty() {
            return;
        }
        tokio::spawn(async move {
            let mut timer = std::pin::pin!(sleep_until(Instant::now()));
            while let Some(expires) = tries.iter().map(|pending| pending.deadline).min() {
                if ended(&mut tries, timer.as_mut(), expires).await.is_none() {
                    tries.retain(|pending| pending.deadline > expires);
                }
            }
            drop(slot);
        });
    }

    fn failure(&self) -> UpError {
        match self.code {
            Some((rcode, ede)) => UpError::AllServersFailed { rcode: u8::try_from(rcode).unwrap_or(2), ede },
            None if self.silence || !self.tries.is_empty() => UpError::Timeout,
            None if self.network => UpError::Network,
            None => UpError::Busy,
        }
    }
}

/// Waits for the first try to end; `None` when the time comes first.
async fn ended(tries: &mut Vec<Pending>, mut timer: Pin<&mut Sleep>, until: Instant) -> Option<(Turn, Try)> {
    if timer.deadline() != until {
        timer.as_mut().reset(until);
    }
    poll_fn(|cx| {
        for number in 0..tries.len() {
            let Some(pending) = tries.get_mut(number) else { break };
            if let Poll::Ready(outcome) = pending.outcome.as_mut().poll(cx) {
                return Poll::Ready(Some((tries.swap_remove(number).turn, outcome)));
            }
        }
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// A try that is counted; when it is dropped without an outcome, the server was silent.
struct Counted<'a> {
    link: &'a Link,
    started: Instant,
    done: bool,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        if !self.done && took >= SILENCE {
            self.link.stats.failed(took);
        }
        self.link.stats.ended();
    }
}

async fn attempt(link: Arc<Link>, question: Arc<UpQuestion>, budget: Arc<Budget>, started: Instant) -> Try {
    link.stats.asked();
    let mut counted = Counted { link: &link, started, done: false };
    let asked = link.ask(&question, &budget).await;
    counted.done = true;
    match asked {
        Ok((bytes, reply)) => {
            let usable = matches!(reply.rcode, NOERROR | NXDOMAIN);
            link.stats.answered(started.elapsed(), usable);
            if usable {
                Try::Answer(UpAnswer { bytes, server: Arc::clone(&link.label), ede: reply.ede })
            } else {
                Try::Code { rcode: reply.rcode, ede: reply.ede }
            }
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::QuotaExceeded) => Try::NoRoom,
        Err(error) => {
            link.stats.failed(started.elapsed());
            tracing::debug!(server = %link.label, %error, "upstream try failed");
            Try::NetworkError
        }
    }
}
