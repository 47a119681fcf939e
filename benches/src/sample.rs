//! One run of the saturating generator against one server, and many of them in turn.

use std::time::Duration;

use crate::Outcome;
use crate::figures::Figures;
use crate::load::count;
use crate::load::port::Port;
use crate::load::saturating::{self, NARROW, Until, WIDE, Width};
use crate::load::stream::{Mix, Stream};
use crate::process::Process;
use crate::servers::Running;

/// What one run showed.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Microseconds of processor time an answer, in all.
    pub processor: f64,
    /// Of it in the program itself.
    pub user: f64,
    /// Of it in the kernel.
    pub system: f64,
    /// Answers a second.
    pub rate: f64,
    /// Share of questions without an answer.
    pub lost: f64,
}

/// Asks for so long, from four clients.
pub fn saturate(running: &Running, stream: &mut Stream, mix: Mix, length: Duration) -> Outcome<Sample> {
    let width = width(mix);
    let mut ports = saturating::ports(running.address, width.ports)?;
    saturate_from(running, &mut ports, stream, width.open, length)
}

/// Asks for so long, from these sockets.
pub fn saturate_from(
    running: &Running,
    ports: &mut [Port],
    stream: &mut Stream,
    open: usize,
    length: Duration,
) -> Outcome<Sample> {
    of(&running.process, || {
        let tally = saturating::run_from(ports, stream, open, Until::Time(length))?;
        if tally.answered == 0 {
            return Err(format!("{} answers nothing", running.name).into());
        }
        Ok((count(tally.answered), tally.rate(), count(tally.lost) / count(tally.sent.max(1))))
    })
}

/// What a process spends while a generator does its work and says: answers, answers a second, share lost.
pub fn of(process: &Process, work: impl FnOnce() -> Outcome<(f64, f64, f64)>) -> Outcome<Sample> {
    let before = process.spent()?;
    let (answered, rate, lost) = work()?;
    let spent = process.spent()?.since(before);
    let processor = spent.total / answered.max(1.0);
    let user = processor * spent.user / (spent.user + spent.system).max(1.0);
    Ok(Sample { processor, user, system: (processor - user).max(0.0), rate, lost })
}

fn width(mix: Mix) -> Width {
    if mix == Mix::Miss { NARROW } else { WIDE }
}

/// Takes everybody in turn, round after round, beginning with another one each time, so that a neighbour's
/// noise and what one leaves behind for the next fall on all alike.
pub fn in_turns<T>(
    contenders: usize,
    rounds: usize,
    mut pass: impl FnMut(usize) -> Outcome<T>,
) -> Outcome<Vec<Vec<T>>> {
    let mut all: Vec<Vec<T>> = (0..contenders).map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        for turn in 0..contenders {
            let who = (round + turn) % contenders;
            let sample = pass(who)?;
            if let Some(own) = all.get_mut(who) {
                own.push(sample);
            }
        }
    }
    Ok(all)
}

/// The figures of one column of samples.
pub fn figures(samples: &[Sample], of: fn(&Sample) -> f64) -> Figures {
    Figures::new(samples.iter().map(of).collect())
}

/// Round by round, what two contenders' processor times say together.
pub fn paired(one: &[Sample], other: &[Sample], of: fn(f64, f64) -> f64) -> Figures {
    let pairs = one.iter().zip(other);
    Figures::new(pairs.map(|(one, other)| of(one.processor, other.processor)).collect())
}

/// How many times the second the first is.
pub fn ratio(one: f64, other: f64) -> f64 {
    one / other.max(1e-9)
}
