//! Servers that are configured in Lua or beside it: dnsdist, pdns-recursor, knot-resolver.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::Plan;
use crate::Outcome;

/// The names as an RPZ zone: each itself and, by a wildcard, all below (two records a name).
pub fn policy_zone(plan: &Plan) -> Outcome<String> {
    let mut zone = String::from("$ORIGIN rpz.\n$TTL 30\n@ SOA ns. host. 1 3600 900 604800 30\n@ NS ns.\n");
    for name in std::fs::read_to_string(&plan.names)?.lines() {
        write!(zone, "{name} CNAME .\n*.{name} CNAME .\n")?;
    }
    Ok(zone)
}

/// A socket and thread each; blocked before its packet cache is looked at.
pub fn dnsdist(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    let cache = "getPool(''):setCache(newPacketCache(300000, {maxTTL=86400}))\n";
    let one_more = format!("addLocal('{address}', {{reusePort=true}})\n");
    let config = format!(
        "setLocal('{address}', {{reusePort=true}})\n{}setACL({{'127.0.0.0/8'}})\nsetSecurityPollSuffix('')\nsetMaxUDPOutstanding(65535)\n\
         newServer({{address='{}', healthCheckMode='up'}})\nsetServerPolicy(firstAvailable)\n{}\
         local blocked = newSuffixMatchNode()\nfor line in io.lines('{}') do blocked:add(newDNSName(line)) end\n\
         addAction(SuffixMatchNodeRule(blocked, true), RCodeAction(DNSRCode.NXDOMAIN))\n",
        one_more.repeat(plan.threads.saturating_sub(1)),
        plan.upstream,
        if plan.cache { cache } else { "" },
        plan.names.display()
    );
    let path = plan.folder.join("dnsdist.conf");
    std::fs::write(&path, config)?;
    let words = ["--supervised", "--disable-syslog", "-C"];
    Ok(words.into_iter().map(str::to_owned).chain([path.display().to_string()]).collect())
}

/// Forwarding, no validation; more than one thread share the port by `reuseport`.
pub fn recursor(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    std::fs::write(plan.folder.join("rpz.zone"), policy_zone(plan)?)?;
    let folder = plan.folder.display();
    std::fs::write(
        plan.folder.join("rpz.lua"),
        format!("rpzFile('{folder}/rpz.zone', {{policyName='bench'}})\n"),
    )?;
    let config = format!(
        "local-address={}\nlocal-port={}\ndaemon=no\ndisable-syslog=yes\nloglevel=3\nquiet=yes\nsocket-dir={folder}\n\
         write-pid=no\nthreads={}\nreuseport={}\npdns-distributes-queries=no\nforward-zones-recurse=.={}\ndont-query=\ndnssec=off\n\
         security-poll-suffix=\nallow-from=127.0.0.0/8\nlua-config-file={folder}/rpz.lua\nmax-mthreads=4096\n{}",
        address.ip(),
        address.port(),
        plan.threads,
        if plan.threads > 1 { "yes" } else { "no" },
        plan.upstream,
        if plan.cache { "" } else { "disable-packetcache=yes\n" }
    );
    std::fs::write(plan.folder.join("recursor.conf"), config)?;
    Ok(vec![format!("--config-dir={folder}")])
}

/// Forwarding, no validation. A process has one thread; several share the port and the cache, as Debian's
/// `kresd@1`, `kresd@2` do. The shell starts the others and becomes the first.
pub fn knot(plan: &Plan, address: SocketAddr) -> Outcome<Vec<String>> {
    std::fs::write(plan.folder.join("rpz.zone"), policy_zone(plan)?)?;
    let folder = plan.folder.display();
    let config = format!(
        "net.listen('{}', {}, {{ kind = 'dns' }})\ntrust_anchors.remove('.')\ncache.size = 100 * MB\n\
         policy.add(policy.rpz(policy.DENY, '{folder}/rpz.zone', false))\n\
         policy.add(policy.all(policy.FORWARD('{}@{}')))\n",
        address.ip(),
        address.port(),
        plan.upstream.ip(),
        plan.upstream.port()
    );
    let path = plan.folder.join("kresd.conf");
    std::fs::write(&path, config)?;
    let one = format!("{} -n -c {} {folder}", super::Kind::Knot.program(), path.display());
    Ok(vec![
        "-c".to_owned(),
        format!("{}exec {one}", format!("{one} & ").repeat(plan.threads.saturating_sub(1))),
    ])
}
