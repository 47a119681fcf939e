//! Every bench, one after another and unattended, for an hour in which nobody else uses the machine.
//!
//! Each runs in a process of its own, the more important ones first, within a budget of time; one that
//! fails or takes too long costs the others nothing. What each prints is a page; the goals on all pages
//! together are the verdict.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::figures::{GOALS, markdown};
use crate::options::Options;
use crate::{Outcome, page};

/// The benches in the order of their importance, with the most seconds that each may take. Together they
/// take about two thirds of that on a quiet machine.
const STEPS: [(&str, u64); 10] = [
    ("front", 480),
    ("peers", 1_080),
    ("lists", 420),
    ("leaks", 300),
    ("rebuild", 700),
    ("growth", 420),
    ("overload", 150),
    ("instructions", 120),
    ("misses", 60),
    ("micro", 60),
];
/// All of them together; what does not begin in time is left out and said to be.
const IN_ALL: Duration = Duration::from_secs(50 * 60);
/// How long a bench may take to end its servers.
const ENDING: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const INDEX: &str = "README.md";

/// How a bench ended.
struct Ended {
    bench: &'static str,
    took: Duration,
    how: String,
}

/// Runs all of them (or those that `--only` names); exit 1 when one did not run to its end. Goals that were
/// missed are figures, and no failure of the benches.
pub fn run(options: &Options) -> Outcome<ExitCode> {
    let out = options.out.clone().unwrap_or_else(|| PathBuf::from("target/benches"));
    std::fs::create_dir_all(&out)?;
    let (begun, mut ended) = (Instant::now(), Vec::new());
    for (bench, seconds) in STEPS.into_iter().filter(|(bench, _)| options.wants(bench)) {
        let left = IN_ALL.saturating_sub(begun.elapsed());
        let budget = left.min(Duration::from_secs(seconds));
        eprintln!("== {bench}: at most {} s, {} s are gone", budget.as_secs(), begun.elapsed().as_secs());
        let step = step(options, bench, budget, &out)?;
        eprintln!("== {bench}: {} after {} s", step.how, step.took.as_secs());
        ended.push(step);
    }
    std::fs::write(out.join(INDEX), index(&out)?)?;
    if let Some(docs) = &options.write {
        publish(&out, &docs.join("figures"), &ended)?;
    }
    println!("{}", index(&out)?);
    for Ended { bench, took, how } in &ended {
        println!("{bench}: {how} after {} s", took.as_secs());
    }
    let good = ended.iter().all(|step| step.ran());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Ended {
    /// Exit code 1 is a bench's way to say that a goal was missed: its page stands all the same.
    fn ran(&self) -> bool {
        matches!(self.how.as_str(), "done" | "done, goals missed")
    }
}

/// Runs one bench; its page goes to `<bench>.md`, what it says meanwhile to `<bench>.log`.
fn step(options: &Options, bench: &'static str, budget: Duration, out: &Path) -> Outcome<Ended> {
    let (page, log) = (out.join(format!("{bench}.md")), out.join(format!("{bench}.log")));
    if budget.is_zero() {
        return Ok(Ended { bench, took: Duration::ZERO, how: "left out, the time was over".to_owned() });
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(bench).stdin(Stdio::null()).stdout(File::create(&page)?).stderr(File::create(&log)?);
    if !matches!(bench, "overload" | "instructions" | "misses") {
        command.arg("--server").arg(&options.server);
        command.args(options.data.iter().flat_map(|data| ["--data".as_ref(), data.as_os_str()]));
        command.args(options.quick.then_some("--quick"));
    }
    if bench == "peers" {
        command.arg("--write").arg(out);
    }
    let started = Instant::now();
    let mut child = command.spawn()?;
    while child.try_wait()?.is_none() && started.elapsed() < budget {
        thread::sleep(LOOK_EVERY);
    }
    let how = match child.try_wait()? {
        Some(status) => match (status.code(), has_goals(&page)) {
            (Some(0), _) => "done".to_owned(),
            (Some(1), true) => "done, goals missed".to_owned(),
            _ => format!("failed ({status}): {}", last_line(&log)),
        },
        None => {
            end(&mut child)?;
            "not done in its time".to_owned()
        }
    };
    // Those that say nothing of how they measure are given a title, the command and the machine.
    let text = std::fs::read_to_string(&page)?;
    if !text.starts_with('#') && !text.is_empty() {
        std::fs::write(&page, page::begin(bench, bench, options.quick, text.trim_end()))?;
    }
    Ok(Ended { bench, took: started.elapsed(), how })
}

/// Asks it to end, so that it ends its servers, and makes sure of it.
fn end(child: &mut Child) -> Outcome<()> {
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
    let asked = Instant::now();
    while child.try_wait()?.is_none() {
        if asked.elapsed() > ENDING {
            child.kill()?;
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or_default().to_owned()
}

/// Copies whole pages, and writes the index of all pages that are there.
fn publish(out: &Path, docs: &Path, ended: &[Ended]) -> Outcome<()> {
    std::fs::create_dir_all(docs)?;
    for step in ended.iter().filter(|step| step.ran()) {
        for file in [format!("{}.md", step.bench), format!("{}.svg", step.bench)] {
            if out.join(&file).exists() {
                std::fs::copy(out.join(&file), docs.join(&file))?;
            }
        }
    }
    Ok(std::fs::write(docs.join(INDEX), index(docs)?)?)
}

/// The verdict: every goal on every page of a folder.
fn index(folder: &Path) -> Outcome<String> {
    let mut text = "# Figures\n\nMeasured by `cargo run --release -p benches -- all --write docs`. Each page says which \
                    command measures it again, on which machine and how; `benches/README.md` says what they need.\n\n"
        .to_owned();
    let mut lines = Vec::new();
    for (bench, _) in STEPS {
        let Ok(page) = std::fs::read_to_string(folder.join(format!("{bench}.md"))) else { continue };
        writeln!(text, "- [{bench}]({bench}.md)")?;
        lines.extend(goals(&page).map(|goal| [vec![bench.to_owned()], goal].concat()));
    }
    let met = lines.iter().filter(|line| line.last().is_some_and(|met| met == "yes")).count();
    write!(text, "\n{met} of {} goals met.\n\n", lines.len())?;
    let head: Vec<&str> = std::iter::once("bench").chain(GOALS).collect();
    text.push_str(&markdown(&head, &lines));
    Ok(text)
}

fn has_goals(page: &Path) -> bool {
    std::fs::read_to_string(page).is_ok_and(|page| goals(&page).next().is_some())
}

/// The rows of a page's tables of goals that have an aim.
fn goals(page: &str) -> impl Iterator<Item = Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).unwrap_or_default();
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut within = false;
    page.lines().map(cells).filter(move |cells| {
        within = cells.iter().eq(GOALS) || (within && cells.len() == GOALS.len());
        within && cells.last().is_some_and(|met| met == "yes" || met == "**no**")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Row, table};

    #[test]
    fn goals_are_found_on_a_page_and_facts_are_none() {
        let rows = [
            Row::aim("slow", "3 us", 3.0, 2.0, "us"),
            Row::fact("a fact", "7"),
            Row::aim("quick", "1 us", 1.0, 2.0, "us"),
        ];
        let page = format!(
            "# A page\n\n| a | b | c | met |\n|---|---|---|---|\n| x | y | z | yes |\n\n{}\nEnd.\n",
            table(&rows)
        );
        let found: Vec<Vec<String>> = goals(&page).collect();
        assert_eq!(found, [["slow", "3 us", "<= 2 us", "**no**"], ["quick", "1 us", "<= 2 us", "yes"]]);
    }
}
