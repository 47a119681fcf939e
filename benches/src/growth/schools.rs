//! Schools of every shape over the same lists: what a whole query costs in each.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Pace;
use crate::Outcome;
use crate::arena::Arena;
use crate::figures::markdown;
use crate::load::saturating::{WIDE, crowds};
use crate::load::stream::Mix;
use crate::machine::mebibytes;
use crate::sample::{figures, in_turns, paired, ratio, saturate_from};
use crate::servers::schoolgate::{School, address, in_subnet};
use crate::servers::{Kind, Plan, Running};

/// Sockets that speak for all clients.
const SOCKETS: usize = 4;

/// A school and those who ask in it.
struct Scene {
    what: &'static str,
    running: Running,
    clients: Vec<Ipv4Addr>,
}

/// Measures all of them in turns.
pub fn measure(arena: &Arena, pace: Pace) -> Outcome<String> {
    let list = arena.list().display().to_string();
    let small = School::small(&[&list]);
    let ten = School { policies: 10, ..small.clone() };
    let few = || (0..SOCKETS).map(in_subnet).collect::<Vec<_>>();
    let packed = |count: usize| (0..count).map(address).collect::<Vec<_>>();
    let shapes = [
        ("one network", small.clone(), few()),
        ("10 subnets, 10 policies", School { subnets: 10, ..ten.clone() }, (0..10).map(in_subnet).collect()),
        (
            "1,000 subnets, 10 policies",
            School { subnets: 1_000, ..ten.clone() },
            (0..1_000).map(in_subnet).collect(),
        ),
        ("10,000 devices, 10 policies", School { devices: 10_000, ..ten }, packed(10_000)),
        ("10,000 rules", School { rules: 10_000, ..small.clone() }, few()),
        ("one network, 50,000 clients", small, packed(50_000)),
    ];
    let mut scenes = Vec::new();
    for (what, school, clients) in shapes {
        scenes.push(Scene { what, running: start(arena, what, &school)?, clients });
    }
    let samples = in_turns(scenes.len(), pace.rounds, |who| {
        let scene = scenes.get(who).ok_or("no such school")?;
        scene.saturate(arena, pace.run)
    })?;
    let first = samples.first().map_or(&[][..], Vec::as_slice);
    let mut lines = Vec::new();
    for (scene, samples) in scenes.iter().zip(&samples) {
        let times = paired(samples, first, ratio);
        lines.push(vec![
            scene.what.to_owned(),
            scene.clients.len().to_string(),
            figures(samples, |sample| sample.processor).brief(2),
            format!("{:.2} ({})", times.median(), times.interval_text(2)),
            figures(samples, |sample| sample.rate).brief(0),
            mebibytes(scene.running.process.memory()?.pss),
        ]);
    }
    let head = ["school", "clients that ask", "whole query us", "to the first", "answers/s", "program's PSS"];
    Ok(markdown(&head, &lines))
}

fn start(arena: &Arena, what: &str, school: &School) -> Outcome<Running> {
    eprintln!("benches: {what}");
    let folder: String = what.chars().filter(char::is_ascii_alphanumeric).collect();
    let plan = Plan { names: "".into(), ..arena.plan(&folder) };
    std::fs::create_dir_all(&plan.folder)?;
    school.write(&plan.folder)?;
    let running = arena.start(Kind::Schoolgate, &plan)?;
    arena.warm(running.address)?;
    Ok(running)
}

impl Scene {
    fn saturate(&self, arena: &Arena, length: Duration) -> Outcome<crate::sample::Sample> {
        let mut ports = crowds(self.running.address, &self.clients, SOCKETS)?;
        saturate_from(&self.running, &mut ports, &mut arena.stream(Mix::Mixed), WIDE.open, length)
    }
}
