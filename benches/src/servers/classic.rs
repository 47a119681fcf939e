//! Servers with a configuration of key and value: unbound, dnsmasq, bind.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::Plan;
use crate::Outcome;

/// Each name a local zone.
pub fn unbound(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    let mut zones = String::from("server:\n");
    for name in std::fs::read_to_string(&plan.names)?.lines() {
        writeln!(zones, "  local-zone: \"{name}.\" always_nxdomain")?;
    }
    unbound_with(plan, address, "iterator", &zones)
}

/// The names as a response-policy zone.
pub fn unbound_rpz(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    let zone = plan.folder.join("rpz.zone");
    std::fs::write(&zone, super::resolvers::policy_zone(plan)?)?;
    let clause = format!("rpz:\n  name: \"rpz.\"\n  zonefile: \"{}\"\n", zone.display());
    unbound_with(plan, address, "respip iterator", &clause)
}

/// Forwarding, no validation.
fn unbound_with(plan: &Plan, address: SocketAddr, modules: &str, names: &str) -> Outcome<Vec<String>> {
    std::fs::write(plan.folder.join("names.conf"), names)?;
    let (folder, upstream) = (plan.folder.display(), plan.upstream);
    let config = format!(
        "server:\n  interface: {}\n  port: {}\n  do-daemonize: no\n  use-syslog: no\n  logfile: \"\"\n  verbosity: 0\n  \
         username: \"\"\n  chroot: \"\"\n  directory: \"{folder}\"\n  pidfile: \"\"\n  num-threads: {}\n  \
         module-config: \"{modules}\"\n  access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n  \
         msg-cache-size: 64m\n  rrset-cache-size: 64m\n  outgoing-range: 4096\n  num-queries-per-thread: 2048\n\
         include: \"{folder}/names.conf\"\nremote-control:\n  control-enable: no\n\
         forward-zone:\n  name: \".\"\n  forward-addr: {}@{}\n",
        address.ip(),
        address.port(),
        plan.threads,
        upstream.ip(),
        upstream.port()
    );
    let path = plan.folder.join("unbound.conf");
    std::fs::write(&path, config)?;
    Ok(vec!["-d".to_owned(), "-c".to_owned(), path.display().to_string()])
}

/// It has one thread and no more. Its cache and its table of open questions as large as it allows without a warning.
pub fn dnsmasq(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    let mut config = format!(
        "listen-address={}\nport={}\nbind-interfaces\nno-resolv\nno-hosts\nserver={}#{}\ncache-size=20000\n\
         dns-forward-max=10000\nuser=root\npid-file=\nlog-facility=-\nedns-packet-max=1232\n",
        address.ip(),
        address.port(),
        plan.upstream.ip(),
        plan.upstream.port()
    );
    for name in std::fs::read_to_string(&plan.names)?.lines() {
        writeln!(config, "local=/{name}/")?;
    }
    let path = plan.folder.join("dnsmasq.conf");
    std::fs::write(&path, config)?;
    Ok(vec!["--keep-in-foreground".to_owned(), format!("--conf-file={}", path.display())])
}

/// Forwarding, no validation; the names as a response-policy zone.
pub fn bind(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    std::fs::write(plan.folder.join("rpz.zone"), super::resolvers::policy_zone(plan)?)?;
    let folder = plan.folder.display();
    let config = format!(
        "options {{\n  directory \"{folder}\";\n  listen-on port {} {{ {}; }};\n  listen-on-v6 {{ none; }};\n  \
         pid-file none;\n  session-keyfile none;\n  allow-query {{ any; }};\n  recursion yes;\n  \
         allow-recursion {{ any; }};\n  forwarders {{ {} port {}; }};\n  forward only;\n  dnssec-validation no;\n  \
         empty-zones-enable no;\n  minimal-responses yes;\n  recursive-clients 10000;\n  max-cache-size 128m;\n  \
         response-policy {{ zone \"rpz\"; }} qname-wait-recurse no;\n}};\ncontrols {{ }};\n\
         zone \"rpz\" {{ type primary; file \"{folder}/rpz.zone\"; check-names ignore; }};\n",
        address.port(),
        address.ip(),
        plan.upstream.ip(),
        plan.upstream.port()
    );
    let path = plan.folder.join("named.conf");
    std::fs::write(&path, config)?;
    let threads = plan.threads.to_string();
    Ok(["-g", "-n", &threads, "-c"]
        .into_iter()
        .map(str::to_owned)
        .chain([path.display().to_string()])
        .collect())
}
