//! Ours: a main configuration, and a policy that blocks what `domains` lists name, in a school as small
//! or as large as a bench wants it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::Plan;
use crate::Outcome;
use crate::process::free_address;

/// A client of the one network of that school.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 20, 0, 7);

/// A school. Every policy of it blocks the same, so that whoever asks gets the same answers.
#[derive(Debug, Clone)]
pub struct School {
    /// Category and file of every source; none = the starter lists.
    pub sources: Vec<(String, String)>,
    /// Policies, given to networks and devices in turn.
    pub policies: usize,
    /// 1: all of loopback; else so many subnets of it: see [`subnet`].
    pub subnets: usize,
    /// Devices, each with an address: see [`address`].
    pub devices: usize,
    /// Block rules in the first policy, of names that nobody asks for.
    pub rules: usize,
    /// Whether search engines are rewritten.
    pub safe_search: bool,
}

impl School {
    /// One network, one policy, these lists in one category; safe search as every preset for pupils has it.
    pub fn small(lists: &[&str]) -> Self {
        let sources = lists.iter().map(|list| ("ads".to_owned(), (*list).to_owned())).collect();
        Self { sources, policies: 1, subnets: 1, devices: 0, rules: 0, safe_search: true }
    }

    /// Writes `policy.toml` into a folder.
    pub fn write(&self, folder: &Path) -> Outcome<PathBuf> {
        let mut text = String::from("version = 1\n");
        for (number, (category, path)) in self.sources.iter().enumerate() {
            // Trusted, so that a category of the strict kind is like any other.
            write!(
                text,
                "\n[[source]]\nid = \"bench-{number}\"\ncategory = \"{category}\"\nformat = \"domains\"\n\
                 path = \"{path}\"\ntrust = \"core\"\n"
            )?;
        }
        for number in 0..self.policies {
            self.write_one_policy(number, &mut text)?;
        }
        for number in 0..self.subnets {
            let subnet = if self.subnets == 1 { "127.0.0.0/8".to_owned() } else { subnet(number) };
            let policy = number % self.policies;
            write!(
                text,
                "\n[[network]]\nid = \"network-{number}\"\nsubnets = [\"{subnet}\"]\npolicy = \"bench-{policy}\"\n"
            )?;
        }
        for number in 0..self.devices {
            let (address, policy) = (address(number), number % self.policies);
            write!(
                text,
                "\n[[device]]\nid = \"device-{number}\"\nmatch = [\"{address}\"]\npolicy = \"bench-{policy}\"\n"
            )?;
        }
        let path = folder.join("policy.toml");
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn write_one_policy(&self, number: usize, text: &mut String) -> Outcome<()> {
        write!(
            text,
            "\n[[policy]]\nid = \"bench-{number}\"\ntitle = \"Bench {number}\"\nextends = \"ks2\"\nsafe_search = {}\n\
             [policy.categories]\n",
            self.safe_search
        )?;
        let mut categories: Vec<&str> = self.sources.iter().map(|(category, _)| category.as_str()).collect();
        categories.sort_unstable();
        categories.dedup();
        for category in categories {
            writeln!(text, "{category} = \"block\"")?;
        }
        for rule in 0..if number == 0 { self.rules } else { 0 } {
            write!(
                text,
                "[[policy.rule]]\naction = \"block\"\nname = \"rule-{rule}.ruled-out.com\"\nreason = \"a bench\"\n"
            )?;
        }
        Ok(())
    }
}

/// One of many subnets; the first holds [`CLIENT`].
fn subnet(number: usize) -> String {
    format!("127.{}.{}.0/24", 20 + number / 250, number % 250)
}

/// An address in one of many subnets.
pub fn in_subnet(number: usize) -> Ipv4Addr {
    from_octets(20 + number / 250, number % 250, 7)
}

/// One of many addresses, closely packed: 250 in each /24.
pub fn address(number: usize) -> Ipv4Addr {
    from_octets(20 + number / 62_500, number / 250 % 250, 1 + number % 250)
}

fn from_octets(second: usize, third: usize, last: usize) -> Ipv4Addr {
    let octet = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, octet(second), octet(third), octet(last))
}

/// Writes `policy.toml` into a folder: every client under a `ks2` that blocks what these lists name.
pub fn write_policy(folder: &Path, lists: &[&str]) -> Outcome<PathBuf> {
    School::small(lists).write(folder)
}

/// Writes `schoolgate.toml` beside the policy, with a state folder of its own.
pub fn write_config(plan: &Plan, address: SocketAddr) -> Outcome<PathBuf> {
    let (admin, upstream, threads) = (free_address()?, plan.upstream, plan.threads);
    let path = plan.folder.join("schoolgate.toml");
    let text = format!(
        "version = 1\n[dns]\nlisten = [\"{address}\"]\nworkers = {threads}\n\
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
