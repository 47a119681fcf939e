//! The figures that a release is held to: what an answer of ours costs above the batched echo, in pairs
//! one after the other, first the one and then the other in front.

use super::{Bench, saturate};
use crate::Outcome;
use crate::figures::Figures;
use crate::load::stream::Mix;

/// What is gated.
pub const MIXES: [Mix; 4] = [Mix::Blocked, Mix::Cached, Mix::Mixed, Mix::Miss];

/// One mix: microseconds of processor time an answer.
#[derive(Debug)]
pub struct Gate {
    /// What was asked.
    pub mix: Mix,
    /// The echo.
    pub floor: Figures,
    /// Ours.
    pub ours: Figures,
    /// Ours less the echo, pair by pair.
    pub above: Figures,
}

/// Measures the pairs of every mix.
pub fn run(bench: &mut Bench) -> Outcome<Vec<Gate>> {
    MIXES.into_iter().map(|mix| pairs(bench, mix)).collect()
}

fn pairs(bench: &mut Bench, mix: Mix) -> Outcome<Gate> {
    eprintln!("benches: {} pairs with the floor: {}", bench.pace.pairs, mix.name());
    let ours = bench.ours()?;
    let (mut floors, mut own, mut above) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..bench.pace.pairs {
        let mut pass = |echo: bool| -> Outcome<f64> {
            let mut stream = bench.stream(mix);
            let running = if echo {
                &bench.floors.iter().find(|(of, _)| *of == mix).ok_or("no floor")?.1
            } else {
                &bench.contenders.get(ours).ok_or("no contender")?.running
            };
            if !echo && matches!(mix, Mix::Cached | Mix::Mixed) {
                bench.warm(running)?;
            }
            Ok(saturate(running, &mut stream, mix, bench.pace.run)?.processor)
        };
        let (floor, our) = if pair % 2 == 0 {
            let floor = pass(true)?;
            (floor, pass(false)?)
        } else {
            let our = pass(false)?;
            (pass(true)?, our)
        };
        floors.push(floor);
        own.push(our);
        above.push(our - floor);
    }
    Ok(Gate { mix, floor: Figures::new(floors), ours: Figures::new(own), above: Figures::new(above) })
}
