//! Questions to the upstream servers, and to this box itself at every address where it listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use blocklists::name::Name;
use resolver::upstream::{
    Carrier, Host, Options, PORT, SILENCE, Server, ServerAddress, UpError, UpQuestion, Upstreams, askable,
};
use tokio::task::JoinSet;

use crate::config::Config;

use super::Finding;

const TYPE_A: u16 = 1;
const TYPE_NS: u16 = 2;
const TYPE_SOA: u16 = 6;
/// NOERROR and NXDOMAIN: it resolves.
const GOOD_CODES: [u8; 2] = [0, 3];

/// What is asked, of whom.
struct Errand {
    server: ServerAddress,
    name: Name,
    rtype: u16,
    bootstrap: Vec<SocketAddr>,
    options: Options,
}

/// What came of it.
struct Outcome {
    said: Result<u8, UpError>,
    took: Duration,
}

/// Asks every upstream server: those of the default group for the root's name servers, those of a
/// zone for the zone.
pub async fn upstreams(config: &Config) -> Vec<Finding> {
    let plan = &config.upstream;
    let bootstrap: Vec<SocketAddr> = plan.bootstrap.iter().map(|ip| SocketAddr::new(*ip, PORT)).collect();
    let mut asked: Vec<(&Server, Name, u16)> =
        askable(&plan.servers).into_iter().map(|server| (server, Name::root(), TYPE_NS)).collect();
    for (zone, servers) in &plan.zones {
        asked.extend(askable(servers).into_iter().map(|server| (server, zone.clone(), TYPE_SOA)));
    }
    if plan.servers.is_empty() {
        return vec![Finding::wrong(
            "upstream",
            "no upstream server is known, so only local and blocked names are answered: set [upstream] servers",
        )];
    }
    let errands = asked.iter().map(|(server, name, rtype)| Errand {
        server: server.address.clone(),
        name: name.clone(),
        rtype: *rtype,
        bootstrap: bootstrap.clone(),
        options: plan.options.clone(),
    });
    let outcomes = run(errands).await;
    let judged = asked.iter().zip(outcomes);
    judged.map(|((server, name, _), outcome)| judge_upstream(&server.address, name, &outcome)).collect()
}

fn judge_upstream(server: &ServerAddress, name: &Name, outcome: &Outcome) -> Finding {
    let ms = outcome.took.as_millis();
    let of = if *name == Name::root() { String::new() } else { format!(" for {name}") };
    let wrong = |sentence: String| Finding::wrong("upstream", sentence);
    match &outcome.said {
        Ok(_) if outcome.took >= SILENCE => Finding::note(
            "upstream",
            format!(
                "upstream server {server}{of} answers, but only after {ms} ms: pages will feel slow; ask the provider"
            ),
        ),
        Ok(_) => Finding::good("upstream", format!("upstream server {server}{of} answered in {ms} ms")),
        Err(UpError::AllServersFailed { rcode, .. }) => wrong(format!(
            "upstream server {server}{of} answers {}: it does not resolve for this box; ask its owner to allow this \
             box's address",
            code(*rcode)
        )),
        Err(UpError::Timeout) => wrong(format!(
            "upstream server {server}{of} did not answer within {ms} ms: check the address, the route, and that the \
             firewall lets this box out to port {}",
            server.port
        )),
        Err(error) if matches!(server.host, Host::Name(_)) => wrong(format!(
            "upstream server {server}{of} cannot be reached ({error}): check [upstream] bootstrap, which finds its \
             address, or write its address"
        )),
        Err(error) => wrong(format!(
            "upstream server {server}{of} cannot be reached ({error}): check its address, and that a DNS server runs there"
        )),
    }
}

/// Asks this box at each of its addresses, over UDP and TCP.
pub async fn ourselves(config: &Config) -> Vec<Finding> {
    let carriers = [Carrier::Udp, Carrier::Tcp];
    let servers: Vec<ServerAddress> =
        config.listen.iter().flat_map(|&listen| carriers.map(|carrier| reach(listen, carrier))).collect();
    // Answered by the box itself, whoever asks.
    let Ok(name) = Name::parse("localhost") else { return Vec::new() };
    let errands = servers.iter().map(|server| Errand {
        server: server.clone(),
        name: name.clone(),
        rtype: TYPE_A,
        bootstrap: Vec::new(),
        options: Options::default(),
    });
    let outcomes = run(errands).await;
    servers.iter().zip(outcomes).map(|(server, outcome)| judge_ourselves(server, &outcome)).collect()
}

/// How this machine reaches an address where it listens.
fn reach(listen: SocketAddr, carrier: Carrier) -> ServerAddress {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    ServerAddress::plain(carrier, SocketAddr::new(host, listen.port()))
}

fn judge_ourselves(server: &ServerAddress, outcome: &Outcome) -> Finding {
    let ms = outcome.took.as_millis();
    match &outcome.said {
        Ok(_) => Finding::good("server", format!("this box answers on {server} in {ms} ms")),
        Err(UpError::AllServersFailed { rcode, .. }) => Finding::wrong(
            "server",
            format!("this box answers {} on {server}: see what `schoolgate healthcheck` says", code(*rcode)),
        ),
        Err(error) => Finding::wrong(
            "server",
            format!(
                "this box does not answer on {server} ({error}): if [dns] listen was changed, restart it; else look at its log"
            ),
        ),
    }
}

/// Runs all errands at once; outcomes in their order.
async fn run(errands: impl Iterator<Item = Errand>) -> Vec<Outcome> {
    let mut running = JoinSet::new();
    for (number, errand) in errands.enumerate() {
        running.spawn(async move { (number, errand.run().await) });
    }
    let mut outcomes = running.join_all().await;
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

impl Errand {
    async fn run(self) -> Outcome {
        let upstreams = Upstreams::of_servers(&[vec![self.server.into()]], &self.bootstrap, self.options);
        let question =
            UpQuestion { name: self.name, rtype: self.rtype, dnssec_ok: false, checking_disabled: false };
        let started = Instant::now();
        let said = match upstreams.group(0) {
            Some(group) => group.ask(&question).await,
            None => Err(UpError::NoServers),
        };
        let said = said.and_then(|answer| match answer.bytes.get(3).map(|flags| flags & 0xf) {
            Some(code) if GOOD_CODES.contains(&code) => Ok(code),
            code => Err(UpError::AllServersFailed { rcode: code.unwrap_or(1), ede: None }),
        });
        Outcome { said, took: started.elapsed() }
    }
}

fn code(rcode: u8) -> String {
    match rcode {
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        other => format!("code {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn judged(server: &str, said: Result<u8, UpError>, ms: u64) -> Finding {
        let outcome = Outcome { said, took: Duration::from_millis(ms) };
        judge_upstream(&server.parse().unwrap(), &Name::root(), &outcome)
    }

    #[test]
    fn what_a_server_did_is_said_with_a_way_out() {
        let address = "udp://192.0.2.1";
        for (finding, health, words) in [
            (judged(address, Ok(0), 12), Health::Good, "in 12 ms"),
            (judged(address, Ok(0), 900), Health::Note, "900 ms"),
            (
                judged(address, Err(UpError::AllServersFailed { rcode: 5, ede: None }), 3),
                Health::Wrong,
                "REFUSED",
            ),
            (judged(address, Err(UpError::Timeout), 3000), Health::Wrong, "firewall"),
            (judged(address, Err(UpError::Network), 1), Health::Wrong, "a DNS server runs there"),
            (judged("udp://dns.example", Err(UpError::Network), 1), Health::Wrong, "bootstrap"),
        ] {
            assert_eq!(finding.health, health, "{}", finding.sentence);
            assert!(finding.sentence.contains(words), "{}", finding.sentence);
        }
    }

    #[test]
    fn every_address_is_reached_from_here() {
        for (listen, shown) in [
            ("0.0.0.0:53", "udp://127.0.0.1"),
            ("[::]:5300", "udp://[::1]:5300"),
            ("10.20.0.1:53", "udp://10.20.0.1"),
        ] {
            assert_eq!(reach(listen.parse().unwrap(), Carrier::Udp).to_string(), shown);
        }
    }

    #[tokio::test]
    async fn outcomes_come_in_the_order_of_the_errands() {
        // Nobody listens on a port that was just given back.
        let closed = || std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let answering = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = answering.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = answering.recv_from(&mut buffer).await {
                buffer[2] |= 0x80;
                answering.send_to(&buffer[..length], from).await.unwrap();
            }
        });
        let errands = [closed(), address, closed()].map(|server| Errand {
            server: ServerAddress::udp(server),
            name: Name::root(),
            rtype: TYPE_NS,
            bootstrap: Vec::new(),
            options: Options::default(),
        });
        let said: Vec<bool> =
            run(errands.into_iter()).await.iter().map(|outcome| outcome.said.is_ok()).collect();
        assert_eq!(said, [false, true, false]);
    }
}
