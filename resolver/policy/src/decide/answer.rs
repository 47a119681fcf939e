//! From "allowed" or "blocked because" to a whole decision: answer style, life, upstream.
//!
//! NXDOMAIN says that nothing exists below either (RFC 8020), and clients believe it. So it is said
//! only where the deciding thing covers everything below, and this policy opens nothing there.

use blocklists::category::CategorySet;
use blocklists::index::{EntryAction, Listing};

use super::{Case, words};
use crate::decision::{
    BLOCK_TTL_SECONDS, BlockStyle, Decision, REWRITE_TTL_SECONDS, Reason, ReasonId, SOON_TTL_SECONDS, Target,
    Verdict, Waiver,
};
use crate::names::Fact;
use crate::trace::Tracer;
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
        self.block_in(self.policy.block_answer, reason, covers_below, opens)
    }

    fn block_in(
        &self,
        style: BlockStyle,
        reason: Reason,
        covers_below: bool,
        opens: impl Fn(Fact) -> bool,
    ) -> Decision {
        let style = match style {
            BlockStyle::Nxdomain if !covers_below || self.opened_below(opens) => BlockStyle::NoData,
            style => style,
        };
        let seconds = match reason.verb {
            Some(Verb::Ask | Verb::Times) => SOON_TTL_SECONDS,
            _ => BLOCK_TTL_SECONDS,
        };
        self.blocked(style, reason, seconds)
    }

    /// The name is blocked by a category: whether was decided by the policy, how is said by the entry
    /// where it says anything.
    pub(crate) fn block_by<T: Tracer>(
        &self,
        reason: Reason,
        covers_below: bool,
        opens: impl Fn(Fact) -> bool,
        trace: &mut T,
    ) -> Decision {
        let Some(category) = reason.category else { return self.block(reason, covers_below, opens) };
        let wanted = self.wanted(category);
        let style = wanted.and_then(|number| self.style_of(number, &reason));
        if wanted.is_some() {
            trace.step(10, "how it is answered", || words::action(style));
        }
        self.block_in(style.unwrap_or(self.policy.block_answer), reason, covers_below, opens)
    }

    /// How the entries that put the name, or the client, in a category want it answered.
    fn wanted(&self, category: u16) -> Option<u16> {
        let index = &self.snapshot.index;
        let by_client = self.client.is_something().then(|| index.address_action(self.client, true, category));
        // Over TCP an entry that wants to be asked so has no say.
        let speaks = |number: &u16| !(self.stream && index.action(*number) == Some(&EntryAction::TcpOnly));
        let by_name = || index.action_of(self.name, self.rtype, self.stream, category);
        by_client.flatten().filter(speaks).or_else(by_name)
    }

    /// An action as an answer style; `None` is the policy's own. Nothing that a list says makes the
    /// answer to what may never be had anything but a block.
    pub(crate) fn style_of(&self, number: u16, reason: &Reason) -> Option<BlockStyle> {
        let locked = reason.category.is_some_and(|category| self.snapshot.locked.contains(category));
        let sealed = reason.verb == Some(Verb::Seal);
        match self.snapshot.index.action(number)? {
            EntryAction::NxDomain => Some(BlockStyle::Nxdomain),
            EntryAction::NoData => Some(BlockStyle::NoData),
            EntryAction::Drop if !locked => Some(BlockStyle::Drop),
            EntryAction::TcpOnly if !locked && !sealed => Some(BlockStyle::TcpOnly),
            EntryAction::Data(_) if !locked && !sealed => Some(BlockStyle::Data(number)),
            _ => None,
        }
    }

    /// Adds what lists say of the client to what they say of the name.
    pub(super) fn add_client(&mut self, client: Listing) {
        let closed = self.snapshot.locked.union(&self.verbs.sealed);
        let listed = self.snapshot.index.client_categories(client);
        let sure = self.over_any(&listed, client, true, &closed);
        self.client = client;
        // What only the client is listed for, and not over every transport, denies nothing below, even
        // where lists have all that is below the name: the name itself is answered over TCP.
        self.found.below = self.found.below.intersection(&self.found.here).union(&sure);
        self.found.here = self.found.here.union(if self.stream { &sure } else { &listed });
        self.listed = !self.found.here.is_empty();
    }

    /// Categories of an address without those whose entries have no say over TCP. What is `closed`
    /// stays.
    pub(crate) fn over_any(
        &self,
        categories: &CategorySet,
        listing: Listing,
        client: bool,
        closed: &CategorySet,
    ) -> CategorySet {
        let index = &self.snapshot.index;
        let mut left = *categories;
        if self.snapshot.has_tcp_only {
            for category in categories.difference(closed).iter() {
                let action = index.address_action(listing, client, category);
                if action.and_then(|number| index.action(number)) == Some(&EntryAction::TcpOnly) {
                    left.remove(category);
                }
            }
        }
        left
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
        self.known.is_some_and(|known| self.snapshot.names.opened_below(known, self.number).any(opens))
    }

    fn blocked(&self, style: BlockStyle, reason: Reason, seconds: u32) -> Decision {
        let ttl_cap = seconds.min(self.policy.max_ttl);
        Decision { verdict: Verdict::Block(style), reason, ttl_cap, upstream: 0, waiver: Waiver::Nothing }
    }
}
