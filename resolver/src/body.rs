//! What an upstream said, once scrubbed: the form in which answers are kept.
//!
//! A body holds neither question nor OPT, so that one body serves every client: the reply is the
//! client's own question bytes, this body, OPT. Its octets are the records as they stand in a reply to the
//! very question, so that an answer to which nothing has to be done is copied whole, and its TTLs aged in
//! place. A table tells where each record's data lies in them, uncompressed, and its owner by its place in
//! the CNAME chain: that makes it cheap to put every hop to a policy, to leave records out, and to hang
//! the whole body below another name (safe search), all without parsing anything again.

use blocklists::name::NameRef;
use serde::{Deserialize, Serialize};

use crate::reply::Section;
use crate::wire::{HEADER, rcode, rtype};

/// Octets from a record's TTL to its data.
const TTL_BEFORE: usize = 6;
/// A name further back than this cannot be pointed to (RFC 1035 section 4.1.4).
pub const POINTER_MAX: usize = 0x3fff;

/// Where the owner of a record is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The chain's name number `hop` (0 is the name asked, `n` the target of CNAME `n`), from
    /// octet `skip` on.
    Hop {
        /// Number in the chain.
        hop: u8,
        /// Octets of leading labels left out.
        skip: u8,
    },
    /// Octets of its own in the body's data.
    Data(u32, u32),
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The section it stands in.
    pub section: Section,
    /// Its owner.
    pub owner: Place,
    /// Its type.
    pub rtype: u16,
    /// Its TTL in seconds when it was stored.
    pub ttl: u32,
    data: (u32, u32),
}

/// A scrubbed answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    rcode: u16,
    lifetime: u32,
    /// Records of the answer, and of the authority section behind it.
    counts: [u16; 2],
    records: Box<[Record]>,
    data: Box<[u8]>,
}

impl Body {
    /// NOERROR or NXDOMAIN.
    #[must_use]
    pub fn rcode(&self) -> u16 {
        self.rcode
    }

    /// Seconds for which it may be used: the smallest TTL in it.
    #[must_use]
    pub fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// The records in the order in which they are written: chain, answer, signatures, authority.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many records stand in the answer, and how many in the authority section behind it.
    #[must_use]
    pub fn counts(&self) -> [u16; 2] {
        self.counts
    }

    /// The records as they stand in a reply to the very question, behind it.
    #[must_use]
    pub fn whole(&self) -> &[u8] {
        &self.data
    }

    /// Where in [`whole`](Self::whole) the TTL of each record stands, with its value.
    pub fn ttls(&self) -> impl Iterator<Item = (usize, u32)> {
        self.records.iter().map(|record| (octet(record.data.0).saturating_sub(TTL_BEFORE), record.ttl))
    }

    /// The data of one of its records, names in it uncompressed.
    #[must_use]
    pub fn rdata(&self, record: &Record) -> &[u8] {
        self.octets(record.data)
    }

    /// Octets that a [`Place::Data`] points to.
    #[must_use]
    pub fn octets(&self, (start, end): (u32, u32)) -> &[u8] {
        self.data.get(octet(start)..octet(end)).unwrap_or(&[])
    }

    /// The name at which an alias chain ends without the records asked for, so that they have to be
    /// asked for there.
    #[must_use]
    pub fn dangling(&self, rtype: u16) -> Option<&[u8]> {
        let answers = || self.records.iter().filter(|record| record.section == Section::Answer);
        let link = |record: &&Record| matches!(record.rtype, rtype::CNAME | rtype::DNAME | rtype::RRSIG);
        let asks_for_link = matches!(rtype, rtype::CNAME | rtype::ANY);
        if asks_for_link || self.rcode != rcode::NOERROR || !answers().all(|record| link(&record)) {
            return None;
        }
        answers().rfind(|record| record.rtype == rtype::CNAME).map(|record| self.rdata(record))
    }

    /// Octets of memory that it takes besides itself.
    pub(crate) fn allocated(&self) -> usize {
        allocated(size_of_val::<[Record]>(&self.records)) + allocated(self.data.len())
    }
}

/// What the system's allocator takes for so many octets: eight of its own, in steps of sixteen, at least 32.
/// Of a small answer that is a good part, and a bound that leaves it out is none.
pub(crate) fn allocated(octets: usize) -> usize {
    if octets == 0 { 0 } else { (octets + 8).next_multiple_of(16).max(32) }
}

/// A place in the data: never beyond 2^32, as a message has at most 65,535 octets and 255 an uncompressed
/// name.
fn octet(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Puts a [`Body`] together.
#[derive(Debug)]
pub struct Builder {
    records: Vec<Record>,
    data: Vec<u8>,
    counts: [u16; 2],
    /// Where the records begin in a reply to the very question.
    start: usize,
    /// Names of the chain: where each stands in such a reply.
    chain: Vec<usize>,
}

impl Builder {
    /// A body without records, in answer to a question for this name.
    #[must_use]
    pub fn new(name: NameRef<'_>) -> Self {
        // The question's type and class stand between its name and the records.
        let start = HEADER + name.wire().len() + 4;
        Self { records: Vec::new(), data: Vec::new(), counts: [0; 2], start, chain: vec![HEADER] }
    }

    /// Adds a record whose owner has these octets, and maybe a place in the chain as well.
    pub fn push(
        &mut self,
        section: Section,
        (place, owner): (Option<Place>, &[u8]),
        rtype: u16,
        ttl: u32,
        rdata: &[u8],
    ) {
        let owned = self.data.len();
        match place.and_then(|place| self.pointer(place)) {
            Some(pointer) => self.data.extend_from_slice(&pointer),
            None => self.data.extend_from_slice(owner),
        }
        let owner = place.unwrap_or(Place::Data(at(owned), at(self.data.len())));
        self.data.extend_from_slice(&rtype.to_be_bytes());
        self.data.extend_from_slice(&1_u16.to_be_bytes());
        self.data.extend_from_slice(&ttl.to_be_bytes());
        self.data.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
        let start = self.data.len();
        self.data.extend_from_slice(rdata);
        let answer = section == Section::Answer;
        if rtype == rtype::CNAME && answer {
            self.chain.push(self.start + start);
        }
        let count = &mut self.counts[usize::from(!answer)];
        *count = count.saturating_add(1);
        self.records.push(Record { section, owner, rtype, ttl, data: (at(start), at(self.data.len())) });
    }

    /// The finished body; `negative_ttl` bounds the lifetime of one that says "nothing here".
    #[must_use]
    pub fn finish(self, rcode: u16, negative_ttl: Option<u32>) -> Body {
        let lifetime = self.records.iter().map(|record| record.ttl).chain(negative_ttl).min();
        Body {
            rcode,
            lifetime: lifetime.unwrap_or(crate::limits::TTL_MIN),
            counts: self.counts,
            records: self.records.into(),
            data: self.data.into(),
        }
    }

    /// A pointer to a name of the chain, where it stands near enough to be pointed to.
    fn pointer(&self, place: Place) -> Option<[u8; 2]> {
        let Place::Hop { hop, skip } = place else { return None };
        let to = self.chain.get(usize::from(hop))? + usize::from(skip);
        (to <= POINTER_MAX).then_some((0xc000 | u16::try_from(to).ok()?).to_be_bytes())
    }
}

fn at(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
