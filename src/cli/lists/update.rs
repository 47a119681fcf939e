//! `lists update`: fetch, compile, promote; also what the server runs as a child process.

use std::process::ExitCode;

use blocklists_update::{Job, Promotion, Take};
use policy::School;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

use crate::cli::{Failure, Outcome};
use crate::config::{Config, document};

use super::lessons::lessons;
use super::open;

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Read files and kept copies only; fetch nothing
    #[arg(long, conflicts_with = "due")]
    local_only: bool,
    /// Try only the lists whose time has come, as the server does
    #[arg(long)]
    due: bool,
    /// Let new content of ordinary lists wait for [lists] promote_at, as the server does
    #[arg(long)]
    wait: bool,
    /// Take up content again that was rolled back
    #[arg(long)]
    forget_rollback: bool,
    /// Run at the lowest priority, as the server does
    #[arg(long)]
    background: bool,
}

/// Fetches and compiles once; the exit code says whether all lists are fresh.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Outcome {
    if arguments.background {
        give_way();
    }
    let school = school(config)?;
    let take = match arguments {
        Arguments { due: true, .. } => Take::Due,
        Arguments { local_only: true, .. } => Take::Local,
        _ => Take::All,
    };
    let lessons = lessons(config, &school);
    let job = Job {
        sources: school.sources(),
        upkeep: school.upkeep(),
        access: &config.lists.access,
        take,
        promotion: if arguments.wait { config.lists.promotion(&school) } else { Promotion::AtOnce },
        forget_rollback: arguments.forget_rollback,
        lessons: Some(&lessons),
        corrections: school.corrections(),
    };
    let outcome = open(config)?.run(&job, &mut |sentence| say!("{sentence}")).map_err(Failure::failed)?;
    for (source, why) in &outcome.refused {
        eprintln!("schoolgate: {source}: {why}");
    }
    Ok(if outcome.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes only what nobody else wants: a server that answers is worth more than lists that are a second
/// younger. Threads made later do the same, and the disk is idle with the processor (`ioprio` follows
/// the policy, where none is set). Where the system refuses, the update is only less polite.
fn give_way() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let _ = rustix::process::setpriority_process(None, 19);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
}

/// The school of the policy file, or of the last good one.
fn school(config: &Config) -> Result<School, Failure> {
    let error = match document::load(config, None) {
        Ok(loaded) => return Ok(loaded.school),
        Err(error) => error,
    };
    match document::recall(&config.data).and_then(|live| document::revive(live).ok()) {
        Some(loaded) => {
            eprintln!(
                "schoolgate: {error}\nschoolgate: going on with the block lists of the policy that was last good"
            );
            Ok(loaded.school)
        }
        None => Err(Failure::misused(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_in_the_background_takes_only_what_nobody_else_wants() {
        let told = std::thread::spawn(|| {
            give_way();
            std::thread::spawn(|| std::fs::read_to_string("/proc/thread-self/stat")).join()
        });
        let stat = told.join().unwrap().unwrap().unwrap();
        // proc_pid_stat(5): behind the name, `nice` is the 17th field and `policy` the 39th; 5 is SCHED_IDLE.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        assert_eq!(fields[38], "5", "{stat}");
    }
}
