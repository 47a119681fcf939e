//! Asks at a fixed rate, whatever the server does, and notes how long each reply took.
//!
//! A question's time runs from when it was *due*: a server that stalls does not make its own questions
//! wait unseen.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::port::{BATCH, LOST_AFTER};
use super::saturating::ports;
use super::stream::Stream;
use super::{Tally, count};
use crate::Outcome;
use crate::figures::Figures;

/// What came of it.
#[derive(Debug)]
pub struct Paced {
    /// All questions.
    pub tally: Tally,
    /// Microseconds of every reply, in the order in which they came.
    pub times: Vec<f64>,
    /// How many questions went out more than a millisecond late: then it was the generator that had
    /// no core, and the times say little.
    pub late: u64,
}

impl Paced {
    /// Microseconds within which this share of the replies came.
    pub fn within(&self, share: f64) -> f64 {
        Figures::new(self.times.clone()).within(share)
    }
}

/// Asks `rate` questions a second until told to stop.
pub fn run(
    server: SocketAddr,
    stream: &mut Stream,
    rate: f64,
    stop: &mut dyn FnMut(Duration) -> bool,
    sink: &mut dyn FnMut(&[u8]),
) -> Outcome<Paced> {
    let mut ports = ports(server, 4)?;
    let mut paced = Paced { tally: Tally::default(), times: Vec::new(), late: 0 };
    let started = Instant::now();
    let due = |number: u64| started + Duration::from_secs_f64(count(number) / rate);
    let mut turn = 0_usize;
    let mut stopped = false;
    while !stopped || ports.iter().any(|port| port.in_flight() > 0) {
        let now = Instant::now();
        if !stopped && turn.is_multiple_of(64) {
            stopped = stop(now.duration_since(started));
        }
        let first = paced.tally.sent;
        let waiting = (0..BATCH as u64).take_while(|ahead| due(first + ahead) <= now).count();
        let ports_count = ports.len();
        if let (Some(port), true) = (ports.get_mut(turn % ports_count), waiting > 0 && !stopped) {
            paced.late +=
                u64::from(now.duration_since(due(first)) > Duration::from_millis(1)) * waiting as u64;
            port.send(stream, waiting, |ahead| due(first + ahead as u64), &mut paced.tally)?;
        }
        let mut idle = waiting == 0;
        for port in &mut ports {
            let (times, at) = (&mut paced.times, Instant::now());
            idle &= port.receive(&mut paced.tally, &mut |due, reply| {
                times.push(at.saturating_duration_since(due).as_secs_f64() * 1e6);
                sink(reply);
            })? == 0;
            if turn.is_multiple_of(1024) {
                port.give_up(now, LOST_AFTER, &mut paced.tally);
            }
        }
        turn = turn.wrapping_add(1);
        if idle {
            std::thread::yield_now();
        }
    }
    paced.tally.seconds = started.elapsed().as_secs_f64();
    Ok(paced)
}
