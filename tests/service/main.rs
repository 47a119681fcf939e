//! Stories of the program as a service: under systemd, which the test plays, and in a technician's
//! hands ([`doctor`]).
//!
//! As systemd the test binds the sockets, watches the program, and is told.
//!
//! The sockets travel as standard input and output of a shell, which moves them to the numbers where
//! systemd puts them and becomes the program: `LISTEN_PID` has to be the number of the very process.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[allow(dead_code, unused_imports, reason = "the actors of the stories; not each has a part here")]
#[path = "../stories/actors/mod.rs"]
mod actors;
mod doctor;
mod restarts;

use std::fs::{OpenOptions, read_to_string};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use actors::{Plan, Question, School, TRANSPORTS};

/// Longest wait for anything that the program should do.
const PATIENCE: Duration = Duration::from_secs(30);
/// Moves the passed sockets to 3 and 4, and becomes the program.
const PASS_ON: &str = r#"exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$; export LISTEN_PID; exec "$@""#;

/// systemd, as far as one service sees it.
struct Systemd {
    notices: UnixDatagram,
    udp: UdpSocket,
    tcp: TcpListener,
    school: School,
}

/// The service and its log, ended with the test.
struct Service(Child, PathBuf);

impl Systemd {
    /// Binds what the unit says, before anything runs.
    fn new(school: School) -> Self {
        let notices = UnixDatagram::bind(school.path("notify")).unwrap();
        notices.set_read_timeout(Some(PATIENCE)).unwrap();
        let address: SocketAddr = school.server();
        Self {
            notices,
            udp: UdpSocket::bind(address).unwrap(),
            tcp: TcpListener::bind(address).unwrap(),
            school,
        }
    }

    /// Starts the service with the sockets.
    fn start(&self) -> Service {
        let program = self.school.command(&["serve"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", PASS_ON, "sh"]).arg(program.get_program()).args(program.get_args());
        if let Some(folder) = program.get_current_dir() {
            shell.current_dir(folder);
        }
        shell.envs([("LISTEN_FDS", "2"), ("WATCHDOG_USEC", "600000")]);
        shell.env("NOTIFY_SOCKET", self.school.path("notify")).env_remove("SCHOOLGATE_CONFIG");
        shell.stdin(Stdio::from(OwnedFd::from(self.tcp.try_clone().unwrap())));
        shell.stdout(Stdio::from(OwnedFd::from(self.udp.try_clone().unwrap())));
        let log = self.school.path("log");
        let append = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        Service(shell.stderr(append).spawn().unwrap(), log)
    }

    /// Waits until the service says this.
    fn hears(&self, wanted: &str) {
        let start = Instant::now();
        let mut buffer = [0; 256];
        while start.elapsed() < PATIENCE {
            let length = self.notices.recv(&mut buffer).unwrap();
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == wanted) {
                return;
            }
        }
        panic!("the service did not say {wanted}");
    }
}

impl Service {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the service's log ---\n{}", read_to_string(&self.1).unwrap_or_default());
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn systemd_binds_the_sockets_and_hears_how_the_service_is() {
    // The pupils' IPv4 address is passed on, the IPv6 one is bound by the program.
    let plan = Plan::new().policy(
        "version = 1\n[[network]]\nid = \"pupils\"\nsubnets = [\"127.20.0.0/16\", \"::1/128\"]\npolicy = \"ks2\"\n",
    );
    let systemd = Systemd::new(plan.lay_out());
    let service = systemd.start();
    systemd.hears("READY=1");
    for transport in TRANSPORTS {
        let question = Question::new("printer.internal", "A");
        assert_eq!(systemd.school.pupil("127.20.0.5").send(transport, &question).code(), "NXDOMAIN");
        assert_eq!(systemd.school.pupil("::1").send(transport, &question).code(), "NXDOMAIN");
    }
    systemd.hears("WATCHDOG=1");

    service.signal(Signal::SIGHUP);
    systemd.hears("RELOADING=1");
    systemd.hears("READY=1");

    service.signal(Signal::SIGTERM);
    systemd.hears("STOPPING=1");
}

#[test]
fn what_is_asked_while_the_service_restarts_is_answered_afterwards() {
    let systemd = Systemd::new(Plan::new().lay_out());
    let mut first = systemd.start();
    systemd.hears("READY=1");
    first.signal(Signal::SIGTERM);
    assert!(first.0.wait().unwrap().success());

    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(&Question::new("localhost", "A").bytes(), systemd.school.server()).unwrap();
    let _second = systemd.start();
    let mut reply = [0; 512];
    assert!(client.recv(&mut reply).unwrap() > 12);
}
