//! Writes one reply: header, the client's own question bytes, records, OPT last.
//!
//! The buffer is the caller's and is reused from reply to reply, so that nothing is allocated once
//! it has grown to the largest reply. A record that does not fit makes the whole reply a truncated
//! one (TC, question and OPT alone): the client asks again over TCP.

use serde::{Deserialize, Serialize};

use crate::body::POINTER_MAX;
use crate::limits::UDP_SIZE;
use crate::wire::{Asked, HEADER};

/// Octets of OPT without options.
const OPT: usize = 11;
/// Octets of an Extended DNS Error option without its text (RFC 8914 section 2).
const EDE: usize = 6;
const OPTION_EDE: u16 = 15;

/// Extended DNS Error codes (RFC 8914) that we send.
pub mod ede {
    /// An answer past its time stands in.
    pub const STALE: u16 = 3;
    /// A "no such name" past its time stands in.
    pub const STALE_NXDOMAIN: u16 = 19;
    /// A forged answer: rewritten for safe search, or a private address was taken out.
    pub const FORGED: u16 = 4;
    /// From the cache of failures.
    pub const CACHED_ERROR: u16 = 13;
    /// Nothing to filter with yet.
    pub const NOT_READY: u16 = 14;
    /// Blocked by the school's policy.
    pub const BLOCKED: u16 = 15;
    /// Blocked by law: nobody can open it.
    pub const CENSORED: u16 = 16;
    /// We do not serve this client.
    pub const PROHIBITED: u16 = 18;
    /// No upstream answered.
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    /// The upstream could not be talked to, or made no sense.
    pub const NETWORK_ERROR: u16 = 23;

    /// Whether a code says that the data did not validate (RFC 8914 sections 4.7 to 4.13).
    #[must_use]
    pub fn is_forged(code: u16) -> bool {
        (6..=12).contains(&code)
    }
}

/// One Extended DNS Error: a code, and words for whoever looks at the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ede<'a> {
    /// The code, from [`ede`].
    pub code: u16,
    /// Reason id and category, joined by a blank; either may be empty.
    pub text: [&'a str; 2],
}

impl Ede<'_> {
    /// A code without words.
    #[must_use]
    pub fn code(code: u16) -> Self {
        Self { code, text: ["", ""] }
    }
}

/// Which section a record is written to. Answers come before authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// Why there is nothing.
    Authority,
}

/// How the owner of a record is written.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    /// A pointer to a name that is already in the message, with the octets to write when it is
    /// too far back to be pointed to.
    At(usize, &'a [u8]),
    /// The octets themselves.
    Octets(&'a [u8]),
}

/// What the header says beside the counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    /// Response code, 12 bits.
    pub rcode: u16,
    /// AA: from the school's own zones.
    pub authoritative: bool,
}

/// A reply being written.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    asked: Asked<'a>,
    question_end: usize,
    counts: [u16; 2],
    truncated: bool,
}

impl<'a> Reply<'a> {
    /// Where the question's name stands in every message.
    pub const QUESTION: usize = HEADER;

    /// Starts over in `out`.
    #[must_use]
    pub fn start(asked: Asked<'a>, out: &'a mut Vec<u8>) -> Self {
        out.clear();
        out.extend_from_slice(asked.header);
        out.extend_from_slice(asked.question);
        let question_end = out.len();
        Self { out, asked, question_end, counts: [0; 2], truncated: false }
    }

    /// Takes all records back out, for an answer that turned out to be another one.
    pub fn restart(&mut self) {
        self.out.truncate(self.question_end);
        self.counts = [0; 2];
        self.truncated = false;
    }

    /// Makes it a truncated reply, whatever it holds: the client is to ask again over TCP.
    pub fn truncate(&mut self) {
        self.restart();
        self.truncated = true;
    }

    /// How many records the answer section has.
    #[must_use]
    pub fn answers(&self) -> u16 {
        self.counts[0]
    }

    /// Writes one record of class IN; `rdata` fills in its data and says whether to keep it.
    /// Returns where the data starts in the message, `None` when the record is not there (not
    /// kept, or no room).
    pub fn record(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        rtype: u16,
        ttl: u32,
        rdata: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Option<usize> {
        if self.truncated {
            return None;
        }
        let start = self.out.len();
        let [type_high, type_low] = rtype.to_be_bytes();
        let [ttl_1, ttl_2, ttl_3, ttl_4] = ttl.to_be_bytes();
        let fixed = [type_high, type_low, 0, 1, ttl_1, ttl_2, ttl_3, ttl_4, 0, 0];
        match owner {
            Owner::At(at, _) if at <= POINTER_MAX => {
                // At once: every piece by itself costs as much as all of it.
                let mut head = [0; 12];
                let (pointer, rest) = head.split_at_mut(2);
                pointer.copy_from_slice(&(0xc000 | u16::try_from(at).unwrap_or(0)).to_be_bytes());
                rest.copy_from_slice(&fixed);
                self.out.extend_from_slice(&head);
            }
            Owner::At(_, octets) | Owner::Octets(octets) => {
                self.out.extend_from_slice(octets);
                self.out.extend_from_slice(&fixed);
            }
        }
        let data = self.out.len();
        if !rdata(self.out) {
            self.out.truncate(start);
            return None;
        }
        let opt = if self.asked.edns { OPT } else { 0 };
        let length =
            u16::try_from(self.out.len() - data).ok().filter(|_| self.out.len() + opt <= self.asked.limit);
        let (Some(length), Some(at)) = (length, self.out.get_mut(data - 2..data)) else {
            self.restart();
            self.truncated = true;
            return None;
        };
        at.copy_from_slice(&length.to_be_bytes());
        let slot = usize::from(section == Section::Authority);
        self.counts[slot] = self.counts[slot].saturating_add(1);
        Some(data)
    }

    /// Writes records that were put together before, so many of them in each section. Returns them as they
    /// stand in the reply, `None` when they have no room.
    pub fn records(&mut self, records: &[u8], counts: [u16; 2]) -> Option<&mut [u8]> {
        let opt = if self.asked.edns { OPT } else { 0 };
        let start = self.out.len();
        if self.truncated || start + records.len() + opt > self.asked.limit {
            self.truncate();
            return None;
        }
        self.out.extend_from_slice(records);
        for (count, more) in self.counts.iter_mut().zip(counts) {
            *count = count.saturating_add(more);
        }
        self.out.get_mut(start..)
    }

    /// Writes OPT with the errors that fit, then the header. The reply stands in the buffer.
    pub fn finish(self, flags: Flags, errors: &[Ede<'_>]) {
        let Self { out, asked, question_end, mut counts, truncated } = self;
        if asked.edns {
            write_opt(out, &asked, flags.rcode, errors);
        }
        if truncated {
            counts = [0; 2];
        }
        let [answers, authority] = counts.map(u16::to_be_bytes);
        let question = u8::from(question_end > HEADER);
        let opt = u8::from(asked.edns);
        // Opcode and RD as they came; QR.
        let first = 0x80
            | (asked.header[2] & 0x79)
            | if flags.authoritative { 0x04 } else { 0 }
            | if truncated { 0x02 } else { 0 };
        // RA always; CD as it came; AD never: nothing here validates.
        let second = 0x80 | (asked.header[3] & 0x10) | u8::try_from(flags.rcode & 0xf).unwrap_or(0);
        let numbers = [0, question, answers[0], answers[1], authority[0], authority[1], 0, opt];
        if let Some((header, _)) = out.split_first_chunk_mut::<HEADER>() {
            header[2] = first;
            header[3] = second;
            header[4..].copy_from_slice(&numbers);
        }
    }
}

fn write_opt(out: &mut Vec<u8>, asked: &Asked<'_>, rcode: u16, errors: &[Ede<'_>]) {
    let [size_high, size_low] = UDP_SIZE.to_be_bytes();
    let [type_high, type_low] = crate::wire::rtype::OPT.to_be_bytes();
    let upper = u8::try_from(rcode >> 4).unwrap_or(0);
    let flags = if asked.dnssec_ok { 0x80 } else { 0 };
    out.extend_from_slice(&[0, type_high, type_low, size_high, size_low, upper, 0, flags, 0, 0, 0]);
    let start = out.len();
    for error in errors {
        let room = asked.limit.saturating_sub(out.len());
        if room < EDE {
            break;
        }
        let [reason, category] = error.text;
        let blank = !reason.is_empty() && !category.is_empty();
        let words = reason.len() + usize::from(blank) + category.len();
        let told = EDE + words <= room;
        let length = u16::try_from(2 + if told { words } else { 0 }).unwrap_or(2);
        let [[kind_high, kind_low], [high, low], [code_high, code_low]] =
            [OPTION_EDE, length, error.code].map(u16::to_be_bytes);
        out.extend_from_slice(&[kind_high, kind_low, high, low, code_high, code_low]);
        if told {
            out.extend_from_slice(reason.as_bytes());
            if blank {
                out.push(b' ');
            }
            out.extend_from_slice(category.as_bytes());
        }
    }
    let options = out.len() - start;
    set_length(out, start - 2, options);
}

fn set_length(out: &mut [u8], at: usize, length: usize) {
    if let (Some(place), Ok(length)) = (out.get_mut(at..at + 2), u16::try_from(length)) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}
