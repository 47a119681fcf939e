//! An engine without sockets: a compiled index, a cache filled by a small upstream, and questions that
//! go each of the fast ways.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use policy::Snapshot;
use resolver::upstream::{ServerAddress, Upstreams};
use resolver::{Engine, Fast, LocalZones, Peer, Settings, Tick, Transport};

use crate::names::{self, Names};
use crate::question::{A, Said, question, said};
use crate::servers::schoolgate;
use crate::{Outcome, school};

const CACHE_BYTES: u64 = 64 << 20;
/// Hosts that safe search rewrites for everybody under `ks2`.
const SEARCH: [&str; 5] =
    ["www.google.com", "www.google.co.uk", "www.bing.com", "duckduckgo.com", "www.youtube.com"];

/// A way through [`Engine::fast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A listed name.
    Blocked,
    /// An unlisted name that the cache has.
    Cached,
    /// A search engine whose safe host the cache has.
    Rewritten,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blocked, Self::Cached, Self::Rewritten];

    /// Its name in reports and in the baseline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Cached => "cached",
            Self::Rewritten => "rewritten-cached",
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The engine and its questions.
pub struct Rig {
    /// What answers.
    pub engine: Arc<Engine>,
    /// What decides.
    pub snapshot: Arc<Snapshot>,
    /// Who asks.
    pub peer: Peer,
    packets: [Vec<Vec<u8>>; 3],
}

/// Writes what a rig is opened from: policy, compiled index, and the names to ask for.
pub fn write(folder: &Path, names: &Names, questions: usize) -> Outcome<()> {
    names::write(&folder.join("names.txt"), names.listed.iter().map(String::as_str))?;
    schoolgate::write_policy(folder, &["names.txt"])?;
    school::compile_beside(folder)?;
    names::write(&folder.join("blocked.txt"), names.some_listed(questions, 3).into_iter())?;
    names::write(&folder.join("cached.txt"), names.open.iter().take(questions).map(String::as_str))
}

impl Rig {
    /// Opens what [`write`] wrote, fills the cache, and makes sure that every question goes its way.
    pub fn open(folder: &Path) -> Outcome<Self> {
        let snapshot = Arc::new(school::snapshot_beside(folder)?);
        let upstreams = Upstreams::plain(vec![vec![ServerAddress::udp(upstream()?)]], &[]);
        let settings = Settings { cache_bytes: CACHE_BYTES, ..Settings::default() };
        let engine = Engine::new(settings, upstreams, LocalZones::new(&[], &[])?, Arc::clone(&snapshot));
        let peer = Peer {
            source: SocketAddr::from((schoolgate::CLIENT, 4000)),
            local: None,
            interface: None,
            transport: Transport::Udp,
        };
        let packets = |file: &str| -> Outcome<Vec<Vec<u8>>> {
            Ok(std::fs::read_to_string(folder.join(file))?.lines().map(|name| question(name, A)).collect())
        };
        let search = SEARCH.iter().cycle().take(1_000).map(|name| question(name, A)).collect();
        let rig = Self {
            engine,
            snapshot,
            peer,
            packets: [packets("blocked.txt")?, packets("cached.txt")?, search],
        };
        rig.fill()?;
        rig.check()?;
        Ok(rig)
    }

    /// The questions of one way.
    pub fn packets(&self, way: Way) -> &[Vec<u8>] {
        let [blocked, cached, rewritten] = &self.packets;
        match way {
            Way::Blocked => blocked,
            Way::Cached => cached,
            Way::Rewritten => rewritten,
        }
    }

    fn fill(&self) -> Outcome<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            for packet in
                self.packets(Way::Cached).iter().chain(self.packets(Way::Rewritten).iter().take(SEARCH.len()))
            {
                self.engine.answer(packet.clone(), self.peer).await.ok_or("a question without an answer")?;
            }
            Ok(())
        })
    }

    fn check(&self) -> Outcome<()> {
        let mut recorder = self.engine.recorder();
        let (live, mut out) = (self.engine.live(), Vec::new());
        for way in Way::ALL {
            for packet in self.packets(way) {
                let fast = self.engine.fast(packet, &self.peer, &live, Tick::now(), &mut recorder, &mut out);
                let wanted = if way == Way::Blocked { Said::Nothing } else { Said::Records };
                // A rewritten answer is an alias and an address.
                let whole = way != Way::Rewritten || out.get(6..8) == Some(&[0, 2]);
                if !matches!(fast, Fast::Reply(_)) || said(&out) != wanted || !whole {
                    return Err(
                        format!("{} does not go its way: {fast:?}, {:?}", way.name(), said(&out)).into()
                    );
                }
            }
        }
        Ok(())
    }
}

/// An upstream that has an address for every name; it ends with the process.
fn upstream() -> Outcome<SocketAddr> {
    /// Owner is the question's name; type A, class IN, a day, four octets.
    const RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 198, 51, 100, 7];
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let packet = buffer.get(..length).unwrap_or(&[]);
            // The question ends behind the root label, type and class.
            let labels = packet.get(12..).and_then(|rest| rest.iter().position(|byte| *byte == 0));
            let Some(question) = labels.and_then(|root| packet.get(2..12 + root + 5)) else { continue };
            let mut reply = packet.get(..2).unwrap_or(&[]).to_vec();
            reply.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            reply.extend(question.get(10..).unwrap_or(&[]));
            reply.extend(RECORD);
            let _ = socket.send_to(&reply, from);
        }
    });
    Ok(address)
}
