//! Asks as fast as the server answers: a fixed number of questions is always open.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::Tally;
use super::port::{BATCH, LOST_AFTER, Port};
use super::stream::Stream;
use crate::Outcome;

/// How the generator asks.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    /// Sockets, each of a client of its own.
    pub ports: u8,
    /// Questions open at once on each.
    pub open: usize,
}

/// For answers that the server has itself. All of them fit the receive buffer that a socket has by
/// default (some 160 datagrams): more would be lost to servers that ask for no larger one.
pub const WIDE: Width = Width { ports: 4, open: 32 };
/// For answers that an upstream gives.
pub const NARROW: Width = Width { ports: 4, open: 25 };

/// When a run is over.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so long.
    Time(Duration),
    /// After so many questions.
    Questions(u64),
}

/// Asks the questions of a stream.
pub fn run(server: SocketAddr, stream: &mut Stream, width: Width, until: Until) -> Outcome<Tally> {
    run_from(&mut ports(server, width.ports)?, stream, width.open, until)
}

/// Asks from these sockets, with so many questions open on each.
pub fn run_from(ports: &mut [Port], stream: &mut Stream, open: usize, until: Until) -> Outcome<Tally> {
    let mut tally = Tally::default();
    let started = Instant::now();
    let (mut turns, mut asking) = (0_u32, true);
    while asking || ports.iter().any(|port| port.in_flight() > 0) {
        let mut idle = true;
        let now = Instant::now();
        let room = match until {
            Until::Time(length) => {
                if now.duration_since(started) < length {
                    u64::MAX
                } else {
                    0
                }
            }
            Until::Questions(count) => count - tally.sent,
        };
        if asking && room == 0 {
            asking = false;
            // The wait for what was lost is no part of the rate.
            tally.seconds = started.elapsed().as_secs_f64();
        }
        let mut room = usize::try_from(room).unwrap_or(usize::MAX);
        for port in &mut *ports {
            idle &= port.receive(&mut tally, &mut |_, _| {})? == 0;
            let free = open.saturating_sub(port.in_flight()).min(BATCH).min(room);
            if asking && free > 0 {
                room -= free;
                port.send(stream, free, |_| now, &mut tally)?;
            }
        }
        turns = turns.wrapping_add(1);
        if idle {
            // The upstream, or the server itself, may need this core.
            std::thread::yield_now();
            if turns.is_multiple_of(256) {
                ports.iter_mut().for_each(|port| port.give_up(now, LOST_AFTER, &mut tally));
            }
        }
    }
    Ok(tally)
}

/// Sockets at clients' addresses of their own.
pub fn ports(server: SocketAddr, count: u8) -> Outcome<Vec<Port>> {
    (0..count)
        .map(|number| Port::connect(IpAddr::V4(Ipv4Addr::new(127, 20, 0, 10 + number)), server))
        .collect()
}

/// As many sockets, each of which speaks for its share of these addresses.
pub fn crowds(server: SocketAddr, addresses: &[Ipv4Addr], count: usize) -> Outcome<Vec<Port>> {
    let share = |number: usize| addresses.iter().skip(number).step_by(count).copied().collect::<Vec<_>>();
    (0..count.min(addresses.len())).map(|number| Port::of_crowd(share(number), server)).collect()
}
