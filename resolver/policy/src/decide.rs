//! The decision: design section 5, steps 2 to 14, in this order, one function for everybody.
//!
//! ```text
//!  2 who asks        stranger -> refuse; no index -> refuse all but core
//!  3 locked          -> block, and nothing below is reached
//!  4 canaries        -> NXDOMAIN, NODATA
//!  5 isolated, suspended (no way to be set yet)
//!  6 core -> allow;  the school's own names -> local
//!  7 sealed          -> block
//!  8 rules           most specific wins
//!  9 essentials -> allow; approved lists clear their categories
//! 10 category verbs  the strictest of the categories left
//! 11 default
//! 12 names that never leave the box     } for whatever was
//! 13 safe search                        } allowed above
//! 14 where to ask                       }
//! ```
//!
//! The untraced path allocates nothing: one pass over the names map, one look-up in the index, then
//! comparisons of bit sets.

mod answer;
mod words;

use blocklists::category::CategorySet;
use blocklists::index::{Found, Listing, Probe};
use blocklists::name::NameRef;

use crate::client::{Client, Question, Standing};
use crate::decision::{Decision, Reason, ReasonId, Verdict, Waiver};
use crate::local_names::is_bare_label;
use crate::names::{Fact, Known};
use crate::school::policies::{Action, Policy};
use crate::snapshot::{Snapshot, Verbs};
use crate::trace::Tracer;
use crate::verb::Verb;

/// What is said about one name under one policy: of each kind the most specific.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    pub(crate) canary: bool,
    pub(crate) discovery: bool,
    pub(crate) core: bool,
    pub(crate) local: bool,
    pub(crate) rule: Option<(u32, bool)>,
    pub(crate) essential: bool,
    pub(crate) must_open: bool,
    pub(crate) approved: Option<u16>,
    pub(crate) special: bool,
    pub(crate) loopback: bool,
    pub(crate) safe_search: Option<u16>,
    pub(crate) unsafe_engine: bool,
    pub(crate) forward: Option<u16>,
    pub(crate) private_fine: bool,
}

impl Said {
    /// Facts come the most specific last, so of each kind the last stays.
    fn note(&mut self, fact: Fact) {
        match fact {
            Fact::Canary => self.canary = true,
            Fact::Discovery => self.discovery = true,
            Fact::Core => self.core = true,
            Fact::Local => self.local = true,
            Fact::Rule { number, allows } => self.rule = Some((number, allows)),
            Fact::Essential => self.essential = true,
            Fact::MustOpen => self.must_open = true,
            Fact::Approved(list) => self.approved = Some(list),
            Fact::Special => self.special = true,
            Fact::Loopback => self.loopback = true,
            Fact::SafeSearch(host) => self.safe_search = Some(host),
            Fact::UnsafeEngine => self.unsafe_engine = true,
            // A forward at or below a special name takes its questions out of the box on purpose.
            Fact::Forward(group) => {
                *self = Self { forward: Some(group), special: false, loopback: false, ..*self };
            }
            Fact::PrivateFine => self.private_fine = true,
        }
    }
}

/// One name under one policy, with all that is known of it.
pub(crate) struct Case<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) number: u16,
    pub(crate) policy: &'a Policy,
    pub(crate) verbs: &'a Verbs,
    pub(crate) name: NameRef<'a>,
    pub(crate) rtype: u16,
    /// Asked over TCP.
    pub(crate) stream: bool,
    /// What lists say of the client.
    pub(crate) client: Listing,
    pub(crate) said: Said,
    /// Where the names map has the name: if nowhere, nothing is opened below it.
    pub(crate) known: Option<Known>,
    pub(crate) found: Found,
    /// Whether any list has the name at all: most names of a school are on none, and are spared
    /// the comparisons of sets.
    pub(crate) listed: bool,
}

impl Snapshot {
    pub(crate) fn decide_with<T: Tracer>(
        &self,
        client: &Client,
        question: &Question<'_>,
        probe: &Probe,
        trace: &mut T,
    ) -> Decision {
        trace.step(2, "who asks", || words::client(self, client));
        if client.standing == Standing::Stranger {
            return self.refuse(ReasonId::UnknownClient);
        }
        let case = self.case(client, question, probe);
        if !self.ready {
            trace.step(3, "lists", || "there is no usable index yet: core names only".to_owned());
            return case.core(trace).unwrap_or_else(|| self.refuse(ReasonId::NotReady));
        }
        let decided = case
            .locked(trace)
            .or_else(|| case.canary(trace))
            .or_else(|| case.core(trace))
            .or_else(|| case.local(trace))
            .or_else(|| case.sealed(trace))
            .or_else(|| case.rule(trace))
            .or_else(|| case.essential(trace))
            .unwrap_or_else(|| case.lists(trace));
        case.after_allowing(decided, trace)
    }

    /// Looks a question up, in the names map and in the index, with what lists say of the client.
    fn case<'a>(&'a self, client: &Client, question: &Question<'a>, probe: &Probe) -> Case<'a> {
        let mut case = self.case_probed(client, question.name, question.rtype, probe);
        if client.listed.is_something() {
            case.add_client(client.listed);
        }
        case
    }

    /// Looks a name up, whoever asks.
    pub(crate) fn case_of<'a>(&'a self, client: &Client, name: NameRef<'a>, rtype: u16) -> Case<'a> {
        self.case_probed(client, name, rtype, &self.probe(name))
    }

    fn case_probed<'a>(&'a self, client: &Client, name: NameRef<'a>, rtype: u16, probe: &Probe) -> Case<'a> {
        let number = self.known_policy(client.policy);
        let mut said = Said::default();
        let known = self.names.facts(name, probe, number, |fact| said.note(fact));
        let verbs = self.verbs(number);
        let mut found = self.index.find_probed(name, rtype, client.stream, probe);
        if client.stream && self.has_tcp_only {
            // What may never be had may not be had over TCP either.
            let closed = self.locked.union(&verbs.sealed);
            found.here = found.here.union(&self.index.find(name, rtype).here.intersection(&closed));
        }
        Case {
            snapshot: self,
            number,
            policy: self.school.policy(number),
            verbs,
            name,
            rtype,
            stream: client.stream,
            client: Listing::NOTHING,
            said,
            known,
            listed: !found.here.is_empty(),
            found,
        }
    }

    fn refuse(&self, id: ReasonId) -> Decision {
        Decision {
            verdict: Verdict::Refuse,
            reason: Reason::plain(id),
            ttl_cap: 0,
            upstream: 0,
            waiver: Waiver::Nothing,
        }
    }
}

impl Case<'_> {
    /// Step 3.
    pub(crate) fn locked<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        let category = self.first_in(&self.snapshot.locked);
        trace.step(3, "locked", || words::listed(self.snapshot, category, "in no locked category", "locked"));
        let reason = Reason { category: Some(category?), ..Reason::plain(ReasonId::Locked) };
        let below = self.found.below.intersects(&self.snapshot.locked);
        Some(self.block_by(reason, below, |_| false, trace))
    }

    /// Step 4.
    fn canary<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        let asked = self.said.canary || self.said.discovery;
        trace.step(4, "canaries", || {
            words::yes_no(asked, "asks whether the filter may be gone round: no", "no canary")
        });
        asked.then(|| self.deny(ReasonId::Canary, !self.said.discovery))
    }

    /// Step 6, first half.
    fn core<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        trace.step(6, "core", || words::yes_no(self.said.core, "devices need it: allowed", "no core name"));
        self.said.core.then(|| self.allow(Reason::plain(ReasonId::Core), Waiver::Sealed))
    }

    /// Step 6, second half: sealed lists win over the school's own zones.
    fn local<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        let sealed = self.listed && self.found.here.intersects(&self.verbs.sealed);
        trace.step(6, "local", || words::local(self, sealed));
        let local = self.said.local && self.policy.local && !sealed;
        local.then(|| Decision {
            verdict: Verdict::Local,
            ..self.allow(Reason::plain(ReasonId::Local), Waiver::Nothing)
        })
    }

    /// Step 7.
    pub(crate) fn sealed<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        let category = self.first_in(&self.verbs.sealed);
        trace.step(7, "sealed", || words::listed(self.snapshot, category, "in no sealed category", "sealed"));
        let reason =
            Reason { category: Some(category?), verb: Some(Verb::Seal), ..Reason::plain(ReasonId::Sealed) };
        let below = self.covers_below(&self.verbs.sealed);
        Some(self.block_by(reason, below, |opened| opened == Fact::Core, trace))
    }

    /// Step 8.
    pub(crate) fn rule<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        trace.step(8, "rules", || words::rule(self));
        let (number, allows) = self.said.rule?;
        let reason = Reason { rule: Some(number), ..Reason::plain(ReasonId::Rule) };
        if allows {
            return Some(self.allow(reason, Waiver::Open));
        }
        let subtree = self.snapshot.rule(number).is_some_and(|rule| rule.covers.subtree);
        Some(self.block(reason, subtree, |opened| {
            matches!(opened, Fact::Core | Fact::Rule { .. }) || self.opens_as_local(opened)
        }))
    }

    /// Step 9, first half.
    pub(crate) fn essential<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        let essential = self.is_essential();
        trace.step(9, "essentials", || words::yes_no(essential, "must work: allowed", "not an essential"));
        essential.then(|| self.allow(Reason::plain(ReasonId::Essential), Waiver::Sealed))
    }

    /// Whether the name must work here: the school says so, or the product does. What every school
    /// must have opens no walled garden: there the school says what is open.
    pub(crate) fn is_essential(&self) -> bool {
        self.said.essential || (self.said.must_open && !self.policy.is_walled())
    }

    /// Steps 9 (second half) to 11.
    fn lists<T: Tracer>(&self, trace: &mut T) -> Decision {
        if let Some(decision) = self.verbs_of_lists(trace) {
            return decision;
        }
        if let Some(list) = self.said.approved {
            let reason = Reason { approved: Some(list), ..Reason::plain(ReasonId::Approved) };
            return self.allow(reason, Waiver::Open);
        }
        trace.step(11, "default", || words::default(self.policy));
        match self.policy.default {
            Action::Allow => self.allow(Reason::plain(ReasonId::Default), Waiver::Nothing),
            Action::Block => self.block(Reason::plain(ReasonId::Default), !self.verbs.opens_some, |opened| {
                self.opens_for_lists(opened)
            }),
        }
    }

    /// Steps 9 (second half) and 10, where any category is left.
    fn verbs_of_lists<T: Tracer>(&self, trace: &mut T) -> Option<Decision> {
        if !self.listed {
            trace.step(9, "approved lists", || words::approved(self, &CategorySet::EMPTY));
            trace.step(10, "categories", || "on no list".to_owned());
            return None;
        }
        trace.step(9, "approved lists", || words::approved(self, &self.left_after_approved()));
        trace.step(10, "categories", || words::categories(self, &self.left_after_approved()));
        // Where no approved list clears any, there is no need of a set of its own: `strictest` passes by
        // what has no say.
        let cleared = self.said.approved.map(|_| self.left_after_approved());
        let left = cleared.as_ref().unwrap_or(&self.found.here);
        let (verb, category) = self.strictest(left)?;
        Some(self.by_verb(verb, category, left, trace))
    }

    /// The first of the name's categories that is in a set.
    fn first_in(&self, set: &CategorySet) -> Option<u16> {
        if self.listed { self.first_told(&self.found.here, set) } else { None }
    }

    /// Of the categories that are in a set, the one that a reason names: one that schools know before
    /// a service of the catalogue, which only follows it.
    fn first_told(&self, categories: &CategorySet, set: &CategorySet) -> Option<u16> {
        let follower = categories.first_in(set)?;
        Some(categories.first_in_but(set, &self.snapshot.services).unwrap_or(follower))
    }

    /// The name's categories but those that have no say in this policy, or that its approved lists
    /// clear there.
    pub(crate) fn left_after_approved(&self) -> CategorySet {
        let mut left = self.found.here.difference(&self.verbs.ignored);
        if self.said.approved.is_some() {
            self.snapshot.names.facts(self.name, &self.snapshot.probe(self.name), self.number, |fact| {
                if let Fact::Approved(list) = fact {
                    left = left.difference(self.snapshot.cleared_by(list));
                }
            });
        }
        left
    }

    /// The strictest verb of some categories, and the first category that has it; those that have no
    /// say in this policy have no verb.
    pub(crate) fn strictest(&self, categories: &CategorySet) -> Option<(Verb, u16)> {
        let strict = &self.verbs.by_strictness;
        let strictest =
            strict.iter().find_map(|(verb, set)| Some((*verb, self.first_told(categories, set)?)));
        strictest.or_else(|| {
            let heard = categories.difference(&self.verbs.ignored);
            Some((Verb::Allow, self.first_told(&heard, &heard)?))
        })
    }

    /// The verdict of one category's verb. Sealed never comes here: step 7 was before.
    fn by_verb<T: Tracer>(&self, verb: Verb, category: u16, left: &CategorySet, trace: &mut T) -> Decision {
        let reason =
            Reason { category: Some(category), verb: Some(verb), ..Reason::plain(ReasonId::Category) };
        match verb {
            Verb::Allow => self.allow(reason, Waiver::Nothing),
            Verb::Watch => Decision { verdict: Verdict::Watch, ..self.allow(reason, Waiver::Nothing) },
            Verb::Times | Verb::Ask | Verb::Block | Verb::Seal => {
                // What an approved list clears here, it may clear below as well.
                let below = self.found.below.shares(&self.verbs.blocked, left) && !self.found.opens_below;
                self.block_by(reason, below, |opened| self.opens_for_lists(opened), trace)
            }
        }
    }

    /// Steps 12 to 14, for whatever was allowed.
    fn after_allowing<T: Tracer>(&self, decided: Decision, trace: &mut T) -> Decision {
        if !matches!(decided.verdict, Verdict::Allow | Verdict::Watch) {
            return decided;
        }
        let stays = self.said.special || (is_bare_label(self.name) && self.said.forward.is_none());
        trace.step(12, "names of this network", || words::stays(self.said.loopback, stays));
        if self.said.loopback {
            let reason = Reason::plain(ReasonId::LocalName);
            return Decision { verdict: Verdict::Loopback, reason, waiver: Waiver::Nothing, ..decided };
        }
        if stays {
            return self.deny(ReasonId::LocalName, true);
        }
        let decided = self.safe_search(decided, trace);
        trace.step(14, "where to ask", || words::upstream(&decided));
        decided
    }

    /// Step 13. A host that has a safe variant is never taken for an engine without one, whether or
    /// not this policy uses the variant: else a policy with safe search off would block more than one
    /// with it on, and `compare` could not promise anything.
    fn safe_search<T: Tracer>(&self, allowed: Decision, trace: &mut T) -> Decision {
        let target =
            self.said.safe_search.and_then(|host| self.snapshot.safe_search.rewrite(host, self.policy));
        if let Some(target) = target {
            trace.step(13, "safe search", || words::rewrite(self.snapshot, target));
            return self.rewrite(allowed, target);
        }
        let listed = self.found.here.contains(self.snapshot.unsafe_search);
        let engine =
            (self.said.unsafe_engine || listed) && self.said.safe_search.is_none() && !self.said.core;
        let blocked = engine && self.policy.unsafe_search_engines == Action::Block;
        trace.step(13, "safe search", || words::engine(engine, blocked));
        if !blocked {
            return allowed;
        }
        let reason =
            Reason { category: Some(self.snapshot.unsafe_search), ..Reason::plain(ReasonId::SafeSearch) };
        let only = CategorySet::from_iter([self.snapshot.unsafe_search]);
        let below = self.said.unsafe_engine || self.covers_below(&only);
        self.block(reason, below, |opened| {
            matches!(opened, Fact::Core | Fact::SafeSearch(_)) || self.opens_as_local(opened)
        })
    }
}
