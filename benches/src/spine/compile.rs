//! Compile time: lists to index in a fresh process, as the program does it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use blocklists::compile::compile;

use crate::figures::{Figures, Row};
use crate::{Outcome, school};

/// What compiling left.
#[derive(Debug)]
pub struct Compiled {
    /// The figure.
    pub row: Row,
    /// The index file.
    pub index: PathBuf,
    /// What lies over it, small sources among it.
    pub overlay: Option<PathBuf>,
    /// A configuration and state that a server can start from.
    pub state: PathBuf,
}

/// Compiles several times into fresh state; through the program where there is one.
pub fn measure(program: Option<&Path>, policy: &Path, folder: &Path, runs: usize) -> Outcome<Compiled> {
    let mut times = Vec::new();
    let mut state = PathBuf::new();
    for run in 0..runs {
        state = folder.join(format!("state-{run}"));
        write_config(&state, policy)?;
        let mut command = match program {
            Some(program) => {
                let mut command = Command::new(program);
                command.arg("--config").arg(state.join("schoolgate.toml")).args(["lists", "update"]);
                command
            }
            None => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("spine-compile").arg(policy).arg(state.join("data"));
                command
            }
        };
        let started = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        times.push(started.elapsed());
        // 1: some list was refused. The rest is compiled, and the reader is told.
        if !output.status.success() {
            eprintln!("compiling ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
    }
    let lists = state.join("data/lists");
    let current = std::fs::read_to_string(lists.join("current"))
        .map_err(|error| format!("compiling left no index in {}: {error}", lists.display()))?;
    let mut ids = current.lines().map(str::trim);
    let what =
        if program.is_some() { "`schoolgate lists update`, copies kept" } else { "compile by the library" };
    let times = Figures::of_seconds(&times);
    Ok(Compiled {
        row: Row::aim(what, times.show("s", 2), times.median(), 10.0, "s"),
        index: lists.join(ids.next().unwrap_or_default()).with_extension("idx"),
        overlay: ids.next().map(|id| lists.join(id).with_extension("ovl")),
        state,
    })
}

/// Compiles without the program: the child process of [`measure`] where none was built.
pub fn in_this_process(policy: &Path, data: &Path) -> Outcome<ExitCode> {
    let school = school::read_policy(policy)?;
    let compiled = compile(&school::inputs(school.sources()))?;
    let lists = data.join("lists");
    std::fs::create_dir_all(&lists)?;
    std::fs::write(lists.join(format!("{}.idx", compiled.id)), &compiled.bytes)?;
    std::fs::write(lists.join("current"), &compiled.id)?;
    Ok(ExitCode::SUCCESS)
}

/// A main configuration beside the policy, with a state of its own; ports come later.
fn write_config(state: &Path, policy: &Path) -> Outcome<()> {
    std::fs::create_dir_all(state)?;
    std::fs::write(state.join("schoolgate.toml"), config(policy, 0, 0))?;
    Ok(())
}

/// The main configuration's text.
pub fn config(policy: &Path, dns: u16, admin: u16) -> String {
    format!(
        "version = 1\n\n[dns]\nlisten = [\"127.0.0.1:{dns}\"]\n\n[upstream]\nservers = [\"udp://127.0.0.1:9\"]\n\n\
         [admin]\nlisten = [\"127.0.0.1:{admin}\"]\n\n[data]\ndirectory = \"data\"\n\n[policy]\nfile = \"{}\"\n",
        policy.display()
    )
}
