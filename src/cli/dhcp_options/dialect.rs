//! How each DHCP server writes it. Pure text: what stands here can be compared word by word.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

/// Stands where the box's address is not known. No DHCP server takes it for an
/// address or, as dhcpd would without the brackets, for a host name.
pub(super) const PLACEHOLDER: &str = "<ADDRESS-OF-THIS-BOX>";
/// Comment lines are broken before this column.
const WIDTH: usize = 96;

/// DHCP servers whose words we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Server {
    /// ISC Kea
    Kea,
    /// dnsmasq, also as in OpenWrt and Pi-hole
    Dnsmasq,
    /// ISC dhcpd
    Isc,
    /// Windows Server, in PowerShell
    Windows,
    /// MikroTik RouterOS 7
    Mikrotik,
}

/// What one network's devices are to be told.
#[derive(Debug, Clone)]
pub(super) struct Handout {
    /// The network's id.
    pub network: String,
    /// Id of the policy that its devices get.
    pub policy: String,
    /// Its subnets.
    pub scopes: Vec<Scope>,
    /// Sentences for the network manager.
    pub notes: Vec<String>,
}

/// One subnet and the box's address for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// The subnet.
    pub subnet: IpNet,
    /// The box's address; none = not known here.
    pub resolver: Option<IpAddr>,
}

impl Scope {
    fn is_v4(&self) -> bool {
        self.subnet.addr().is_ipv4()
    }

    fn resolver(&self) -> String {
        self.resolver.map_or_else(|| PLACEHOLDER.to_owned(), |address| address.to_string())
    }
}

/// The whole text for one DHCP server.
pub(super) fn text(server: Server, handouts: &[Handout]) -> String {
    let mut page = Page { mark: if server == Server::Kea { "//" } else { "#" }, text: String::new() };
    for sentence in opening(server) {
        page.say(sentence);
    }
    for handout in handouts {
        page.line("");
        page.say(&format!("Network {}: its devices get the policy {}.", handout.network, handout.policy));
        for note in &handout.notes {
            page.say(&format!("NOTE: {note}"));
        }
        match server {
            Server::Kea => {}
            Server::Dnsmasq => dnsmasq(&mut page, handout),
            Server::Isc => isc(&mut page, handout),
            Server::Windows => windows(&mut page, handout),
            Server::Mikrotik => mikrotik(&mut page, handout),
        }
    }
    if server == Server::Kea {
        kea(&mut page, handouts);
    }
    page.text
}

/// What holds for every network.
fn opening(server: Server) -> Vec<&'static str> {
    let merge = match server {
        Server::Kea => {
            "Put each option-data into the subnet of your kea-dhcp4.conf and kea-dhcp6.conf; pools and all else stay."
        }
        Server::Dnsmasq => {
            "For dnsmasq.conf. Each network's dhcp-range needs the tag used here: dhcp-range=set:NETWORK,..."
        }
        Server::Isc => {
            "Put each option line into the subnet of your dhcpd.conf (IPv6: dhcpd6.conf); ranges and all else stay."
        }
        Server::Windows => {
            "For PowerShell on the DHCP server. The option of a scope wins over the one under Server Options."
        }
        Server::Mikrotik => "For the RouterOS 7 terminal. Replace INTERFACE-OF-... by the VLAN's interface.",
    };
    vec![
        "This box as the only DNS server of each network: DHCPv4 option 6, DHCPv6 option 23, RDNSS.",
        merge,
        "Add no second DNS server, not even as a spare: devices ask whichever they like, and what the other one \
         answers is not filtered.",
        "Domain name and search list: leave yours as they are. With Active Directory, do not hand out a domain \
         controller as DNS server; let the box forward the domain to it ([[upstream.zone]]).",
        "A device asks the box once its lease is renewed; reconnecting it is quicker.",
    ]
}

fn kea(page: &mut Page<'_>, handouts: &[Handout]) {
    let all = || handouts.iter().flat_map(|one| one.scopes.iter().map(move |scope| (one, scope)));
    let subnet = |(handout, scope): (&Handout, &Scope), option: &str| {
        json!({
            "subnet": scope.subnet.to_string(),
            "comment": format!("{}, policy {}", handout.network, handout.policy),
            "option-data": [{ "name": option, "data": scope.resolver() }],
        })
    };
    let old: Vec<Value> =
        all().filter(|(_, scope)| scope.is_v4()).map(|one| subnet(one, "domain-name-servers")).collect();
    let new: Vec<Value> =
        all().filter(|(_, scope)| !scope.is_v4()).map(|one| subnet(one, "dns-servers")).collect();
    if !old.is_empty() {
        page.line("");
        page.line(&format!("{:#}", json!({ "Dhcp4": { "subnet4": old } })));
    }
    if !new.is_empty() {
        page.line("");
        for (_, scope) in all().filter(|(_, scope)| !scope.is_v4()) {
            router_advertisements(page, scope);
        }
        page.line(&format!("{:#}", json!({ "Dhcp6": { "subnet6": new } })));
    }
}

fn dnsmasq(page: &mut Page<'_>, handout: &Handout) {
    let tag = &handout.network;
    for scope in &handout.scopes {
        if scope.is_v4() {
            page.line(&format!("dhcp-option=tag:{tag},option:dns-server,{}", scope.resolver()));
        } else {
            page.say(
                "Where dnsmasq sends the router advertisements (enable-ra), it puts this into them as well.",
            );
            page.line(&format!("dhcp-option=tag:{tag},option6:dns-server,[{}]", scope.resolver()));
        }
    }
}

fn isc(page: &mut Page<'_>, handout: &Handout) {
    for scope in &handout.scopes {
        if scope.is_v4() {
            page.line(&format!("subnet {} netmask {} {{", scope.subnet.network(), scope.subnet.netmask()));
            page.line(&format!("  option domain-name-servers {};", scope.resolver()));
        } else {
            router_advertisements(page, scope);
            page.line(&format!("subnet6 {} {{", scope.subnet));
            page.line(&format!("  option dhcp6.name-servers {};", scope.resolver()));
        }
        page.line("}");
    }
}

fn windows(page: &mut Page<'_>, handout: &Handout) {
    for scope in &handout.scopes {
        let (network, resolver) = (scope.subnet.network(), scope.resolver());
        if scope.is_v4() {
            page.line(&format!("Set-DhcpServerv4OptionValue -ScopeId {network} -DnsServer {resolver}"));
        } else {
            router_advertisements(page, scope);
            page.line(&format!("Set-DhcpServerv6OptionValue -Prefix {network} -DnsServer {resolver}"));
        }
    }
}

fn mikrotik(page: &mut Page<'_>, handout: &Handout) {
    let network = &handout.network;
    for scope in handout.scopes.iter().filter(|scope| scope.is_v4()) {
        let (subnet, resolver) = (scope.subnet, scope.resolver());
        page.line(&format!("/ip dhcp-server network set [find address={subnet}] dns-server={resolver}"));
    }
    for (number, scope) in handout.scopes.iter().filter(|scope| !scope.is_v4()).enumerate() {
        let (name, resolver) = (format!("schoolgate-{network}-{number}"), scope.resolver());
        page.say("advertise-dns=yes without dns= would advertise the router's own resolvers.");
        page.line(&format!("/ipv6 dhcp-server option add name={name} code=23 value=\"'{resolver}'\""));
        page.line(&format!(
            "/ipv6 dhcp-server set [find interface=\"INTERFACE-OF-{network}\"] dhcp-option={name}"
        ));
        page.line(&format!(
            "/ipv6 nd set [find interface=\"INTERFACE-OF-{network}\"] advertise-dns=yes dns={resolver}"
        ));
    }
}

/// DHCPv6 servers that send no router advertisements themselves: the router has to agree with them.
fn router_advertisements(page: &mut Page<'_>, scope: &Scope) {
    let resolver = scope.resolver();
    page.say(&format!(
        "RDNSS for {}: the router's advertisements must name this address and no other; in radvd.conf: \
         RDNSS {resolver} {{ }};",
        scope.subnet
    ));
}

/// A page of configuration with comments.
struct Page<'a> {
    mark: &'a str,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A comment, broken into lines between words.
    fn say(&mut self, sentence: &str) {
        let mut line = self.mark.to_owned();
        for word in sentence.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line = format!("{}  ", self.mark);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }
}
