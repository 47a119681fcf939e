//! Step 15: what an answer points at is judged too, on fresh and cached answers alike.
//!
//! A hop goes through the steps of a question, but only by what a target may be blocked for: locked
//! always, sealed unless an essential or core name was asked, rules and the categories whose
//! targets are judged unless somebody opened the question.

use blocklists::name::NameRef;

use crate::address::points_inside;
use crate::client::Client;
use crate::decide::Case;
use crate::decision::{Decision, Hop, Inspection, Reason, ReasonId, Target, Verdict, Waiver};
use crate::snapshot::Snapshot;
use crate::trace::Silent;

impl Snapshot {
    pub(crate) fn inspect_hop(
        &self,
        client: &Client,
        first: &Decision,
        asked: NameRef<'_>,
        hop: Hop<'_>,
    ) -> Inspection {
        match hop {
            Hop::Address(address) if points_inside(address) && self.is_public(client, first, asked) => {
                Inspection::Strip
            }
            Hop::Address(_) => Inspection::Pass,
            Hop::Target(target) => {
                let ours = matches!(first.verdict, Verdict::Rewrite(Target::Cname(number))
                    if self.target(number).as_ref() == target);
                self.judge(client, first, asked, target, ours)
            }
        }
    }

    /// Whether a private address under this name would be a way into the school's own network.
    fn is_public(&self, client: &Client, first: &Decision, asked: NameRef<'_>) -> bool {
        if matches!(first.verdict, Verdict::Local | Verdict::Loopback) {
            return false;
        }
        let said = self.case(client.policy, asked).said;
        !(said.local || said.forward.is_some() || said.private_fine)
    }

    fn judge(
        &self,
        client: &Client,
        first: &Decision,
        asked: NameRef<'_>,
        target: NameRef<'_>,
        ours: bool,
    ) -> Inspection {
        let hop = self.case(client.policy, target);
        let waiver = if ours { Waiver::Sealed } else { first.waiver };
        let Some(reason) = hop.reason_against(waiver) else {
            return Inspection::Pass;
        };
        // Nothing was said about names below the one that was asked, so never NXDOMAIN.
        Inspection::Block(self.case(client.policy, asked).block(reason, false, |_| false))
    }
}

impl Case<'_> {
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
