//! `doctor`: looks at every part of the box, and says what is wrong with a way out.

use std::process::ExitCode;

use crate::config::Config;
use crate::doctor::{self, Finding, Health};

use super::{Failure, Outcome};

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also ask each VLAN who hands out addresses and DNS servers; needs root, sends one DHCP
    /// question and one router solicitation on every interface
    #[arg(long)]
    probe: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Report<'a> {
    /// How many of the items are wrong.
    wrong: usize,
    items: &'a [Finding],
}

/// Code 0 when nothing is wrong, 1 when something is.
pub fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let findings = doctor::examine(config, arguments.probe).map_err(Failure::failed)?;
    let wrong = findings.iter().filter(|finding| finding.health == Health::Wrong).count();
    if arguments.json {
        super::print_json(&Report { wrong, items: &findings })?;
    } else {
        print(&findings, wrong);
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(findings: &[Finding], wrong: usize) {
    for finding in findings {
        let health = match finding.health {
            Health::Good => "good",
            Health::Note => "note",
            Health::Wrong => "WRONG",
        };
        say!("{health:<5} {:<8} {}", finding.check, finding.sentence);
        for line in &finding.paste {
            say!("                   {line}");
        }
    }
    match wrong {
        0 => say!("Nothing is wrong."),
        1 => say!("1 thing is wrong."),
        more => say!("{more} things are wrong."),
    }
}
