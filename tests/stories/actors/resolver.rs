//! A resolver of another make on loopback: the `unbound` or `dnsdist` that the distribution ships, serving
//! DNS over TLS and HTTPS with a certificate of the stories' own authority.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::school::free_port;

/// Longest wait for a resolver to answer its doors.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// `unbound`; says that `shop.example` has the address 198.51.100.91.
    Unbound,
    /// `dnsdist`; says so of every name.
    Dnsdist,
}

/// A running resolver; stopped when dropped.
pub struct Resolver {
    folder: TempDir,
    make: Make,
    tls: u16,
    https: u16,
    plain: u16,
    running: Option<Child>,
}

impl Resolver {
    /// Starts it, with a certificate for `dns.example` and 127.0.0.1, and waits until it takes connections.
    pub fn start(make: Make) -> Self {
        let folder = TempDir::with_prefix("schoolgate-resolver-").unwrap();
        certify(folder.path());
        let mut resolver =
            Self { folder, make, tls: free_port(), https: free_port(), plain: free_port(), running: None };
        resolver.restart();
        resolver
    }

    /// Stops it, as a power cut would.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.stop();
        let text = match self.make {
            Make::Unbound => self.unbound(),
            Make::Dnsdist => self.dnsdist(),
        };
        fs::write(self.path("conf"), text).unwrap();
        let mut command = match self.make {
            Make::Unbound => Command::new("/usr/sbin/unbound"),
            Make::Dnsdist => Command::new("/usr/bin/dnsdist"),
        };
        match self.make {
            Make::Unbound => command.args(["-d", "-c", &self.path("conf")]),
            Make::Dnsdist => command.args(["--supervised", "--disable-syslog", "-C", &self.path("conf")]),
        };
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(quiet.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        for port in [self.tls, self.https] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                let ended = self.running.as_mut().unwrap().try_wait().unwrap();
                assert!(ended.is_none(), "{:?} ended: {ended:?}", self.make);
                assert!(Instant::now() < deadline, "{:?} takes no connections", self.make);
                std::thread::yield_now();
            }
        }
    }

    /// As `schoolgate.toml` writes it, its certificate checked for `name`.
    pub fn url(&self, scheme: &str, name: &str) -> String {
        match scheme {
            "tls" => format!("tls://127.0.0.1:{}#{name}", self.tls),
            _ => format!("https://127.0.0.1:{}/dns-query#{name}", self.https),
        }
    }

    /// The certificate of the authority, in PEM.
    pub fn authority(&self) -> String {
        fs::read_to_string(self.path("ca.pem")).unwrap()
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    fn unbound(&self) -> String {
        let Self { tls, https, .. } = self;
        format!(
            "server:\n interface: 127.0.0.1@{tls}\n interface: 127.0.0.1@{https}\n tls-port: {tls}\n https-port: {https}\n \
             http-endpoint: \"/dns-query\"\n tls-service-key: \"{}\"\n tls-service-pem: \"{}\"\n chroot: \"\"\n username: \"\"\n \
             directory: \"{}\"\n pidfile: \"\"\n use-syslog: no\n do-daemonize: no\n module-config: \"iterator\"\n \
             num-threads: 1\n local-zone: \"example.\" static\n local-data: \"shop.example. 60 IN A 198.51.100.91\"\n\
             remote-control:\n control-enable: no\n",
            self.path("key.pem"),
            self.path("cert.pem"),
            self.path("")
        )
    }

    fn dnsdist(&self) -> String {
        let Self { tls, https, plain, .. } = self;
        let files = format!("\"{}\", \"{}\"", self.path("cert.pem"), self.path("key.pem"));
        format!(
            "setSecurityPollSuffix(\"\")\nsetLocal(\"127.0.0.1:{plain}\")\naddTLSLocal(\"127.0.0.1:{tls}\", {files})\n\
             addDOHLocal(\"127.0.0.1:{https}\", {files}, \"/dns-query\")\naddAction(AllRule(), SpoofAction({{\"198.51.100.91\"}}))\n"
        )
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Writes the authority's certificate, and a certificate with its key that it issued.
fn certify(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["dns.example".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}
