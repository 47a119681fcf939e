//! Subnets that this machine is in and that no network of the policy covers: their devices would get
//! the policy `unknown`.

use ipnet::IpNet;
use policy::Interface;
use policy::school::Network;

use super::Finding;

const CHECK: &str = "networks";

/// Looks at every interface.
pub fn examine(interfaces: &[Interface], networks: &[Network]) -> Vec<Finding> {
    let findings: Vec<Finding> =
        interfaces.iter().filter_map(|interface| judge(interface, networks)).collect();
    if findings.is_empty() {
        return vec![Finding::good(CHECK, "every subnet of this machine is in a network")];
    }
    findings
}

fn judge(interface: &Interface, networks: &[Network]) -> Option<Finding> {
    let open = open(interface, networks);
    let first = open.first()?;
    let sentence = format!(
        "{} ({}) is in no [[network]], so its devices get the policy `unknown`: paste these lines into policy.toml, \
         choose the policy, and run `schoolgate reload`",
        interface.name,
        listed(&open)
    );
    let id = format!("{}-{}", interface.name, if first.addr().is_ipv4() { "devices" } else { "devices6" });
    Some(Finding::wrong(CHECK, sentence).with(lines(&id, &open)))
}

/// The subnets of an interface that no network covers.
pub fn open(interface: &Interface, networks: &[Network]) -> Vec<IpNet> {
    let is_open = |prefix: &&IpNet| has_clients(prefix) && !is_covered(interface, prefix, networks);
    interface.prefixes.iter().filter(is_open).map(IpNet::trunc).collect()
}

/// Whether devices can be in it: loopback, link-local and single addresses have none of their own.
fn has_clients(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(v4) => !v4.addr().is_loopback() && !v4.addr().is_link_local() && v4.prefix_len() < 32,
        IpNet::V6(v6) => {
            !v6.addr().is_loopback() && !v6.addr().is_unicast_link_local() && v6.prefix_len() < 128
        }
    }
}

/// By its subnet, a part of it, the interface it is on, or the address by which it is reached.
fn is_covered(interface: &Interface, prefix: &IpNet, networks: &[Network]) -> bool {
    networks.iter().any(|network| {
        network.interfaces.contains(&interface.name)
            || network.listen.contains(&prefix.addr())
            || network.subnets.iter().any(|subnet| subnet.contains(prefix) || prefix.contains(subnet))
    })
}

/// A `[[network]]` for these subnets.
pub fn lines(name: &str, subnets: &[IpNet]) -> Vec<String> {
    let id: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let subnets: Vec<String> = subnets.iter().map(|subnet| format!("\"{subnet}\"")).collect();
    vec![
        "[[network]]".to_owned(),
        format!("id = \"{id}\""),
        format!("subnets = [{}]", subnets.join(", ")),
        "policy = \"ks2\"  # or ks1, ks3, staff, guest, ...".to_owned(),
    ]
}

/// Values as a sentence lists them.
pub fn listed(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use policy::{Document, School};

    use super::super::Health;
    use super::*;

    fn networks(text: &str) -> Vec<Network> {
        let document = Document::parse(&format!("version = 1\n{text}")).unwrap();
        let (school, _) =
            School::new(&document, std::path::Path::new("."), &mut |_| Err("not read".to_owned())).unwrap();
        school.networks().to_vec()
    }

    fn interface(name: &str, prefixes: &[&str]) -> Interface {
        Interface {
            index: 1,
            name: name.into(),
            prefixes: prefixes.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn what_is_in_no_network_comes_with_lines_that_a_policy_accepts() {
        let eth = interface("eth0.20", &["10.20.0.1/16", "fd20::1/64", "fe80::1/64"]);
        let found = examine(&[interface("lo", &["127.0.0.1/8", "::1/128"]), eth], &[]);
        assert_eq!((found.len(), found[0].health), (1, Health::Wrong));
        assert!(found[0].sentence.contains("10.20.0.0/16, fd20::/64"), "{}", found[0].sentence);
        let pasted = networks(&found[0].paste.join("\n"));
        assert_eq!(
            pasted[0].subnets,
            ["10.20.0.0/16".parse().unwrap(), "fd20::/64".parse::<IpNet>().unwrap()]
        );
    }

    #[test]
    fn a_subnet_is_covered_in_any_way_that_a_network_can() {
        let eth = [interface("eth0.20", &["10.20.0.1/16"])];
        for network in [
            "subnets = [\"10.0.0.0/8\"]",
            "subnets = [\"10.20.7.0/24\"]",
            "interfaces = [\"eth0.20\"]",
            "listen = [\"10.20.0.1\"]",
        ] {
            let declared = networks(&format!("[[network]]\nid = \"x\"\npolicy = \"ks2\"\n{network}\n"));
            assert_eq!(examine(&eth, &declared)[0].health, Health::Good, "{network}");
        }
        let other = networks("[[network]]\nid = \"x\"\npolicy = \"ks2\"\nsubnets = [\"10.21.0.0/16\"]\n");
        assert_eq!(examine(&eth, &other)[0].health, Health::Wrong);
    }
}
