//! The school's DHCP server, of two kinds. What it says about DNS is what schoolgate printed for it,
//! word by word.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::actors::Exit;
use crate::daemon::Daemon;
use crate::namespace::Namespace;
use crate::site::{SERVED, Site, address};

/// First and last host that it hands out.
const RANGE: [u8; 2] = [100, 150];
/// Its own host number on each VLAN.
const HOST: u8 = 250;

/// A DHCP server on every VLAN that has DHCP; there is one at a time.
pub struct DhcpServer {
    _server: Daemon,
    _machine: Namespace,
    _folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl DhcpServer {
    /// dnsmasq, which does nothing but DHCP here.
    pub fn dnsmasq(site: &Site) -> Self {
        let printed = printed_for(site, "dnsmasq");
        let (folder, path) = file("options.conf", &printed);
        accepts(Command::new("dnsmasq").arg("--test").arg("-C").arg(&path));
        Self::start(site, folder, "DHCP, IP range", |machine, folder| {
            let mut command = machine.command("dnsmasq");
            command.args([
                "--keep-in-foreground",
                "--log-facility=-",
                "--log-dhcp",
                "--port=0",
                "--user=root",
            ]);
            command.args(["--pid-file=", "--no-ping", "--dhcp-authoritative"]);
            command.arg(format!("--dhcp-leasefile={}", folder.path().join("leases").display()));
            command.arg(format!("--conf-file={}", path.display()));
            for vlan in SERVED {
                let [first, last] = RANGE.map(|host| vlan.host(host));
                let tag = vlan.network.unwrap();
                command.arg(format!("--dhcp-range=set:{tag},{first},{last},255.255.255.0,10m"));
            }
            command
        })
    }

    /// Kea.
    pub fn kea(site: &Site) -> Self {
        let printed = printed_for(site, "kea");
        let (folder, path) = file("options.json", &printed);
        accepts(kea(&folder, Command::new("kea-dhcp4")).arg("-t").arg(&path));
        let whole = folder.path().join("kea-dhcp4.conf");
        fs::write(&whole, with_pools(&printed)).unwrap();
        Self::start(site, folder, "DHCP4_STARTED", |machine, folder| {
            let mut command = kea(folder, machine.command("kea-dhcp4"));
            command.arg("-c").arg(&whole);
            command
        })
    }

    fn start(
        site: &Site,
        folder: TempDir,
        started: &str,
        command: impl FnOnce(&Namespace, &TempDir) -> Command,
    ) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = Namespace::new("dhcp");
        for vlan in SERVED {
            site.plug(&machine, vlan.name, vlan);
            address(&machine, vlan.name, &[&vlan.host(HOST)]);
        }
        let server = Daemon::start(command(&machine, &folder));
        server.hears(started);
        Self { _server: server, _machine: machine, _folder: folder, _turn: turn }
    }
}

/// What is printed for a school with IPv6, too, is accepted by the servers' own checks.
pub fn accept_what_is_printed(site: &Site) -> String {
    let (_folder, path) = file("options.conf", &printed_for(site, "dnsmasq"));
    accepts(Command::new("dnsmasq").arg("--test").arg("-C").arg(&path));
    let printed = printed_for(site, "kea");
    for (number, document) in documents(&printed).iter().enumerate() {
        let program = if document["Dhcp6"].is_null() { "kea-dhcp4" } else { "kea-dhcp6" };
        let (folder, path) = file(&format!("{number}.json"), &document.to_string());
        accepts(kea(&folder, Command::new(program)).arg("-t").arg(&path));
    }
    printed
}

/// `dhcp-options` as it runs on the box, whose addresses it finds by itself.
fn printed_for(site: &Site, server: &str) -> String {
    let printed = site.on_the_box(&["dhcp-options", "--for", server]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    printed.out
}

fn file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::with_prefix("schoolgate-dhcp-").unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// The server's own check of its configuration is content.
fn accepts(check: &mut Command) {
    let done = Exit::of(check);
    assert_eq!(done.code, Some(0), "{check:?}: {} {}", done.out, done.err);
}

/// Kea keeps its lock and its process id where it is told.
fn kea(folder: &TempDir, mut command: Command) -> Command {
    command.env("KEA_LOCKFILE_DIR", folder.path()).env("KEA_PIDFILE_DIR", folder.path());
    command
}

/// What was printed for Kea, without the comments.
fn documents(printed: &str) -> Vec<Value> {
    let bare: String = printed.lines().filter(|line| !line.starts_with("//")).collect();
    serde_json::Deserializer::from_str(&bare).into_iter().collect::<Result<_, _>>().unwrap()
}

/// What was printed, as the network manager completes it: interfaces and pools.
fn with_pools(printed: &str) -> String {
    let mut whole = documents(printed).remove(0);
    let subnets = whole["Dhcp4"]["subnet4"].as_array_mut().unwrap();
    assert_eq!(subnets.len(), SERVED.len(), "{printed}");
    for (subnet, vlan) in subnets.iter_mut().zip(SERVED) {
        let [first, last] = RANGE.map(|host| vlan.host(host));
        subnet["pools"] = json!([{ "pool": format!("{first} - {last}") }]);
    }
    whole["Dhcp4"]["interfaces-config"] = json!({ "interfaces": SERVED.map(|vlan| vlan.name) });
    whole["Dhcp4"]["lease-database"] = json!({ "type": "memfile", "persist": false });
    whole["Dhcp4"]["loggers"] =
        json!([{ "name": "kea-dhcp4", "severity": "INFO", "output_options": [{ "output": "stdout" }] }]);
    whole.to_string()
}
