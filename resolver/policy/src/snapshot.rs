//! Everything that decides, compiled and immutable. The data plane reads one snapshot for each
//! batch of questions; a change swaps it whole.

mod assemble;

use std::sync::Arc;

use blocklists::category::{CategoryId, CategorySet};
use blocklists::index::{EntryAction, Index, Probe};
use blocklists::name::{Name, NameRef};

use crate::address::unmapped;
use crate::client::{Asker, Client, Question, World};
use crate::decision::{Decision, Hop, Inspection, Reason, ReasonId};
use crate::identify::Identities;
use crate::must_open;
use crate::names::{Covered, NameMap};
use crate::safe_search::SafeSearch;
use crate::school::School;
use crate::school::policies::{Policy, Rule};
use crate::trace::{Silent, Trace};
use crate::verb::Verb;

/// A school, a world and an index, compiled for decisions.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) index: Arc<Index>,
    pub(crate) school: School,
    pub(crate) world: World,
    pub(crate) names: NameMap,
    pub(crate) safe_search: SafeSearch,
    pub(crate) identities: Identities,
    pub(crate) target_upstreams: Vec<u16>,
    pub(crate) verbs: Vec<Verbs>,
    /// Stands in for a policy number of another snapshot: opens nothing.
    pub(crate) fallback: Verbs,
    /// What each approved list clears.
    pub(crate) cleared: Vec<CategorySet>,
    /// The index's categories in its numbering, then `unsafe-search` where no list feeds it.
    pub(crate) categories: Vec<CategoryId>,
    pub(crate) unsafe_search: u16,
    /// Categories that are services of the catalogue.
    pub(crate) services: CategorySet,
    pub(crate) locked: CategorySet,
    pub(crate) targets: CategorySet,
    /// Some entry of a list has no say over TCP.
    pub(crate) has_tcp_only: bool,
    pub(crate) ready: bool,
    pub(crate) network_ids: Vec<String>,
    pub(crate) policy_ids: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) revision: u64,
}

/// One policy's verbs over the numbers of one index.
#[derive(Debug, Clone)]
pub(crate) struct Verbs {
    pub(crate) sealed: CategorySet,
    /// Not answered, but for what is sealed.
    pub(crate) blocked: CategorySet,
    /// Verbs that block or count, strictest first; a category in none is allowed.
    pub(crate) by_strictness: [(Verb, CategorySet); 4],
    /// Services that have no say under a default of `block`.
    pub(crate) ignored: CategorySet,
    /// Whether some category's names are answered, which matters behind a default of `block`.
    pub(crate) opens_some: bool,
}

impl Snapshot {
    /// Compiles a school for decisions over an index.
    #[must_use]
    pub fn build(school: &School, world: &World, index: Arc<Index>) -> Self {
        let mut snapshot = Self::assemble(school.clone(), world, index, true);
        snapshot.warn_of_overridden();
        snapshot
    }

    /// The same school in the same world, over another index: what would be, and what would have been.
    #[must_use]
    pub fn over(&self, index: Arc<Index>) -> Self {
        Self::build(&self.school, &self.world, index)
    }

    /// What is live while there is no usable index: everything is refused (EDE 14) but core names.
    #[must_use]
    pub fn not_ready() -> Self {
        Self::assemble(School::built_in(), &World::default(), Arc::new(Index::empty()), false)
    }

    /// Who asks (design section 5, step 2).
    #[must_use]
    pub fn client(&self, asker: &Asker) -> Client {
        let client = self.identities.client(asker);
        Client { listed: self.index.client_listing(unmapped(asker.source)), ..client }
    }

    /// Decides one question (steps 3 to 14), without allocation.
    #[must_use]
    pub fn decide(&self, client: &Client, question: &Question<'_>) -> Decision {
        self.decide_with(client, question, &self.probe(question.name), &mut Silent)
    }

    /// The hashes of a name, computed once for [`warm`](Self::warm) and
    /// [`decide_probed`](Self::decide_probed).
    #[must_use]
    pub fn probe(&self, name: NameRef<'_>) -> Probe {
        self.index.probe(name)
    }

    /// Pulls into the processor's caches what deciding these names will touch, all at once.
    pub fn warm(&self, probes: &[Probe]) {
        self.index.warm(probes);
    }

    /// As [`decide`](Self::decide), with the name's hashes computed before. A probe of another snapshot
    /// is noticed and the name hashed anew; one of another name is the caller's mistake.
    #[must_use]
    pub fn decide_probed(&self, client: &Client, question: &Question<'_>, probe: &Probe) -> Decision {
        if !self.index.has_probed(probe) {
            return self.decide(client, question);
        }
        self.decide_with(client, question, probe, &mut Silent)
    }

    /// The same, telling every step considered.
    #[must_use]
    pub fn decide_traced(&self, client: &Client, question: &Question<'_>, trace: &mut Trace) -> Decision {
        self.decide_with(client, question, &self.probe(question.name), trace)
    }

    /// Judges one thing that the answer to an allowed question points at (step 15). `first` is what
    /// [`decide`](Self::decide) said about the question `asked`.
    #[must_use]
    pub fn inspect(
        &self,
        client: &Client,
        first: &Decision,
        asked: &Question<'_>,
        hop: Hop<'_>,
    ) -> Inspection {
        self.inspect_hop(client, first, asked, hop)
    }

    /// Whether nobody minds this in the answer to a question of this type: [`inspect`](Self::inspect) lets
    /// it pass whoever asks, and whatever was asked. `false` says nothing.
    #[must_use]
    pub fn passes_for_all(&self, hop: Hop<'_>, rtype: u16) -> bool {
        self.hop_passes_for_all(hop, rtype)
    }

    /// The index that it decides by.
    #[must_use]
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// The school that it was built from.
    #[must_use]
    pub fn school(&self) -> &School {
        &self.school
    }

    /// Whether it filters; `false` only for [`not_ready`](Self::not_ready).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Ids of the networks by number.
    #[must_use]
    pub fn networks(&self) -> &[String] {
        &self.network_ids
    }

    /// Ids of the policies by number.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.policy_ids
    }

    /// The policy of a number; `unknown` for a number of another snapshot.
    #[must_use]
    pub fn policy(&self, number: u16) -> &Policy {
        self.school.policy(number)
    }

    /// Category ids by the number that a reason holds.
    #[must_use]
    pub fn categories(&self) -> &[CategoryId] {
        &self.categories
    }

    /// The category of a number that a reason holds.
    #[must_use]
    pub fn category(&self, number: u16) -> Option<&CategoryId> {
        self.categories.get(usize::from(number))
    }

    /// The rule of a number that a reason holds.
    #[must_use]
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.school.rule(number)
    }

    /// What is written that a reason rests on: the rule, or the essential (the school's or the
    /// product's) or approved name that covers the question. For `explain`; lists have their evidence in the kept copies.
    #[must_use]
    pub fn matched(&self, name: NameRef<'_>, reason: &Reason) -> Option<&Covered> {
        if let Some(rule) = reason.rule.and_then(|number| self.rule(number)) {
            return Some(&rule.covers);
        }
        let (written, ours) = match (reason.id, reason.approved) {
            (ReasonId::Essential, _) => (self.school.essentials.as_slice(), must_open::names()),
            (_, Some(list)) => (self.school.approved.get(usize::from(list))?.names.as_slice(), &[][..]),
            _ => return None,
        };
        let covering = written.iter().chain(ours).filter(|covered| covered.covers(name));
        covering.max_by_key(|covered| (covered.name.as_ref().wire().len(), !covered.subtree))
    }

    /// The enforcing name of a safe-search target; the root name for a number of another snapshot.
    #[must_use]
    pub fn target(&self, number: u16) -> &Name {
        self.safe_search.target(number)
    }

    /// How an entry wants its block answered; the number is that of [`BlockStyle::Data`](crate::BlockStyle::Data).
    #[must_use]
    pub fn entry_action(&self, number: u16) -> Option<&EntryAction> {
        self.index.action(number)
    }

    /// The upstream group that resolves a name; 0 is the default group.
    #[must_use]
    pub fn upstream_of(&self, name: NameRef<'_>) -> u16 {
        assemble::forward_of(&self.names, &self.index, name)
    }

    /// Sentences for people: device and group policies that are not applied because they are
    /// looser, rules and essentials that a lock or seal overrides.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Number of the policy revision that it was built from.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn verbs(&self, policy: u16) -> &Verbs {
        self.verbs.get(usize::from(policy)).unwrap_or(&self.fallback)
    }

    /// The number itself, or that of `unknown` for a number of another snapshot.
    pub(crate) fn known_policy(&self, number: u16) -> u16 {
        if usize::from(number) < self.school.policies.len() { number } else { self.school.unknown }
    }

    pub(crate) fn cleared_by(&self, list: u16) -> &CategorySet {
        self.cleared.get(usize::from(list)).unwrap_or(&CategorySet::EMPTY)
    }

    pub(crate) fn target_upstream(&self, number: u16) -> u16 {
        self.target_upstreams.get(usize::from(number)).copied().unwrap_or(0)
    }
}
