//! A device in a namespace of its own: it takes a lease, and asks with `dig`, as people do.

use std::fs;
use std::net::IpAddr;

use tempfile::TempDir;

use crate::actors::Exit;
use crate::namespace::Namespace;

/// What the DHCP client runs on each event: sets the address, and writes down the resolvers.
const ON_LEASE: &str = r#"#!/bin/sh
set -e
case "$1" in
bound | renew)
    ip address replace "$ip/$mask" dev "$interface"
    for server in $dns; do echo "nameserver $server"; done >"$RESOLV_CONF"
    ;;
esac
"#;

/// Runs a program under which `/etc/resolv.conf` is the lease's; only that program sees it so.
const UNDER_LEASE: &str = r#"mount --bind "$RESOLV_CONF" /etc/resolv.conf && exec "$@""#;

/// A device of the school, or of somebody else.
pub struct Device {
    namespace: Namespace,
    folder: TempDir,
}

impl Device {
    /// A device in this namespace.
    pub fn new(namespace: Namespace) -> Self {
        Self { namespace, folder: TempDir::with_prefix("schoolgate-device-").unwrap() }
    }

    /// Where it is.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Takes a lease with a real DHCP client; says which resolvers it was handed.
    pub fn take_lease(&self) -> Vec<IpAddr> {
        let (script, resolv_conf) = (self.folder.path().join("on-lease"), self.resolv_conf());
        fs::write(&script, ON_LEASE).unwrap();
        let mut client = self.namespace.command("sh");
        // Through `sh`, since a temporary folder may forbid running what lies in it.
        let runner = format!(
            "chmod +x '{0}' && exec busybox udhcpc -f -n -q -t 20 -T 1 -i eth0 -s '{0}'",
            script.display()
        );
        client.args(["-c", &runner]).env("RESOLV_CONF", &resolv_conf);
        let done = Exit::of(&mut client);
        assert_eq!(done.code, Some(0), "no lease: {} {}", done.out, done.err);
        let written = fs::read_to_string(resolv_conf).unwrap();
        written.lines().filter_map(|line| line.strip_prefix("nameserver ")?.parse().ok()).collect()
    }

    /// Asks the resolver that the lease named, in the way that the system does.
    pub fn look_up(&self, arguments: &str) -> Told {
        let mut command = self.namespace.command("sh");
        command.args(["-c", UNDER_LEASE, "sh", "dig"]).env("RESOLV_CONF", self.resolv_conf());
        told(command, arguments)
    }

    /// Asks this server.
    pub fn ask(&self, server: &str, arguments: &str) -> Told {
        let mut command = self.namespace.command("dig");
        command.arg(format!("@{server}"));
        told(command, arguments)
    }

    /// How fetching a page ends: curl's exit code, 0 when there is one.
    pub fn fetches(&self, url: &str) -> Option<i32> {
        let mut command = self.namespace.command("curl");
        Exit::of(command.args(["--silent", "--show-error", "--max-time", "2", url])).code
    }

    fn resolv_conf(&self) -> std::path::PathBuf {
        self.folder.path().join("resolv.conf")
    }
}

fn told(mut dig: std::process::Command, arguments: &str) -> Told {
    // Longer than the program may ever take (an answer or SERVFAIL after 4 s), and no second chance.
    dig.args(["+tries=1", "+time=8", "+nocookie"]).args(arguments.split(' '));
    let done = Exit::of(&mut dig);
    Told { question: format!("{dig:?}"), code: done.code, text: done.out }
}

/// What `dig` told.
#[derive(Debug)]
pub struct Told {
    question: String,
    code: Option<i32>,
    text: String,
}

impl Told {
    /// In one line: the records of the answer (`CNAME x / A 192.0.2.1`), `NODATA`, or the code of a
    /// failure; behind it the extended error, if any, as `[15 category games]`.
    pub fn said(&self) -> String {
        assert_eq!(self.code, Some(0), "no answer: {self:#?}");
        assert!(!self.text.contains("WARNING"), "{self:#?}");
        let status = self.text.split_once("status: ").and_then(|(_, rest)| rest.split_once(','));
        let status = status.unwrap_or_else(|| panic!("{} without a status: {self:#?}", self.question)).0;
        let records: Vec<String> = self.records().collect();
        let said = match (status, records.is_empty()) {
            ("NOERROR", true) => "NODATA".to_owned(),
            ("NOERROR", false) => records.join(" / "),
            (code, _) => code.to_owned(),
        };
        format!("{said}{}", self.extended_error())
    }

    fn records(&self) -> impl Iterator<Item = String> {
        let answer = self.text.split_once("ANSWER SECTION:\n").map_or("", |(_, rest)| rest);
        answer.lines().take_while(|line| !line.is_empty()).map(|line| {
            let words: Vec<&str> =
                line.split_whitespace().skip(3).map(|word| word.trim_end_matches('.')).collect();
            words.join(" ")
        })
    }

    /// dig writes `; EDE: 15 (Blocked): (category games)`.
    fn extended_error(&self) -> String {
        let line = self.text.lines().find_map(|line| line.strip_prefix("; EDE: "));
        line.map_or_else(String::new, |line| {
            let number = line.split(' ').next().unwrap_or_default();
            let text = line.split_once("): (").map_or("", |(_, text)| text.trim_end_matches(')'));
            format!(" [{}]", format!("{number} {text}").trim_end())
        })
    }
}
