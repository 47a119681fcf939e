//! Who else on each VLAN hands out addresses and DNS servers: asked for by hand only, as it sends one
//! DHCPDISCOVER (which takes no address) and one router solicitation on every interface.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use policy::Interface;
use socket2::{Domain, Protocol, Socket, Type};

use super::Finding;
use super::dhcp::{self, Offer};
use super::networks::listed;
use super::router::{self, Advertisement};

/// How long answers are waited for: some DHCP servers look for three seconds whether an address is
/// taken before they offer it.
const LISTEN: Duration = Duration::from_secs(8);
/// How often the question is put in that time: a datagram may be lost.
const TIMES: u32 = 2;
const DHCP_CLIENT_PORT: u16 = 68;
const DHCP_SERVER_PORT: u16 = 67;
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Longer than any answer that we read.
const MESSAGE_OCTETS: usize = 2048;

/// Asks on every interface at once.
pub fn examine(interfaces: &[Interface]) -> Vec<Finding> {
    let ours: Vec<IpAddr> =
        interfaces.iter().flat_map(|interface| &interface.prefixes).map(|prefix| prefix.addr()).collect();
    let is_vlan =
        |interface: &&Interface| interface.prefixes.iter().any(|prefix| !prefix.addr().is_loopback());
    let mut findings = Vec::new();
    std::thread::scope(|scope| {
        let asking: Vec<_> = interfaces
            .iter()
            .filter(is_vlan)
            .map(|interface| {
                let offers = scope.spawn(|| offers(interface));
                (interface, offers, scope.spawn(|| advertisements(interface)))
            })
            .collect();
        for (interface, offers, advertisements) in asking {
            let ended = || io::Error::other("the probe ended early");
            let offers = offers.join().unwrap_or_else(|_| Err(ended()));
            findings.extend(judge_dhcp(interface, &ours, offers));
            let advertisements = advertisements.join().unwrap_or_else(|_| Err(ended()));
            findings.extend(judge_routers(interface, &ours, advertisements));
        }
    });
    if findings.is_empty() {
        findings.push(Finding::note("dhcp", "this machine has no interface but loopback to look at"));
    }
    findings
}

fn judge_dhcp(interface: &Interface, ours: &[IpAddr], offers: io::Result<BTreeSet<Offer>>) -> Vec<Finding> {
    let on = &interface.name;
    let offers = match offers {
        Ok(offers) => offers,
        Err(error) => return vec![unchecked("dhcp", "DHCP servers", on, &error)],
    };
    if offers.is_empty() {
        return vec![Finding::note("dhcp", format!("no DHCP server answered on {on}"))];
    }
    offers
        .iter()
        .map(|Offer { server, dns }| {
            let foreign: Vec<&Ipv4Addr> = dns.iter().filter(|dns| !ours.contains(&IpAddr::V4(**dns))).collect();
            if dns.is_empty() {
                return Finding::note("dhcp", format!("DHCP server {server} on {on} hands out no DNS server"));
            }
            if foreign.is_empty() {
                return Finding::good("dhcp", format!("DHCP server {server} on {on} hands out this box alone"));
            }
            Finding::wrong(
                "dhcp",
                format!(
                    "DHCP server {server} on {on} hands out {}, so devices go round this box: set its DNS servers to \
                     this box alone (`schoolgate dhcp-options` prints the lines), or turn it off if it is not yours",
                    listed(&foreign)
                ),
            )
        })
        .collect()
}

fn judge_routers(
    interface: &Interface,
    ours: &[IpAddr],
    said: io::Result<BTreeSet<(Ipv6Addr, Advertisement)>>,
) -> Vec<Finding> {
    let on = &interface.name;
    let said = match said {
        Ok(said) => said,
        Err(error) => return vec![unchecked("router", "router advertisements", on, &error)],
    };
    if said.is_empty() {
        return vec![Finding::good("router", format!("no router advertises IPv6 on {on}"))];
    }
    let mut findings = Vec::new();
    for (router, Advertisement { dns, dhcp }) in &said {
        let foreign: Vec<&Ipv6Addr> = dns.iter().filter(|dns| !ours.contains(&IpAddr::V6(**dns))).collect();
        findings.push(match foreign.as_slice() {
            [] => Finding::good("router", format!("router {router} on {on} advertises no DNS server but this box")),
            _ => Finding::wrong(
                "router",
                format!(
                    "router {router} on {on} advertises the DNS servers {}, so devices go round this box: set its RDNSS \
                     to this box alone, or turn it off",
                    listed(&foreign)
                ),
            ),
        });
        if *dhcp {
            findings.push(Finding::note(
                "router",
                format!(
                    "router {router} on {on} sends devices to a DHCPv6 server, which was not looked at: see that it \
                     hands out this box alone"
                ),
            ));
        }
    }
    findings
}

fn unchecked(check: &'static str, what: &str, on: &str, error: &io::Error) -> Finding {
    let way_out = match error.kind() {
        ErrorKind::PermissionDenied => "run `schoolgate doctor --probe` as root".to_owned(),
        ErrorKind::AddrInUse => {
            "another program holds the DHCP client port; stop it and try again".to_owned()
        }
        _ => format!("the system said: {error}"),
    };
    Finding::note(check, format!("other {what} on {on} were not looked for: {way_out}"))
}

/// Asks for DHCP offers.
fn offers(interface: &Interface) -> io::Result<BTreeSet<Offer>> {
    let mac = hardware_address(&interface.name)?;
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, DHCP_CLIENT_PORT)).into())?;
    let [a, b, c, d, ..] = RandomState::new().hash_one(mac).to_ne_bytes();
    let transaction = [a, b, c, d];
    let to = SocketAddr::from((Ipv4Addr::BROADCAST, DHCP_SERVER_PORT));
    ask(&socket.into(), &dhcp::discover(transaction, mac), to, |message, _| {
        dhcp::offer(message, transaction, mac)
    })
}

/// Asks routers what they advertise.
fn advertisements(interface: &Interface) -> io::Result<BTreeSet<(Ipv6Addr, Advertisement)>> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    socket.set_multicast_if_v6(interface.index)?;
    // Routers ignore a solicitation that has been forwarded (RFC 4861 section 6.1.1).
    socket.set_multicast_hops_v6(255)?;
    let to = SocketAddrV6::new(ALL_ROUTERS, 0, 0, interface.index).into();
    // Any socket will do to send and receive on.
    let socket = UdpSocket::from(OwnedFd::from(socket));
    ask(&socket, &router::SOLICITATION, to, |message, from| match from {
        SocketAddr::V6(from) if from.ip().is_unicast_link_local() => {
            Some((*from.ip(), router::advertisement(message)?))
        }
        _ => None,
    })
}

/// Puts a question and gathers the answers that `read` understands.
fn ask<T: Ord>(
    socket: &UdpSocket,
    question: &[u8],
    to: SocketAddr,
    read: impl Fn(&[u8], SocketAddr) -> Option<T>,
) -> io::Result<BTreeSet<T>> {
    let mut found = BTreeSet::new();
    let mut buffer = [0; MESSAGE_OCTETS];
    for _ in 0..TIMES {
        socket.send_to(question, to)?;
        let until = Instant::now() + LISTEN / TIMES;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    found.extend(buffer.get(..length).and_then(|message| read(message, from)));
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

/// The MAC address of an interface.
fn hardware_address(interface: &str) -> io::Result<[u8; 6]> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{interface}/address"))?;
    let octets: Option<Vec<u8>> =
        text.trim().split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    octets
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| io::Error::new(ErrorKind::Unsupported, "the interface has no MAC address"))
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn interface() -> Interface {
        Interface { index: 2, name: "eth0".into(), prefixes: vec!["10.20.0.1/16".parse().unwrap()] }
    }

    fn health(findings: &[Finding]) -> Vec<Health> {
        findings.iter().map(|finding| finding.health).collect()
    }

    #[test]
    fn an_offer_is_good_when_it_names_this_box_alone() {
        let ours = ["10.20.0.1".parse().unwrap()];
        let offer = |server: [u8; 4], dns: &[[u8; 4]]| Offer {
            server: server.into(),
            dns: dns.iter().map(|octets| (*octets).into()).collect(),
        };
        let offers = [
            offer([10, 20, 0, 2], &[[10, 20, 0, 1]]),
            offer([10, 20, 0, 3], &[[10, 20, 0, 1], [8, 8, 8, 8]]),
            offer([10, 20, 0, 4], &[]),
        ];
        let found = judge_dhcp(&interface(), &ours, Ok(BTreeSet::from(offers)));
        assert_eq!(health(&found), [Health::Good, Health::Wrong, Health::Note]);
        assert!(found[1].sentence.contains("10.20.0.3 on eth0 hands out 8.8.8.8,"), "{}", found[1].sentence);
        assert_eq!(health(&judge_dhcp(&interface(), &ours, Ok(BTreeSet::new()))), [Health::Note]);
    }

    #[test]
    fn a_router_is_good_when_it_names_nobody_else() {
        let said = |dns: &[&str], dhcp| {
            let dns = dns.iter().map(|text| text.parse().unwrap()).collect();
            Ok(BTreeSet::from([("fe80::1".parse().unwrap(), Advertisement { dns, dhcp })]))
        };
        let ours = ["fd20::1".parse().unwrap()];
        for (said, expected) in [
            (said(&[], false), vec![Health::Good]),
            (said(&["fd20::1"], true), vec![Health::Good, Health::Note]),
            (said(&["fd20::1", "2001:db8::8"], false), vec![Health::Wrong]),
            (Err(ErrorKind::PermissionDenied.into()), vec![Health::Note]),
        ] {
            assert_eq!(health(&judge_routers(&interface(), &ours, said)), expected);
        }
    }

    #[test]
    fn what_may_not_be_asked_says_who_may() {
        let found = judge_dhcp(&interface(), &[], Err(ErrorKind::PermissionDenied.into()));
        assert!(found[0].sentence.ends_with("as root"), "{}", found[0].sentence);
    }
}
