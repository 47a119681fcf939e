//! Ours: a main configuration, a policy that blocks one category, and the names as `domains` lists.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::Plan;
use crate::Outcome;
use crate::process::free_address;

/// A client of the one network of that school.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 20, 0, 7);

/// Writes `policy.toml` into a folder: every client under a `ks2` that blocks what these lists name.
pub fn write_policy(folder: &Path, lists: &[&str]) -> Outcome<PathBuf> {
    let mut text = String::from("version = 1\n");
    for (number, list) in lists.iter().enumerate() {
        write!(
            text,
            "\n[[source]]\nid = \"bench-{number}\"\ncategory = \"ads\"\nformat = \"domains\"\npath = \"{list}\"\n"
        )?;
    }
    text.push_str(
        "\n[[policy]]\nid = \"bench\"\ntitle = \"Bench\"\nextends = \"ks2\"\n\
         [policy.categories]\nads = \"block\"\n\n\
         [[network]]\nid = \"everybody\"\nsubnets = [\"127.0.0.0/8\"]\npolicy = \"bench\"\n",
    );
    let path = folder.join("policy.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Writes `schoolgate.toml` beside the policy; one worker thread, a state folder of its own.
pub fn write_config(plan: &Plan, address: SocketAddr) -> Outcome<PathBuf> {
    let (admin, upstream) = (free_address()?, plan.upstream);
    let path = plan.folder.join("schoolgate.toml");
    let text = format!(
        "version = 1\n[dns]\nlisten = [\"{address}\"]\nworkers = 1\n\
         [upstream]\nservers = [\"udp://{upstream}\"]\n\
         [admin]\nlisten = [\"{admin}\"]\n\
         [data]\ndirectory = \"state\"\n\
         [policy]\nfile = \"policy.toml\"\n"
    );
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Writes everything; the lists are compiled at the first start.
pub fn configure(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    // Without names somebody else lays out the lists and the policy.
    if !plan.names.as_os_str().is_empty() {
        write_policy(&plan.folder, &[&plan.names.display().to_string()])?;
    }
    let config = write_config(plan, address)?;
    Ok(vec!["--config".to_owned(), config.display().to_string(), "serve".to_owned()])
}
