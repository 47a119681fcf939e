//! Names that a school must have, with every real list loaded: lost by the lists alone, and lost
//! under the program.
//!
//! *Before* is what the naive matcher says and the verbs of each built-in policy make of it: no
//! guard, no essentials, no core names. *After* is `decide` over the compiled index. A walled garden
//! blocks whatever nobody opened, so there only what is sealed counts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use blocklists::category::CategoryId;
use blocklists::compile::{Compiled, Input, compile};
use blocklists::evidence::evidence;
use blocklists::index::Index;
use blocklists::must_open::{MustOpen, must_open};
use blocklists::name::Name;
use blocklists::source::Location;
use policy::{Client, PRESETS, Policy, Question, ReasonId, School, Snapshot, Standing, Verb, Verdict};

use crate::naive::Naive;
use crate::{Outcome, lists, naive, school};

/// The names that were measured first, when the project was designed.
const NEEDED: &str = include_str!("../../resolver/policy/tests/policy/needed.txt");
const CORE: &str = include_str!("../../resolver/policy/data/core.tsv");
/// Lines of one list printed for one name.
const LINES_MAX: usize = 5;

/// Prints the table, then offenders with list and line.
pub fn run(folder: &Path) -> Outcome<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let lists = lists::read(folder)?;
    let school = school::read_policy(&school::write_policy(temporary.path(), &lists)?)?;
    let naive = naive::without_guard(school::lists(&school))?;
    let compiled = compile(&inputs(&school))?;
    let snapshot = school::snapshot(&school, Index::from_bytes(&compiled.bytes)?);
    let needed: Vec<Name> = column(NEEDED).collect();
    let all: BTreeSet<Name> = must_open()
        .iter()
        .flat_map(|row| front_door(row).into_iter().chain([row.name.clone()]))
        .chain(column(CORE))
        .chain(needed.iter().cloned())
        .collect();
    println!(
        "{} lists, {} names listed. {} names that a school must have, {} of them measured first.\n",
        lists.len(),
        naive.len(),
        all.len(),
        needed.len()
    );
    println!(
        "| policy | the {0}: lost before (sealed) | after | all {1}: lost before (sealed) | after |",
        needed.len(),
        all.len()
    );
    println!("|---|---:|---:|---:|---:|");
    let mut offenders = Vec::new();
    for id in PRESETS {
        let number = school.policy_number(id).ok_or("a built-in policy is missing")?;
        let before = |names: &mut dyn Iterator<Item = &Name>| before(&naive, school.policy(number), names);
        let after = |names: &mut dyn Iterator<Item = &Name>| after(&snapshot, number, names);
        let (lost, sealed) = before(&mut needed.iter());
        let (all_lost, all_sealed) = before(&mut all.iter());
        let still = after(&mut needed.iter()).len();
        let found = after(&mut all.iter());
        println!("| {id} | {lost} ({sealed}) | {still} | {all_lost} ({all_sealed}) | {} |", found.len());
        offenders.extend(found.into_iter().map(|name| (id, number, name)));
    }
    print_dropped(&compiled);
    for (id, number, name) in &offenders {
        print_offender(&snapshot, id, *number, name)?;
    }
    Ok(if offenders.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first column of a table.
fn column(table: &str) -> impl Iterator<Item = Name> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Name::parse(line.split('\t').next()?.trim()).ok())
}

/// The site of a row `*.x`, `www.x`.
fn front_door(row: &MustOpen) -> Option<Name> {
    row.subtree.then(|| Name::parse(&format!("www.{}", row.name)).ok()).flatten()
}

/// Lists read where they lie, under their whole path, so that evidence finds them.
fn inputs(school: &School) -> Vec<Input> {
    let named = |input: Input| match &input.source.location {
        Location::Path(path) => Input { copy_name: path.display().to_string(), ..input },
        _ => input,
    };
    school::inputs(school.sources()).into_iter().map(named).collect()
}

/// How many names the lists alone take away, and how many of these for good.
fn before(naive: &Naive, policy: &Policy, names: &mut dyn Iterator<Item = &Name>) -> (usize, usize) {
    let verb = |name: &Name| {
        let categories = naive.categories(&name.to_string());
        let ids = categories.iter().filter_map(|id| CategoryId::new(id));
        ids.map(|id| if id.is_locked() { Verb::Seal } else { policy.verb(&id) }).max()
    };
    let verbs: Vec<Verb> = names.filter_map(verb).filter(|verb| !verb.opens()).collect();
    let sealed = verbs.iter().filter(|verb| **verb == Verb::Seal).count();
    (if policy.is_walled() { sealed } else { verbs.len() }, sealed)
}

/// The names that a client of a policy does not get.
fn after(snapshot: &Snapshot, policy: u16, names: &mut dyn Iterator<Item = &Name>) -> Vec<Name> {
    let client = client(policy);
    let is_lost = |name: &&Name| {
        let decision = snapshot.decide(&client, &Question { name: name.as_ref(), rtype: 1 });
        let is_closed = matches!(decision.verdict, Verdict::Block(_) | Verdict::Refuse);
        let walled = snapshot.policy(policy).is_walled();
        is_closed && (!walled || matches!(decision.reason.id, ReasonId::Sealed | ReasonId::Locked))
    };
    names.filter(is_lost).cloned().collect()
}

fn client(policy: u16) -> Client {
    Client {
        network: None,
        group: None,
        device: None,
        policy,
        standing: Standing::Known,
        listed: blocklists::index::Listing::NOTHING,
        stream: false,
    }
}

/// Which lists the guard found slips in.
fn print_dropped(compiled: &Compiled) {
    println!("\n| list | entries dropped | kept | example |");
    println!("|---|---:|---:|---|");
    let mut reports: Vec<_> = compiled.reports.iter().filter(|report| report.dropped > 0).collect();
    reports.sort_by_key(|report| std::cmp::Reverse(report.dropped));
    for report in reports {
        let example = report.samples.iter().find(|sample| sample.why.starts_with("dropped"));
        let example = example.map_or("", |sample| sample.why.as_str());
        println!("| {} | {} | {} | {example} |", report.id, report.dropped, report.entries);
    }
    println!();
}

/// Why a name is lost, with the lines of the lists.
fn print_offender(snapshot: &Snapshot, id: &str, policy: u16, name: &Name) -> Outcome<()> {
    let decision = snapshot.decide(&client(policy), &Question { name: name.as_ref(), rtype: 1 });
    let category = decision.reason.category.and_then(|number| snapshot.category(number));
    let shown = category.map_or("", CategoryId::as_str);
    println!("{id}: {name} is lost: {} {shown}", decision.reason.id.as_str());
    let Some(category) = category else { return Ok(()) };
    let found = evidence(snapshot.index(), &PathBuf::new(), name.as_ref(), category)?;
    for line in found.iter().take(LINES_MAX) {
        println!("    {} {} line {}: {}", line.source, line.file, line.line, line.text);
    }
    Ok(())
}
