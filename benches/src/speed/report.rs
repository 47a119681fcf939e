//! What was measured, as Markdown.

use super::gate::Gate;
use super::rounds::{MIXES, Measured, Runs};
use super::{Bench, Pace, Sample, figures};
use crate::Outcome;
use crate::figures::{Figures, markdown};
use crate::machine::{self, mebibytes};
use crate::options::Options;
use crate::servers::version_of;

/// Machine and method.
pub fn heading(options: &Options, pace: Pace) -> String {
    let trial = if options.quick { "**A trial run: nothing here is worth quoting.**\n\n" } else { "" };
    format!(
        "# schoolgate beside its peers\n\n{trial}Machine: {}.\n\n\
         Method: `cargo run --release -p benches -- peers`. Every server has one worker thread on one core, the same listed \
         names and the same upstream (nsd {}, no rate limit, on the generator's core); the generator has a core of its own. \
         {} rounds over all servers in turn; figures are medians with the range of the rounds, ratios are taken within a \
         round. *own* is our generator (4 sockets, 128 questions open, `sendmmsg`), `dnsperf` is Debian's {} (4 sockets, \
         128 open); both send EDNS. Processor time is that of the server's process, `/proc/PID`, over the answers \
         received. p50 and p99 are at {} questions a second, from when each was due. *blocked*: listed names; *cached*: \
         10,000 unlisted names, asked before; *mixed*: 80 % cached, 15 % listed, 5 % never asked before; *miss*: names \
         never asked before.\n\n",
        machine::describe(),
        version_of("nsd"),
        pace.rounds,
        version_of("dnsperf"),
        pace.rate
    )
}

/// All tables.
pub fn tables(bench: &Bench, options: &Options, all: &[Measured], gates: &[Gate]) -> Outcome<String> {
    let ours = bench.ours()?;
    let ours = all.get(ours).ok_or("ours was not measured")?;
    let floor = all.iter().find(|measured| measured.floor).ok_or("no floor was measured")?;
    let mut text = String::from("## What an answer of ours costs above the kernel\n\n");
    text.push_str(&gate_table(gates));
    for (number, mix) in MIXES.into_iter().enumerate() {
        text.push_str(&format!("\n## {}\n\n", mix.name()));
        let lines: Vec<Vec<String>> = all
            .iter()
            .filter_map(|measured| {
                Some(line(measured, number, ours.runs.get(number)?, floor.runs.get(number)?))
            })
            .collect();
        let head = [
            "server",
            "own: us an answer",
            "of it user",
            "ratio to ours",
            "ratio to the echo",
            "own: answers/s",
            "lost",
            "dnsperf: us an answer",
            "dnsperf: answers/s",
            "p50, us",
            "p99, us",
        ];
        text.push_str(&markdown(&head, &lines));
    }
    text.push_str("\n## Loading and memory\n\n");
    text.push_str(&loading(bench, options, all));
    let late: u64 = all.iter().flat_map(|measured| &measured.runs).map(|runs| runs.late).sum();
    text.push_str(&format!(
        "\nQuestions that the generator itself sent more than a millisecond late: {late}.\n"
    ));
    Ok(text)
}

fn gate_table(gates: &[Gate]) -> String {
    let lines: Vec<Vec<String>> = gates
        .iter()
        .map(|Gate { mix, floor, ours, above }| {
            let interval = above.median_interval();
            let interval =
                interval.map_or("too few pairs".to_owned(), |(low, high)| format!("{low:.2} to {high:.2}"));
            let pairs = above.len().to_string();
            let cells =
                [mix.name().to_owned(), floor.brief(2), ours.brief(2), format!("{:.2}", above.median())];
            cells.into_iter().chain([interval, pairs]).collect()
        })
        .collect();
    let head = [
        "asked",
        "batched echo, us",
        "schoolgate, us",
        "difference, median",
        "95 % interval of the median",
        "pairs",
    ];
    markdown(&head, &lines)
}

fn line(measured: &Measured, number: usize, ours: &Runs, floor: &Runs) -> Vec<String> {
    let Some(runs) = measured.runs.get(number) else { return Vec::new() };
    let median = |of: fn(&(f64, f64)) -> f64| Figures::new(runs.times.iter().map(of).collect()).brief(0);
    let lost = runs.own.iter().map(|sample| sample.lost).fold(0.0, f64::max) * 100.0;
    vec![
        measured.name.clone(),
        figures(&runs.own, |sample| sample.processor).brief(2),
        format!("{:.2}", figures(&runs.own, |sample| sample.user).median()),
        ratio(&runs.own, &ours.own),
        ratio(&runs.own, &floor.own),
        figures(&runs.own, |sample| sample.rate).brief(0),
        format!("{lost:.2} %"),
        figures(&runs.dnsperf, |sample| sample.processor).brief(2),
        figures(&runs.dnsperf, |sample| sample.rate).brief(0),
        median(|times| times.0),
        median(|times| times.1),
    ]
}

/// How many times the other's processor time, round by round.
fn ratio(one: &[Sample], other: &[Sample]) -> String {
    let ratios = one.iter().zip(other).map(|(one, other)| one.processor / other.processor.max(1e-9));
    Figures::new(ratios.collect()).brief(2)
}

fn loading(bench: &Bench, options: &Options, all: &[Measured]) -> String {
    let servers = bench
        .contenders
        .iter()
        .zip(all)
        .filter_map(|(contender, measured)| Some((contender.kind?, measured)));
    let lines: Vec<Vec<String>> = servers
        .map(|(kind, measured)| {
            vec![
                measured.name.clone(),
                kind.version(&options.server),
                kind.method().to_owned(),
                format!("{:.2}", measured.loading),
                mebibytes(measured.memory.rss),
                mebibytes(measured.memory.pss),
            ]
        })
        .collect();
    markdown(
        &[
            "server",
            "version",
            "how it blocks",
            "exec to last name blocked, s (once)",
            "RSS afterwards",
            "PSS afterwards",
        ],
        &lines,
    )
}
