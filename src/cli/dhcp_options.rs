//! `dhcp-options`: what to paste into a DHCP server so that each network's devices ask this box, and
//! nobody else.
//!
//! A filter that is one of two resolvers is no filter, so the text says that first. Which address of
//! the box a network gets is found here; how each DHCP server writes it is in [`dialect`]. An address
//! that cannot be found becomes a word that every DHCP server refuses: a wrong one would take a whole
//! VLAN off the network, or past the filter.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use ipnet::IpNet;
use policy::School;
use policy::school::Network;

use crate::config::{Config, document};

use super::{Failure, Outcome};
use dialect::{Handout, PLACEHOLDER, Scope, Server};

mod dialect;
#[cfg(test)]
mod tests;

/// The only port that devices ask: DHCP cannot hand out another.
const DNS_PORT: u16 = 53;

/// What can be asked of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The DHCP server that you have
    #[arg(long = "for", value_name = "SERVER", value_enum)]
    server: Server,
    /// For this network only; for every network of the policy when left out
    #[arg(long, value_name = "ID")]
    network: Option<String>,
}

/// An address of this machine.
#[derive(Debug, Clone)]
struct Own {
    interface: String,
    address: IpAddr,
    prefix: IpNet,
}

/// Prints the options for one network or all of them.
pub fn run(config: &Config, arguments: &Arguments) -> Outcome {
    let loaded = document::load(config, None).map_err(Failure::misused)?;
    let chosen = chosen(&loaded.school, arguments.network.as_deref())?;
    let own = own_addresses();
    let handouts: Vec<Handout> =
        chosen.into_iter().map(|network| handout(&loaded.school, network, &config.listen, &own)).collect();
    say!("{}", dialect::text(arguments.server, &handouts).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn chosen<'a>(school: &'a School, id: Option<&str>) -> Result<Vec<&'a Network>, Failure> {
    let all = school.networks();
    let known = || all.iter().map(|network| network.id.as_str()).collect::<Vec<_>>().join(", ");
    match id {
        None if all.is_empty() => Err(Failure::failed(
            "the policy declares no network, so there is nothing to hand out; add a [[network]] with its subnets \
             and policy to policy.toml",
        )),
        None => Ok(all.iter().collect()),
        Some(id) => match all.iter().find(|network| network.id == id) {
            Some(network) => Ok(vec![network]),
            None => {
                Err(Failure::misused(format!("there is no network `{id}`; the policy declares: {}", known())))
            }
        },
    }
}

/// What one network's devices are to be told.
fn handout(school: &School, network: &Network, listen: &[SocketAddr], own: &[Own]) -> Handout {
    let scopes: Vec<Scope> = subnets(network, own)
        .into_iter()
        .map(|subnet| Scope { subnet, resolver: resolver(network, subnet, own) })
        .collect();
    let notes = notes(&scopes, listen);
    Handout { network: network.id.clone(), policy: school.policy(network.policy).id.clone(), scopes, notes }
}

/// The network's subnets; where it is known by its interface alone, the subnets of that interface.
fn subnets(network: &Network, own: &[Own]) -> Vec<IpNet> {
    if !network.subnets.is_empty() {
        return network.subnets.clone();
    }
    let on_it =
        own.iter().filter(|own| network.interfaces.contains(&own.interface) && !is_link_local(own.address));
    let mut found: Vec<IpNet> = on_it.map(|own| own.prefix.trunc()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The box's address for devices in `subnet`: the network's listen address, else one of this machine
/// in the subnet, else one of this machine on the network's interface.
fn resolver(network: &Network, subnet: IpNet, own: &[Own]) -> Option<IpAddr> {
    let same_family = |address: &IpAddr| address.is_ipv4() == subnet.addr().is_ipv4();
    let listens = || network.listen.iter().copied().filter(same_family);
    let owns = || own.iter().filter(|own| same_family(&own.address) && !is_link_local(own.address));
    listens()
        .find(|address| subnet.contains(address))
        .or_else(|| listens().next())
        .or_else(|| owns().map(|own| own.address).find(|address| subnet.contains(address)))
        .or_else(|| owns().find(|own| network.interfaces.contains(&own.interface)).map(|own| own.address))
}

/// What a network manager has to do or know before pasting.
fn notes(scopes: &[Scope], listen: &[SocketAddr]) -> Vec<String> {
    let mut notes = Vec::new();
    for scope in scopes {
        match scope.resolver {
            None => notes.push(format!(
                "This machine has no address in {}. Replace {PLACEHOLDER} by the address under which these devices \
                 reach the box, or write it into the network: listen = [\"…\"].",
                scope.subnet
            )),
            Some(address) if !answers(listen, address) => notes.push(format!(
                "Nothing answers on {address} port {DNS_PORT} yet, and DHCP cannot hand out another port: \
                 add \"{}\" to [dns] listen.",
                SocketAddr::new(address, DNS_PORT)
            )),
            Some(_) => {}
        }
    }
    if scopes.is_empty() {
        notes.push("This network has no subnets in the policy; add them, then run this again.".to_owned());
    } else if !scopes.iter().any(|scope| scope.subnet.addr().is_ipv6()) {
        notes.push(
            "No IPv6 subnet is declared. If this VLAN has IPv6 all the same, its router advertisements and DHCPv6 \
             must name no DNS server, or devices go round the box."
                .to_owned(),
        );
    }
    notes.dedup();
    notes
}

fn answers(listen: &[SocketAddr], address: IpAddr) -> bool {
    let reaches = |ip: IpAddr| ip == address || ip.is_unspecified() && ip.is_ipv4() == address.is_ipv4();
    listen.iter().any(|socket| socket.port() == DNS_PORT && reaches(socket.ip()))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn own_addresses() -> Vec<Own> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let known = all.into_iter().filter_map(|one| {
        let prefix_length = match &one.addr {
            if_addrs::IfAddr::V4(v4) => v4.prefixlen,
            if_addrs::IfAddr::V6(v6) => v6.prefixlen,
        };
        let address = one.ip();
        let prefix = IpNet::new(address, prefix_length).ok()?;
        Some(Own { interface: one.name, address, prefix })
    });
    known.collect()
}
