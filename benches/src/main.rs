//! Measures the spine on real lists and proves the index against a matcher of its own.
//!
//! `cargo run --release -p benches -- spine` prints the figures that the README quotes;
//! `… -- agree` asks the index and an independent, naive matcher the same questions and fails on
//! any difference; `… -- must-open` shows what the lists would take from a school, and proves that
//! they do not. All read an `INDEX.tsv` folder of real lists that is not part of the project.

mod agree;
mod figures;
mod lists;
mod machine;
mod misses;
mod must_open;
mod naive;
mod random;
mod school;
mod spine;

use std::path::PathBuf;
use std::process::ExitCode;

/// What a bench hands up: nobody treats one failure differently from another, so text is enough.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
Measures schoolgate on real block lists.

Usage: benches <spine|agree|must-open> [--data DIR]
       benches misses [--ca FILE] [--server URL]...

  spine   compile time, memory, time to ready, nanoseconds a decision: a Markdown table
  agree   index and a naive matcher on 100,000 listed and 100,000 unlisted names; exit 1 on a difference
  must-open
          names that a school must have, under every built-in policy: how many the lists alone would take
          away, and who is to blame for any that is still lost; exit 1 on any

  misses  processor time of one cache miss on the upstream side, against a responder on the second core

  --server URL ask this upstream server instead of the built-in responder, such as tcp://127.0.0.1:5353
  --ca FILE    authority of an encrypted server
  --data DIR   folder with INDEX.tsv, lists/ and queries/
               (else $SCHOOLGATE_BENCH_DATA, else ../shared/data beside the repository)

Example: cargo run --release -p benches -- spine --data ~/lists";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["spine", rest @ ..] => data_folder(rest).and_then(|folder| spine::run(&folder)),
        ["agree", rest @ ..] => data_folder(rest).and_then(|folder| agree::run(&folder)),
        ["must-open", rest @ ..] => data_folder(rest).and_then(|folder| must_open::run(&folder)),
        // Fresh processes that `spine` starts of itself, so that memory and time are theirs alone.
        ["spine-compile", policy, state] => spine::compile::in_this_process(policy.as_ref(), state.as_ref()),
        ["spine-memory", folder, policy, index] => {
            spine::memory::in_this_process(folder.as_ref(), policy.as_ref(), index.as_ref())
        }
        ["misses", rest @ ..] => misses::run(rest),
        ["misses-of", server, ca] => misses::of(server, ca),
        ["misses-responder"] => misses::responder(),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("benches: {error}");
        ExitCode::FAILURE
    })
}

/// Where the lists are.
fn data_folder(arguments: &[&str]) -> Outcome<PathBuf> {
    let folder = match arguments {
        [] => std::env::var_os("SCHOOLGATE_BENCH_DATA").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
            PathBuf::from,
        ),
        ["--data", folder] => PathBuf::from(folder),
        _ => return Err(format!("`{}` is not understood; see --help", arguments.join(" ")).into()),
    };
    folder.join("INDEX.tsv").is_file().then_some(()).ok_or_else(|| {
        format!(
            "there is no INDEX.tsv in {}: name the folder of lists with --data DIR or $SCHOOLGATE_BENCH_DATA",
            folder.display()
        )
    })?;
    Ok(folder.canonicalize()?)
}
