//! Step 2: who asks, and that an address never makes anybody's policy looser.

use std::sync::Arc;

use blocklists::index::Index;
use policy::{Asker, Interface, Question, ReasonId, Snapshot, Standing, Trace, Verdict, World};

use crate::stage::{decide, name, school};

const SCHOOL: &str = r#"
[[network]]
id = "all"
subnets = ["10.0.0.0/8", "2001:db8::/32"]
policy = "ks2"
[[network]]
id = "staff"
subnets = ["10.30.0.0/16"]
policy = "staff"
[[network]]
id = "vlan40"
interfaces = ["eth0.40"]
policy = "ks1"
[[network]]
id = "reached"
listen = ["192.168.1.53"]
policy = "guest"
[[policy]]
id = "strict"
extends = "ks1"
[policy.categories]
"gambling" = "seal"
[[group]]
id = "strict-ones"
devices = ["tablet", "laptop"]
policy = "strict"
[[device]]
id = "tablet"
match = ["10.1.1.1"]
[[device]]
id = "laptop"
match = ["10.1.1.2"]
policy = "staff"
[[device]]
id = "board"
match = ["10.30.1.1"]
networks = ["staff"]
policy = "ks2"
[[device]]
id = "elsewhere"
match = ["10.1.1.3"]
networks = ["staff"]
policy = "ks1"
[[device]]
id = "homeless"
match = ["172.16.1.1"]
policy = "staff"
"#;

fn snapshot() -> Snapshot {
    let (school, _) = school(SCHOOL, &[], &[]);
    let interfaces = vec![
        Interface {
            index: 40,
            name: "eth0.40".to_owned(),
            prefixes: vec!["198.51.100.0/24".parse().unwrap()],
        },
        Interface { index: 2, name: "wan0".to_owned(), prefixes: vec!["203.0.113.0/24".parse().unwrap()] },
    ];
    Snapshot::build(&school, &World { interfaces, ..World::default() }, Arc::new(Index::empty()))
}

/// `network/group/device policy`, or how well the client is known.
fn who(snapshot: &Snapshot, source: &str, local: Option<&str>, interface: Option<u32>) -> String {
    let asker = Asker {
        source: source.parse().unwrap(),
        local: local.map(|local| local.parse().unwrap()),
        interface,
    };
    let client = snapshot.client(&asker);
    if client.standing == Standing::Stranger {
        return "stranger".to_owned();
    }
    let school = snapshot.school();
    let network = client.network.map_or("-", |number| &snapshot.networks()[usize::from(number)]);
    let group = client.group.map_or("-", |number| &school.groups()[usize::from(number)].id);
    let device = client.device.map_or("-", |number| &school.devices()[usize::from(number)].id);
    format!("{network}/{group}/{device} {}", snapshot.policy(client.policy).id)
}

#[test]
fn clients_are_found_by_device_then_network() {
    let snapshot = snapshot();
    for (source, local, interface, expected) in [
        ("10.9.9.9", None, None, "all/-/- ks2"),
        ("10.30.9.9", None, None, "staff/-/- staff"),
        ("::ffff:10.30.9.9", None, None, "staff/-/- staff"),
        ("2001:db8::7", None, None, "all/-/- ks2"),
        ("10.1.1.1", None, None, "all/strict-ones/tablet strict"),
        ("10.30.1.1", None, None, "staff/-/board ks2"),
        ("10.1.1.3", None, None, "all/-/- ks2"),
        ("fe80::1", None, Some(40), "vlan40/-/- ks1"),
        ("fe80::1", None, Some(2), "-/-/- unknown"),
        ("198.51.100.7", None, Some(40), "vlan40/-/- ks1"),
        ("198.51.100.7", None, None, "vlan40/-/- ks1"),
        ("203.0.113.7", None, Some(2), "stranger"),
        ("203.0.113.7", None, Some(40), "stranger"),
        ("192.168.1.7", Some("192.168.1.53"), None, "reached/-/- guest"),
        ("192.168.1.7", Some("::ffff:192.168.1.53"), None, "reached/-/- guest"),
        ("192.168.1.7", Some("192.168.1.54"), None, "-/-/- unknown"),
        ("203.0.113.7", Some("192.168.1.53"), None, "stranger"),
        ("127.0.0.1", None, None, "-/-/- unknown"),
        ("::1", None, None, "-/-/- unknown"),
        ("100.64.1.1", None, None, "-/-/- unknown"),
        ("8.8.8.8", None, None, "stranger"),
        ("2606:4700::1", None, None, "stranger"),
        ("0.0.0.0", None, None, "stranger"),
    ] {
        assert_eq!(who(&snapshot, source, local, interface), expected, "{source} {local:?} {interface:?}");
    }
}

#[test]
fn an_address_never_makes_a_policy_looser() {
    let snapshot = snapshot();
    assert_eq!(who(&snapshot, "10.1.1.2", None, None), "all/strict-ones/laptop ks2");
    assert_eq!(who(&snapshot, "172.16.1.1", None, None), "-/-/homeless unknown");
    let warned: Vec<_> =
        snapshot.warnings().iter().map(|warning| warning.split(" (").next().unwrap()).collect();
    assert_eq!(
        warned,
        [
            "device `laptop` at 10.1.1.2 stays on policy `ks2`: `staff` is looser, and an address proves nothing",
            "device `homeless` at 172.16.1.1 stays on policy `unknown`: `staff` is looser, and an address proves nothing",
        ]
    );
    let client =
        snapshot.client(&Asker { source: "10.1.1.2".parse().unwrap(), local: None, interface: None });
    let (asked, mut trace) = (name("www.example.org"), Trace::default());
    let _ = snapshot.decide_traced(&client, &Question { name: asked.as_ref(), rtype: 1 }, &mut trace);
    assert_eq!(
        trace.steps[0].outcome,
        "network all, group strict-ones, device laptop: policy ks2 (staff is looser than ks2, and an address proves nothing)"
    );
}

#[test]
fn strangers_are_refused_even_core_names() {
    let snapshot = snapshot();
    for asked in ["www.example.org", "captive.apple.com", "mask.icloud.com"] {
        let decision = decide(&snapshot, "8.8.8.8", asked);
        assert_eq!((decision.verdict, decision.reason.id), (Verdict::Refuse, ReasonId::UnknownClient));
    }
}
