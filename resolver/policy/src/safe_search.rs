//! Step 13: search and video hosts that have a safe variant in DNS, and engines that have none.
//!
//! The tables are data (`data/safe_search.tsv`, `data/google_domains.txt`,
//! `data/unsafe_engines.txt`); Google's hosts are made from its country domains, because a host that
//! is forgotten is a way round.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use blocklists::name::Name;

use crate::decision::Target;
use crate::names::{Covered, Fact, Names, Scope};
use crate::school::policies::{Policy, YouTube};

const HOSTS: &str = include_str!("../data/safe_search.tsv");
const GOOGLE_DOMAINS: &str = include_str!("../data/google_domains.txt");
const UNSAFE_ENGINES: &str = include_str!("../data/unsafe_engines.txt");

/// Google's enforcing name, and which hosts of each country domain are sent there.
const GOOGLE_TARGET: &str = "forcesafesearch.google.com";
const GOOGLE_HOSTS: [&str; 5] = ["", "www.", "encrypted.", "ipv6.", "images."];

/// Hosts with a safe variant and where they are sent.
#[derive(Debug)]
pub(crate) struct SafeSearch {
    hosts: Vec<Host>,
    targets: Vec<Name>,
    places: HashMap<Name, usize>,
    root: Name,
}

#[derive(Debug, Clone)]
struct Host {
    name: Name,
    on: Option<Target>,
    strict: Option<Target>,
    moderate: Option<Target>,
}

impl SafeSearch {
    /// Reads the tables.
    pub(crate) fn new() -> Self {
        let mut all =
            Self { hosts: Vec::new(), targets: Vec::new(), places: HashMap::new(), root: Name::root() };
        for line in lines(HOSTS) {
            let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
            if let [_, host, kind, target, mode, ..] = cells.as_slice() {
                all.add(host, kind, target, mode);
            }
        }
        for domain in lines(GOOGLE_DOMAINS) {
            for host in GOOGLE_HOSTS {
                all.add(&format!("{host}{domain}"), "CNAME", GOOGLE_TARGET, "on");
            }
        }
        all
    }

    /// Says which names are such hosts, and which belong to engines without a safe variant.
    pub(crate) fn say(&self, names: &mut Names) {
        for (number, host) in (0u16..).zip(&self.hosts) {
            names.say(
                &Covered { name: host.name.clone(), subtree: false },
                Scope::All,
                Fact::SafeSearch(number),
            );
        }
        for name in lines(UNSAFE_ENGINES).filter_map(|line| Name::parse(line).ok()) {
            names.say(&Covered { name, subtree: true }, Scope::All, Fact::UnsafeEngine);
        }
    }

    /// Where this policy sends a host; `None` where it leaves it alone.
    pub(crate) fn rewrite(&self, host: u16, policy: &Policy) -> Option<Target> {
        let host = self.hosts.get(usize::from(host))?;
        let by_mode = match policy.youtube {
            YouTube::Off => None,
            YouTube::Moderate => host.moderate,
            YouTube::Strict => host.strict,
        };
        by_mode.or(host.on.filter(|_| policy.safe_search))
    }

    /// The enforcing name of a number; the root name for a number that is not one.
    pub(crate) fn target(&self, number: u16) -> &Name {
        self.targets.get(usize::from(number)).unwrap_or(&self.root)
    }

    /// All enforcing names by number.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Name> {
        self.targets.iter()
    }

    fn add(&mut self, host: &str, kind: &str, target: &str, mode: &str) {
        let (Ok(name), Some(target)) = (Name::parse(host), self.read_target(kind, target)) else {
            return;
        };
        let next = self.hosts.len();
        let place = *self.places.entry(name.clone()).or_insert(next);
        if place == next {
            self.hosts.push(Host { name, on: None, strict: None, moderate: None });
        }
        let Some(host) = self.hosts.get_mut(place) else {
            return;
        };
        match mode {
            "strict" => host.strict = Some(target),
            "moderate" => host.moderate = Some(target),
            _ => host.on = Some(target),
        }
    }

    fn read_target(&mut self, kind: &str, text: &str) -> Option<Target> {
        if kind == "A" {
            return text.parse::<Ipv4Addr>().ok().map(Target::Address);
        }
        let name = Name::parse(text).ok()?;
        let known = self.targets.iter().position(|target| *target == name);
        let number = known.unwrap_or(self.targets.len());
        if known.is_none() {
            self.targets.push(name);
        }
        u16::try_from(number).ok().map(Target::Cname)
    }
}

/// Lines that say something: no comments, no blank ones, no table head.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("engine\t"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::preset;

    fn rewrite(host: &str, policy: &str) -> Option<String> {
        let all = SafeSearch::new();
        let mut names = Names::default();
        all.say(&mut names);
        let number = names.told(host, 0).into_iter().rev().find_map(|fact| match fact {
            Fact::SafeSearch(host) => Some(host),
            _ => None,
        });
        Some(match all.rewrite(number?, &preset(policy).unwrap())? {
            Target::Cname(number) => all.target(number).to_string(),
            Target::Address(address) => address.to_string(),
        })
    }

    #[test]
    fn hosts_go_where_the_policy_sends_them() {
        for (host, policy, target) in [
            ("www.google.com", "ks2", Some("forcesafesearch.google.com")),
            ("google.co.uk", "staff", Some("forcesafesearch.google.com")),
            ("encrypted.google.com", "ks2", Some("forcesafesearch.google.com")),
            ("_443._https.www.google.com", "ks2", Some("forcesafesearch.google.com")),
            ("docs.google.com", "ks2", None),
            ("www.youtube.com", "ks2", Some("restrict.youtube.com")),
            ("www.youtube.com", "staff", Some("restrictmoderate.youtube.com")),
            ("www.bing.com", "ks1", Some("strict.bing.com")),
        ] {
            assert_eq!(rewrite(host, policy).as_deref(), target, "{host} {policy}");
        }
    }

    #[test]
    fn every_line_of_the_tables_is_read() {
        let all = SafeSearch::new();
        assert!(lines(HOSTS).all(|line| {
            line.split('\t')
                .nth(1)
                .and_then(|host| Name::parse(host.trim()).ok())
                .is_some_and(|name| all.hosts.iter().any(|host| host.name == name))
        }));
        assert!(lines(UNSAFE_ENGINES).chain(lines(GOOGLE_DOMAINS)).all(|line| Name::parse(line).is_ok()));
        assert!(
            all.hosts
                .iter()
                .all(|host| host.on.is_some() || (host.strict.is_some() && host.moderate.is_some()))
        );
    }
}
