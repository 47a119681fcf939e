//! Step 15: what an answer points at is judged too, on fresh and cached answers alike.
//!
//! A hop goes through the steps of a question, but only by what a target may be blocked for: locked
//! always, sealed unless an essential or core name was asked, rules and the categories whose
//! targets are judged unless somebody opened the question.

use std::net::IpAddr;

use blocklists::category::CategorySet;
use blocklists::index::Listing;
use blocklists::name::NameRef;

use crate::address::{carried, points_inside, unmapped};
use crate::client::{Client, Question};
use crate::decide::Case;
use crate::decision::{BlockStyle, Decision, Hop, Inspection, Reason, ReasonId, Target, Verdict, Waiver};
use crate::snapshot::Snapshot;
use crate::trace::Silent;
use crate::verb::Verb;

impl Snapshot {
    pub(crate) fn inspect_hop(
        &self,
        client: &Client,
        first: &Decision,
        asked: &Question<'_>,
        hop: Hop<'_>,
    ) -> Inspection {
        match hop {
            Hop::Address(address) if points_inside(address) && self.is_public(client, first, asked) => {
                Inspection::Strip
            }
            Hop::Address(address) => self.judge_address(client, first, asked, address),
            Hop::Target(target) => {
                let ours = matches!(first.verdict, Verdict::Rewrite(Target::Cname(number))
                    if self.target(number).as_ref() == target);
                self.judge(client, first, asked, target, ours)
            }
        }
    }

    /// No list has it, no rule speaks of it, and no address points inside: then no step of a judgement
    /// finds anything, under whatever policy.
    pub(crate) fn hop_passes_for_all(&self, hop: Hop<'_>, rtype: u16) -> bool {
        match hop {
            Hop::Address(address) => {
                !points_inside(address) && self.listings(address).iter().all(|said| !said.is_something())
            }
            Hop::Target(name) => {
                let probe = self.probe(name);
                let listed = |stream| !self.index.find_probed(name, rtype, stream, &probe).here.is_empty();
                let spoken_of =
                    listed(false) || (self.has_tcp_only && listed(true)) || self.names.is_ruled(name, &probe);
                !spoken_of
            }
        }
    }

    /// What lists say of an address, and of the IPv4 address that one of a translation prefix carries.
    fn listings(&self, address: IpAddr) -> [Listing; 2] {
        let address = unmapped(address);
        [Some(address), carried(address)]
            .map(|address| address.map_or(Listing::NOTHING, |address| self.index.answer_listing(address)))
    }

    /// Whether a private address under this name would be a way into the school's own network.
    fn is_public(&self, client: &Client, first: &Decision, asked: &Question<'_>) -> bool {
        if matches!(first.verdict, Verdict::Local | Verdict::Loopback) {
            return false;
        }
        let said = self.case_of(client, asked.name, asked.rtype).said;
        !(said.local || said.forward.is_some() || said.private_fine)
    }

    fn judge(
        &self,
        client: &Client,
        first: &Decision,
        asked: &Question<'_>,
        target: NameRef<'_>,
        ours: bool,
    ) -> Inspection {
        let hop = self.case_of(client, target, asked.rtype);
        let waiver = if ours { Waiver::Sealed } else { first.waiver };
        let Some(reason) = hop.reason_against(waiver) else {
            return Inspection::Pass;
        };
        // Nothing was said about names below the one that was asked, so never NXDOMAIN.
        Inspection::Block(self.case_of(client, asked.name, asked.rtype).block(reason, false, |_| false))
    }

    /// Judges an address by what lists say of it.
    fn judge_address(
        &self,
        client: &Client,
        first: &Decision,
        asked: &Question<'_>,
        address: IpAddr,
    ) -> Inspection {
        for listing in self.listings(address).into_iter().filter(|listing| listing.is_something()) {
            let case = self.case_of(client, asked.name, asked.rtype);
            // Addresses of our own records, and of an engine's safe variant, are ours.
            let ours = matches!(first.verdict, Verdict::Rewrite(_) | Verdict::Local | Verdict::Loopback);
            let waiver = if ours { Waiver::Sealed } else { first.waiver };
            if let Some(reason) = case.address_against(listing, waiver) {
                return Inspection::Block(case.block_address(reason, listing));
            }
        }
        Inspection::Pass
    }
}

impl Case<'_> {
    /// Why an address may not be pointed at.
    fn address_against(&self, listing: Listing, waiver: Waiver) -> Option<Reason> {
        let closed = self.snapshot.locked.union(&self.verbs.sealed);
        let listed = self.snapshot.index.answer_categories(listing);
        let listed = if self.stream { self.over_any(&listed, listing, false, &closed) } else { listed };
        let first = |set: &CategorySet| listed.first_in(set);
        if let Some(category) = first(&self.snapshot.locked) {
            return Some(Reason { category: Some(category), ..Reason::plain(ReasonId::Locked) });
        }
        let target = Reason::plain(ReasonId::Target);
        if waiver == Waiver::Sealed {
            return None;
        }
        if let Some(category) = first(&self.verbs.sealed) {
            return Some(Reason { category: Some(category), verb: Some(Verb::Seal), ..target });
        }
        if waiver == Waiver::Open {
            return None;
        }
        let judged = listed.difference(&self.verbs.ignored).intersection(&self.snapshot.targets);
        let (verb, category) = self.strictest(&judged)?;
        (!verb.opens()).then_some(Reason { category: Some(category), verb: Some(verb), ..target })
    }

    /// The block by an address, answered as its entry says. Never NXDOMAIN: the name exists.
    fn block_address(&self, reason: Reason, listing: Listing) -> Decision {
        let wanted =
            reason.category.and_then(|category| self.snapshot.index.address_action(listing, false, category));
        let style = wanted.and_then(|number| self.style_of(number, &reason));
        let decision = self.block(reason, false, |_| false);
        match style {
            None => decision,
            Some(BlockStyle::Nxdomain) => {
                Decision { verdict: Verdict::Block(BlockStyle::NoData), ..decision }
            }
            Some(style) => Decision { verdict: Verdict::Block(style), ..decision },
        }
    }

    /// Why this name may not be pointed at.
    fn reason_against(&self, waiver: Waiver) -> Option<Reason> {
        let decided = self.locked(&mut Silent);
        if decided.is_some() {
            return decided.map(|decision| decision.reason);
        }
        if self.said.core || waiver == Waiver::Sealed {
            return None;
        }
        if let Some(decision) = self.sealed(&mut Silent) {
            return Some(Reason { id: ReasonId::Target, ..decision.reason });
        }
        if waiver == Waiver::Open {
            return None;
        }
        if let Some((number, allows)) = self.said.rule {
            let reason = Reason { rule: Some(number), ..Reason::plain(ReasonId::Target) };
            return (!allows).then_some(reason);
        }
        if self.is_essential() {
            return None;
        }
        let judged = self.left_after_approved().intersection(&self.snapshot.targets);
        let (verb, category) = self.strictest(&judged)?;
        let reason = Reason { category: Some(category), verb: Some(verb), ..Reason::plain(ReasonId::Target) };
        (!verb.opens()).then_some(reason)
    }
}
