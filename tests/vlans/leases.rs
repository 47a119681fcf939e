//! DHCP hands out the box, and every device is filtered by the VLAN that it is plugged into.

use crate::dhcp::{DhcpServer, accept_what_is_printed};
use crate::site::{ANYWHERE, GUEST, LATE, PUPIL, STAFF, Site, Vlan, site};

/// A fresh device takes a lease, and looks up names as its system does.
fn a_device_with_a_lease(site: &Site, vlan: Vlan, games: &str) {
    let device = site.bare_device(vlan);
    let handed = device.take_lease();
    assert_eq!(handed, [vlan.host(1).parse::<std::net::IpAddr>().unwrap()], "the box and nobody else");
    for transport in ["+notcp", "+tcp"] {
        assert_eq!(device.look_up(&format!("{transport} games.example")).said(), games, "{vlan:?}");
        assert_eq!(device.look_up(&format!("{transport} shop.example")).said(), ANYWHERE[0], "{vlan:?}");
        let told = device.look_up(&format!("{transport} www.google.com")).said();
        assert_eq!(told, format!("CNAME forcesafesearch.google.com / {} [4 safe-search]", ANYWHERE[0]));
    }
}

/// One name, three answers.
fn each_vlan_is_filtered_in_its_own_way(site: &Site) {
    a_device_with_a_lease(site, PUPIL, "NXDOMAIN [15 category games]");
    a_device_with_a_lease(site, STAFF, ANYWHERE[0]);
    a_device_with_a_lease(site, GUEST, "A 0.0.0.0 [15 category games]");
}

#[test]
fn dnsmasq_hands_out_the_box_and_each_vlan_is_filtered_in_its_own_way() {
    let site = site();
    let _dhcp = DhcpServer::dnsmasq(&site);
    each_vlan_is_filtered_in_its_own_way(&site);
}

#[test]
fn kea_hands_out_the_box_and_each_vlan_is_filtered_in_its_own_way() {
    let site = site();
    let _dhcp = DhcpServer::kea(&site);
    each_vlan_is_filtered_in_its_own_way(&site);
}

#[test]
fn options_for_a_network_known_by_its_interface_name_the_boxs_addresses_there() {
    let site = Site::build();
    site.make(LATE);
    let printed = accept_what_is_printed(&site);
    for address in [LATE.host(1), LATE.global(1)] {
        assert!(printed.contains(&format!("\"{address}\"")), "{address} in {printed}");
    }
}
