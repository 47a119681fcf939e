//! The school's building: its switch, its VLANs, the box, and the internet outside.
//!
//! It is built once and shared by whatever stories run at the time; the last one to leave takes it
//! down.

use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::actors::{Exit, Plan, School};
use crate::daemon::Daemon;
use crate::device::Device;
use crate::namespace::Namespace;

/// One VLAN. On each, the box is host 1 and its link-local IPv6 address is `fe80::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    /// Its bridge on the switch, and its interface on the box.
    pub name: &'static str,
    /// The network's id in the policy; `None` = nobody has declared it.
    pub network: Option<&'static str>,
    /// Third number of its 10.10.x.0/24, and the fourth group of its 2001:db8:0:x::/64.
    pub number: u8,
}

/// Pupils: policy `ks2`.
pub const PUPIL: Vlan = Vlan { name: "vlan20", network: Some("pupil"), number: 20 };
/// Staff: policy `staff`.
pub const STAFF: Vlan = Vlan { name: "vlan30", network: Some("staff"), number: 30 };
/// Visitors: a `guest` whose blocks answer 0.0.0.0.
pub const GUEST: Vlan = Vlan { name: "vlan90", network: Some("guest"), number: 90 };
/// Switches and printers; no `[[network]]` speaks of it.
pub const MANAGEMENT: Vlan = Vlan { name: "vlan99", network: None, number: 99 };
/// Staff too, but it does not exist until a story makes it.
pub const LATE: Vlan = Vlan { name: "vlan40", network: Some("late"), number: 40 };
/// Those that exist from the start.
pub const VLANS: [Vlan; 4] = [PUPIL, STAFF, GUEST, MANAGEMENT];
/// Those that DHCP serves.
pub const SERVED: [Vlan; 3] = [PUPIL, STAFF, GUEST];

impl Vlan {
    /// An IPv4 address on it.
    pub fn host(&self, host: u8) -> String {
        format!("10.10.{}.{host}", self.number)
    }

    /// A global IPv6 address on it, which no subnet of the policy covers.
    pub fn global(&self, host: u8) -> String {
        format!("2001:db8:0:{}::{host}", self.number)
    }
}

/// The box's addresses on the line to the internet.
pub const OUTSIDE: [&str; 2] = ["192.0.2.1", "2001:db8:ffff::1"];
/// Host number of the box's second address on the pupils' VLAN. Devices are below it, DHCP is above.
pub const SECOND: u8 = 99;
/// What the resolver of the internet says to every name.
pub const ANYWHERE: [&str; 2] = ["A 198.51.100.7", "AAAA 2001:db8:7::7"];

const CONFIG: &str = r#"version = 1
[dns]
listen = ["0.0.0.0:53", "[::]:53"]
[upstream]
servers = ["udp://192.0.2.53:53"]
[[local.record]]
name = "printer.school.example"
type = "A"
value = "10.10.99.20"
[admin]
listen = ["127.0.0.1:8053"]
[data]
directory = "state"
[policy]
file = "policy.toml"
"#;

/// The pupils' and the others' IPv6 is known by the interface alone.
const POLICY: &str = r#"version = 1
[[source]]
id = "games"
category = "games"
format = "domains"
path = "games.txt"
[[source]]
id = "video"
category = "video"
format = "domains"
path = "video.txt"
[[policy]]
id = "visitors"
title = "Visitors"
extends = "guest"
block_answer = "null"
[policy.categories]
games = "block"
[[network]]
id = "pupil"
subnets = ["10.10.20.0/24"]
interfaces = ["vlan20"]
policy = "ks2"
[[network]]
id = "staff"
subnets = ["10.10.30.0/24"]
interfaces = ["vlan30"]
policy = "staff"
[[network]]
id = "guest"
subnets = ["10.10.90.0/24"]
interfaces = ["vlan90"]
policy = "visitors"
[[network]]
id = "late"
interfaces = ["vlan40"]
policy = "staff"
"#;

/// The building. Fields are dropped from the first to the last: servers before their machines.
pub struct Site {
    _server: Daemon,
    /// The resolver of the internet; it logs every question.
    pub resolver: Daemon,
    /// Configuration and state of the box.
    school: School,
    /// The machine that schoolgate runs on.
    pub machine: Namespace,
    internet: Namespace,
    switch: Namespace,
    sockets: AtomicU16,
    hosts: AtomicU8,
}

/// The building, put up by the first who comes.
pub fn site() -> Arc<Site> {
    static SHARED: Mutex<Weak<Site>> = Mutex::new(Weak::new());
    // A story that failed while it held the lock has left nothing half done.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = shared.upgrade() {
        return site;
    }
    let site = Arc::new(Site::build());
    *shared = Arc::downgrade(&site);
    site
}

impl Site {
    /// Puts up a building of its own, for a story that changes it.
    pub fn build() -> Self {
        let (switch, machine, internet) =
            (Namespace::new("switch"), Namespace::new("box"), Namespace::new("internet"));
        for vlan in VLANS {
            join(vlan, &switch, &machine);
        }
        address(&machine, PUPIL.name, &[&PUPIL.host(SECOND), &PUPIL.global(SECOND)]);

        machine.cable("outside", &internet, "school");
        address(&machine, "outside", &OUTSIDE);
        address(&internet, "school", &["192.0.2.53", "2001:db8:ffff::53", "fe80::53"]);
        machine.ip("route add default via 192.0.2.53\n-6 route add default via 2001:db8:ffff::53");

        let resolver = resolver_of(&internet);
        let school = Plan::new()
            .file("policy.toml", POLICY)
            .file("games.txt", "games.example\n")
            .file("video.txt", "video.example\n")
            .lay_out();
        school.write("schoolgate.toml", CONFIG);
        let server = Daemon::start(machine.inside(&school.command(&["serve"])));
        server.hears("ready: ");
        let (sockets, hosts) = (AtomicU16::new(1), AtomicU8::new(2));
        Self { _server: server, resolver, school, machine, internet, switch, sockets, hosts }
    }

    /// Makes a VLAN while the school is open.
    pub fn make(&self, vlan: Vlan) {
        join(vlan, &self.switch, &self.machine);
    }

    /// A command of schoolgate, run on the box to its end.
    pub fn on_the_box(&self, arguments: &[&str]) -> Exit {
        Exit::of(&mut self.machine.inside(&self.school.command(arguments)))
    }

    /// Plugs a machine into a VLAN; `port` is the interface on the machine.
    pub fn plug(&self, machine: &Namespace, port: &str, vlan: Vlan) {
        let socket = self.socket();
        machine.cable(port, &self.switch, &socket);
        self.switch.ip(&format!("link set {socket} master {}", vlan.name));
    }

    /// A device on a VLAN without any address yet.
    pub fn bare_device(&self, vlan: Vlan) -> Device {
        let namespace = Namespace::new("device");
        self.plug(&namespace, "eth0", vlan);
        Device::new(namespace)
    }

    /// A device on a VLAN with a fixed IPv4 address, a link-local and a global IPv6 address, and a way
    /// to all else through the box.
    pub fn device(&self, vlan: Vlan) -> Device {
        let device = self.bare_device(vlan);
        let host = self.hosts.fetch_add(1, Ordering::Relaxed);
        assert!(host < SECOND, "a VLAN has no more room for devices with fixed addresses");
        let link_local = format!("fe80::{host}");
        address(device.namespace(), "eth0", &[&vlan.host(host), &vlan.global(host), &link_local]);
        device.namespace().ip(&format!("route add default via {}", vlan.host(1)));
        device
    }

    /// A machine in the internet, with these addresses, routed to the school.
    pub fn stranger(&self, addresses: &[&str]) -> Device {
        let (namespace, port) = (Namespace::new("stranger"), self.socket());
        namespace.cable("eth0", &self.internet, &port);
        address(&namespace, "eth0", addresses);
        address(&namespace, "eth0", &["fe80::2"]);
        address(&self.internet, &port, &["fe80::1"]);
        // Neither end needs an IPv4 network of its own for this line (RFC 5549).
        namespace
            .ip("-4 route add default via inet6 fe80::1 dev eth0\n-6 route add default via fe80::1 dev eth0");
        for one in addresses {
            self.internet.ip(&format!("route add {one} dev {port}"));
        }
        Device::new(namespace)
    }

    /// A name for the far end of a cable that no other has.
    fn socket(&self) -> String {
        format!("socket{}", self.sockets.fetch_add(1, Ordering::Relaxed))
    }
}

/// A VLAN's bridge on the switch, with the box on it.
fn join(vlan: Vlan, switch: &Namespace, machine: &Namespace) {
    switch.ip(&format!("link add {} type bridge mcast_snooping 0", vlan.name));
    switch.ip(&format!("link set {} addrgenmode none up", vlan.name));
    machine.cable(vlan.name, switch, &format!("box-{}", vlan.name));
    switch.ip(&format!("link set box-{0} master {0}", vlan.name));
    address(machine, vlan.name, &[&vlan.host(1), &vlan.global(1), "fe80::1"]);
}

/// Gives an interface addresses, each in its /24 or /64, usable at once.
pub fn address(machine: &Namespace, interface: &str, addresses: &[&str]) {
    for one in addresses {
        let (prefix, at_once) = if one.contains(':') { (64, " nodad") } else { (24, "") };
        machine.ip(&format!("addr add {one}/{prefix} dev {interface}{at_once}"));
    }
}

/// The internet: it forwards, and has a resolver that knows one address for all names.
fn resolver_of(internet: &Namespace) -> Daemon {
    let forwards = "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$f; done";
    let done = Exit::of(internet.command("sh").args(["-c", forwards]));
    assert_eq!(done.code, Some(0), "the internet cannot forward: {}", done.err);
    let mut command = internet.command("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
    command.args(["--user=root", "--pid-file=", "--log-queries", "--log-facility=-", "--local-ttl=60"]);
    command.args(ANYWHERE.iter().map(|record| format!("--address=/#/{}", record.split_once(' ').unwrap().1)));
    let resolver = Daemon::start(command);
    resolver.hears("started, version");
    resolver
}
