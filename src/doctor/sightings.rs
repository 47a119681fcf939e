//! Clients that the running server saw and that are in no network, or seem to be many: written down
//! by the server once a minute, read here.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jiff::Timestamp;
use policy::Interface;
use policy::school::Network;
use resolver::sightings::{Seen, Sighting};
use serde::{Deserialize, Serialize};

use super::Finding;
use super::networks::{self, lines, listed};

const CHECK: &str = "clients";
/// Seconds after which what was written down is not what is going on now.
const FRESH_SECONDS: i64 = 300;
/// Addresses named in one sentence.
const NAMED_MAX: usize = 5;

/// What was written down.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    at: Timestamp,
    #[serde(flatten)]
    seen: Seen,
}

fn file(data: &Path) -> PathBuf {
    data.join("sightings.json")
}

/// Writes down what the server saw, whole or not at all.
///
/// # Errors
/// What the system said: a full disk, a directory that cannot be written.
pub fn keep(data: &Path, seen: Seen) -> std::io::Result<()> {
    let mut written = tempfile::NamedTempFile::new_in(data)?;
    written.write_all(&serde_json::to_vec(&Kept { at: Timestamp::now(), seen })?)?;
    // No sync: after a power cut it is written anew within a minute.
    written.persist(file(data))?;
    Ok(())
}

/// Looks at what the server wrote down.
pub fn examine(
    data: &Path,
    is_running: bool,
    interfaces: &[Interface],
    networks: &[Network],
) -> Vec<Finding> {
    let kept: Option<Kept> =
        std::fs::read(file(data)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match kept {
        Some(kept) if is_running && Timestamp::now().as_second() - kept.at.as_second() <= FRESH_SECONDS => {
            judge(&kept.seen, interfaces, networks)
        }
        _ => vec![Finding::note(
            CHECK,
            "which clients ask is not known: a running server writes it down a minute after its start",
        )],
    }
}

fn judge(seen: &Seen, interfaces: &[Interface], networks: &[Network]) -> Vec<Finding> {
    let told: Vec<IpNet> =
        interfaces.iter().flat_map(|interface| networks::open(interface, networks)).collect();
    let mut subnets: BTreeMap<IpNet, Vec<&Sighting>> = BTreeMap::new();
    for sighting in seen.unknown.iter().filter(|sighting| !is_ours(sighting.address, interfaces)) {
        subnets.entry(subnet_of(sighting.address, interfaces)).or_default().push(sighting);
    }
    let mut findings: Vec<Finding> = subnets
        .iter()
        .map(|(subnet, sightings)| in_no_network(*subnet, sightings, told.contains(subnet)))
        .collect();
    findings.extend(seen.crowds.iter().map(crowd));
    if findings.is_empty() {
        findings.push(Finding::good(
            CHECK,
            "every client of the last hour is in a network, and seems to be one device",
        ));
    }
    findings
}

fn is_ours(address: IpAddr, interfaces: &[Interface]) -> bool {
    interfaces.iter().flat_map(|interface| &interface.prefixes).any(|prefix| prefix.addr() == address)
}

/// The subnet of ours that holds it, else the usual size of one.
fn subnet_of(address: IpAddr, interfaces: &[Interface]) -> IpNet {
    let on_link = interfaces
        .iter()
        .flat_map(|interface| &interface.prefixes)
        .filter(|prefix| prefix.contains(&address) && !prefix.addr().is_loopback())
        .max_by_key(|prefix| prefix.prefix_len());
    let usual = if address.is_ipv4() { 24 } else { 64 };
    on_link.copied().or_else(|| IpNet::new(address, usual).ok()).unwrap_or_else(|| address.into()).trunc()
}

/// `told`: that the whole subnet is in no network was said already, with the lines.
fn in_no_network(subnet: IpNet, sightings: &[&Sighting], told: bool) -> Finding {
    let addresses: Vec<IpAddr> = sightings.iter().take(NAMED_MAX).map(|sighting| sighting.address).collect();
    let and_more = if sightings.len() > NAMED_MAX { ", ..." } else { "" };
    let them = if let [one] = addresses.as_slice() {
        format!("a device ({one}) is in no [[network]] and gets")
    } else {
        format!(
            "{} devices ({}{and_more}) are in no [[network]] and get",
            sightings.len(),
            listed(&addresses)
        )
    };
    if told {
        let sentence =
            format!("{them} the policy `unknown`: paste the lines that `networks` shows for {subnet}");
        return Finding::wrong(CHECK, sentence);
    }
    let sentence = format!(
        "{them} the policy `unknown`: paste these lines into policy.toml, set the real subnet and policy, and run \
         `schoolgate reload`"
    );
    let name = format!("found-{}", subnet.addr());
    Finding::wrong(CHECK, sentence).with(lines(&name, &[subnet]))
}

fn crowd(sighting: &Sighting) -> Finding {
    let why = if sighting.kinds.len() > 1 {
        format!("{} ask from it", sighting.kinds.join(" and "))
    } else {
        format!("about {} queries a minute come from it", sighting.a_minute)
    };
    Finding::wrong(
        CHECK,
        format!(
            "{} seems to be many devices ({why}), so they share one policy and no report can tell them apart: if it is \
             a server that forwards, let DHCP hand out this box to the devices and have this box forward the server's \
             zones ([[upstream.zone]]); if it is an access point that does NAT, make it a bridge",
            sighting.address
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn sighting(address: &str, kinds: &[&str]) -> Sighting {
        let kinds = kinds.iter().map(ToString::to_string).collect();
        Sighting { address: address.parse().unwrap(), a_minute: 500, seconds_ago: 3, kinds }
    }

    fn interfaces() -> Vec<Interface> {
        let prefixes = vec!["10.20.0.1/16".parse().unwrap()];
        vec![Interface { index: 2, name: "eth0".into(), prefixes }]
    }

    /// A part of the interface's subnet is in a network.
    fn networks() -> Vec<Network> {
        let text = "version = 1\n[[network]]\nid = \"x\"\npolicy = \"ks2\"\nsubnets = [\"10.20.77.0/24\"]\n";
        let document = policy::Document::parse(text).unwrap();
        let read = &mut |_: &Path| Err("not read".to_owned());
        policy::School::new(&document, Path::new("."), read).unwrap().0.networks().to_vec()
    }

    #[test]
    fn lines_to_paste_are_shown_once() {
        let seen = Seen { unknown: vec![sighting("10.20.3.4", &[])], crowds: Vec::new() };
        let found = judge(&seen, &interfaces(), &[]);
        assert!(found[0].paste.is_empty() && found[0].sentence.contains("shows for 10.20.0.0/16"));
    }

    #[test]
    fn clients_in_no_network_are_told_by_subnet_with_lines_to_paste() {
        let unknown = ["10.20.3.4", "10.20.9.9", "10.20.0.1", "192.168.7.5", "fd00::7"];
        let seen =
            Seen { unknown: unknown.map(|address| sighting(address, &[])).to_vec(), crowds: Vec::new() };
        let found = judge(&seen, &interfaces(), &networks());
        let subnets: Vec<&str> = found.iter().map(|finding| finding.paste[2].as_str()).collect();
        assert_eq!(
            subnets,
            ["subnets = [\"10.20.0.0/16\"]", "subnets = [\"192.168.7.0/24\"]", "subnets = [\"fd00::/64\"]"]
        );
        assert!(
            found[0].sentence.starts_with("2 devices (10.20.3.4, 10.20.9.9) are"),
            "{}",
            found[0].sentence
        );
        assert!(found[1].sentence.starts_with("a device (192.168.7.5) is"), "{}", found[1].sentence);
        assert!(policy::Document::parse(&format!("version = 1\n{}", found[2].paste.join("\n"))).is_ok());
    }

    #[test]
    fn a_crowd_is_told_by_what_gave_it_away() {
        let crowds = vec![sighting("10.20.0.9", &["Windows", "Apple"]), sighting("10.20.0.8", &["Apple"])];
        let found = judge(&Seen { unknown: Vec::new(), crowds }, &[], &[]);
        assert!(found[0].sentence.contains("Windows and Apple ask from it"));
        assert!(found[1].sentence.contains("500 queries a minute"));
        assert_eq!(judge(&Seen::default(), &[], &[])[0].health, Health::Good);
    }

    #[test]
    fn what_was_kept_is_read_while_the_server_runs() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(examine(data.path(), true, &[], &[])[0].health, Health::Note);
        keep(data.path(), Seen { unknown: vec![sighting("10.1.1.1", &[])], crowds: Vec::new() }).unwrap();
        assert_eq!(examine(data.path(), true, &[], &[])[0].health, Health::Wrong);
        assert_eq!(examine(data.path(), false, &[], &[])[0].health, Health::Note);
        std::fs::write(file(data.path()), "rubbish").unwrap();
        assert_eq!(examine(data.path(), true, &[], &[])[0].health, Health::Note);
    }
}
