//! What is printed, word by word, and where the box's address comes from.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use policy::{Document, School};

use super::dialect::{Handout, Scope, Server, text};
use super::{Own, chosen, handout};

const POLICY: &str = r#"
version = 1
[[network]]
id = "pupils"
subnets = ["10.20.0.0/16", "fd00:20::/64"]
listen = ["10.20.0.1"]
policy = "ks2"
[[network]]
id = "guest"
subnets = ["10.90.0.0/16"]
policy = "guest"
[[network]]
id = "board"
interfaces = ["eth0.50"]
policy = "staff"
"#;

fn school(policy: &str) -> School {
    School::new(&Document::parse(policy).unwrap(), Path::new(""), &mut |_| Err(String::new())).unwrap().0
}

fn own(interface: &str, prefix: &str) -> Own {
    let prefix: ipnet::IpNet = prefix.parse().unwrap();
    Own { interface: interface.to_owned(), address: prefix.addr(), prefix }
}

fn listen(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

fn handout_of(id: &str, listen: &[SocketAddr], own: &[Own]) -> Handout {
    let school = school(POLICY);
    let network = school.networks().iter().find(|network| network.id == id).unwrap();
    handout(&school, network, listen, own)
}

fn scope(subnet: &str, resolver: Option<&str>) -> Scope {
    let resolver: Option<IpAddr> = resolver.map(|address| address.parse().unwrap());
    Scope { subnet: subnet.parse().unwrap(), resolver }
}

#[test]
fn the_listen_address_comes_first_then_an_own_address_then_none() {
    let everywhere = listen(&["0.0.0.0:53", "[::]:53"]);
    let machine = [
        own("lo", "127.0.0.1/8"),
        own("eth0.20", "10.20.0.9/16"),
        own("eth0.20", "fd00:20::9/64"),
        own("eth0.50", "10.50.0.1/24"),
    ];
    let pupils = handout_of("pupils", &everywhere, &machine);
    assert_eq!(
        pupils.scopes,
        [scope("10.20.0.0/16", Some("10.20.0.1")), scope("fd00:20::/64", Some("fd00:20::9"))]
    );
    assert!(pupils.notes.is_empty(), "{:?}", pupils.notes);
    let guest = handout_of("guest", &everywhere, &machine);
    assert_eq!(guest.scopes, [scope("10.90.0.0/16", None)]);
    assert!(
        guest.notes[0]
            .starts_with("This machine has no address in 10.90.0.0/16. Replace <ADDRESS-OF-THIS-BOX>")
    );
    assert!(guest.notes[1].starts_with("No IPv6 subnet is declared."));
    let board = handout_of("board", &everywhere, &machine);
    assert_eq!(board.scopes, [scope("10.50.0.0/24", Some("10.50.0.1"))]);
    let elsewhere = handout_of("board", &everywhere, &[]);
    assert!(elsewhere.notes[0].starts_with("This network has no subnets"), "{:?}", elsewhere.notes);
}

#[test]
fn an_address_where_nothing_answers_on_port_53_is_said() {
    let note = "Nothing answers on 10.20.0.1 port 53 yet, and DHCP cannot hand out another port: \
                add \"10.20.0.1:53\" to [dns] listen.";
    for elsewhere in ["127.0.0.1:53", "10.20.0.1:5300", "[::]:53"] {
        assert_eq!(handout_of("pupils", &listen(&[elsewhere]), &[]).notes[0], note);
    }
    assert!(!handout_of("pupils", &listen(&["10.20.0.1:53"]), &[]).notes.contains(&note.to_owned()));
}

#[test]
fn networks_are_chosen_by_id() {
    let all = school(POLICY);
    assert_eq!(chosen(&all, None).unwrap().len(), 3);
    assert_eq!(chosen(&all, Some("guest")).unwrap()[0].id, "guest");
    let wrong = chosen(&all, Some("gest")).unwrap_err();
    assert_eq!(
        (wrong.code, wrong.sentence.as_str()),
        (2, "there is no network `gest`; the policy declares: pupils, guest, board")
    );
    let empty = chosen(&school("version = 1"), None).unwrap_err();
    assert_eq!(empty.code, 1);
}

/// The part below the opening comments, for two networks: one known, one not.
fn body(server: Server) -> String {
    let handouts = [
        Handout {
            network: "pupils".into(),
            policy: "ks2".into(),
            scopes: vec![scope("10.20.0.0/16", Some("10.20.0.1")), scope("fd00:20::/64", Some("fd00:20::1"))],
            notes: Vec::new(),
        },
        Handout {
            network: "guest".into(),
            policy: "guest".into(),
            scopes: vec![scope("10.90.0.0/16", None)],
            notes: vec!["The address is not known.".into()],
        },
    ];
    let text = text(server, &handouts);
    let (opening, body) = text.split_once("\n\n").unwrap();
    assert!(opening.contains("Add no second DNS server"), "{opening}");
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    body.to_owned()
}

#[test]
fn kea() {
    let body = body(Server::Kea);
    assert_eq!(body, include_str!("snapshots/kea.txt"));
    let documents: String = body.lines().filter(|line| !line.starts_with("//")).collect();
    let mut read = serde_json::Deserializer::from_str(&documents).into_iter::<serde_json::Value>();
    let (four, six) = (read.next().unwrap().unwrap(), read.next().unwrap().unwrap());
    assert_eq!(four["Dhcp4"]["subnet4"][0]["option-data"][0]["data"], "10.20.0.1");
    assert_eq!(four["Dhcp4"]["subnet4"][1]["option-data"][0]["data"], "<ADDRESS-OF-THIS-BOX>");
    assert_eq!(six["Dhcp6"]["subnet6"][0]["option-data"][0]["data"], "fd00:20::1");
}

#[test]
fn dnsmasq() {
    assert_eq!(body(Server::Dnsmasq), include_str!("snapshots/dnsmasq.txt"));
}

#[test]
fn isc() {
    assert_eq!(body(Server::Isc), include_str!("snapshots/isc.txt"));
}

#[test]
fn windows() {
    assert_eq!(body(Server::Windows), include_str!("snapshots/windows.txt"));
}

#[test]
fn mikrotik() {
    assert_eq!(body(Server::Mikrotik), include_str!("snapshots/mikrotik.txt"));
}
