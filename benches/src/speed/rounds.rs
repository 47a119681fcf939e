//! Round after round over all contenders, with both generators and every mix of questions.

use super::{Bench, Sample, saturate};
use crate::Outcome;
use crate::load::dnsperf;
use crate::load::paced;
use crate::load::stream::Mix;
use crate::machine::Memory;

/// The mixes that peers are compared by.
pub const MIXES: [Mix; 3] = [Mix::Blocked, Mix::Cached, Mix::Mixed];
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
    /// Questions that went out late at the fixed rate.
    pub late: u64,
}

/// One contender.
#[derive(Debug)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Whether it is an echo.
    pub floor: bool,
    /// By mix, in the order of [`MIXES`].
    pub runs: Vec<Runs>,
    /// Memory at the end.
    pub memory: Memory,
    /// Seconds to load.
    pub loading: f64,
}

/// Measures everybody.
pub fn run(bench: &mut Bench) -> Outcome<Vec<Measured>> {
    let runs = || MIXES.iter().map(|_| Runs::default()).collect::<Vec<_>>();
    let mut all: Vec<Vec<Runs>> = bench.contenders.iter().map(|_| runs()).collect();
    for round in 0..bench.pace.rounds {
        for (number, mix) in MIXES.into_iter().enumerate() {
            eprintln!("benches: round {} of {}: {}", round + 1, bench.pace.rounds, mix.name());
            let questions = bench.questions(mix)?;
            for (at, own) in all.iter_mut().enumerate() {
                let Some(runs) = own.get_mut(number) else { continue };
                bench.measure(at, mix, questions.as_deref(), runs)?;
            }
        }
    }
    let contenders = bench.contenders.iter().zip(all);
    contenders
        .map(|(contender, runs)| {
            Ok(Measured {
                name: contender.name.clone(),
                floor: contender.kind.is_none(),
                runs,
                memory: contender.running.process.memory()?,
                loading: contender.running.loading.as_secs_f64(),
            })
        })
        .collect()
}

impl Bench {
    /// The file of one round for dnsperf; its fresh names are new to everybody in this round.
    fn questions(&mut self, mix: Mix) -> Outcome<Option<std::path::PathBuf>> {
        if dnsperf::missing().is_some() {
            return Ok(None);
        }
        let path = self.folder.join(format!("questions-{}.txt", mix.name()));
        let mut stream = self.stream(mix);
        let seconds = usize::try_from(self.pace.dnsperf)?;
        let count = if mix == Mix::Mixed { seconds * QUESTIONS_A_SECOND } else { stream.len() };
        std::fs::write(&path, stream.as_text(count))?;
        Ok(Some(path))
    }

    /// One contender, one mix, one round.
    fn measure(
        &mut self,
        at: usize,
        mix: Mix,
        questions: Option<&std::path::Path>,
        runs: &mut Runs,
    ) -> Outcome<()> {
        let mut stream = self.stream(mix);
        let (pace, paced_stream) = (self.pace, &mut self.stream(mix));
        let contender = self.contenders.get(at).ok_or("no such contender")?;
        let running = &contender.running;
        if contender.kind.is_some() && mix != Mix::Blocked {
            self.warm(running)?;
        }
        runs.own.push(saturate(running, &mut stream, mix, pace.run)?);
        if let Some(questions) = questions {
            let before = running.process.spent()?;
            let measured = dnsperf::run(running.address, questions, pace.dnsperf, 128)?;
            let spent = running.process.spent()?.since(before);
            let processor = spent.total / measured.answered.max(1.0);
            runs.dnsperf.push(Sample {
                processor,
                user: processor * spent.user / (spent.user + spent.system).max(1.0),
                rate: measured.rate,
                lost: measured.lost / (measured.answered + measured.lost).max(1.0),
            });
        }
        let paced =
            paced::run(running.address, paced_stream, pace.rate, &mut |took| took >= pace.run, &mut |_| {})?;
        runs.times.push((paced.within(0.5), paced.within(0.99)));
        runs.late += paced.late;
        Ok(())
    }
}
