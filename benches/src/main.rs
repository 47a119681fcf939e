//! Measures the program, alone and beside its peers, and proves what a test has no time to prove.
//!
//! `cargo run --release -p benches -- spine` prints the figures that the README quotes; `… -- agree` asks
//! the index and an independent, naive matcher the same questions and fails on any difference; `… --
//! must-open` shows what the lists would take from a school, and proves that they do not. These read an
//! `INDEX.tsv` folder of real lists that is not part of the project. The others (`lists`, `peers`,
//! `leaks`, `rebuild`) start real servers, and generate names where there is no such folder.

mod agree;
mod editions;
mod figures;
mod front;
mod growth;
mod leaks;
mod lists;
mod load;
mod machine;
mod misses;
mod must_open;
mod naive;
mod names;
mod options;
mod overload;
mod process;
mod question;
mod random;
mod rebuild;
mod school;
mod servers;
mod speed;
mod spine;
mod weight;

use std::path::PathBuf;
use std::process::ExitCode;

use options::Options;

/// What a bench hands up: nobody treats one failure differently from another, so text is enough.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
Measures schoolgate on real block lists, alone and beside its peers.

Usage: benches <spine|agree|must-open|growth|front|overload> [--data DIR]
       benches misses [--server URL]...
       benches <lists|peers|leaks|rebuild> [--names N] [--data DIR] [--server PATH] [--repeats N] [--quick] …

  spine   compile time, memory, time to ready, nanoseconds a decision: a Markdown table
  agree   index and a naive matcher on 100,000 listed and 100,000 unlisted names; exit 1 on a difference
  must-open
          names that a school must have, under every built-in policy: how many the lists alone would take
          away, and who is to blame for any that is still lost; exit 1 on any
  lists   a million listed names in schoolgate and in unbound, dnsdist, pdns-recursor, dnsmasq: memory, time
          to load
  peers   processor time an answer, rate, time to answer, memory, beside unbound, dnsdist, knot-resolver,
          pdns-recursor, bind9, dnsmasq and two echoes that do no DNS; driven by dnsperf and a generator of
          its own
  leaks   20 starts and 20 swaps of a million names while listed names are asked without a pause; exit 1
          when anything but a block comes back, or a swap loses a question
  rebuild
          a rebuild of three million names under load: questions lost, p90 and memory against a quiet
          minute; exit 1 when a bound is not held
  growth [SIZE…]
          compile, open, memory and look-up of generated names, from 100,000 to 10 million
  front [CASE COUNT [full]]
          what an answer over UDP costs (echo, blocked, cached, safe-search), over a floor that only echoes
  overload
          whether a quiet client is answered while one address, and 1,000, ask as fast as they can; exit 1
          where not
  misses  processor time of one cache miss on the upstream side, against a responder on the second core;
          --server URL asks another one, such as tcp://127.0.0.1:5353

  --data DIR      folder with INDEX.tsv, lists/ and queries/ (else $SCHOOLGATE_BENCH_DATA, else
                  ../shared/data beside the repository); the second line's benches generate names without
  --names N       how many names are listed
  --server PATH   the program (else `schoolgate` beside this one)
  --repeats N     how often everything is done
  --only A,B      these servers only (schoolgate has to be among them for `peers`)
  --quick         a short trial with fewer names: proves that it runs, measures nothing
  --write DIR     `peers`: writes PEERS.md and peers.svg there

The servers come from Debian packages; what is missing is named, and nothing is installed.

Examples: cargo build --release --workspace && cargo run --release -p benches -- spine --data ~/lists
          cargo run --release -p benches -- peers --write docs";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["spine", rest @ ..] => data_folder(rest).and_then(|folder| spine::run(&folder)),
        ["agree", rest @ ..] => data_folder(rest).and_then(|folder| agree::run(&folder)),
        ["must-open", rest @ ..] => data_folder(rest).and_then(|folder| must_open::run(&folder)),
        ["growth", rest @ ..] => {
            let (sizes, rest) = split_sizes(rest);
            data_folder(rest).and_then(|folder| growth::run(&folder, &sizes))
        }
        ["growth-compile", folder] => growth::compile_here(folder.as_ref()),
        ["growth-look-up", folder, data] => growth::look_up_here(folder.as_ref(), data.as_ref()),
        ["lists", rest @ ..] => Options::read(rest).and_then(|options| weight::run(&options)),
        ["leaks", rest @ ..] => Options::read(rest).and_then(|options| leaks::run(&options)),
        ["peers", rest @ ..] => Options::read(rest).and_then(|options| speed::run(&options)),
        ["rebuild", rest @ ..] => Options::read(rest).and_then(|options| rebuild::run(&options)),
        ["front", rest @ ..] => front::run(rest),
        ["overload"] => overload::run(),
        // Fresh processes that `spine` starts of itself, so that memory and time are theirs alone.
        ["spine-compile", policy, state] => spine::compile::in_this_process(policy.as_ref(), state.as_ref()),
        ["spine-memory", folder, policy, index] => {
            spine::memory::in_this_process(folder.as_ref(), policy.as_ref(), index.as_ref())
        }
        ["echo", manner, address, octets] => load::echo::in_this_process(manner, address, octets),
        ["misses", rest @ ..] => misses::run(rest),
        ["misses-of", server] => misses::of(server),
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

/// Numbers in front of other arguments.
fn split_sizes<'a, 'b>(arguments: &'a [&'b str]) -> (Vec<usize>, &'a [&'b str]) {
    let sizes: Vec<usize> = arguments.iter().map_while(|word| word.parse().ok()).collect();
    let rest = arguments.get(sizes.len()..).unwrap_or(&[]);
    (sizes, rest)
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
