//! The upstream of every server: `nsd` with one zone in which every name has an address.

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::process::{Process, free_address};
use crate::question::{Said, ask};

const PROGRAM: &str = "/usr/sbin/nsd";
/// It has nothing to load.
const PATIENCE: Duration = Duration::from_secs(10);
/// The root, with a wildcard. A day, so that nothing expires while a bench runs.
const ZONE: &str = "$ORIGIN .\n$TTL 86400\n@ SOA ns. host. 1 3600 900 604800 60\n@ NS ns.\nns A 127.0.0.1\n\
                    * A 198.51.100.7\n* AAAA 2001:db8::7\n* TXT \"everything is here\"\n";

/// A running upstream.
#[derive(Debug)]
pub struct Upstream {
    /// Where it answers.
    pub address: SocketAddr,
    _process: Process,
}

impl Upstream {
    /// Starts it, on this core, without any limit of its answers' rate.
    pub fn start(folder: &Path, core: Option<usize>) -> Outcome<Self> {
        if !Path::new(PROGRAM).exists() {
            return Err(
                "the upstream is nsd, which is not there: `apt-get install --no-install-recommends nsd`"
                    .into(),
            );
        }
        std::fs::create_dir_all(folder)?;
        let address = free_address()?;
        let at = folder.display();
        let mut config = format!(
            "server:\n  ip-address: {}@{}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n",
            address.ip(),
            address.port()
        );
        write!(
            config,
            "  zonesdir: {at}\n  pidfile: {at}/nsd.pid\n  xfrdfile: {at}/xfrd.state\n  xfrdir: {at}\n  \
             zonelistfile: {at}/zone.list\n  logfile: {at}/nsd.log\n  minimal-responses: yes\n  rrl-ratelimit: 0\n  \
             rrl-whitelist-ratelimit: 0\nremote-control:\n  control-enable: no\nzone:\n  name: \".\"\n  \
             zonefile: root.zone\n"
        )?;
        std::fs::write(folder.join("root.zone"), ZONE)?;
        let path = folder.join("nsd.conf");
        std::fs::write(&path, config)?;
        let mut command = Command::new(PROGRAM);
        command.arg("-d").arg("-c").arg(&path);
        let mut process = Process::start(&mut command, &folder.join("said.log"), core)?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let started = Instant::now();
        while ask(&socket, address, "www.example", Duration::from_millis(5))? != Said::Records {
            if process.ended()?.is_some() || started.elapsed() > PATIENCE {
                return Err(format!("nsd does not answer:\n{}", process.last_words()).into());
            }
        }
        Ok(Self { address, _process: process })
    }
}
