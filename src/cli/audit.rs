//! `audit`: the record of who changed what, and the proof that nobody rewrote it.

use std::process::ExitCode;

use admin_api::store::{AuditError, Code, Head, Store, StoreError};

use crate::config::Config;

use super::{Failure, Outcome};

/// What can be done with the record of changes.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Checks the whole record and prints its head code
    ///
    /// Write the code down where nobody who runs the box can change it: in the minutes of the
    /// governors' meeting, in a mail to the head. Given later as --witness, it shows that the record
    /// still goes through that point.
    #[command(
        after_help = "Examples:\n  schoolgate audit verify\n  schoolgate audit verify --witness 42-9f86d081884c7d65\n\nExit code: 0 the record is whole (and goes through the witness), 1 it is not."
    )]
    Verify {
        /// A head code that was written down earlier
        #[arg(long, value_name = "CODE")]
        witness: Option<String>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

/// What `verify` found.
#[derive(serde::Serialize)]
struct Found {
    whole: bool,
    entries: i64,
    code: Option<String>,
    witness: Option<bool>,
    sentence: String,
}

/// Runs one of them.
pub fn run(config: &Config, command: &Command) -> Outcome {
    let Command::Verify { witness, json } = command;
    let witness = witness.as_deref().map(str::parse::<Code>).transpose().map_err(Failure::misused)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    let found = runtime.block_on(verify(config, witness.as_ref()))?;
    if *json {
        super::print_json(&found)?;
    } else {
        say!("{}", found.sentence);
    }
    let is_good = found.whole && found.witness != Some(false);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn verify(config: &Config, witness: Option<&Code>) -> Result<Found, Failure> {
    let store = match Store::open_existing(&config.data).await {
        Ok(store) => store,
        Err(StoreError::Missing(_)) => {
            return Ok(found(&Head::default(), witness.map(|_| false)));
        }
        Err(error) => return Err(Failure::failed(error)),
    };
    let checked = match witness {
        Some(code) => store.audit().verify_witness(code).await.map(|(head, is_of_it)| (head, Some(is_of_it))),
        None => store.audit().verify(Head::default()).await.map(|head| (head, None)),
    };
    match checked {
        Ok((head, is_of_it)) => Ok(found(&head, is_of_it)),
        Err(error @ AuditError::Broken { seq, .. }) => Ok(Found {
            whole: false,
            entries: seq - 1,
            code: None,
            witness: witness.map(|_| false),
            sentence: format!(
                "{error}. What stands before it is as it was written. Keep a copy of {} and tell whoever \
                 answers for the filter.",
                Store::file(&config.data).display()
            ),
        }),
        Err(error) => Err(Failure::failed(error)),
    }
}

fn found(head: &Head, witness: Option<bool>) -> Found {
    let code = head.code().to_string();
    let whole = match head.seq {
        0 => "The record of changes is empty.".to_owned(),
        entries => format!("The record of changes is whole: {entries} entries. Its head code is {code}"),
    };
    let sentence = match witness {
        None => whole,
        Some(true) => format!("{whole}\nIt goes through the witness: nothing up to there was rewritten."),
        Some(false) => format!(
            "{whole}\nIt does NOT go through the witness: it was rewritten or begun anew since that code was \
             written down, or the code belongs to another box."
        ),
    };
    Found { whole: true, entries: head.seq, code: (head.seq > 0).then_some(code), witness, sentence }
}
