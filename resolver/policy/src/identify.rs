//! Step 2: who asks. Device, then group, then network.
//!
//! An address is a weak proof of who somebody is: any child can set one. So a device's or group's
//! own policy only applies where `compare` finds it not looser than the network's; else the
//! network's policy stays, which a warning and the trace say.

mod subnets;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::net::IpAddr;

use blocklists::index::Listing;
use blocklists::name::NameHasher;
use ipnet::IpNet;
use subnets::Subnets;

use crate::address::{is_private, unmapped};
use crate::client::{Asker, Client, Standing, World};
use crate::compare;
use crate::school::School;

/// Addresses and interfaces, ready for look-up.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    subnets: Subnets,
    interfaces: HashMap<u32, OnLink>,
    listeners: HashMap<IpAddr, u16>,
    devices: HashMap<IpAddr, Vec<u16>, BuildHasherDefault<NameHasher>>,
    device_facts: Vec<DeviceFacts>,
    network_policies: Vec<u16>,
    unknown: u16,
    /// Pairs (wanted policy, network's policy) where the wanted one is not looser.
    not_looser: std::collections::HashSet<(u16, u16)>,
}

/// A network bound to an interface, with what is directly reachable there.
#[derive(Debug)]
struct OnLink {
    network: u16,
    prefixes: Vec<IpNet>,
}

#[derive(Debug)]
struct DeviceFacts {
    /// Networks in which the address means this device; empty: any.
    networks: Vec<u16>,
    group: Option<u16>,
    /// Its own policy, else its group's.
    wants: Option<u16>,
}

impl Identities {
    /// Puts the school's identities together; what cannot be applied as wished becomes a warning.
    pub(crate) fn new(school: &School, world: &World, warnings: &mut Vec<String>) -> Self {
        let subnets = (0u16..).zip(&school.networks);
        let subnets =
            subnets.flat_map(|(number, network)| network.subnets.iter().map(move |net| (*net, number)));
        let mut all = Self { unknown: school.unknown, subnets: Subnets::new(subnets), ..Self::default() };
        for (number, network) in (0u16..).zip(&school.networks) {
            all.network_policies.push(network.policy);
            for interface in world.interfaces.iter().filter(|known| network.interfaces.contains(&known.name))
            {
                let prefixes = interface.prefixes.clone();
                all.interfaces.entry(interface.index).or_insert(OnLink { network: number, prefixes });
            }
            for missing in network.interfaces.iter().filter(|name| !is_there(world, name)) {
                warnings.push(format!(
                    "network `{}` names the interface `{missing}`, which this machine does not have (yet)",
                    network.id
                ));
            }
            for address in &network.listen {
                all.listeners.entry(*address).or_insert(number);
            }
        }
        for (number, device) in (0u16..).zip(&school.devices) {
            for address in &device.addresses {
                all.devices.entry(*address).or_default().push(number);
            }
            let group = device.group.and_then(|group| school.groups.get(usize::from(group)));
            let wants = device.policy.or(group.and_then(|group| group.policy));
            all.device_facts.push(DeviceFacts {
                networks: device.networks.clone(),
                group: device.group,
                wants,
            });
        }
        all.compare_wishes(school, warnings);
        all
    }

    /// Who asks.
    pub(crate) fn client(&self, asker: &Asker) -> Client {
        let source = unmapped(asker.source);
        let network = self.subnets.network(source).or_else(|| self.by_arrival(source, asker));
        let standing = match network {
            Some(_) => Standing::Known,
            None if is_private(source) || self.is_on_link(source) => Standing::Unknown,
            None => Standing::Stranger,
        };
        let policy = self.base(network);
        let listed = Listing::NOTHING;
        let mut client =
            Client { network, group: None, device: None, policy, standing, listed, stream: false };
        if standing != Standing::Stranger && !self.devices.is_empty() {
            self.recognise(source, &mut client);
        }
        client
    }

    /// The policy that a device or its group asks for, whether or not it is applied.
    pub(crate) fn wish(&self, device: u16) -> Option<u16> {
        self.device_facts.get(usize::from(device))?.wants
    }

    /// The policy of a network; `unknown` outside all.
    pub(crate) fn base(&self, network: Option<u16>) -> u16 {
        network
            .and_then(|number| self.network_policies.get(usize::from(number)))
            .copied()
            .unwrap_or(self.unknown)
    }

    /// The network of an address that is in no subnet, by where its question arrived.
    fn by_arrival(&self, source: IpAddr, asker: &Asker) -> Option<u16> {
        let private = is_private(source);
        let arrival = match asker.interface {
            Some(index) => self.interfaces.get(&index),
            // TCP does not say where it arrived, but its handshake proved the way back to an address
            // that is on-link here. The address asked proves nothing: anybody may ask any of ours.
            None => self.interfaces.values().find(|on_link| on_link.holds(source)),
        };
        match arrival {
            Some(on_link) if private || on_link.holds(source) => Some(on_link.network),
            _ if private => asker.local.and_then(|local| self.listeners.get(&unmapped(local))).copied(),
            _ => None,
        }
    }

    fn is_on_link(&self, source: IpAddr) -> bool {
        self.interfaces.values().any(|on_link| on_link.holds(source))
    }

    fn recognise(&self, source: IpAddr, client: &mut Client) {
        let Some(candidates) = self.devices.get(&source) else {
            return;
        };
        let here = |number: &&u16| {
            self.device_facts.get(usize::from(**number)).is_some_and(|facts| facts.may_be_in(client.network))
        };
        let Some(&number) = candidates.iter().find(here) else {
            return;
        };
        let Some(facts) = self.device_facts.get(usize::from(number)) else {
            return;
        };
        client.device = Some(number);
        client.group = facts.group;
        if let Some(wants) = facts.wants.filter(|&wants| self.not_looser.contains(&(wants, client.policy))) {
            client.policy = wants;
        }
    }

    /// Compares what devices wish with the policies of the networks where they may be, once.
    fn compare_wishes(&mut self, school: &School, warnings: &mut Vec<String>) {
        let mut verdicts: HashMap<(u16, u16), Vec<String>> = HashMap::new();
        for (device, facts) in school.devices.iter().zip(&self.device_facts) {
            let Some(wants) = facts.wants else { continue };
            let bases =
                (0u16..).zip(&self.network_policies).filter(|(number, _)| facts.may_be_in(Some(*number)));
            let outside = facts.networks.is_empty().then_some(self.unknown);
            for base in bases.map(|(_, policy)| *policy).chain(outside) {
                verdicts
                    .entry((wants, base))
                    .or_insert_with(|| compare::not_looser(school, wants, base).err().unwrap_or_default());
            }
            for address in &device.addresses {
                let network = self.subnets.network(*address);
                let looser = verdicts.get(&(wants, self.base(network))).filter(|looser| !looser.is_empty());
                if let (true, Some(looser)) = (facts.may_be_in(network), looser) {
                    warnings.push(format!(
                        "device `{}` at {address} stays on policy `{}`: `{}` is looser, and an address proves nothing ({})",
                        device.id,
                        school.policy(self.base(network)).id,
                        school.policy(wants).id,
                        looser.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("; "),
                    ));
                }
            }
        }
        self.not_looser =
            verdicts.into_iter().filter(|(_, looser)| looser.is_empty()).map(|(pair, _)| pair).collect();
    }
}

fn is_there(world: &World, name: &str) -> bool {
    world.interfaces.iter().any(|interface| interface.name == name)
}

impl OnLink {
    fn holds(&self, source: IpAddr) -> bool {
        self.prefixes.iter().any(|prefix| prefix.contains(&source))
    }
}

impl DeviceFacts {
    fn may_be_in(&self, network: Option<u16>) -> bool {
        self.networks.is_empty() || network.is_some_and(|number| self.networks.contains(&number))
    }
}
