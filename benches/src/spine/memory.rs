//! What an index costs in resident memory, in a process that does nothing else.

use std::path::Path;
use std::process::{Command, ExitCode};

use blocklists::index::Index;
use blocklists::name::Name;
use policy::Question;

use crate::figures::Row;
use crate::machine::{Memory, mebibytes};
use crate::school::NETWORKS;
use crate::{Outcome, lists, school};

/// Look-ups before memory is read, so that every page that is ever touched is.
const LOOKUPS: usize = 200_000;

/// Starts the fresh process and reads its figures.
pub fn measure(folder: &Path, policy: &Path, index: &Path) -> Outcome<Vec<Row>> {
    let output =
        Command::new(std::env::current_exe()?).arg("spine-memory").args([folder, policy, index]).output()?;
    if !output.status.success() {
        return Err(format!("measuring memory: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [rss_before, rss, pss_before, pss] = numbers.as_slice() else {
        return Err(format!("measuring memory printed `{text}`").into());
    };
    let figure = |after: &u64, before: &u64| {
        format!(
            "{}, of which index and policy {}",
            mebibytes(*after),
            mebibytes(after.saturating_sub(*before))
        )
    };
    Ok(vec![
        Row::fact("RSS after 200,000 look-ups", figure(rss, rss_before)),
        Row::fact("PSS after 200,000 look-ups", figure(pss, pss_before)),
    ])
}

/// The fresh process: names, memory, index, look-ups, memory again.
pub fn in_this_process(folder: &Path, policy: &Path, index: &Path) -> Outcome<ExitCode> {
    let names: Vec<Name> = interleaved(&lists::hits(folder)?, &lists::misses(folder)?);
    let before = Memory::own()?;
    let snapshot = school::snapshot(&school::read_policy(policy)?, Index::load(index)?);
    let clients = NETWORKS.map(|(_, _, _, address)| school::client(&snapshot, address));
    for (name, client) in names.iter().zip(clients.iter().cycle()) {
        std::hint::black_box(snapshot.decide(client, &Question { name: name.as_ref(), rtype: 1 }));
    }
    let after = Memory::own()?;
    println!("{} {} {} {}", before.rss, after.rss, before.pss, after.pss);
    Ok(ExitCode::SUCCESS)
}

/// Listed and unlisted names in turn, as many as look-ups are wanted.
fn interleaved(hits: &[Name], misses: &[Name]) -> Vec<Name> {
    let pairs = hits.iter().zip(misses.iter().cycle());
    pairs.flat_map(|(hit, miss)| [hit.clone(), miss.clone()]).take(LOOKUPS).collect()
}
