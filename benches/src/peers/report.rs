//! What was measured, as Markdown.

use super::rounds::{Measured, Runs};
use super::{Field, MIXES, Pace};
use crate::Outcome;
use crate::figures::{Figures, Row, markdown};
use crate::load::echo::Manner;
use crate::machine::mebibytes;
use crate::options::Options;
use crate::sample::{Sample, figures, paired, ratio};
use crate::servers::{Kind, version_of};

/// Processor time of an answer of ours, as times Unbound's with local zones; `None`: the best peer's.
const AIMS: [(Option<Kind>, f64); 3] = [(Some(Kind::Unbound), 0.6), (Some(Kind::Unbound), 0.7), (None, 0.6)];

/// How it is measured.
pub fn method(pace: Pace) -> String {
    format!(
        "The same listed names, upstream (nsd {}, no rate limit) and questions for every server, no DNSSEC validation. {} \
         rounds over all servers in turn; figures are medians with the range of the rounds, ratios are taken within a round. \
         *own* is our generator (4 clients, 128 questions open, `sendmmsg`, {} ms a run), `dnsperf` is Debian's {} (4 \
         clients, 128 open, {} s); both send EDNS. The echoes do no DNS: they send back what comes, as large as our answers \
         of that mix are. Processor time is that of the server's processes, over the answers received. p50 and p99 are at {} \
         questions a second, from when each was due. *blocked*: listed names; *cached*: 10,000 unlisted names, asked before; \
         *mixed*: 80 % cached in the order of a school's day, 15 % listed, 5 % never asked before.",
        version_of("nsd"),
        pace.rounds,
        pace.run.as_millis(),
        version_of("dnsperf"),
        pace.dnsperf,
        pace.rate
    )
}

/// All tables of one number of threads.
pub fn tables(field: &Field<'_>, options: &Options, all: &[Measured]) -> Outcome<String> {
    let (ours, floor) = (ours(all)?, floor(all)?);
    let mut text = if field.threads == 1 {
        "## One core\n\nOne thread on one core; generator and upstream on the other.\n".to_owned()
    } else {
        format!(
            "\n## {0} cores\n\n{0} threads (knot-resolver: processes; dnsmasq has one thread and no more) on all cores. The \
             generator and the upstream have no core of their own here and take their share of both.\n",
            field.threads
        )
    };
    for (number, mix) in MIXES.into_iter().enumerate() {
        text.push_str(&format!("\n### {}, {}\n\n", mix.name(), cores(field.threads)));
        let line = |measured| Some(line(measured, number, ours.runs.get(number)?, floor.runs.get(number)?));
        let head = [
            "server",
            "own: us an answer",
            "user",
            "system",
            "ratio to ours",
            "ratio to the echo",
            "own: answers/s",
            "lost",
            "dnsperf: us an answer",
            "dnsperf: answers/s",
            "p50, us",
            "p99, us",
        ];
        text.push_str(&markdown(&head, &all.iter().filter_map(line).collect::<Vec<_>>()));
    }
    text.push_str(&format!("\n### Loading and memory, {}\n\n", cores(field.threads)));
    text.push_str(&loading(options, all));
    let late: u64 = all.iter().flat_map(|measured| &measured.runs).map(|runs| runs.late).sum();
    text.push_str(&format!(
        "\nQuestions at the fixed rate that were left out because the generator had no core: {late}.\n"
    ));
    field.failures.iter().for_each(|sentence| text.push_str(&format!("\n{sentence}.\n")));
    Ok(text)
}

/// What ours is held to.
pub fn goals(field: &Field<'_>, all: &[Measured]) -> Outcome<Vec<Row>> {
    let (ours, mut rows) = (ours(all)?, Vec::new());
    for (number, (mix, (peer, most))) in MIXES.into_iter().zip(AIMS).enumerate() {
        let own = |measured: &Measured| measured.runs.get(number).map_or(Vec::new(), |runs| runs.own.clone());
        let peers = || all.iter().filter(|one| one.kind.is_some_and(|kind| kind != Kind::Schoolgate));
        let spent = |one: &&Measured| figures(&own(one), |sample| sample.processor).median();
        let rate = |one: &&Measured| figures(&own(one), |sample| sample.rate).median();
        let chosen = match peer {
            Some(kind) => peers().find(|one| one.kind == Some(kind)),
            None => peers().min_by(|one, other| spent(one).total_cmp(&spent(other))),
        };
        let what = format!("{}, {}", mix.name(), cores(field.threads));
        // Processor time is compared where everybody has a core of its own.
        if let (Some(peer), 1) = (chosen, field.threads) {
            let times = paired(&own(ours), &own(peer), ratio);
            let what = format!("{what}: processor time, to {}'s", peer.name);
            rows.push(Row::aim(&what, times.brief(2), times.median(), most, "times"));
        }
        if let Some(fastest) = peers().max_by(|one, other| rate(one).total_cmp(&rate(other))) {
            let (its, own) = (rate(&fastest), rate(&ours));
            let figure = format!("{own:.0} answers/s; {} {its:.0}", fastest.name);
            let (ahead, aim) = (Some(own > its), "ahead of every peer".to_owned());
            rows.push(Row { what: format!("{what}: rate"), figure, aim, met: ahead });
        }
    }
    Ok(rows)
}

fn ours(all: &[Measured]) -> Outcome<&Measured> {
    let ours = all.iter().find(|measured| measured.kind == Some(Kind::Schoolgate));
    ours.ok_or_else(|| "ours was not measured".into())
}

fn floor(all: &[Measured]) -> Outcome<&Measured> {
    let floor = all.iter().find(|measured| measured.name == Manner::Batched.name());
    floor.ok_or_else(|| "no floor was measured".into())
}

fn cores(threads: usize) -> String {
    if threads == 1 { "one core".to_owned() } else { format!("{threads} cores") }
}

fn line(measured: &Measured, number: usize, ours: &Runs, floor: &Runs) -> Vec<String> {
    let Some(runs) = measured.runs.get(number) else { return Vec::new() };
    let median = |of: fn(&(f64, f64)) -> f64| Figures::new(runs.times.iter().map(of).collect()).brief(0);
    let lost = runs.own.iter().map(|sample| sample.lost).fold(0.0, f64::max) * 100.0;
    let times = |own: &[Sample], other: &[Sample]| paired(own, other, ratio).brief(2);
    vec![
        measured.name.to_owned(),
        figures(&runs.own, |sample| sample.processor).brief(2),
        format!("{:.2}", figures(&runs.own, |sample| sample.user).median()),
        format!("{:.2}", figures(&runs.own, |sample| sample.system).median()),
        times(&runs.own, &ours.own),
        times(&runs.own, &floor.own),
        figures(&runs.own, |sample| sample.rate).brief(0),
        format!("{lost:.2} %"),
        figures(&runs.dnsperf, |sample| sample.processor).brief(2),
        figures(&runs.dnsperf, |sample| sample.rate).brief(0),
        median(|times| times.0),
        median(|times| times.1),
    ]
}

fn loading(options: &Options, all: &[Measured]) -> String {
    let line = |measured: &Measured| {
        let kind = measured.kind?;
        Some(vec![
            measured.name.to_owned(),
            kind.version(&options.server),
            kind.method().to_owned(),
            format!("{:.2}", measured.loading),
            mebibytes(measured.memory.rss),
            mebibytes(measured.memory.pss),
        ])
    };
    let head = [
        "server",
        "version",
        "how it blocks",
        "exec to last name blocked, s (once)",
        "RSS afterwards",
        "PSS afterwards",
    ];
    markdown(&head, &all.iter().filter_map(line).collect::<Vec<_>>())
}
