//! Lists of every size: compiled, opened, asked, and in the program.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use blocklists::category::CategoryId;
use blocklists::compile::{Input, compile_into};
use blocklists::source::{Actions, Format, Location, Source, Trust};

use super::{Pace, child, names};
use crate::arena::Arena;
use crate::figures::{Figures, Row, markdown};
use crate::load::stream::{Mix, Stream};
use crate::names::Names;
use crate::process::{Process, unpin};
use crate::sample::{figures, in_turns, paired, ratio, saturate};
use crate::servers::schoolgate::School;
use crate::servers::{Kind, Plan, Running};
use crate::{Outcome, machine};

/// Sizes that are measured, and those of a trial.
const SIZES: [usize; 4] = [100_000, 1_000_000, 3_000_000, 10_000_000];
const TRIAL: [usize; 4] = [10_000, 20_000, 50_000, 100_000];
/// Categories that the names are spread over, one source each.
const CATEGORIES: [&str; 8] =
    ["gambling", "malware", "dating", "ads", "tracking", "scams", "games", "off-task"];
/// Listed names that are kept to ask for.
const SAMPLE: usize = 200_000;
/// The seed of everything.
const SEED: u64 = 20_26;
/// Starts of the program from its compiled index.
const STARTS: usize = 5;
const MEBI: f64 = 1_048_576.0;

/// One size.
struct Sized {
    names: Names,
    /// Seconds, and MiB at most, of a compiling process; the file's MiB and bytes a name.
    compiled: Vec<f64>,
    /// See [`super::look_up_here`].
    looked_up: Vec<f64>,
    updating: f64,
    ready: Figures,
    running: Running,
}

/// Measures all sizes; a table each for the lists and for whole queries.
pub fn measure(arena: &Arena, trial: bool, pace: Pace, goals: &mut Vec<Row>) -> Outcome<String> {
    let sizes = if trial { TRIAL } else { SIZES };
    let all: Outcome<Vec<Sized>> = sizes.iter().map(|&size| prepare(arena, size)).collect();
    let all = all?;
    let samples = in_turns(all.len(), pace.rounds, |who| {
        let own = all.get(who).ok_or("no such size")?;
        saturate(&own.running, &mut own.stream(arena), Mix::Mixed, pace.run)
    })?;
    let smallest = samples.first().map_or(&[][..], Vec::as_slice);
    let mut lines = Vec::new();
    for ((size, own), samples) in sizes.iter().zip(&all).zip(&samples) {
        let times = paired(samples, smallest, ratio);
        let spent = figures(samples, |sample| sample.processor);
        let memory = own.running.process.memory()?;
        let mut line = vec![size.to_string()];
        line.extend(own.compiled.iter().map(|figure| format!("{figure:.2}")));
        line.push(format!("{:.2}", own.updating));
        line.push(own.ready.brief(3));
        line.push(machine::mebibytes(memory.pss));
        line.push(spent.brief(2));
        line.push(format!("{:.2} ({})", times.median(), times.interval_text(2)));
        line.extend(own.looked_up.iter().map(|figure| format!("{figure:.0}")));
        lines.push(line);
        if size == sizes.get(2).unwrap_or(&0) {
            let seconds = own.compiled.first().copied().unwrap_or(f64::NAN);
            let what = format!("{size} names: compile on all cores");
            goals.push(Row::aim(&what, format!("{seconds:.2} s"), seconds, 4.0, "s"));
        }
        if size == sizes.get(3).unwrap_or(&0) {
            goals.extend(largest(*size, own, &times, memory.pss));
        }
    }
    let head = [
        "names",
        "compile s",
        "its peak MiB",
        "file MiB",
        "B a name",
        "`lists update` s",
        "ready s",
        "program's PSS",
        "whole query us",
        "to the smallest",
        "open ms",
        "index alone, RSS MiB",
        "listed ns",
        "warmed",
        "unlisted ns",
        "warmed",
        "day ns",
        "warmed",
        "overlay of 10,000 ms",
        "a correction ms",
    ];
    Ok(markdown(&head, &lines))
}

/// What the largest lists are held to.
fn largest(size: usize, own: &Sized, times: &Figures, pss: u64) -> Vec<Row> {
    let whole = format!("{:.2} ({})", times.median(), times.interval_text(2));
    let at = |place: usize| own.looked_up.get(place).copied().unwrap_or(f64::NAN);
    let pss = crate::load::count(pss) / MEBI;
    vec![
        Row::aim(
            &format!("{size} names: whole query, to that of the smallest lists"),
            whole,
            times.median(),
            1.1,
            "times",
        ),
        Row::aim(
            &format!("{size} names: look-up of a listed name, warmed"),
            format!("{:.0} ns", at(3)),
            at(3),
            350.0,
            "ns",
        ),
        Row::aim(
            &format!("{size} names: resident, index alone"),
            format!("{:.1} MiB", at(1)),
            at(1),
            114.4,
            "MiB",
        ),
        Row::aim(
            &format!("{size} names: resident, the whole program"),
            format!("{pss:.1} MiB"),
            pss,
            114.4,
            "MiB",
        ),
        Row::aim(
            &format!("{size} names: exec to the last name blocked"),
            own.ready.show("s", 3),
            own.ready.median(),
            0.3,
            "s",
        ),
    ]
}

/// Makes the names up, compiles, looks up, and starts the program over them.
fn prepare(arena: &Arena, size: usize) -> Outcome<Sized> {
    eprintln!("benches: {size} names");
    let plan = Plan { names: "".into(), ..arena.plan(&format!("growth-{size}")) };
    let folder = &plan.folder;
    std::fs::create_dir_all(folder)?;
    let files = CATEGORIES.map(|category| folder.join(category));
    let sample = names::write(&files.each_ref().map(|file| file.as_path()), size, SEED, SAMPLE)?;
    let write = |file: &str, names: &mut dyn Iterator<Item = &String>| {
        crate::names::write(&folder.join(file), names.map(String::as_str))
    };
    write("sample", &mut sample.iter())?;
    write("unlisted", &mut arena.names.open.iter())?;
    write("day", &mut arena.names.day.iter().filter_map(|place| arena.names.open.get(*place)))?;

    unpin()?;
    let compiled = child(&["growth-compile".as_ref(), folder.as_os_str()])?;
    let looked_up = child(&["growth-look-up".as_ref(), folder.as_os_str()])?;
    let sources =
        CATEGORIES.iter().map(|category| ((*category).to_owned(), (*category).to_owned())).collect();
    School { sources, ..School::small(&[]) }.write(folder)?;
    let prepared = Kind::Schoolgate.prepare(&plan)?;
    let mut command = Command::new(prepared.program());
    command.arg("--config").arg(folder.join("schoolgate.toml")).args(["lists", "update"]);
    let started = Instant::now();
    let mut update = Process::start(&mut command, &folder.join("update.log"), None)?;
    if !update.wait()?.success() {
        return Err(format!("`lists update`: {}", update.last_words()).into());
    }
    let updating = started.elapsed().as_secs_f64();
    let ends: Vec<&str> = [sample.first(), sample.last()].into_iter().flatten().map(String::as_str).collect();
    let starts: Outcome<Vec<_>> = (0..STARTS).map(|_| Ok(prepared.start(&ends)?.loading)).collect();
    let running = prepared.start(&ends)?;
    arena.keep_to_core()?;
    arena.warm(running.address)?;
    let names = Names { listed: sample, ..arena.names.clone() };
    let ready = Figures::of_seconds(&starts?);
    Ok(Sized { names, compiled, looked_up, updating, ready, running })
}

impl Sized {
    fn stream(&self, arena: &Arena) -> Stream {
        Stream::mix(&self.names, Mix::Mixed, arena.salt())
    }
}

/// The fresh process that compiles: seconds, peak MiB, file MiB, bytes a name.
pub fn compile_here(folder: &Path) -> Outcome<ExitCode> {
    let inputs: Vec<Input> = CATEGORIES.iter().map(|category| input(folder, category)).collect();
    let started = Instant::now();
    let compiled = compile_into(folder, ".new-", &inputs, 0)?;
    let elapsed = started.elapsed().as_secs_f64();
    let peak = crate::load::count(machine::peak()?) / MEBI;
    std::fs::write(folder.join("id"), &compiled.id)?;
    let file = compiled.file.persist(folder.join(format!("{}.idx", compiled.id)))?;
    let bytes = file.metadata()?.len();
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let (bytes, entries) = (bytes as f64, compiled.entries as f64);
    println!("{elapsed} {peak} {} {}", bytes / MEBI, bytes / entries.max(1.0));
    Ok(ExitCode::SUCCESS)
}

/// Lists of made-up names confirm themselves, so that a strict category is like any other.
pub fn input(folder: &Path, category: &str) -> Input {
    let source = Source {
        id: category.to_owned(),
        category: CategoryId::new(category),
        format: Format::Domains,
        location: Location::Path(folder.join(category)),
        span: None,
        trust: Trust::Core,
        map: std::collections::BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    };
    Input { source, copy: folder.join(category), copy_name: category.to_owned() }
}
