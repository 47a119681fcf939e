//! From the configuration to the parts that it describes: upstream groups, local zones, and the
//! world around the policy.

use std::net::SocketAddr;

use policy::World;
use resolver::local::{LocalZone, LocalZones};
use resolver::upstream::Upstreams;

use super::Config;

/// What a policy needs to know of the box around it.
///
/// # Errors
/// A sentence when a local record or zone is wrong.
pub fn world(config: &Config, revision: u64) -> Result<World, String> {
    Ok(World {
        local_zones: local_zones(config)?.zones().to_vec(),
        local_records: config.records.iter().map(|record| record.name.clone()).collect(),
        forward_zones: config.upstream.zones.iter().map(|(zone, _)| zone.clone()).collect(),
        rebind_allow: config.upstream.rebind_allow.clone(),
        interfaces: interfaces(),
        revision,
    })
}

/// The records and zones that this box answers itself.
///
/// # Errors
/// A sentence naming the record, or file and line.
pub fn local_zones(config: &Config) -> Result<LocalZones, String> {
    let mut zones = Vec::new();
    for (file, origin) in &config.zones {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("zone file {}: {error}", file.display()))?;
        zones.push(LocalZone { file: file.clone(), text, origin: origin.clone() });
    }
    LocalZones::new(&config.records, &zones).map_err(|error| error.to_string())
}

/// Groups of upstream servers: 0 the default, then one for each forward zone in written order.
#[must_use]
pub fn upstreams(config: &Config) -> Upstreams {
    let plan = &config.upstream;
    let groups: Vec<_> = std::iter::once(&plan.servers)
        .chain(plan.zones.iter().map(|(_, servers)| servers))
        .cloned()
        .collect();
    let bootstrap: Vec<SocketAddr> = plan.bootstrap.iter().map(|ip| SocketAddr::new(*ip, 53)).collect();
    Upstreams::of_servers(&groups, &bootstrap, plan.options.clone())
}

/// This machine's interfaces, to tell who is on-link.
#[must_use]
pub fn interfaces() -> Vec<policy::Interface> {
    let mut found: Vec<policy::Interface> = Vec::new();
    for address in if_addrs::get_if_addrs().unwrap_or_default() {
        let prefix = match &address.addr {
            if_addrs::IfAddr::V4(v4) => ipnet::IpNet::new(v4.ip.into(), v4.prefixlen),
            if_addrs::IfAddr::V6(v6) => ipnet::IpNet::new(v6.ip.into(), v6.prefixlen),
        };
        let (Some(index), Ok(prefix)) = (address.index, prefix) else { continue };
        match found.iter_mut().find(|interface| interface.index == index) {
            Some(interface) => interface.prefixes.push(prefix),
            None => found.push(policy::Interface { index, name: address.name, prefixes: vec![prefix] }),
        }
    }
    found
}
