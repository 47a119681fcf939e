//! Step 15: what an answer points at is put to the policy that is live when the answer is given.
//!
//! Fresh and cached answers take the same way through here. What nobody minds under the live snapshot
//! ([`passage`], found out once for each answer and snapshot) is copied whole. Everything else
//! is written record by record into the reply, and every CNAME and DNAME target, every target of SVCB and
//! HTTPS records and every address in records and hints is judged as it passes. A private address of a public name is left
//! out, ECH is stripped where the policy says so, and the first blocked hop ends it: the caller then
//! writes the block answer over the reply.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use blocklists::name::NameRef;
use policy::{Client, Decision, Hop, HttpsRecords, Inspection, Question, Snapshot};

use crate::body::{Body, Place, Record};
use crate::cache::Passage;
use crate::limits::CHAIN_MAX;
use crate::reply::{Owner, Reply, Section};
use crate::svcb::Service;
use crate::wire::rtype;

/// Who judges, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The policies.
    pub snapshot: &'a Snapshot,
    /// The client that gets the answer.
    pub client: &'a Client,
    /// What was decided about the question.
    pub decision: &'a Decision,
    /// The question.
    pub asked: Question<'a>,
    /// What this client's policy does with SVCB and HTTPS records.
    pub https: HttpsRecords,
    /// Whether it is known that nobody minds what the body points at.
    pub free: bool,
}

/// How a body, an answer to a question of this type, passes for everybody under this snapshot.
#[must_use]
pub fn passage(snapshot: &Snapshot, rtype: u16, body: &Body) -> Passage {
    let address = |address: IpAddr| snapshot.passes_for_all(Hop::Address(address), rtype);
    let target = |name: NameRef<'_>| snapshot.passes_for_all(Hop::Target(name), rtype);
    let mut found = Passage::Whole;
    for record in body.records() {
        let rdata = body.rdata(record);
        let free = match record.rtype {
            rtype::CNAME | rtype::DNAME => NameRef::from_lower_wire(rdata).is_ok_and(target),
            rtype::A => <[u8; 4]>::try_from(rdata).is_ok_and(|octets| address(octets.into())),
            rtype::AAAA => <[u8; 16]>::try_from(rdata).is_ok_and(|octets| address(octets.into())),
            rtype::SVCB | rtype::HTTPS => {
                // Policies differ in what they do with these.
                found = Passage::Free;
                Service::read(rdata).is_some_and(|service| {
                    (service.target().is_root() || target(service.target())) && service.hints().all(address)
                })
            }
            _ => true,
        };
        if !free {
            return Passage::Judged;
        }
    }
    found
}

/// A name that already stands in the reply.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    /// The name, lower-case wire octets.
    pub name: &'a [u8],
    /// Where it stands.
    pub at: usize,
}

/// What was done to a body on its way into the reply.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// A private address was left out.
    pub stripped: bool,
    /// All records asked for were left out: the reply wants an SOA.
    pub emptied: bool,
    /// How many records of the answer are more than links of the chain.
    pub found: u16,
    /// The last name of the chain.
    pub last: Spot<'a>,
}

/// A body as a part of one reply.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The body.
    pub body: &'a Body,
    /// Seconds to take off its TTLs.
    pub age: u32,
    /// The highest TTL to give.
    pub ttl_max: u32,
    /// Whether no other part follows, so that its authority section is the reply's.
    pub last: bool,
}

impl Part<'_> {
    /// Writes all of it, as the answer to the very question.
    pub fn copy(&self, reply: &mut Reply<'_>) {
        let Some(copy) = reply.records(self.body.whole(), self.body.counts()) else { return };
        for (at, ttl) in self.body.ttls() {
            if let Some(place) = copy.get_mut(at..at.saturating_add(4)) {
                place.copy_from_slice(&self.ttl(ttl).to_be_bytes());
            }
        }
    }

    fn ttl(&self, stored: u32) -> u32 {
        stored.saturating_sub(self.age).min(self.ttl_max)
    }
}

struct Writing<'a, 'j> {
    judge: &'j Judge<'j>,
    part: Part<'a>,
    chain: [Spot<'a>; CHAIN_MAX + 2],
    hops: usize,
    altered: Altered,
    written: Written<'a>,
}

/// Types out of whose RRset something was taken: their signatures no longer hold.
#[derive(Debug, Clone, Copy, Default)]
struct Altered(u8);

impl Altered {
    fn bit(rtype: u16) -> u8 {
        match rtype {
            rtype::A => 1,
            rtype::AAAA => 2,
            rtype::SVCB => 4,
            rtype::HTTPS => 8,
            _ => 0,
        }
    }
}

impl Judge<'_> {
    /// Writes a body whose first name stands at `start`.
    ///
    /// # Errors
    /// The decision that blocks the whole answer. The reply then holds a part of it and has to be
    /// started again.
    pub fn write<'a>(
        &self,
        part: Part<'a>,
        start: Spot<'a>,
        reply: &mut Reply<'_>,
    ) -> Result<Written<'a>, Decision> {
        let written = Written { stripped: false, emptied: false, found: 0, last: start };
        let chain = [start; CHAIN_MAX + 2];
        let mut writing = Writing { judge: self, part, chain, hops: 0, altered: Altered::default(), written };
        for record in
            part.body.records().iter().filter(|record| part.last || record.section == Section::Answer)
        {
            writing.record(record, reply)?;
        }
        let Writing { mut written, altered, .. } = writing;
        written.emptied = altered.0 != 0 && written.found == 0;
        Ok(written)
    }

    /// Judges a name that the answer leads to.
    ///
    /// # Errors
    /// The decision that blocks the whole answer.
    pub fn target(&self, name: NameRef<'_>) -> Result<(), Decision> {
        if self.free {
            return Ok(());
        }
        match self.snapshot.inspect(self.client, self.decision, &self.asked, Hop::Target(name)) {
            Inspection::Block(decision) => Err(decision),
            Inspection::Pass | Inspection::Strip => Ok(()),
        }
    }

    /// Whether an address may stay.
    fn address(&self, address: IpAddr) -> Result<bool, Decision> {
        if self.free {
            return Ok(true);
        }
        match self.snapshot.inspect(self.client, self.decision, &self.asked, Hop::Address(address)) {
            Inspection::Block(decision) => Err(decision),
            Inspection::Pass => Ok(true),
            Inspection::Strip => Ok(false),
        }
    }
}

impl<'a> Writing<'a, '_> {
    fn record(&mut self, record: &Record, reply: &mut Reply<'_>) -> Result<(), Decision> {
        let rdata = self.part.body.rdata(record);
        if !self.keeps(record, rdata)? {
            return Ok(());
        }
        let owner = match record.owner {
            Place::Hop { hop, skip } => {
                let spot = self.chain.get(usize::from(hop)).copied().unwrap_or(self.written.last);
                let skip = usize::from(skip);
                Owner::At(spot.at.saturating_add(skip), spot.name.get(skip..).unwrap_or(&[0]))
            }
            Place::Data(start, end) => Owner::Octets(self.part.body.octets((start, end))),
        };
        let ttl = self.part.ttl(record.ttl);
        let service = if is_service(record.rtype) { Service::read(rdata) } else { None };
        let placed = match service {
            Some(service) => self.service(&service, record, owner, ttl, reply)?,
            None => reply.record(record.section, owner, record.rtype, ttl, |out| {
                out.extend_from_slice(rdata);
                true
            }),
        };
        let answer = record.section == Section::Answer;
        if record.rtype == rtype::CNAME && answer && self.hops < CHAIN_MAX {
            self.hops += 1;
            // A CNAME that found no room truncates the reply, so where it would stand is no matter.
            self.written.last = Spot { name: rdata, at: placed.unwrap_or(usize::MAX) };
            self.chain[self.hops] = self.written.last;
        }
        if answer && !matches!(record.rtype, rtype::CNAME | rtype::DNAME | rtype::RRSIG) {
            self.written.found = self.written.found.saturating_add(1);
        }
        Ok(())
    }

    /// Judges what the record points at, and says whether it goes into the reply.
    fn keeps(&mut self, record: &Record, rdata: &[u8]) -> Result<bool, Decision> {
        let keep = match record.rtype {
            rtype::CNAME | rtype::DNAME => match NameRef::from_lower_wire(rdata) {
                Ok(target) => {
                    self.judge.target(target)?;
                    true
                }
                Err(_) => false,
            },
            rtype::A => match <[u8; 4]>::try_from(rdata) {
                Ok(octets) => self.address(IpAddr::V4(Ipv4Addr::from(octets)))?,
                Err(_) => false,
            },
            rtype::AAAA => match <[u8; 16]>::try_from(rdata) {
                Ok(octets) => self.address(IpAddr::V6(Ipv6Addr::from(octets)))?,
                Err(_) => false,
            },
            rtype::SVCB | rtype::HTTPS => {
                self.judge.https != HttpsRecords::Drop && Service::read(rdata).is_some()
            }
            rtype::RRSIG => {
                let covered = rdata.first_chunk::<2>().map_or(0, |covered| u16::from_be_bytes(*covered));
                return Ok(self.altered.0 & Altered::bit(covered) == 0);
            }
            _ => true,
        };
        if !keep {
            self.altered.0 |= Altered::bit(record.rtype);
        }
        Ok(keep)
    }

    fn address(&mut self, address: IpAddr) -> Result<bool, Decision> {
        let stays = self.judge.address(address)?;
        self.written.stripped |= !stays;
        Ok(stays)
    }

    /// Writes a service record: its target and hints judged, ECH as the policy says.
    fn service(
        &mut self,
        service: &Service<'_>,
        record: &Record,
        owner: Owner<'_>,
        ttl: u32,
        reply: &mut Reply<'_>,
    ) -> Result<Option<usize>, Decision> {
        if !service.target().is_root() {
            self.judge.target(service.target())?;
        }
        let mut all_stay = true;
        for address in service.hints() {
            all_stay &= self.address(address)?;
        }
        let strip_ech = self.judge.https == HttpsRecords::StripEch && service.has_ech();
        if strip_ech || !all_stay {
            self.altered.0 |= Altered::bit(record.rtype);
        }
        // Every hint passed above without a block; asked again, one that blocks would be left out.
        let keep = |address| all_stay || self.judge.address(address).unwrap_or(false);
        Ok(reply.record(record.section, owner, record.rtype, ttl, |out| {
            service.write(strip_ech, keep, out);
            true
        }))
    }
}

fn is_service(rtype: u16) -> bool {
    matches!(rtype, rtype::SVCB | rtype::HTTPS)
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
