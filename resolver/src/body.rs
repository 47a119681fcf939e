//! What an upstream said, once scrubbed: the form in which answers are kept.
//!
//! A body holds neither question nor OPT, so that one body serves every client: the reply is the
//! client's own question bytes, this body, OPT. Records are flat and uncompressed, owners are told
//! by their place in the CNAME chain. That makes it cheap to age TTLs, to put every hop to a policy
//! on each answer, to leave records out, and to hang the whole body below another name (safe
//! search), all without parsing anything again.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::reply::Section;
use crate::wire::{rcode, rtype};

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

    /// The data of one of its records, names in it uncompressed.
    #[must_use]
    pub fn rdata(&self, record: &Record) -> &[u8] {
        self.octets(record.data)
    }

    /// Octets that a [`Place::Data`] points to.
    #[must_use]
    pub fn octets(&self, (start, end): (u32, u32)) -> &[u8] {
        usize::try_from(start)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| self.data.get(start..end))
            .unwrap_or(&[])
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

/// Puts a [`Body`] together.
#[derive(Debug, Default)]
pub struct Builder {
    records: Vec<Record>,
    data: Vec<u8>,
}

impl Builder {
    /// Adds a record; `owner` is told by its place, or by octets of its own.
    pub fn push(
        &mut self,
        section: Section,
        owner: Result<Place, &[u8]>,
        rtype: u16,
        ttl: u32,
        rdata: &[u8],
    ) {
        let owner = owner.unwrap_or_else(|octets| {
            let Range { start, end } = self.keep(octets);
            Place::Data(start, end)
        });
        let Range { start, end } = self.keep(rdata);
        self.records.push(Record { section, owner, rtype, ttl, data: (start, end) });
    }

    /// The finished body; `negative_ttl` bounds the lifetime of one that says "nothing here".
    #[must_use]
    pub fn finish(self, rcode: u16, negative_ttl: Option<u32>) -> Body {
        let lifetime = self.records.iter().map(|record| record.ttl).chain(negative_ttl).min();
        Body {
            rcode,
            lifetime: lifetime.unwrap_or(crate::limits::TTL_MIN),
            records: self.records.into(),
            data: self.data.into(),
        }
    }

    fn keep(&mut self, octets: &[u8]) -> Range<u32> {
        let start = self.data.len();
        self.data.extend_from_slice(octets);
        // A message has at most 65,535 octets and 255 an uncompressed name: far below 2^32.
        u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(self.data.len()).unwrap_or(u32::MAX)
    }
}
