//! schoolgate: a DNS resolver for schools that decides, answers, and can say why.
//!
//! Everything starts in [`cli`]; what happens to a pupil's query is on one page, [`wiring`].

/// Prints a line for whoever called. `println!` panics when the reader has gone (`| head`), which
/// must end neither a command nor the server.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

mod cli;
mod config;
mod control;
mod doctor;
mod flush;
mod record;
mod saved_cache;
mod schedule;
mod service;
mod state;
mod used_here;
mod wiring;

fn main() -> std::process::ExitCode {
    cli::run()
}
