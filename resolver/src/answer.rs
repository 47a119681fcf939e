//! Replies that need nobody else: errors, blocks, refusals, fixed answers (design section 6).
//!
//! Every one is written straight into the caller's buffer, with no allocation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use blocklists::index::EntryAction;
use blocklists::name::NameRef;
use policy::{BlockStyle, Decision, ReasonId, Snapshot, Verdict};

use crate::limits::EMPTIED_TTL;
use crate::reply::{Ede, Flags, Owner, Reply, Section, ede};
use crate::wire::{Asked, Query, rcode, rtype};

/// The SOA of answers that say "nothing here", but for its last field. Our name and mailbox are under
/// `invalid`, so that they can never lead anywhere (RFC 6303 section 3 does the same). Serial 1, and refresh
/// 3600, retry 1200 and expire 604,800 seconds: no secondary ever reads them.
const SOA: &[u8] = b"\x0aschoolgate\x07invalid\x00\x06nobody\x07invalid\x00\
    \x00\x00\x00\x01\x00\x00\x0e\x10\x00\x00\x04\xb0\x00\x09\x3a\x80";
/// HINFO of answers to "any" (RFC 8482 section 4.2): its CPU field is the number of that RFC.
const ANY_HINFO: &[u8] = b"\x07RFC8482\x00";

/// Where the block page is served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockPage {
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
}

/// An error for a packet that is no good query.
pub fn reject(asked: Asked<'_>, rcode: u16, out: &mut Vec<u8>) {
    Reply::start(asked, out).finish(Flags { rcode, ..Flags::default() }, &[]);
}

/// The answer to a query that nobody may have: `decision` is a block or a refusal.
pub fn deny(query: &Query<'_>, decision: &Decision, snapshot: &Snapshot, page: BlockPage, out: &mut Vec<u8>) {
    let mut reply = Reply::start(query.asked, out);
    let mut rcode = rcode::NOERROR;
    match decision.verdict {
        Verdict::Block(BlockStyle::Nxdomain) => {
            rcode = rcode::NXDOMAIN;
            let (at, parent) = match query.name.parent() {
                Some(parent) => (Reply::QUESTION + query.name.wire().len() - parent.wire().len(), parent),
                None => (Reply::QUESTION, query.name),
            };
            soa(&mut reply, Owner::At(at, parent.wire()), decision.ttl_cap);
        }
        Verdict::Block(BlockStyle::Null) => {
            fixed(
                &mut reply,
                query,
                Some(Ipv4Addr::UNSPECIFIED),
                Some(Ipv6Addr::UNSPECIFIED),
                decision.ttl_cap,
            );
        }
        Verdict::Block(BlockStyle::Page) => {
            fixed(&mut reply, query, page.ipv4, page.ipv6, decision.ttl_cap);
        }
        Verdict::Block(BlockStyle::NoData | BlockStyle::Drop) => {
            fixed(&mut reply, query, None, None, decision.ttl_cap);
        }
        Verdict::Block(BlockStyle::TcpOnly) => reply.truncate(),
        Verdict::Block(BlockStyle::Data(number)) => data(&mut reply, query, decision, snapshot, number),
        _ => rcode = rcode::REFUSED,
    }
    let error = denial(decision, snapshot);
    reply.finish(Flags { rcode, ..Flags::default() }, error.as_slice());
}

/// The records of the asked type that the entry of a list gives; "no such record" without any. An
/// alias stands alone here: what it leads to has to be asked for.
fn data(reply: &mut Reply<'_>, query: &Query<'_>, decision: &Decision, snapshot: &Snapshot, number: u16) {
    let action = snapshot.entry_action(number);
    let records = match action {
        Some(EntryAction::Data(records)) => records.as_slice(),
        _ => &[],
    };
    let alias = action.and_then(|action| action.alias(query.name));
    let owner = Owner::At(Reply::QUESTION, query.name.wire());
    let mut found = false;
    for record in records {
        let is_alias = record.rtype == rtype::CNAME;
        if !is_alias && record.rtype != query.rtype && query.rtype != rtype::ANY {
            continue;
        }
        let rdata = if is_alias {
            alias.as_ref().map_or(&[][..], |name| name.as_ref().wire())
        } else {
            record.rdata.as_slice()
        };
        // An alias that would be too long leads nowhere.
        if is_alias && rdata.is_empty() {
            continue;
        }
        found = true;
        reply.record(Section::Answer, owner, record.rtype, record.ttl.min(decision.ttl_cap), |out| {
            out.extend_from_slice(rdata);
            true
        });
    }
    if !found {
        soa(reply, owner, decision.ttl_cap);
    }
}

/// Which error explains a denial. A name that simply never leaves the box is no block.
pub(crate) fn denial<'a>(decision: &Decision, snapshot: &'a Snapshot) -> Option<Ede<'a>> {
    let reason = &decision.reason;
    let code = match reason.id {
        ReasonId::Locked => ede::CENSORED,
        ReasonId::UnknownClient => ede::PROHIBITED,
        ReasonId::NotReady => ede::NOT_READY,
        ReasonId::LocalName => return None,
        _ => ede::BLOCKED,
    };
    let category = reason.category.filter(|_| reason.tells_category()).map(usize::from);
    let category = category.and_then(|number| snapshot.categories().get(number));
    Some(Ede { code, text: [reason.id.as_str(), category.map_or("", |id| id.as_str())] })
}

/// `localhost`: the loopback addresses, whatever the network (RFC 6761 section 6.3).
pub fn loopback(query: &Query<'_>, decision: &Decision, out: &mut Vec<u8>) {
    let mut reply = Reply::start(query.asked, out);
    fixed(&mut reply, query, Some(Ipv4Addr::LOCALHOST), Some(Ipv6Addr::LOCALHOST), decision.ttl_cap);
    reply.finish(Flags::default(), &[]);
}

/// An engine whose safe variant is one address.
pub fn safe_address(query: &Query<'_>, decision: &Decision, address: Ipv4Addr, out: &mut Vec<u8>) {
    let mut reply = Reply::start(query.asked, out);
    fixed(&mut reply, query, Some(address), None, decision.ttl_cap);
    reply.finish(Flags::default(), &[rewritten(decision)]);
}

/// "Any" on an allowed name (RFC 8482): one small record instead of everything.
pub fn any(query: &Query<'_>, decision: &Decision, out: &mut Vec<u8>) {
    let mut reply = Reply::start(query.asked, out);
    let owner = Owner::At(Reply::QUESTION, query.name.wire());
    reply.record(Section::Answer, owner, rtype::HINFO, decision.ttl_cap, |out| {
        out.extend_from_slice(ANY_HINFO);
        true
    });
    reply.finish(Flags::default(), &[]);
}

/// A bare response code with its explanations.
pub fn code(query: &Query<'_>, rcode: u16, errors: &[Ede<'_>], out: &mut Vec<u8>) {
    Reply::start(query.asked, out).finish(Flags { rcode, ..Flags::default() }, errors);
}

/// The error that says "this answer is not the original".
#[must_use]
pub fn rewritten(decision: &Decision) -> Ede<'static> {
    Ede { code: ede::FORGED, text: [decision.reason.id.as_str(), ""] }
}

/// Addresses of our choice for A and AAAA ("any" gets both), "no such record" for all else.
fn fixed(reply: &mut Reply<'_>, query: &Query<'_>, ipv4: Option<Ipv4Addr>, ipv6: Option<Ipv6Addr>, ttl: u32) {
    let any = query.rtype == rtype::ANY;
    let ipv4 = ipv4.filter(|_| any || query.rtype == rtype::A).map(IpAddr::V4);
    let ipv6 = ipv6.filter(|_| any || query.rtype == rtype::AAAA).map(IpAddr::V6);
    for address in [ipv4, ipv6].into_iter().flatten() {
        let owner = Owner::At(Reply::QUESTION, query.name.wire());
        let rtype = if address.is_ipv4() { rtype::A } else { rtype::AAAA };
        reply.record(Section::Answer, owner, rtype, ttl, |out| {
            match address {
                IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
            }
            true
        });
    }
    if ipv4.is_none() && ipv6.is_none() {
        soa(reply, Owner::At(Reply::QUESTION, query.name.wire()), ttl);
    }
}

/// "No such record" for an answer out of which we took everything that was asked for.
pub fn emptied(reply: &mut Reply<'_>, name: NameRef<'_>, cap: u32) {
    soa(reply, Owner::At(Reply::QUESTION, name.wire()), cap.min(EMPTIED_TTL));
}

/// An SOA of ours, so that clients keep the "nothing here" for `ttl` seconds (RFC 2308 section 3).
fn soa(reply: &mut Reply<'_>, owner: Owner<'_>, ttl: u32) {
    reply.record(Section::Authority, owner, rtype::SOA, ttl, |out| {
        out.extend_from_slice(SOA);
        out.extend_from_slice(&ttl.to_be_bytes());
        true
    });
}
