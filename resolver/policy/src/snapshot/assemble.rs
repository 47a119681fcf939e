//! Compiling a school: verbs become bit sets over one index's numbers, names go into one map.

use std::sync::Arc;

use blocklists::category::{CategoryId, CategorySet};
use blocklists::index::Index;
use blocklists::name::NameRef;
use blocklists::services;

use super::{Snapshot, Verbs};
use crate::client::World;
use crate::identify::Identities;
use crate::names::{Covered, Fact, NameMap, Names, Scope};
use crate::safe_search::SafeSearch;
use crate::school::School;
use crate::school::policies::{Action, Policy};
use crate::verb::Verb;
use crate::{canary, core_names, local_names, must_open};

/// Warnings are about what people type: addresses of names.
const RTYPE_A: u16 = 1;
/// The category of search engines that have no safe variant.
const UNSAFE_SEARCH: &str = "unsafe-search";

impl Snapshot {
    pub(super) fn assemble(school: School, world: &World, index: Arc<Index>, ready: bool) -> Self {
        let mut categories = index.categories().to_vec();
        let unsafe_search = unsafe_search(&mut categories);
        let select = |chosen: &dyn Fn(&CategoryId) -> bool| -> CategorySet {
            let numbered = (0u16..).zip(&categories);
            numbered.filter(|(_, category)| chosen(category)).map(|(number, _)| number).collect()
        };
        let locked = select(&|category| school.is_locked(category));
        let targets = select(&|category| school.judges_targets(category));
        let verbs: Vec<Verbs> =
            school.policies.iter().map(|policy| verbs(policy, &school, &categories)).collect();
        let cleared = school.approved.iter().map(|list| select(&|category| list.clears(category))).collect();
        let services = select(&|category| services::parent(category).is_some());
        let safe_search = SafeSearch::new();
        let names = NameMap::new(names(&school, world, &safe_search), |name| index.probe(name));
        let target_upstreams =
            safe_search.targets().map(|target| forward_of(&names, &index, target.as_ref())).collect();
        let mut warnings = Vec::new();
        let identities = Identities::new(&school, world, &mut warnings);
        Self {
            network_ids: school.networks.iter().map(|network| network.id.clone()).collect(),
            policy_ids: school.policies.iter().map(|policy| policy.id.clone()).collect(),
            fallback: Verbs::blocking(),
            revision: world.revision,
            has_tcp_only: index.has_tcp_only(),
            index,
            school,
            world: world.clone(),
            names,
            safe_search,
            target_upstreams,
            identities,
            verbs,
            cleared,
            categories,
            unsafe_search,
            services,
            locked,
            targets,
            ready,
            warnings,
        }
    }

    /// Says which allow-side entries can never help, because a lock or seal is above them.
    pub(super) fn warn_of_overridden(&mut self) {
        let mut found = Vec::new();
        for (policy, verbs) in self.school.policies.iter().zip(&self.verbs) {
            for rule in policy.rules.iter().filter_map(|&number| self.rule(number)) {
                if rule.action == Action::Allow && rule.policy == policy.id {
                    let what = format!("policy `{}`: the rule that allows {}", policy.id, rule.covers.name);
                    found.extend(self.overridden(&rule.covers, &verbs.sealed, &what));
                }
            }
        }
        for covered in &self.school.essentials {
            for (policy, verbs) in self.school.policies.iter().zip(&self.verbs) {
                if self
                    .school
                    .networks
                    .iter()
                    .any(|network| self.school.policy(network.policy).id == policy.id)
                {
                    let what = format!("policy `{}`: the essential {}", policy.id, covered.name);
                    found.extend(self.overridden(covered, &verbs.sealed, &what));
                }
            }
        }
        found.sort();
        found.dedup();
        self.warnings.extend(found);
    }

    fn overridden(&self, covered: &Covered, sealed: &CategorySet, what: &str) -> Option<String> {
        let here = self.index.find(covered.name.as_ref(), RTYPE_A).here;
        if here.intersects(&self.locked) {
            return Some(format!("{what} has no effect: the name is in a locked category"));
        }
        let category = here.first_in(sealed).and_then(|number| self.category(number))?;
        Some(format!("{what} has no effect: the name is in {category}, which is sealed"))
    }
}

/// The number of the category of engines without a safe variant, added where no list feeds it.
fn unsafe_search(categories: &mut Vec<CategoryId>) -> u16 {
    let known = categories.iter().position(|category| category.as_str() == UNSAFE_SEARCH);
    let place = known.unwrap_or_else(|| {
        categories.extend(CategoryId::new(UNSAFE_SEARCH));
        categories.len().saturating_sub(1)
    });
    u16::try_from(place).unwrap_or(u16::MAX)
}

fn verbs(policy: &Policy, school: &School, categories: &[CategoryId]) -> Verbs {
    let mut verbs = Verbs::blocking();
    for (number, category) in (0u16..).zip(categories) {
        if school.is_locked(category) {
            continue;
        }
        if policy.ignores(category) {
            verbs.ignored.insert(number);
            continue;
        }
        let verb = policy.verb(category);
        verbs.opens_some |= verb.opens();
        if verb == Verb::Seal {
            verbs.sealed.insert(number);
        } else if !verb.opens() {
            verbs.blocked.insert(number);
        }
        for (strict, set) in &mut verbs.by_strictness {
            if *strict == verb {
                set.insert(number);
            }
        }
    }
    verbs
}

impl Verbs {
    /// Without any category: whatever is asked for is not opened by it.
    fn blocking() -> Self {
        let by_strictness =
            [Verb::Block, Verb::Ask, Verb::Times, Verb::Watch].map(|verb| (verb, CategorySet::EMPTY));
        let [sealed, blocked, ignored] = [CategorySet::EMPTY; 3];
        Self { sealed, blocked, by_strictness, ignored, opens_some: false }
    }
}

/// Everything that is said about names. Of facts about one name the later is the more specific:
/// forwards come after the special names that they may take out of the box.
fn names(school: &School, world: &World, safe_search: &SafeSearch) -> Names {
    let mut names = Names::default();
    local_names::say(&mut names);
    let mut say = |name: &blocklists::name::Name, subtree: bool, fact: Fact| {
        names.say(&Covered { name: name.clone(), subtree }, Scope::All, fact);
    };
    for zone in &world.local_zones {
        say(zone, true, Fact::Local);
    }
    for owner in &world.local_records {
        say(owner, false, Fact::Local);
    }
    for (group, zone) in (1u16..).zip(&world.forward_zones) {
        say(zone, true, Fact::Forward(group));
    }
    for name in &world.rebind_allow {
        say(name, true, Fact::PrivateFine);
    }
    canary::say(&mut names);
    core_names::say(&mut names);
    must_open::say(&mut names);
    safe_search.say(&mut names);
    for covered in &school.essentials {
        names.say(covered, Scope::All, Fact::Essential);
    }
    for (policy, number) in school.policies.iter().zip(0u16..) {
        for &rule in &policy.rules {
            if let Some(known) = school.rule(rule) {
                let fact = Fact::Rule { number: rule, allows: known.action == Action::Allow };
                names.say(&known.covers, Scope::Policy(number), fact);
            }
        }
    }
    for (list, approved) in (0u16..).zip(&school.approved) {
        for &policy in &approved.policies {
            for covered in &approved.names {
                names.say(covered, Scope::Policy(policy), Fact::Approved(list));
            }
        }
    }
    names
}

pub(super) fn forward_of(names: &NameMap, index: &Index, name: NameRef<'_>) -> u16 {
    let mut group = 0;
    names.facts(name, &index.probe(name), u16::MAX, |fact| {
        if let Fact::Forward(known) = fact {
            group = known;
        }
    });
    group
}
