//! `lists export`: addresses of the block lists for a firewall, which alone can stop who goes round DNS.

use std::process::ExitCode;

use blocklists::addresses::nftables;
use blocklists::category::CategoryId;

use crate::cli::{Failure, Outcome};
use crate::config::Config;

use super::open;

/// What is exported.
#[derive(clap::Args)]
pub struct Arguments {
    /// For which firewall
    #[arg(long = "for", value_name = "FIREWALL", value_parser = ["nftables"])]
    firewall: String,
    /// Of this category only; may be given several times. Left out: of every category
    #[arg(long, value_name = "ID")]
    category: Vec<String>,
}

/// Prints the sets of the index in force.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let (index, _) = open(config)?.load_best().ok_or_else(|| {
        Failure::failed("there is no index yet; run `schoolgate lists update`, or start the server once")
    })?;
    let known = |id: &String| {
        let category = CategoryId::new(id).filter(|category| index.category_number(category).is_some());
        category.ok_or_else(|| {
            Failure::misused(format!(
                "no block list feeds the category `{id}`; `lists status` shows those that do"
            ))
        })
    };
    let wanted: Vec<CategoryId> = match arguments.category.as_slice() {
        [] => index.categories().to_vec(),
        some => some.iter().map(known).collect::<Result<_, _>>()?,
    };
    say!("{}", nftables(&index, &wanted).trim_end());
    Ok(ExitCode::SUCCESS)
}
