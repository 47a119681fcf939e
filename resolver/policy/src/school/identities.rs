//! Networks, groups and devices, valid.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::address::unmapped;
use crate::document::{
    Document, DocumentError, Text, TrustsWord, WrittenDevice, WrittenGroup, WrittenNetwork, not_declared,
    subnet,
};

/// A VLAN: where its clients are, and their policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// What the school calls it.
    pub title: Option<String>,
    /// Subnets; the longest that holds a client decides.
    pub subnets: Vec<IpNet>,
    /// Names of arrival interfaces.
    pub interfaces: Vec<String>,
    /// Listen addresses by which its clients reach the box.
    pub listen: Vec<IpAddr>,
    /// Number of its policy.
    pub policy: u16,
    /// Whether a hardware address proves a device here.
    pub trusts_mac: bool,
}

/// A named set of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// What the school calls it.
    pub title: Option<String>,
    /// Number of its policy.
    pub policy: Option<u16>,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// What the school calls it.
    pub title: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Numbers of the only networks in which they mean this device; empty: any.
    pub networks: Vec<u16>,
    /// Number of its own policy.
    pub policy: Option<u16>,
    /// Number of its group.
    pub group: Option<u16>,
}

/// What identities refer to: numbers of policies by id.
pub(super) type Numbers = HashMap<String, u16>;

/// The number of something declared.
pub(super) fn number(
    document: &Document,
    what: &str,
    known: &Numbers,
    id: &Text,
) -> Result<u16, DocumentError> {
    known
        .get(id.get_ref())
        .copied()
        .ok_or_else(|| document.error(id, not_declared(what, id.get_ref(), known.keys().map(String::as_str))))
}

/// Numbers ids in order and refuses one that is there twice.
pub(super) fn numbered<'a>(
    document: &Document,
    what: &str,
    ids: impl Iterator<Item = &'a Text>,
) -> Result<Numbers, DocumentError> {
    let mut numbers = Numbers::new();
    for (place, id) in ids.enumerate() {
        let text = id.get_ref();
        let good = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !good {
            return Err(
                document.error(id, format!("`{text}` is not an id: letters, digits, `-`, `_` and `.`"))
            );
        }
        let place =
            u16::try_from(place).map_err(|_| document.error(id, format!("more than 65536 of {what}")))?;
        if numbers.insert(text.clone(), place).is_some() {
            return Err(document.error(id, format!("the {what} `{text}` is declared twice")));
        }
    }
    Ok(numbers)
}

/// Reads the networks.
pub(super) fn networks(
    document: &Document,
    policies: &Numbers,
) -> Result<(Vec<Network>, Numbers), DocumentError> {
    let written = &document.written.network;
    let numbers = numbered(document, "network", written.iter().map(|network| &network.id))?;
    let mut taken: HashMap<IpNet, &str> = HashMap::new();
    let mut networks = Vec::with_capacity(written.len());
    for network in written {
        for text in &network.subnets {
            let subnet = subnet(text.get_ref()).map_err(|why| document.error(text, why))?;
            if let Some(other) = taken.insert(subnet, network.id.get_ref()) {
                return Err(
                    document.error(text, format!("the subnet {subnet} is in the network `{other}` already"))
                );
            }
        }
        networks.push(network_of(document, network, policies)?);
    }
    Ok((networks, numbers))
}

fn network_of(
    document: &Document,
    written: &WrittenNetwork,
    policies: &Numbers,
) -> Result<Network, DocumentError> {
    let address = |text: &Text| {
        let why = || format!("`{}` is not an address of this machine such as 10.20.0.1", text.get_ref());
        text.get_ref().parse().map(unmapped).map_err(|_| document.error(text, why()))
    };
    Ok(Network {
        id: written.id.get_ref().clone(),
        title: written.title.clone(),
        subnets: written.subnets.iter().filter_map(|text| subnet(text.get_ref()).ok()).collect(),
        interfaces: written.interfaces.iter().map(|text| text.get_ref().clone()).collect(),
        listen: written.listen.iter().map(address).collect::<Result<_, _>>()?,
        policy: number(document, "policy", policies, &written.policy)?,
        trusts_mac: written.trusts.contains(&TrustsWord::Mac),
    })
}

/// Reads groups and devices; every device learns its group.
pub(super) fn devices(
    document: &Document,
    policies: &Numbers,
    networks: &Numbers,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Group>, Vec<Device>), DocumentError> {
    let written = &document.written;
    numbered(document, "group", written.group.iter().map(|group| &group.id))?;
    let known = numbered(document, "device", written.device.iter().map(|device| &device.id))?;
    let mut devices = Vec::with_capacity(written.device.len());
    for device in &written.device {
        devices.push(device_of(document, device, policies, networks, warnings)?);
    }
    refuse_shared_addresses(document, &devices)?;
    let mut groups = Vec::with_capacity(written.group.len());
    for (place, group) in (0u16..).zip(&written.group) {
        groups.push(group_of(document, group, policies)?);
        for id in &group.devices {
            let device = number(document, "device", &known, id)?;
            match devices.get_mut(usize::from(device)) {
                Some(Device { group: Some(_), .. }) => warnings.push(format!(
                    "device `{}` is in more than one group; the first in the file counts",
                    id.get_ref()
                )),
                Some(device) => device.group = Some(place),
                None => {}
            }
        }
    }
    Ok((groups, devices))
}

fn group_of(document: &Document, written: &WrittenGroup, policies: &Numbers) -> Result<Group, DocumentError> {
    let policy = written.policy.as_ref().map(|id| number(document, "policy", policies, id)).transpose()?;
    Ok(Group { id: written.id.get_ref().clone(), title: written.title.clone(), policy })
}

fn device_of(
    document: &Document,
    written: &WrittenDevice,
    policies: &Numbers,
    networks: &Numbers,
    warnings: &mut Vec<String>,
) -> Result<Device, DocumentError> {
    let addresses: Vec<IpAddr> =
        written.matches.iter().filter_map(|text| text.get_ref().parse().ok()).map(unmapped).collect();
    if addresses.is_empty() {
        warnings.push(format!(
            "device `{}` has no IP address in `match`, and only addresses are recognised so far: it gets its network's policy",
            written.id.get_ref()
        ));
    }
    Ok(Device {
        id: written.id.get_ref().clone(),
        title: written.title.clone(),
        addresses,
        networks: written
            .networks
            .iter()
            .map(|id| number(document, "network", networks, id))
            .collect::<Result<_, _>>()?,
        policy: written.policy.as_ref().map(|id| number(document, "policy", policies, id)).transpose()?,
        group: None,
    })
}

/// One address must not mean two devices in one network.
fn refuse_shared_addresses(document: &Document, devices: &[Device]) -> Result<(), DocumentError> {
    let mut seen: HashMap<IpAddr, Vec<&Device>> = HashMap::new();
    for (device, written) in devices.iter().zip(&document.written.device) {
        for address in &device.addresses {
            let others = seen.entry(*address).or_default();
            let clash = others.iter().find(|other| {
                other.networks.is_empty()
                    || device.networks.is_empty()
                    || other.networks.iter().any(|network| device.networks.contains(network))
            });
            if let Some(other) = clash {
                let message = format!("the address {address} belongs to the device `{}` already", other.id);
                return Err(document.error(&written.id, message));
            }
            others.push(device);
        }
    }
    Ok(())
}
