//! Round after round over all contenders, with both generators and every mix of questions.

use std::path::{Path, PathBuf};

use super::{Field, MIXES};
use crate::Outcome;
use crate::load::stream::Mix;
use crate::load::{dnsperf, paced};
use crate::machine::Memory;
use crate::sample::{self, Sample, saturate};
use crate::servers::Kind;

/// Questions in a file for dnsperf: enough for its run at a rate that none of them reaches.
const QUESTIONS_A_SECOND: usize = 300_000;

/// Everything about one contender and one mix, run by run.
#[derive(Debug, Default)]
pub struct Runs {
    /// By our generator.
    pub own: Vec<Sample>,
    /// By dnsperf.
    pub dnsperf: Vec<Sample>,
    /// Microseconds until half, and 99 of 100, answers had come at the fixed rate.
    pub times: Vec<(f64, f64)>,
    /// Questions that were left out at the fixed rate: the generator had no core.
    pub late: u64,
}

/// One contender.
#[derive(Debug)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// Which server it is; an echo is none.
    pub kind: Option<Kind>,
    /// By mix, in the order of [`MIXES`].
    pub runs: Vec<Runs>,
    /// Memory at the end.
    pub memory: Memory,
    /// Seconds to load.
    pub loading: f64,
}

/// Measures everybody.
pub fn run(field: &mut Field<'_>) -> Outcome<Vec<Measured>> {
    let runs = || MIXES.iter().map(|_| Runs::default()).collect::<Vec<_>>();
    let mut all: Vec<Vec<Runs>> = field.contenders.iter().map(|_| runs()).collect();
    for round in 0..field.pace.rounds {
        for (number, mix) in MIXES.into_iter().enumerate() {
            eprintln!("benches: round {} of {}: {}", round + 1, field.pace.rounds, mix.name());
            let questions = field.questions(mix)?;
            for turn in 0..all.len() {
                let at = (turn + round) % all.len();
                let Some(runs) = all.get_mut(at).and_then(|own| own.get_mut(number)) else { continue };
                let Err(error) = field.measure(at, mix, questions.as_deref(), runs) else { continue };
                let name = field.contenders.get(at).map_or("", |contender| contender.name);
                // One peer that gives up is no reason to lose the rest of a long run.
                field.failures.push(format!(
                    "{name} failed in round {}, {}, and lacks those figures: {error}",
                    round + 1,
                    mix.name()
                ));
            }
        }
    }
    let contenders = field.contenders.iter().zip(all);
    contenders
        .map(|(contender, runs)| {
            let running = contender.running(Mix::Mixed)?;
            Ok(Measured {
                name: contender.name,
                kind: contender.kind,
                runs,
                memory: running.process.memory().unwrap_or_default(),
                loading: running.loading.as_secs_f64(),
            })
        })
        .collect()
}

impl Field<'_> {
    /// The file of one round for dnsperf; its fresh names are new to everybody in this round.
    fn questions(&self, mix: Mix) -> Outcome<Option<PathBuf>> {
        if dnsperf::missing().is_some() {
            return Ok(None);
        }
        let path = self.arena.folder.join(format!("questions-{}.txt", mix.name()));
        let mut stream = self.arena.stream(mix);
        let seconds = usize::try_from(self.pace.dnsperf)?;
        let count = if mix == Mix::Mixed { seconds * QUESTIONS_A_SECOND } else { stream.len() };
        std::fs::write(&path, stream.as_text(count))?;
        Ok(Some(path))
    }

    /// One contender, one mix, one round.
    fn measure(&self, at: usize, mix: Mix, questions: Option<&Path>, runs: &mut Runs) -> Outcome<()> {
        let contender = self.contenders.get(at).ok_or("no such contender")?;
        let running = contender.running(mix)?;
        if contender.kind.is_some() && mix != Mix::Blocked {
            self.arena.warm(running.address)?;
        }
        runs.own.push(saturate(running, &mut self.arena.stream(mix), mix, self.pace.run)?);
        if let Some(questions) = questions {
            runs.dnsperf.push(sample::of(&running.process, || {
                let measured = dnsperf::run(running.address, questions, self.pace.dnsperf, 128)?;
                let sent = (measured.answered + measured.lost).max(1.0);
                Ok((measured.answered, measured.rate, measured.lost / sent))
            })?);
        }
        let (mut stream, run) = (self.arena.stream(mix), self.pace.run);
        let mut over = |took| took >= run;
        let paced = paced::run(running.address, &mut stream, self.pace.rate, &mut over, &mut |_| {})?;
        runs.times.push((paced.within(0.5), paced.within(0.99)));
        runs.late += paced.late;
        Ok(())
    }
}
