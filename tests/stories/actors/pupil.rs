//! A device of the school: it asks from its own address and reads what comes back.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, Record};
use socket2::{Domain, Socket, Type};

use super::Transport;
use super::records::{type_number, wire_name};

/// Longer than the program may ever take (an answer or SERVFAIL after 4 s).
const PATIENCE: Duration = Duration::from_secs(8);
/// Id of questions that are asked behind others; every ordinary one has another.
const BEHIND: [u8; 2] = [0x1f, 0x2e];
/// EDNS option code of extended errors (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// A device at one address, asking one server.
#[derive(Debug, Clone, Copy)]
pub struct Pupil {
    source: IpAddr,
    server: SocketAddr,
}

/// A question as it goes over the wire; starts as an ordinary one with EDNS and RD.
#[derive(Debug, Clone)]
pub struct Question {
    name: Vec<u8>,
    rtype: u16,
    class: u16,
    flags: u16,
    edns: Option<(u8, u16, u16, Vec<u8>)>,
}

impl Question {
    /// An ordinary question.
    pub fn new(name: &str, rtype: &str) -> Self {
        let edns = Some((0, 1232, 0, Vec::new()));
        Self { name: wire_name(name), rtype: type_number(rtype), class: 1, flags: 0x0100, edns }
    }

    /// In another class than IN.
    pub fn class(self, class: u16) -> Self {
        Self { class, ..self }
    }

    /// With another opcode than QUERY.
    pub fn opcode(self, opcode: u16) -> Self {
        Self { flags: self.flags | opcode << 11, ..self }
    }

    /// RD=0: only what the server has itself.
    pub fn without_recursion(self) -> Self {
        Self { flags: self.flags & !0x0100, ..self }
    }

    /// With header flags added, such as AD (0x20), CD (0x10) or QR (0x8000).
    pub fn flags(self, flags: u16) -> Self {
        Self { flags: self.flags | flags, ..self }
    }

    /// As a client of before 1999.
    pub fn without_edns(self) -> Self {
        Self { edns: None, ..self }
    }

    /// With an EDNS version, a UDP size, the flags (DO is 0x8000) and raw options.
    pub fn edns(self, version: u8, size: u16, flags: u16, options: &[u8]) -> Self {
        Self { edns: Some((version, size, flags, options.to_vec())), ..self }
    }

    /// The message, with a fixed id: each question has a socket of its own.
    pub fn bytes(&self) -> Vec<u8> {
        let mut wire = vec![0x5c, 0x67];
        wire.extend(self.flags.to_be_bytes());
        wire.extend([0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())]);
        wire.extend(&self.name);
        wire.extend(self.rtype.to_be_bytes());
        wire.extend(self.class.to_be_bytes());
        if let Some((version, size, flags, options)) = &self.edns {
            wire.extend([0, 0, 41]);
            wire.extend(size.to_be_bytes());
            wire.extend([0, *version]);
            wire.extend(flags.to_be_bytes());
            wire.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
            wire.extend(options);
        }
        wire
    }
}

impl Pupil {
    /// A device at `source` that was given `server` by DHCP.
    pub fn new(source: IpAddr, server: SocketAddr) -> Self {
        Self { source, server }
    }

    /// Asks over UDP, as almost everybody does.
    pub fn ask(&self, name: &str, rtype: &str) -> Reply {
        self.send(Transport::Udp, &Question::new(name, rtype))
    }

    /// Asks and reads the answer.
    pub fn send(&self, transport: Transport, question: &Question) -> Reply {
        let bytes = self.exchange(transport, &question.bytes(), PATIENCE);
        let bytes = bytes.unwrap_or_else(|| panic!("no answer over {transport:?} to {question:?}"));
        assert_eq!(bytes[..2], [0x5c, 0x67], "the answer has the id of the question");
        Reply::read(bytes)
    }

    /// Sends any bytes; `None` when nothing comes back within `patience`.
    pub fn exchange(&self, transport: Transport, packet: &[u8], patience: Duration) -> Option<Vec<u8>> {
        match transport {
            Transport::Udp => self.exchange_udp(packet, patience),
            Transport::Tcp => {
                let mut stream = self.connect(patience)?;
                write_framed(&mut stream, packet)?;
                read_framed(&mut stream)
            }
        }
    }

    /// Whether these bytes get no answer: names that are asked behind them down the same socket are
    /// answered, in turn, and nothing else comes.
    pub fn hears_nothing(&self, transport: Transport, packet: &[u8], behind: &[&str]) -> bool {
        let questions = behind.iter().map(|name| {
            let mut question = Question::new(name, "A").bytes();
            question[..2].copy_from_slice(&BEHIND);
            question
        });
        let is_behind = |answer: Vec<u8>| answer[..2] == BEHIND;
        match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((self.source, 0)).unwrap();
                socket.connect(self.server).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.send(packet).unwrap();
                questions.into_iter().all(|question| {
                    socket.send(&question).unwrap();
                    let mut answer = vec![0; 65535];
                    let length = socket.recv(&mut answer).expect("what is asked behind it is answered");
                    answer.truncate(length);
                    is_behind(answer)
                })
            }
            Transport::Tcp => {
                let mut stream = self.connect(PATIENCE).unwrap();
                write_framed(&mut stream, packet).unwrap();
                questions.into_iter().all(|question| {
                    write_framed(&mut stream, &question).unwrap();
                    is_behind(read_framed(&mut stream).expect("what is asked behind it is answered"))
                })
            }
        }
    }

    /// The socket is connected, so only what comes from the very address asked is an answer.
    fn exchange_udp(&self, packet: &[u8], patience: Duration) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind((self.source, 0)).unwrap();
        socket.connect(self.server).unwrap();
        socket.set_read_timeout(Some(patience)).unwrap();
        socket.send(packet).ok()?;
        let mut buffer = vec![0; 65535];
        let length = socket.recv(&mut buffer).ok()?;
        buffer.truncate(length);
        Some(buffer)
    }

    /// A TCP connection from this device's address.
    pub fn connect(&self, patience: Duration) -> Option<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.server), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(self.source, 0).into()).unwrap();
        socket.connect_timeout(&self.server.into(), patience).ok()?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(patience)).unwrap();
        Some(stream)
    }

    /// Several questions down one connection at once, and as many answers as they come.
    pub fn pipeline(&self, questions: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut stream = self.connect(PATIENCE).unwrap();
        questions.iter().for_each(|question| write_framed(&mut stream, question).unwrap());
        questions.iter().map(|_| read_framed(&mut stream).unwrap()).collect()
    }
}

fn write_framed(stream: &mut TcpStream, packet: &[u8]) -> Option<()> {
    let framed = [&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat();
    stream.write_all(&framed).ok()
}

fn read_framed(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

/// An answer, readable.
#[derive(Debug, Clone)]
pub struct Reply {
    /// As it came.
    pub bytes: Vec<u8>,
    message: Message,
}

impl Reply {
    /// Reads an answer; a malformed one fails the story.
    pub fn read(bytes: Vec<u8>) -> Self {
        let message = Message::from_vec(&bytes).unwrap_or_else(|error| panic!("{error} in {bytes:02x?}"));
        Self { bytes, message }
    }

    /// The response code as people write it.
    pub fn code(&self) -> &'static str {
        match u16::from(self.message.metadata.response_code) {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            16 => "BADVERS",
            other => panic!("unexpected response code {other}"),
        }
    }

    /// What it says, in one line: the records of the answer (`CNAME x / A 192.0.2.1`), `NODATA`, or
    /// the code of a failure.
    pub fn said(&self) -> String {
        let records: Vec<String> = self.message.answers.iter().map(in_words).collect();
        match (self.code(), records.is_empty()) {
            ("NOERROR", true) => "NODATA".into(),
            ("NOERROR", false) => records.join(" / "),
            (code, true) => code.into(),
            (code, false) => format!("{code} {}", records.join(" / ")),
        }
    }

    /// Records in answer, authority and additional sections (OPT not counted).
    pub fn record_counts(&self) -> [usize; 3] {
        [self.message.answers.len(), self.message.authorities.len(), self.message.additionals.len()]
    }

    /// Extended errors as `code text` (RFC 8914).
    pub fn extended_errors(&self) -> Vec<String> {
        let options = self.message.edns.iter().flat_map(|edns| edns.options().as_ref());
        let errors = options.filter_map(|(code, option)| match option {
            EdnsOption::Unknown(_, data) if u16::from(*code) == EXTENDED_ERROR => {
                let text = String::from_utf8_lossy(data.get(2..)?);
                Some(format!("{} {text}", u16::from_be_bytes([data[0], data[1]])).trim_end().to_owned())
            }
            _ => None,
        });
        errors.collect()
    }

    /// Whether the reply carries EDNS.
    pub fn has_edns(&self) -> bool {
        self.message.edns.is_some()
    }

    /// The SOA of the authority section: owner, TTL, minimum.
    pub fn authority(&self) -> Option<(String, u32, u32)> {
        self.message.authorities.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some((plain(&record.name.to_string()), record.ttl, soa.minimum)),
            _ => None,
        })
    }

    /// The largest TTL of any record.
    pub fn ttl_max(&self) -> u32 {
        let message = &self.message;
        message.answers.iter().chain(&message.authorities).map(|record| record.ttl).max().unwrap_or(0)
    }

    /// Header flags as they stand (QR 0x8000, AA 0x400, TC 0x200, RD 0x100, RA 0x80, AD 0x20, CD 0x10).
    pub fn flags(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    /// The question section as it came back, letters as they are.
    pub fn question_bytes(&self) -> &[u8] {
        let end = 12 + self.bytes[12..].iter().position(|byte| *byte == 0).unwrap();
        &self.bytes[12..end + 5]
    }

    /// Whether bytes stand anywhere in the answer.
    pub fn contains(&self, needle: &[u8]) -> bool {
        self.bytes.windows(needle.len()).any(|window| window == needle)
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

fn in_words(record: &Record) -> String {
    let data = record.data.to_string();
    let data: Vec<String> =
        data.split_whitespace().map(|word| word.trim_end_matches('.').to_owned()).collect();
    format!("{} {}", record.record_type(), data.join(" "))
}
