//! Takes out of an upstream's message what belongs to the question, and nothing else.
//!
//! An upstream may be broken, hostile or merely chatty. Only the chain of aliases that starts at
//! the question, the records asked for at its end, and the proof that there are none are kept;
//! unrelated records and the whole additional section are dropped, so that nothing can be smuggled
//! to a client or into the cache. The parsing is hickory's; a message that it cannot read in full is
//! no answer.

use blocklists::name::{Name, NameRef};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RData, Record};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};
use thiserror::Error;

use crate::body::{Body, Builder, Place};
use crate::limits::{
    AUTHORITY_RECORDS_MAX, CHAIN_MAX, NEGATIVE_TTL_MAX, RRSET_RECORDS_MAX, RRSET_SIGNATURES_MAX, TTL_MAX,
    TTL_MIN,
};
use crate::reply::Section;
use crate::wire::{rcode, rtype};

/// Why a message is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ScrubError {
    /// It cannot be read, is truncated, or is not a response to this question.
    #[error("the answer is broken or belongs to another question")]
    Broken,
    /// It says that the server failed.
    #[error("the server failed with code {0}")]
    Failed(u16),
    /// It goes beyond a limit: the alias chain, or the records of one set.
    #[error("the answer has too long a chain or too many records")]
    TooMuch,
}

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The name, lower-case.
    pub name: NameRef<'a>,
    /// The type.
    pub rtype: u16,
    /// Whether signatures and proofs are wanted.
    pub dnssec_ok: bool,
}

/// One record with its names spelt out.
struct Flat {
    owner: Vec<u8>,
    rtype: u16,
    ttl: u32,
    rdata: Vec<u8>,
}

/// Scrubs one message.
///
/// # Errors
/// [`ScrubError`] when there is nothing in it to give to a client.
pub fn scrub(message: &[u8], wanted: Wanted<'_>) -> Result<Body, ScrubError> {
    let message = Message::from_vec(message).map_err(|_| ScrubError::Broken)?;
    check(&message, wanted)?;
    let rcode = match message.metadata.response_code {
        ResponseCode::NoError => rcode::NOERROR,
        ResponseCode::NXDomain => rcode::NXDOMAIN,
        other => return Err(ScrubError::Failed(u16::from(other))),
    };
    let answers = flatten(&message.answers)?;
    let mut picked = Picked { chain: vec![wanted.name.wire().to_vec()], builder: Builder::new(wanted.name) };
    let kept = picked.answers(&answers, wanted)?;
    let negative_ttl = if kept == 0 || wanted.dnssec_ok {
        let authority = flatten(&message.authorities)?;
        picked.authority(&authority, kept == 0, wanted.dnssec_ok)
    } else {
        None
    };
    Ok(picked.builder.finish(rcode, negative_ttl))
}

/// The message has to be the whole response to this one question.
fn check(message: &Message, wanted: Wanted<'_>) -> Result<(), ScrubError> {
    let metadata = &message.metadata;
    let [question] = message.queries.as_slice() else {
        return Err(ScrubError::Broken);
    };
    let same = metadata.message_type == MessageType::Response
        && metadata.op_code == OpCode::Query
        && !metadata.truncation
        && u16::from(question.query_type()) == wanted.rtype
        && question.query_class() == DNSClass::IN
        && name_octets(question.name())? == wanted.name.wire();
    if same { Ok(()) } else { Err(ScrubError::Broken) }
}

struct Picked {
    /// The names of the alias chain so far: the question's, then each target.
    chain: Vec<Vec<u8>>,
    builder: Builder,
}

impl Picked {
    /// Follows the aliases and takes the records at their end; how many of those there were.
    fn answers(&mut self, answers: &[Flat], wanted: Wanted<'_>) -> Result<usize, ScrubError> {
        let follows = !matches!(wanted.rtype, rtype::CNAME | rtype::ANY);
        loop {
            let owner = self.last().to_vec();
            let link = |flat: &&Flat| flat.rtype == rtype::CNAME && flat.owner == owner;
            let Some(alias) = answers.iter().find(link).filter(|_| follows) else {
                break;
            };
            if self.chain.len() > CHAIN_MAX {
                return Err(ScrubError::TooMuch);
            }
            let above = |flat: &&Flat| flat.rtype == rtype::DNAME && is_below(&owner, &flat.owner);
            if let Some(subtree) = answers.iter().find(above) {
                self.set(answers, &[subtree], wanted.dnssec_ok);
            }
            self.set(answers, &[alias], wanted.dnssec_ok);
            self.chain.push(alias.rdata.clone());
        }
        let owner = self.last().to_vec();
        let asked = |flat: &&Flat| {
            let any = wanted.rtype == rtype::ANY && flat.rtype != rtype::RRSIG;
            flat.owner == owner && (flat.rtype == wanted.rtype || any)
        };
        let mut set: Vec<&Flat> = Vec::new();
        for flat in answers.iter().filter(asked) {
            if !set.iter().any(|other| other.rtype == flat.rtype && other.rdata == flat.rdata) {
                set.push(flat);
            }
            if set.len() > RRSET_RECORDS_MAX {
                return Err(ScrubError::TooMuch);
            }
        }
        self.set(answers, &set, wanted.dnssec_ok);
        Ok(set.len())
    }

    /// Takes one RRset and, where wanted, the signatures over it behind it.
    fn set(&mut self, section: &[Flat], set: &[&Flat], dnssec_ok: bool) {
        for flat in set {
            self.push(Section::Answer, flat, flat.ttl);
        }
        if let Some(first) = set.first().filter(|first| dnssec_ok && first.rtype != rtype::RRSIG) {
            for signature in signatures(section, first) {
                self.push(Section::Answer, signature, signature.ttl);
            }
        }
    }

    /// Takes the SOA of an answer that has nothing, and the proofs; the negative TTL, if any.
    fn authority(&mut self, authority: &[Flat], negative: bool, dnssec_ok: bool) -> Option<u32> {
        let mut negative_ttl = None;
        let mut room = AUTHORITY_RECORDS_MAX;
        let end = self.last().to_vec();
        let is_soa =
            |flat: &&Flat| flat.rtype == rtype::SOA && (flat.owner == end || is_below(&end, &flat.owner));
        let soa = authority.iter().find(is_soa).filter(|_| negative);
        let proofs =
            authority.iter().filter(|flat| dnssec_ok && matches!(flat.rtype, rtype::NSEC | rtype::NSEC3));
        for flat in soa.into_iter().chain(proofs) {
            let ttl = if flat.rtype == rtype::SOA {
                let ttl = flat.ttl.min(minimum(&flat.rdata)).clamp(TTL_MIN, NEGATIVE_TTL_MAX);
                negative_ttl = Some(ttl);
                ttl
            } else {
                flat.ttl
            };
            let group = std::iter::once(flat).chain(signatures(authority, flat).filter(|_| dnssec_ok));
            for member in group.take(room) {
                room -= 1;
                self.push(Section::Authority, member, member.ttl.min(ttl));
            }
        }
        negative_ttl
    }

    fn last(&self) -> &[u8] {
        self.chain.last().map_or(&[0], Vec::as_slice)
    }

    /// Adds a record, its owner told by its place in the chain where it has one.
    fn push(&mut self, section: Section, flat: &Flat, ttl: u32) {
        let place = self.chain.iter().enumerate().rev().find_map(|(hop, name)| {
            let skip = u8::try_from(name.len().checked_sub(flat.owner.len())?).ok()?;
            let hop = u8::try_from(hop).ok()?;
            (*name == flat.owner || is_below(name, &flat.owner)).then_some(Place::Hop { hop, skip })
        });
        self.builder.push(section, (place, &flat.owner), flat.rtype, ttl, &flat.rdata);
    }
}

fn signatures<'a>(section: &'a [Flat], over: &'a Flat) -> impl Iterator<Item = &'a Flat> {
    section
        .iter()
        .filter(|flat| flat.rtype == rtype::RRSIG && flat.owner == over.owner)
        .filter(|flat| flat.rdata.first_chunk::<2>() == Some(&over.rtype.to_be_bytes()))
        .take(RRSET_SIGNATURES_MAX)
}

/// Whether one lower-case wire name is strictly below another.
fn is_below(name: &[u8], ancestor: &[u8]) -> bool {
    let (Ok(name), Ok(ancestor)) = (NameRef::from_lower_wire(name), NameRef::from_lower_wire(ancestor))
    else {
        return false;
    };
    name != ancestor && name.is_at_or_below(ancestor)
}

/// The last field of an SOA.
fn minimum(rdata: &[u8]) -> u32 {
    rdata.last_chunk::<4>().map_or(0, |octets| u32::from_be_bytes(*octets))
}

/// Spells the records of class IN out, names that policy reads in lower case.
fn flatten(records: &[Record]) -> Result<Vec<Flat>, ScrubError> {
    let mut flats = Vec::with_capacity(records.len().min(RRSET_RECORDS_MAX));
    for record in records.iter().filter(|record| record.dns_class == DNSClass::IN) {
        let rtype = u16::from(record.record_type());
        let rdata = data_octets(&record.data, rtype)?;
        if rtype == rtype::DNAME && NameRef::from_lower_wire(&rdata).is_err() {
            return Err(ScrubError::Broken);
        }
        let owner = name_octets(&record.name)?;
        flats.push(Flat { owner, rtype, ttl: record.ttl.clamp(TTL_MIN, TTL_MAX), rdata });
    }
    Ok(flats)
}

fn name_octets(name: &hickory_proto::rr::Name) -> Result<Vec<u8>, ScrubError> {
    encode(NameEncoding::UncompressedLowercase, name)
}

/// Record data without compression; in lower case where it is a name that policy reads.
fn data_octets(data: &RData, rtype: u16) -> Result<Vec<u8>, ScrubError> {
    let mut octets = encode(NameEncoding::Uncompressed, data)?;
    let name = match rtype {
        rtype::CNAME | rtype::DNAME => octets.get_mut(..),
        rtype::SVCB | rtype::HTTPS => octets.get_mut(2..),
        _ => None,
    };
    if let Some(octets) = name {
        let lower = Name::from_wire(octets).map_err(|_| ScrubError::Broken)?;
        let lower = lower.as_ref().wire();
        octets.get_mut(..lower.len()).ok_or(ScrubError::Broken)?.copy_from_slice(lower);
    }
    Ok(octets)
}

fn encode(encoding: NameEncoding, what: &impl BinEncodable) -> Result<Vec<u8>, ScrubError> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(encoding);
    what.emit(&mut encoder).map_err(|_| ScrubError::Broken)?;
    Ok(octets)
}

#[cfg(test)]
#[path = "scrub_tests.rs"]
mod tests;
