//! A school: a folder with its configuration and lists, and the program running on it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Coordinator, Pupil, Upstream};

/// Longest wait for anything that the program should do; generous, for a busy two-core machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ports of the stories: below the ephemeral range, so that no client's port is in the way.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// What a school is made of, before it opens.
pub struct Plan {
    files: BTreeMap<PathBuf, Vec<u8>>,
    listen: Vec<IpAddr>,
    servers: Vec<String>,
    admin: String,
    rest: String,
    upstream: String,
}

impl Plan {
    /// A school on 127.0.0.1 and ::1 that forwards to nobody yet and has no policy file.
    pub fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            listen: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            servers: Vec::new(),
            admin: String::new(),
            rest: String::new(),
            upstream: String::new(),
        }
    }

    /// With this `policy.toml`.
    pub fn policy(self, text: &str) -> Self {
        let plan = self.file("policy.toml", text);
        Self { rest: format!("{}\n[policy]\nfile = \"policy.toml\"\n", plan.rest), ..plan }
    }

    /// With a file in its folder.
    pub fn file(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.into(), text.as_ref().to_vec());
        self
    }

    /// Forwards to this resolver (several: in this order).
    pub fn forwards_to(self, upstream: &Upstream) -> Self {
        self.forwards_to_url(&upstream.url())
    }

    /// Forwards to a server as `schoolgate.toml` writes it.
    pub fn forwards_to_url(mut self, url: &str) -> Self {
        self.servers.push(url.to_owned());
        self
    }

    /// Listens on these addresses.
    pub fn listens(self, addresses: &[&str]) -> Self {
        Self { listen: addresses.iter().map(|address| address.parse().unwrap()).collect(), ..self }
    }

    /// With lines for `[upstream]`.
    pub fn upstream(self, lines: &str) -> Self {
        Self { upstream: lines.into(), ..self }
    }

    /// With lines for `[admin]`.
    pub fn admin(self, lines: &str) -> Self {
        Self { admin: lines.into(), ..self }
    }

    /// With further tables of `schoolgate.toml`.
    pub fn tables(self, text: &str) -> Self {
        Self { rest: format!("{}\n{text}\n", self.rest), ..self }
    }

    /// Writes everything down, and opens.
    pub fn open(self) -> School {
        let mut school = self.lay_out();
        if let Err(exit) = school.start() {
            panic!("the school did not open: {exit:?}");
        }
        school
    }

    /// An empty folder: the program runs there with its built-in configuration and ports.
    pub fn unconfigured(self) -> School {
        let folder = TempDir::with_prefix("schoolgate-story-").unwrap();
        let (server, admin) = ("127.0.0.1:5300".parse().unwrap(), "127.0.0.1:8053".parse().unwrap());
        School { folder, server, admin, configured: false, running: None }
    }

    /// Writes everything down without starting.
    pub fn lay_out(self) -> School {
        let folder = TempDir::with_prefix("schoolgate-story-").unwrap();
        let (port, admin_port) = (free_port(), free_port());
        let listen: Vec<String> =
            self.listen.iter().map(|ip| format!("{:?}", SocketAddr::new(*ip, port).to_string())).collect();
        let servers: Vec<String> = self.servers.iter().map(|server| format!("{server:?}")).collect();
        let main = format!(
            "version = 1\n[dns]\nlisten = [{}]\n[upstream]\nservers = [{}]\n{}\n[admin]\nlisten = [\"127.0.0.1:{admin_port}\"]\n{}\n[data]\ndirectory = \"state\"\n{}",
            listen.join(", "),
            servers.join(", "),
            self.upstream,
            self.admin,
            self.rest
        );
        let server = SocketAddr::new(self.listen[0], port);
        let admin = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), admin_port);
        let school = School { folder, server, admin, configured: true, running: None };
        school.write("schoolgate.toml", main);
        self.files.iter().for_each(|(path, text)| school.write(path, text));
        school
    }
}

/// A port that is free for UDP and TCP now, and that no other story of this run gets.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = u16::try_from(std::process::id() % 11_000).unwrap();
    for _ in 0..PORTS.len() {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (spread + step) % (PORTS.end - PORTS.start);
        let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        if TcpListener::bind(any).is_ok() && UdpSocket::bind(any).is_ok() {
            return port;
        }
    }
    panic!("no free port between {} and {}", PORTS.start, PORTS.end);
}

/// A school's folder, and the program if it runs.
pub struct School {
    folder: TempDir,
    server: SocketAddr,
    admin: SocketAddr,
    configured: bool,
    running: Option<Running>,
}

struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    lines: Mutex<Receiver<()>>,
}

/// How a command ended, and what it said.
#[derive(Debug, Clone)]
pub struct Exit {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl School {
    /// Starts the program, and waits until `/readyz` says 200 or the process ends.
    pub fn start(&mut self) -> Result<(), Exit> {
        self.launch();
        let deadline = Instant::now() + PATIENCE;
        let coordinator = self.coordinator();
        while Instant::now() < deadline {
            if let Some(exit) = self.exited() {
                return Err(exit);
            }
            if coordinator.try_get("/readyz", None).is_some_and(|response| response.status == 200) {
                return Ok(());
            }
            self.listen_for_a_moment();
        }
        panic!("not ready after {PATIENCE:?}:\n{}", self.log());
    }

    /// Starts the program without waiting for it.
    pub fn launch(&mut self) {
        let mut command = self.command(&["serve"]);
        // A group of its own: what it starts (the compiling child) ends with it.
        let mut child =
            command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (heard, lines) = channel();
        let said = Arc::new(Mutex::new(String::new()));
        record(child.stdout.take().unwrap(), &said, heard.clone());
        record(child.stderr.take().unwrap(), &said, heard);
        self.running = Some(Running { child, said, lines: Mutex::new(lines) });
    }

    /// Stops the program at once, as a power cut does.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let group = nix::unistd::Pid::from_raw(-i32::try_from(running.child.id()).unwrap());
            let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
            let _ = running.child.wait();
        }
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let child = i32::try_from(self.running.as_ref().unwrap().child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), signal).unwrap();
    }

    /// Octets of memory of its own that the program has now (pages of files are not among them).
    pub fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.running.as_ref().unwrap().child.id());
        let status = fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
    }

    /// Whether the program has ended, and how.
    pub fn exited(&mut self) -> Option<Exit> {
        let running = self.running.as_mut().unwrap();
        let status = running.child.try_wait().unwrap()?;
        // Both pipes end with the process; hear the last lines.
        while running.lines.lock().unwrap().recv_timeout(PATIENCE).is_ok() {}
        Some(Exit { code: status.code(), out: String::new(), err: self.log() })
    }

    /// Starts the program, and waits for its end.
    pub fn start_and_end(&mut self) -> Exit {
        match self.start() {
            Err(exit) => exit,
            Ok(()) => panic!("the program runs although it should not:\n{}", self.log()),
        }
    }

    /// Waits until the program ends by itself.
    pub fn ended(&mut self) -> Exit {
        let start = Instant::now();
        loop {
            if let Some(exit) = self.exited() {
                return exit;
            }
            assert!(start.elapsed() < PATIENCE, "it still runs:\n{}", self.log());
            self.listen_for_a_moment();
        }
    }

    /// What the running program wrote so far.
    pub fn log(&self) -> String {
        self.running.as_ref().map_or_else(String::new, |running| running.said.lock().unwrap().clone())
    }

    /// Waits for the next line of the log, but only for a moment: between two looks at a condition.
    fn listen_for_a_moment(&self) {
        if let Some(running) = &self.running {
            let lines = running.lines.lock().unwrap();
            let _ = lines.recv_timeout(Duration::from_millis(15));
        }
    }

    /// Looks again and again until `what` is true, and says how long it took.
    pub fn until(&self, what: &str, mut is_true: impl FnMut() -> bool) -> Duration {
        let start = Instant::now();
        while !is_true() {
            assert!(start.elapsed() < PATIENCE, "it never came true that {what}:\n{}", self.log());
            self.listen_for_a_moment();
        }
        start.elapsed()
    }

    /// Writes a file of the school's folder, with the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Whole or not at all, as editors do: a running program may look at any moment.
        let whole = path.with_extension("new");
        fs::write(&whole, text).unwrap();
        fs::rename(whole, path).unwrap();
    }

    /// Changes a file's text.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} does not hold {from:?}:\n{text}");
        self.write(path, text.replace(from, to));
    }

    /// A path in the school's folder.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Where devices ask.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// A device at an IPv4 or IPv6 address.
    pub fn pupil(&self, source: &str) -> Pupil {
        let source: IpAddr = source.parse().unwrap();
        let host = match (source, self.server.ip()) {
            (IpAddr::V6(_), IpAddr::V4(_)) => Ipv6Addr::LOCALHOST.into(),
            (IpAddr::V4(_), asked) if asked.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            (_, asked) => asked,
        };
        Pupil::new(source, SocketAddr::new(host, self.server.port()))
    }

    /// The person at the admin API.
    pub fn coordinator(&self) -> Coordinator {
        Coordinator::new(self.admin)
    }

    /// A command of this school, ready to run in its folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_schoolgate"));
        command
            .current_dir(self.folder.path())
            .env_remove("SCHOOLGATE_CONFIG")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command.args(arguments);
        if self.configured {
            command.arg("--config").arg(self.path("schoolgate.toml"));
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Exit {
        Exit::of(&mut self.command(arguments))
    }
}

impl Drop for School {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the school's log ---\n{}", self.log());
        }
        self.stop();
    }
}

impl Exit {
    /// Runs any command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot run: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// Copies what a pipe says into the log, and tells that a line came.
fn record(pipe: impl Read + Send + 'static, said: &Arc<Mutex<String>>, heard: Sender<()>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            said.lock().unwrap().push_str(&format!("{line}\n"));
            let _ = heard.send(());
        }
    });
}
