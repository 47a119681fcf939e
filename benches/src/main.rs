//! Measures the program, alone and beside its peers, and proves what a test has no time to prove.
//!
//! `cargo run --release -p benches -- spine` prints the figures that the README quotes; `… -- agree` asks
//! the index and an independent, naive matcher the same questions and fails on any difference; `… --
//! must-open` shows what the lists would take from a school, and proves that they do not. These read an
//! `INDEX.tsv` folder of real lists that is not part of the project. The others start real servers, or
//! (`micro`, `instructions`) take an engine apart; they generate names where there is no such folder.
//! `… -- all` runs these others one after another and holds every figure against its goal.

mod agree;
mod all;
mod arena;
mod changing;
mod figures;
mod front;
mod growth;
mod leaks;
mod lists;
mod load;
mod machine;
mod micro;
mod misses;
mod must_open;
mod naive;
mod names;
mod options;
mod overload;
mod page;
mod peers;
mod process;
mod question;
mod random;
mod rebuild;
mod sample;
mod school;
mod servers;
mod spine;
mod weight;

use std::path::PathBuf;
use std::process::ExitCode;

use options::Options;

/// What a bench hands up: nobody treats one failure differently from another, so text is enough.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
Measures schoolgate on real block lists, alone and beside its peers.

Usage: benches all [--out DIR] [--write docs] [--only BENCH,…] [--data DIR] [--server PATH] [--quick]
       benches <front|peers|lists|leaks|rebuild|growth|micro> [--names N] [--data DIR] [--server PATH]
               [--repeats N] [--only SERVER,…] [--quick]
       benches <spine|agree|must-open> [--data DIR]
       benches misses [--ca FILE] [--server URL]...
       benches instructions [--write]
       benches overload

  all     every bench of the second line, overload, instructions and misses, unattended, within 50 minutes:
          a page each in --out (else target/benches), and every goal with its figure; `--write docs` puts the
          pages into docs/figures
  front   what an answer costs over an echo that does no DNS: blocked, cached, mixed, never asked before; the
          data plane bare and with everything on, and the program
  peers   processor time an answer, rate, time to answer, memory, beside unbound (local zones and RPZ),
          dnsdist, knot-resolver, pdns-recursor, bind9, dnsmasq and two echoes that do no DNS; on one core
          and on two; driven by dnsperf and a generator of its own; `--write DIR` puts page and chart there
  lists   a million listed names in schoolgate and in unbound, dnsdist, pdns-recursor, dnsmasq: memory, time
          to load
  leaks   20 starts and 20 swaps of a million names while listed names are asked without a pause; exit 1
          when anything but a block comes back, or a swap loses a question
  rebuild
          a rebuild of three million names under load: questions lost, p90 and memory against a quiet
          minute; exit 1 when a bound is not held
  growth  cost with 100,000 to 10,000,000 made-up names (compile, memory, start, look-up, whole query), and
          with networks, devices, rules and clients
  micro   nanoseconds of each step of an answer, without sockets
  instructions
          instructions of an answer, counted under callgrind and held within 3 % of benches/baseline.toml;
          `--write` writes that file anew
  overload
          whether a quiet client is answered while one address, and 1,000, ask as fast as they can; exit 1
          where not
  misses  processor time of one cache miss on the upstream side, against a responder on the second core;
          --server URL asks another one, such as tcp://127.0.0.1:5353, --ca FILE is its authority
  spine   compile time, memory, time to ready, nanoseconds a decision: a Markdown table
  agree   index and a naive matcher on 100,000 listed and 100,000 unlisted names; exit 1 on a difference
  must-open
          names that a school must have, under every built-in policy: how many the lists alone would take
          away, and who is to blame for any that is still lost; exit 1 on any

  --data DIR      folder with INDEX.tsv, lists/ and queries/ (else $SCHOOLGATE_BENCH_DATA, else
                  ../shared/data beside the repository); all but the third line's generate names without
  --names N       how many names are listed
  --server PATH   the program (else `schoolgate` beside this one)
  --repeats N     how often everything is done
  --only A,B      these servers (schoolgate has to be among them) or benches only
  --quick         a short trial with fewer names: proves that it runs, measures nothing

The servers come from Debian packages; what is missing is named, and nothing is installed.

Examples: cargo build --release --workspace && cargo run --release -p benches -- all --write docs
          cargo run --release -p benches -- spine --data ~/lists";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["spine", rest @ ..] => data_folder(rest).and_then(|folder| spine::run(&folder)),
        ["agree", rest @ ..] => data_folder(rest).and_then(|folder| agree::run(&folder)),
        ["must-open", rest @ ..] => data_folder(rest).and_then(|folder| must_open::run(&folder)),
        ["all", rest @ ..] => Options::read(rest).and_then(|options| all::run(&options)),
        ["growth", rest @ ..] => Options::read(rest).and_then(|options| growth::run(&options)),
        ["growth-compile", folder] => growth::compile_here(folder.as_ref()),
        ["growth-look-up", folder] => growth::look_up_here(folder.as_ref()),
        ["lists", rest @ ..] => Options::read(rest).and_then(|options| weight::run(&options)),
        ["leaks", rest @ ..] => Options::read(rest).and_then(|options| leaks::run(&options)),
        ["micro", rest @ ..] => Options::of_names(rest).and_then(|options| micro::run(&options)),
        ["instructions"] => micro::instructions::run(false),
        ["instructions", "--write"] => micro::instructions::run(true),
        ["peers", rest @ ..] => Options::read(rest).and_then(|options| peers::run(&options)),
        ["rebuild", rest @ ..] => Options::read(rest).and_then(|options| rebuild::run(&options)),
        ["front", rest @ ..] => Options::read(rest).and_then(|options| front::run(&options)),
        ["overload"] => overload::run(),
        // Fresh processes that `spine` starts of itself, so that memory and time are theirs alone.
        ["spine-compile", policy, state] => spine::compile::in_this_process(policy.as_ref(), state.as_ref()),
        ["spine-memory", folder, policy, index] => {
            spine::memory::in_this_process(folder.as_ref(), policy.as_ref(), index.as_ref())
        }
        // The process that `instructions` counts, and those that `peers` compares servers with.
        ["count-answers", folder, way] => micro::instructions::in_this_process(folder.as_ref(), way),
        ["echo", manner, address, octets, threads] => {
            load::echo::in_this_process(manner, address, octets, threads)
        }
        ["engine", folder, address, upstream, events] => {
            front::engine::in_this_process(folder.as_ref(), address, upstream, events)
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
