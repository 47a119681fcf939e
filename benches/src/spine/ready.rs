//! From exec to the first filtered answer, with a compiled index on disk.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use blocklists::name::Name;
use policy::{BlockStyle, Question, Snapshot, Verdict};

use crate::figures::{Figures, Row};
use crate::machine::{Memory, mebibytes};
use crate::school::NETWORKS;
use crate::spine::compile;
use crate::{Outcome, school};

/// A server that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two questions to a server that does not listen yet.
const PACE: Duration = Duration::from_millis(1);
/// NXDOMAIN (RFC 1035 section 4.1.1).
const NXDOMAIN: u8 = 3;

/// Starts the server several times.
pub fn measure(
    program: &Path,
    state: &Path,
    snapshot: &Snapshot,
    hits: &[Name],
    runs: usize,
) -> Outcome<Vec<Row>> {
    let [(_, _, _, pupil), ..] = NETWORKS;
    let blocked = blocked_name(snapshot, pupil, hits)?;
    let mut times = Vec::new();
    let mut memory = None;
    for _ in 0..runs {
        let (dns, admin) = (free_port()?, free_port()?);
        let policy = state.parent().unwrap_or(state).join("policy.toml");
        std::fs::write(state.join("schoolgate.toml"), compile::config(&policy, dns, admin))?;
        let socket = UdpSocket::bind((pupil, 0))?;
        let started = Instant::now();
        let mut server = Server::start(program, &state.join("schoolgate.toml"))?;
        server.wait_for_block(&socket, SocketAddr::from((Ipv4Addr::LOCALHOST, dns)), &blocked)?;
        times.push(started.elapsed());
        memory = Some(Memory::of(&server.0.id().to_string())?);
    }
    let times = Figures::of_seconds(&times);
    let mut rows =
        vec![Row::aim("exec to first filtered answer", times.show("s", 3), times.median(), 0.5, "s")];
    if let Some(Memory { rss, pss }) = memory {
        let figure = format!("RSS {}, PSS {}", mebibytes(rss), mebibytes(pss));
        rows.push(Row::fact("the server, just ready", figure));
    }
    Ok(rows)
}

/// A running server, ended when dropped.
struct Server(Child);

impl Server {
    fn start(program: &Path, config: &Path) -> Outcome<Self> {
        let mut command = Command::new(program);
        command.arg("--config").arg(config).arg("serve").stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(command.stderr(Stdio::null()).spawn()?))
    }

    /// Asks until the answer is the block; REFUSED, the answer while there is no index, is not.
    fn wait_for_block(&mut self, socket: &UdpSocket, server: SocketAddr, name: &Name) -> Outcome<()> {
        socket.set_read_timeout(Some(PACE))?;
        let started = Instant::now();
        let mut reply = [0; 512];
        while started.elapsed() < PATIENCE {
            socket.send_to(&question(name), server)?;
            match socket.recv(&mut reply) {
                Ok(12..) if reply[3] & 15 == NXDOMAIN => return Ok(()),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("`schoolgate serve` ended with {status}").into());
            }
        }
        Err(format!("`schoolgate serve` did not block {name} within {} s", PATIENCE.as_secs()).into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is of no more use; a process that is already gone is no trouble either.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A listed name for which a pupil gets NXDOMAIN.
fn blocked_name(snapshot: &Snapshot, pupil: Ipv4Addr, hits: &[Name]) -> Outcome<Name> {
    let client = school::client(snapshot, pupil);
    let blocked = |name: &&Name| {
        let question = Question { name: name.as_ref(), rtype: 1 };
        snapshot.decide(&client, &question).verdict == Verdict::Block(BlockStyle::Nxdomain)
    };
    hits.iter().find(blocked).cloned().ok_or_else(|| "no listed name is blocked for pupils".into())
}

/// A plain question for an address: header, name, type A, class IN.
fn question(name: &Name) -> Vec<u8> {
    let mut packet = vec![0x5c, 0x40, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend_from_slice(name.as_ref().wire());
    packet.extend_from_slice(&[0, 1, 0, 1]);
    packet
}

/// A port that was free just now, for both UDP and TCP.
fn free_port() -> Outcome<u16> {
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
}
