//! What the tests of this crate share: a school, an upstream that says what it is told, packets
//! in and readable replies out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use blocklists::compile::{Input, compile};
use blocklists::index::Index;
use blocklists::name::Name;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{Name as ZoneName, RData, Record, RecordType};
use policy::{Document, School, Snapshot, World};
use tokio::sync::Semaphore;

use crate::answer::BlockPage;
use crate::limits::STALE_DEFAULT;
use crate::upstream::{BoxFuture, UpAnswer, UpError, UpQuestion, Upstream, Upstreams};
use crate::{Engine, Fast, LocalZones, Peer, Settings, Tick, Transport};

/// Lists by source id: each feeds the category of the policy text below.
const LISTS: [(&str, &str); 4] = [
    ("gambling", "bets.example\ntracker.example\n"),
    ("locked", "locked.example\n"),
    ("sealed", "sealed.example\n"),
    ("video", "clips.example\n"),
];

const POLICY: &str = r#"
version = 1
[[source]]
id = "gambling"
category = "gambling"
format = "domains"
path = "gambling"
[[source]]
id = "locked"
category = "illegal/other"
format = "domains"
path = "locked"
[[source]]
id = "sealed"
category = "adult"
format = "domains"
path = "sealed"
trust = "core"
[[source]]
id = "video"
category = "video"
format = "domains"
path = "video"
[[policy]]
id = "pupil"
extends = "ks2"
https_records = "strip-ech"
[[policy.rule]]
action = "block"
name = "=exact.example"
reason = "test"
[[policy]]
id = "null"
extends = "pupil"
block_answer = "null"
https_records = "keep"
[[policy]]
id = "refused"
extends = "pupil"
block_answer = "refused"
https_records = "drop"
[[policy]]
id = "page"
extends = "pupil"
block_answer = "page"
[[policy]]
id = "nodata"
extends = "pupil"
block_answer = "nodata"
[[network]]
id = "pupils"
subnets = ["127.20.0.0/16", "fd20::/16"]
policy = "pupil"
[[network]]
id = "null"
subnets = ["127.41.0.0/16"]
policy = "null"
[[network]]
id = "refused"
subnets = ["127.42.0.0/16"]
policy = "refused"
[[network]]
id = "page"
subnets = ["127.43.0.0/16"]
policy = "page"
[[network]]
id = "nodata"
subnets = ["127.44.0.0/16"]
policy = "nodata"
"#;

/// Where a pupil asks from.
pub(crate) const PUPIL: &str = "127.20.0.1";

/// The school that all tests ask.
pub(crate) fn snapshot() -> Arc<Snapshot> {
    snapshot_with("", "")
}

/// The same, with more names on one of the lists.
pub(crate) fn snapshot_with(list: &str, names: &str) -> Arc<Snapshot> {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in LISTS {
        let more = if file == list { names } else { "" };
        std::fs::write(folder.path().join(file), format!("{text}{more}")).unwrap();
    }
    let document = Document::parse(POLICY).unwrap();
    let (school, _) = School::new(&document, Path::new("."), &mut |_| Err("not read".to_owned())).unwrap();
    let inputs: Vec<Input> = school.sources().iter().map(|source| input(source, folder.path())).collect();
    let index = Index::from_bytes(&compile(&inputs).unwrap().bytes).unwrap();
    let world = World {
        local_zones: vec![name("school.example")],
        local_records: vec![name("printer.example"), name("portal.example"), name("alias.example")],
        rebind_allow: vec![name("inside.example")],
        ..World::default()
    };
    Arc::new(Snapshot::build(&school, &world, Arc::new(index)))
}

fn input(source: &blocklists::source::Source, folder: &Path) -> Input {
    Input { source: source.clone(), copy: folder.join(&source.id), copy_name: source.id.clone() }
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

type Said = Result<Vec<u8>, UpError>;

/// An upstream that answers from a script, counts, and can be held back.
pub(crate) struct Script {
    answers: Mutex<BTreeMap<(String, u16), Said>>,
    pub(crate) asked: AtomicUsize,
    /// One permit lets one answer through.
    pub(crate) gate: Semaphore,
}

impl Script {
    /// An upstream that answers at once.
    pub(crate) fn open() -> Arc<Self> {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { answers: Mutex::default(), asked: AtomicUsize::new(0), gate })
    }

    /// An upstream that says nothing until `gate` is opened.
    pub(crate) fn held() -> Arc<Self> {
        Arc::new(Self { answers: Mutex::default(), asked: AtomicUsize::new(0), gate: Semaphore::new(0) })
    }

    /// Answers with records as in `a.example. 60 A 192.0.2.1`; after a line `--` they stand in the
    /// authority section, after `++` in the additional one.
    pub(crate) fn says(&self, question: &str, rtype: u16, lines: &[&str]) {
        self.says_bytes(question, rtype, response(question, rtype, ResponseCode::NoError, lines));
    }

    pub(crate) fn says_bytes(&self, question: &str, rtype: u16, bytes: Vec<u8>) {
        self.answers.lock().unwrap().insert((question.to_owned(), rtype), Ok(bytes));
    }

    pub(crate) fn fails(&self, question: &str, rtype: u16, error: UpError) {
        self.answers.lock().unwrap().insert((question.to_owned(), rtype), Err(error));
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl Upstream for Script {
    fn ask<'a>(&'a self, question: &'a UpQuestion) -> BoxFuture<'a, Result<UpAnswer, UpError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, SeqCst);
            self.gate.acquire().await.unwrap().forget();
            let key = (question.name.to_string(), question.rtype);
            let said = self.answers.lock().unwrap().get(&key).cloned();
            said.unwrap_or(Err(UpError::Timeout)).map(|bytes| UpAnswer {
                bytes,
                server: "script".into(),
                ede: None,
            })
        })
    }
}

/// A message that answers a question.
pub(crate) fn response(question: &str, rtype: u16, code: ResponseCode, lines: &[&str]) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.metadata.response_code = code;
    message.add_query(Query::query(
        ZoneName::from_ascii(format!("{question}.")).unwrap(),
        RecordType::from(rtype),
    ));
    let mut section = 0;
    for line in lines {
        match *line {
            "--" => section = 1,
            "++" => section = 2,
            line if section == 0 => drop(message.add_answer(record(line))),
            line if section == 1 => drop(message.add_authority(record(line))),
            line => drop(message.add_additional(record(line))),
        }
    }
    message.to_vec().unwrap()
}

/// `owner ttl type data`; the data of types that hickory cannot read as text is hex after `#`.
fn record(line: &str) -> Record {
    let mut words = line.splitn(4, ' ');
    let owner = ZoneName::from_ascii(words.next().unwrap()).unwrap();
    let ttl = words.next().unwrap().parse().unwrap();
    let rtype = words.next().unwrap();
    let data = words.next().unwrap();
    let rdata = match (rtype, data.strip_prefix('#')) {
        ("DNAME", _) => unknown(39, name(data).as_ref().wire().to_vec()),
        (number, Some(hex)) => unknown(number.parse().unwrap(), unhex(hex)),
        _ => RData::try_from_str(rtype.parse().unwrap(), data).unwrap(),
    };
    Record::from_rdata(owner, ttl, rdata)
}

fn unknown(code: u16, data: Vec<u8>) -> RData {
    RData::Unknown { code: RecordType::from(code), rdata: NULL::with(data) }
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let nibbles: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| u8::try_from(digit).unwrap()).collect();
    nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// An engine over one upstream, with local data.
pub(crate) fn engine(upstream: &Arc<Script>) -> Arc<Engine> {
    let page = BlockPage { ipv4: Some("192.0.2.80".parse().unwrap()), ipv6: None };
    let settings = Settings { cache_bytes: 1 << 20, stale: STALE_DEFAULT, block_page: page };
    let group: Arc<dyn Upstream> = upstream.clone();
    Engine::new(settings, Upstreams::new(vec![group]), crate::local::tests::zones(), snapshot())
}

/// A question to put to an engine.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) name: Vec<u8>,
    pub(crate) rtype: u16,
    pub(crate) from: &'static str,
    pub(crate) transport: Transport,
    pub(crate) edns: Option<u16>,
    pub(crate) dnssec_ok: bool,
    pub(crate) recursion: bool,
}

/// A pupil's question over UDP with EDNS.
pub(crate) fn ask(question: &str, rtype: u16) -> Ask {
    let mut wire = Vec::new();
    for label in question.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.bytes());
    }
    wire.push(0);
    Ask {
        name: wire,
        rtype,
        from: PUPIL,
        transport: Transport::Udp,
        edns: Some(1232),
        dnssec_ok: false,
        recursion: true,
    }
}

impl Ask {
    pub(crate) fn from(self, from: &'static str) -> Self {
        Self { from, ..self }
    }

    pub(crate) fn peer(&self) -> Peer {
        let source = SocketAddr::new(self.from.parse::<IpAddr>().unwrap(), 5353);
        Peer { source, local: None, interface: None, transport: self.transport }
    }

    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut packet =
            vec![0xab, 0xcd, u8::from(self.recursion), 0, 0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())];
        packet.extend_from_slice(&self.name);
        packet.extend_from_slice(&self.rtype.to_be_bytes());
        packet.extend_from_slice(&[0, 1]);
        if let Some(size) = self.edns {
            packet.extend_from_slice(&[0, 0, 41]);
            packet.extend_from_slice(&size.to_be_bytes());
            packet.extend_from_slice(&[0, 0, if self.dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
        }
        packet
    }

    /// The whole way.
    pub(crate) async fn of(&self, engine: &Engine) -> Seen {
        Seen::read(&engine.answer(self.packet(), self.peer()).await.unwrap())
    }

    /// The fast way alone.
    pub(crate) fn fast_of(&self, engine: &Engine, now: Tick) -> Option<Seen> {
        let (mut recorder, mut out) = (engine.recorder(), Vec::new());
        match engine.fast(&self.packet(), &self.peer(), &engine.live(), now, &mut recorder, &mut out) {
            Fast::Reply(_) => Some(Seen::read(&out)),
            Fast::Slow | Fast::Drop => None,
        }
    }
}

/// Asks twice: the second answer comes from the cache and has to say the same.
pub(crate) async fn twice(engine: &Engine, ask: &Ask) -> Seen {
    let first = ask.of(engine).await;
    let second = ask.of(engine).await;
    assert_eq!(first.bytes, second.bytes, "the cached answer is the fresh one");
    first
}

/// A reply, read by a library that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) rcode: String,
    /// `a.example. 60 IN A 192.0.2.1`
    pub(crate) answers: Vec<String>,
    pub(crate) authority: Vec<String>,
    /// `15 category gambling`
    pub(crate) ede: Vec<String>,
    pub(crate) authoritative: bool,
    pub(crate) truncated: bool,
    pub(crate) dnssec_ok: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Seen {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let message = Message::from_vec(bytes).unwrap();
        assert_eq!(message.metadata.message_type, MessageType::Response);
        assert!(message.metadata.recursion_available, "RA is set in every reply");
        assert!(!message.metadata.authentic_data, "nothing is validated here");
        let text = |records: &[Record]| records.iter().map(ToString::to_string).collect();
        Self {
            rcode: format!("{:?}", message.metadata.response_code),
            answers: text(&message.answers),
            authority: text(&message.authorities),
            ede: edes(bytes, message.edns.is_some()),
            authoritative: message.metadata.authoritative,
            truncated: message.metadata.truncation,
            dnssec_ok: message.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok),
            bytes: bytes.to_vec(),
        }
    }

    /// The data of the answers alone: type and data.
    pub(crate) fn data(&self) -> Vec<String> {
        self.answers.iter().map(|line| line.splitn(4, ' ').nth(3).unwrap().to_owned()).collect()
    }
}

/// The errors in the OPT record: it stands last, with an empty owner, so its data can be found from
/// the end by trying.
fn edes(bytes: &[u8], edns: bool) -> Vec<String> {
    if !edns {
        return Vec::new();
    }
    let start = (0..bytes.len().saturating_sub(10))
        .rev()
        .find(|&at| {
            let length = u16::from_be_bytes([bytes[at + 9], bytes[at + 10]]);
            bytes[at..at + 5] == [0, 0, 41, 0x04, 0xd0] && at + 11 + usize::from(length) == bytes.len()
        })
        .expect("the OPT record is the last one");
    let mut options = &bytes[start + 11..];
    let mut found = Vec::new();
    while let Some((head, rest)) = options.split_first_chunk::<4>() {
        let (value, rest) = rest.split_at(usize::from(u16::from_be_bytes([head[2], head[3]])));
        assert_eq!(head[..2], [0, 15], "no other option is sent");
        let text = std::str::from_utf8(&value[2..]).unwrap();
        found.push(format!("{} {text}", u16::from_be_bytes([value[0], value[1]])).trim().to_owned());
        options = rest;
    }
    found
}

/// Local data alone, for tests that need none.
pub(crate) fn no_zones() -> LocalZones {
    LocalZones::default()
}
