//! The query as it goes upstream, and the proof that an answer belongs to it.
//!
//! Only the header, the question and the OPT record are looked at here: whether the records are any
//! good is the engine's business. A reply is believed if it carries the random id, is a response, and
//! repeats the question (RFC 5452 section 9.1), over UDP byte for byte; everything else is a near miss.

use super::UpQuestion;
use super::cookie::{CLIENT_OCTETS, Cookie};
use super::dice;

/// Octets that we take in one datagram, and that we say so in EDNS (DNS flag day 2020).
pub const UDP_OCTETS: u16 = 1232;

/// Code of the EDNS option that makes encrypted queries alike in size (RFC 7830).
const OPTION_PADDING: u16 = 12;
/// Encrypted queries are padded to a multiple of this (RFC 8467 section 4.1).
const PADDING_BLOCK: usize = 128;
/// Code of the EDNS option for cookies (RFC 7873).
const OPTION_COOKIE: u16 = 10;
/// Code of the EDNS option for extended errors (RFC 8914).
const OPTION_ERROR: u16 = 15;

const HEADER_OCTETS: usize = 12;
/// Type, class, TTL and length of a record.
const FIXED_OCTETS: usize = 10;
/// OPT without options: root owner and the fixed fields.
const OPT_OCTETS: usize = 1 + FIXED_OCTETS;
const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;
const FLAG_QR: u8 = 0x80;
const FLAG_TC: u8 = 0x02;
const OPCODE_BITS: u8 = 0x78;
/// Response code that asks for the cookie that comes with it (RFC 7873 section 5.3).
pub(super) const BADCOOKIE: u16 = 23;

/// A query ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    bytes: Vec<u8>,
    /// Where the question ends.
    question_end: usize,
    /// Our half of the cookie that went with it.
    pub(super) cookie: Option<[u8; CLIENT_OCTETS]>,
}

/// What goes with a question besides itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extras {
    /// Random letter case (0x20).
    pub(super) case: bool,
    /// Filled up to a size that tells nothing.
    pub(super) padded: bool,
    /// A cookie for this server.
    pub(super) cookie: Option<Cookie>,
}

/// How closely a reply has to repeat the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// Byte for byte: anybody could have sent it.
    Exact,
    /// Letter case aside: it came over a connection with the server.
    Caseless,
}

/// What a checked reply says in its header and its OPT record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    /// The response code, with the EDNS extension where there is one.
    pub(super) rcode: u16,
    /// TC: the records did not fit.
    pub(super) truncated: bool,
    /// The server repeated the question in our letter case.
    pub(super) same_case: bool,
    /// The cookie that the server gave back.
    pub(super) cookie: Option<Cookie>,
    /// The first extended error (RFC 8914).
    pub(super) ede: Option<u16>,
}

impl Query {
    /// Writes the query: RD, CD as asked, one question in class IN, EDNS with DO as asked. Nothing of
    /// the client goes upstream: the only options are our own.
    ///
    /// # Errors
    /// When there are no random numbers to be had.
    pub(super) fn new(question: &UpQuestion, extras: Extras) -> std::io::Result<Self> {
        let name = question.name.as_ref().wire();
        let mut bytes = Vec::with_capacity(HEADER_OCTETS + name.len() + 4 + OPT_OCTETS + 32);
        bytes.extend_from_slice(&[0, 0]);
        bytes.push(0x01); // RD
        bytes.push(if question.checking_disabled { 0x10 } else { 0 });
        for count in [1_u16, 0, 0, 1] {
            bytes.extend_from_slice(&count.to_be_bytes());
        }
        bytes.extend_from_slice(name);
        if extras.case {
            let name = bytes.get_mut(HEADER_OCTETS..).unwrap_or_default();
            randomise(name)?;
        }
        bytes.extend_from_slice(&question.rtype.to_be_bytes());
        bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
        let question_end = bytes.len();
        // OPT (RFC 6891 section 6.1.2): root owner, type, our size, extended rcode and version 0,
        // flags with DO on top, length of the options.
        bytes.push(0);
        bytes.extend_from_slice(&TYPE_OPT.to_be_bytes());
        bytes.extend_from_slice(&UDP_OCTETS.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, if question.dnssec_ok { 0x80 } else { 0 }, 0]);
        bytes.extend_from_slice(&[0, 0]);
        let mut query = Self { bytes, question_end, cookie: extras.cookie.map(|cookie| cookie.client) };
        if let Some(cookie) = extras.cookie {
            query.option(OPTION_COOKIE, cookie.octets());
        }
        if extras.padded {
            let room = (query.bytes.len() + 4) % PADDING_BLOCK;
            query.option(OPTION_PADDING, &[0; PADDING_BLOCK][..(PADDING_BLOCK - room) % PADDING_BLOCK]);
        }
        Ok(query)
    }

    fn option(&mut self, code: u16, data: &[u8]) {
        self.bytes.extend_from_slice(&code.to_be_bytes());
        self.bytes.extend_from_slice(&u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
        self.bytes.extend_from_slice(data);
        // Where OPT says how long its options are, just before them.
        let at = self.question_end + OPT_OCTETS;
        let length = u16::try_from(self.bytes.len().saturating_sub(at)).unwrap_or(0);
        if let Some(field) = self.bytes.get_mut(at - 2..at) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// Puts in the id.
    pub(super) fn set_id(&mut self, id: u16) {
        if let Some(field) = self.bytes.first_chunk_mut::<2>() {
            *field = id.to_be_bytes();
        }
    }

    /// As it is sent.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn question(&self) -> &[u8] {
        self.bytes.get(HEADER_OCTETS..self.question_end).unwrap_or_default()
    }

    /// Whether a message repeats this question, whatever its id: what a forger knows.
    pub(super) fn is_asked_in(&self, reply: &[u8]) -> bool {
        let question = self.question();
        reply
            .get(HEADER_OCTETS..HEADER_OCTETS + question.len())
            .is_some_and(|repeated| same_question(question, repeated, Match::Caseless))
    }

    /// Checks that `reply` answers this query. `None` for a near miss. The id is the caller's.
    pub(super) fn check(&self, reply: &[u8], how: Match) -> Option<Reply> {
        let asked = self.question();
        let end = HEADER_OCTETS + asked.len();
        let repeated = reply.get(HEADER_OCTETS..end)?;
        let &[_, _, flags, codes] = reply.first_chunk::<4>()?;
        let belongs = flags & FLAG_QR != 0
            && flags & OPCODE_BITS == 0
            && reply.get(4..6) == Some(&[0, 1])
            && same_question(asked, repeated, how);
        if !belongs {
            return None;
        }
        let mut found = Reply {
            rcode: u16::from(codes & 0x0f),
            truncated: flags & FLAG_TC != 0,
            same_case: asked == repeated,
            cookie: None,
            ede: None,
        };
        if let Some((extended, options)) = opt(reply, end) {
            found.rcode |= u16::from(extended) << 4;
            read_options(options, &mut found);
        }
        Some(found)
    }
}

/// The id of a message.
pub(super) fn id(message: &[u8]) -> Option<u16> {
    message.first_chunk::<2>().map(|octets| u16::from_be_bytes(*octets))
}

/// Lower-case letters become upper-case by the toss of a coin (length octets are below every letter).
fn randomise(name: &mut [u8]) -> std::io::Result<()> {
    for part in name.chunks_mut(64) {
        let mut coins = dice::bits64()?;
        for octet in part.iter_mut().filter(|octet| octet.is_ascii_lowercase()) {
            *octet ^= if coins & 1 == 1 { 0x20 } else { 0 };
            coins >>= 1;
        }
    }
    Ok(())
}

/// The name as `how` says, type and class byte by byte.
fn same_question(asked: &[u8], repeated: &[u8], how: Match) -> bool {
    if asked == repeated || how == Match::Exact {
        return asked == repeated;
    }
    match (asked.split_last_chunk::<4>(), repeated.split_last_chunk::<4>()) {
        (Some((name, kind)), Some((name_again, kind_again))) => {
            kind == kind_again && name.eq_ignore_ascii_case(name_again)
        }
        _ => false,
    }
}

/// The extended code and the options of the OPT record; `None` when there is none or the records
/// before it cannot be read.
fn opt(message: &[u8], question_end: usize) -> Option<(u8, &[u8])> {
    let count = |at: usize| {
        message
            .get(at..at + 2)
            .map_or(0, |octets| octets.iter().fold(0_usize, |count, octet| count << 8 | usize::from(*octet)))
    };
    let mut at = question_end;
    for _ in 0..count(6) + count(8) + count(10) {
        at = after_name(message, at)?;
        let fixed = message.get(at..at + FIXED_OCTETS)?;
        let (length, start) = (fixed.last_chunk::<2>()?, at + FIXED_OCTETS);
        at = start + usize::from(u16::from_be_bytes(*length));
        if fixed.get(..2) == Some(&TYPE_OPT.to_be_bytes()) {
            return Some((*fixed.get(4)?, message.get(start..at)?));
        }
    }
    None
}

/// Where a name ends: at its root label or its first pointer.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
}

fn read_options(mut options: &[u8], found: &mut Reply) {
    while let Some((&[code_high, code_low, length_high, length_low], rest)) = options.split_first_chunk::<4>()
    {
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let Some((data, rest)) = rest.split_at_checked(length) else { return };
        match u16::from_be_bytes([code_high, code_low]) {
            OPTION_COOKIE => found.cookie = Cookie::read(data),
            OPTION_ERROR => {
                found.ede = found.ede.or_else(|| data.first_chunk().map(|code| u16::from_be_bytes(*code)));
            }
            _ => {}
        }
        options = rest;
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
