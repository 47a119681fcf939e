//! Instructions an answer, counted under callgrind and held against a baseline that is checked in.
//!
//! A count knows no neighbours and no weather: it is the same on a busy machine, so that a test can
//! hold it within a few percent where a time could only be held within a factor. What it does not see
//! is memory; the other benches do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use resolver::{Fast, Tick};
use serde::Deserialize;

use super::rig::{self, Rig, Way};
use crate::names::Names;
use crate::{Outcome, load};

const VALGRIND: &str = "/usr/bin/valgrind";
/// Listed names: enough for an index of the usual shape.
const NAMES: usize = 20_000;
const QUESTIONS: usize = 1_000;
/// How often each question is asked while instructions are counted.
const ROUNDS: usize = 5;
/// How far from the baseline a count may be, in either direction: a gain is worth a new baseline, else
/// it could be lost again unseen.
const TOLERANCE: f64 = 0.03;
const REFRESH: &str = "cargo run --release -p benches -- instructions --write";

/// What stands in `benches/baseline.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Baseline {
    /// The compiler that it was counted with; another one may well count otherwise.
    rustc: String,
    /// Instructions an answer, by way.
    instructions: BTreeMap<String, f64>,
}

/// Counts, and compares with the baseline or writes it anew; exit 1 beyond the tolerance.
pub fn run(write: bool) -> Outcome<ExitCode> {
    if !Path::new(VALGRIND).exists() {
        return Err("callgrind counts: `apt-get install --no-install-recommends valgrind`".into());
    }
    let folder = tempfile::tempdir()?;
    // Generated names, so that the count is the same wherever real lists are or are not.
    rig::write(folder.path(), &Names::take(None, NAMES)?, QUESTIONS)?;
    let mut counted = BTreeMap::new();
    for way in Way::ALL {
        counted.insert(way.name().to_owned(), count(folder.path(), way)?);
    }
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.toml"));
    if write {
        std::fs::write(&path, written(&counted))?;
    }
    let baseline: Baseline = toml::from_str(&std::fs::read_to_string(&path)?)?;
    let mut good = true;
    println!("| instructions an answer | baseline | now | change |\n|---|---|---|---|");
    for (way, now) in &counted {
        let before = baseline.instructions.get(way).copied().unwrap_or(f64::NAN);
        let change = now / before - 1.0;
        // Not the other way round: no baseline is no pass.
        let within = change.abs() <= TOLERANCE;
        good &= within;
        let mark = if within { "" } else { " **beyond 3 %**" };
        println!("| {way} | {before:.0} | {now:.0} | {:+.1} %{mark} |", change * 100.0);
    }
    if good {
        return Ok(ExitCode::SUCCESS);
    }
    let compiler = compiler();
    if compiler != baseline.rustc {
        eprintln!("benches: the baseline is of {}, this is {compiler}", baseline.rustc);
    }
    eprintln!("benches: if the change is meant, count a new baseline and check it in: {REFRESH}");
    Ok(ExitCode::FAILURE)
}

/// Instructions an answer on one way, in a process of its own.
fn count(folder: &Path, way: Way) -> Outcome<f64> {
    let output = Command::new(VALGRIND)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_loop*"])
        .arg(std::env::current_exe()?)
        .args(["count-answers".as_ref(), folder.as_os_str(), way.name().as_ref()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected =
        said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    let (Some(collected), true) = (collected.filter(|count| *count > 0), output.status.success()) else {
        return Err(format!("callgrind counted nothing for {}:\n{said}", way.name()).into());
    };
    let answers: u64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    Ok(load::count(collected) / load::count(answers.max(1)))
}

/// The process that runs under callgrind: prints how many answers it made while it was counted.
pub fn in_this_process(folder: &Path, way: &str) -> Outcome<ExitCode> {
    let way = Way::ALL.into_iter().find(|known| known.name() == way).ok_or("no such way")?;
    let rig = Rig::open(folder)?;
    println!("{}", counted_loop(&rig, rig.packets(way)));
    Ok(ExitCode::SUCCESS)
}

/// Callgrind finds it by its name, and counts in it and in all that it calls.
#[inline(never)]
fn counted_loop(rig: &Rig, packets: &[Vec<u8>]) -> u64 {
    let mut recorder = rig.engine.recorder();
    let (live, now, mut out) = (rig.engine.live(), Tick::now(), Vec::with_capacity(1536));
    let mut answers = 0;
    for packet in packets.iter().cycle().take(packets.len() * ROUNDS) {
        let fast = rig.engine.fast(packet, &rig.peer, &live, now, &mut recorder, &mut out);
        answers += u64::from(matches!(fast, Fast::Reply(_)));
    }
    answers
}

fn written(counted: &BTreeMap<String, f64>) -> String {
    let mut text = format!(
        "# Instructions of one answer through `Engine::fast`, counted under callgrind in a release build on\n\
         # generated names. `./tests/run` holds them within 3 %. Count anew, when a change is meant, with\n\
         #   {REFRESH}\n\
         # and say in the commit why they changed.\nrustc = \"{}\"\n\n[instructions]\n",
        compiler()
    );
    for (way, count) in counted {
        text.push_str(&format!("{way} = {count:.1}\n"));
    }
    text
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
