//! From "allowed" or "blocked because" to a whole decision: answer style, life, upstream.
//!
//! NXDOMAIN says that nothing exists below either (RFC 8020), and clients believe it. So it is said
//! only where the deciding thing covers everything below, and this policy opens nothing there.

use blocklists::category::CategorySet;

use super::Case;
use crate::decision::{
    BLOCK_TTL_SECONDS, BlockStyle, Decision, REWRITE_TTL_SECONDS, Reason, ReasonId, SOON_TTL_SECONDS, Target,
    Verdict, Waiver,
};
use crate::names::Fact;
use crate::verb::Verb;

impl Case<'_> {
    /// The name is resolved.
    pub(super) fn allow(&self, reason: Reason, waiver: Waiver) -> Decision {
        let upstream = self.said.forward.unwrap_or(0);
        Decision { verdict: Verdict::Allow, reason, ttl_cap: self.policy.max_ttl, upstream, waiver }
    }

    /// The name is blocked. `covers_below`: so is everything below; `opens` says which facts about
    /// names below would be answered all the same.
    pub(crate) fn block(&self, reason: Reason, covers_below: bool, opens: impl Fn(Fact) -> bool) -> Decision {
        let style = match self.policy.block_answer {
            BlockStyle::Nxdomain if !covers_below || self.opened_below(opens) => BlockStyle::NoData,
            style => style,
        };
        let seconds = match reason.verb {
            Some(Verb::Ask | Verb::Times) => SOON_TTL_SECONDS,
            _ => BLOCK_TTL_SECONDS,
        };
        self.blocked(style, reason, seconds)
    }

    /// A name that does not exist for anybody, in no answer style but its own.
    pub(super) fn deny(&self, id: ReasonId, whole_subtree: bool) -> Decision {
        let zone_below =
            self.opened_below(|opened| matches!(opened, Fact::Forward(_)) || self.opens_as_local(opened));
        let style = if whole_subtree && !zone_below { BlockStyle::Nxdomain } else { BlockStyle::NoData };
        self.blocked(style, Reason::plain(id), BLOCK_TTL_SECONDS)
    }

    /// An allowed search or video host is sent to its safe variant.
    pub(super) fn rewrite(&self, allowed: Decision, target: Target) -> Decision {
        let upstream = match target {
            Target::Cname(number) => self.snapshot.target_upstream(number),
            Target::Address(_) => 0,
        };
        Decision {
            verdict: Verdict::Rewrite(target),
            reason: Reason { id: ReasonId::SafeSearch, ..allowed.reason },
            ttl_cap: allowed.ttl_cap.min(REWRITE_TTL_SECONDS),
            upstream,
            waiver: allowed.waiver,
        }
    }

    /// Whether the lists block everything below by one of these categories.
    pub(super) fn covers_below(&self, categories: &CategorySet) -> bool {
        self.found.below.intersects(categories) && !self.found.opens_below
    }

    /// Whether the school's own zones below are answered under this policy.
    pub(super) fn opens_as_local(&self, opened: Fact) -> bool {
        opened == Fact::Local && self.policy.local
    }

    /// Whether something said of a name below beats a category's verb or the default there.
    pub(super) fn opens_for_lists(&self, opened: Fact) -> bool {
        matches!(opened, Fact::Core | Fact::Rule { .. } | Fact::Essential | Fact::Approved(_))
            || (opened == Fact::MustOpen && !self.policy.is_walled())
            || self.opens_as_local(opened)
    }

    fn opened_below(&self, opens: impl Fn(Fact) -> bool) -> bool {
        self.known && self.snapshot.names.opened_below(self.name, self.number).any(opens)
    }

    fn blocked(&self, style: BlockStyle, reason: Reason, seconds: u32) -> Decision {
        let ttl_cap = seconds.min(self.policy.max_ttl);
        Decision { verdict: Verdict::Block(style), reason, ttl_cap, upstream: 0, waiver: Waiver::Nothing }
    }
}
