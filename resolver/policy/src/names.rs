//! Everything that the school and the product say about particular names, in one map: core names,
//! rules, essentials, approved sites, zones, safe-search hosts, canaries, special names.
//!
//! One map and one pass over the suffixes of a question instead of one of each kind. Every node also
//! knows what is opened *below* it, because a block must not deny with NXDOMAIN what this policy
//! answers (RFC 8020). What is said is gathered here, and laid out for questions in [`map`].

mod map;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use blocklists::name::{Name, NameError, NameHasher, NameRef};
use blocklists::source::Span;
pub(crate) use map::{Known, NameMap};

/// A name with what it covers, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Covered {
    /// The name.
    pub name: Name,
    /// Whether it covers everything below as well.
    pub subtree: bool,
}

impl Covered {
    /// Reads `=x` (x only), `*.x` (x and below) or `x`, which covers what `plain` says.
    ///
    /// # Errors
    /// [`NameError`] when the rest is not a host name.
    pub fn parse(text: &str, plain: Span) -> Result<Self, NameError> {
        let (rest, subtree) = match (text.strip_prefix('='), text.strip_prefix("*.")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => (text, plain == Span::Subtree),
        };
        Ok(Self { name: Name::parse(rest)?, subtree })
    }
}

impl Covered {
    /// Whether it covers a name: its own with service names of it (`_8443._https.x`), for a subtree
    /// everything below.
    #[must_use]
    pub fn covers(&self, name: NameRef<'_>) -> bool {
        let at_or_below = name.is_at_or_below(self.name.as_ref());
        let host = name.without_underscore_labels().wire().len();
        at_or_below && (self.subtree || self.name.as_ref().wire().len() >= host)
    }
}

/// For whom a fact holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Policy(u16),
}

impl Scope {
    fn includes(self, policy: u16) -> bool {
        match self {
            Self::All => true,
            Self::Policy(only) => only == policy,
        }
    }
}

/// One thing that is said about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Step 4: denied with NXDOMAIN.
    Canary,
    /// Step 4: discovery of designated resolvers, answered with NODATA.
    Discovery,
    /// Step 6: what devices need.
    Core,
    /// Step 6: the school's own zone or record.
    Local,
    /// Step 8: a rule, by number.
    Rule { number: u32, allows: bool },
    /// Step 9: must work.
    Essential,
    /// Step 9: must work wherever the policy is no walled garden.
    MustOpen,
    /// Step 9: on an approved list, by number.
    Approved(u16),
    /// Step 12: never leaves the box.
    Special,
    /// Step 12: `localhost`.
    Loopback,
    /// Step 13: a host with a safe variant, by number.
    SafeSearch(u16),
    /// Step 13: an engine that has none.
    UnsafeEngine,
    /// Step 14: resolved by this upstream group.
    Forward(u16),
    /// Step 15: private addresses are fine.
    PrivateFine,
}

#[derive(Debug, Clone, Default)]
struct Node {
    exact: Vec<(Scope, Fact)>,
    subtree: Vec<(Scope, Fact)>,
    /// What is said of names below this one that may open them.
    below: Vec<(Scope, Fact)>,
}

/// Names and what is said about them, as it is gathered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    nodes: HashMap<Name, Node, BuildHasherDefault<NameHasher>>,
}

impl Names {
    /// Says a fact about a name. Of facts about one name, a later one counts as the more specific.
    pub(crate) fn say(&mut self, covered: &Covered, scope: Scope, fact: Fact) {
        let node = self.nodes.entry(covered.name.clone()).or_default();
        let side = if covered.subtree { &mut node.subtree } else { &mut node.exact };
        if !side.contains(&(scope, fact)) {
            side.push((scope, fact));
        }
        for ancestor in covered.name.as_ref().suffixes().skip(1) {
            let below = &mut self.nodes.entry(ancestor.to_owned()).or_default().below;
            if let Some(opener) = opener(fact).filter(|opener| !below.contains(&(scope, *opener))) {
                below.push((scope, opener));
            }
        }
    }
}

/// The fact as its ancestors remember it: without numbers, so that each keeps only a handful.
fn opener(fact: Fact) -> Option<Fact> {
    match fact {
        Fact::Core
        | Fact::Local
        | Fact::Essential
        | Fact::MustOpen
        | Fact::Approved(_)
        | Fact::Forward(_) => Some(match fact {
            Fact::Forward(_) => Fact::Forward(0),
            other => other,
        }),
        Fact::Rule { allows: true, .. } => Some(Fact::Rule { number: 0, allows: true }),
        Fact::SafeSearch(_) => Some(Fact::SafeSearch(0)),
        _ => None,
    }
}

#[cfg(test)]
impl Names {
    /// What the map made of it tells of a name.
    pub(crate) fn told(self, name: &str, policy: u16) -> Vec<Fact> {
        let index = blocklists::index::Index::empty();
        let (map, name) = (NameMap::new(self, |name| index.probe(name)), Name::parse(name).unwrap());
        let mut all = Vec::new();
        map.facts(name.as_ref(), &index.probe(name.as_ref()), policy, |fact| all.push(fact));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_say_what_a_name_covers() {
        for (text, plain, subtree) in [
            ("x.example", Span::Subtree, true),
            ("x.example", Span::Exact, false),
            ("=x.example", Span::Subtree, false),
            ("*.x.example", Span::Exact, true),
        ] {
            let covered = Covered::parse(text, plain).unwrap();
            assert_eq!(
                (covered.name.to_string().as_str(), covered.subtree),
                ("x.example", subtree),
                "{text}"
            );
        }
        assert!(Covered::parse("*", Span::Subtree).is_err());
    }
}
