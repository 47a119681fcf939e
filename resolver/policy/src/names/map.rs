//! The names that something is said about, laid out for questions.
//!
//! Found by the hashes that the index is asked with, so that a question's name is hashed once for
//! both; names are then compared whole. A row of places of eight bytes, at most half of them taken:
//! that a name is not there is told by one look at memory that is always near.

use blocklists::index::Probe;
use blocklists::name::{Name, NameRef};

use super::{Fact, Names, Node, Scope};

/// Names and what is said about them, under the key of one index.
#[derive(Debug)]
pub(crate) struct NameMap {
    /// A power of two of them.
    places: Vec<Place>,
    spots: Vec<Spot>,
    facts: Vec<(Scope, Fact)>,
}

/// Where a hash leads: to nothing, or to a name, from whose place on those follow that would have
/// stood there too.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The upper half of the name's hash; the lower one chose the place.
    hash: u32,
    /// The number of its spot, from 1.
    spot: u32,
}

/// One name; what is said of it stands in one stretch of `facts`.
#[derive(Debug)]
struct Spot {
    name: Name,
    /// Of its subtree from the first, of it alone from the second, below it from the third to the fourth.
    ends: [u32; 4],
}

impl NameMap {
    /// Lays names out. `probe` hashes as the index does that questions are asked of.
    pub(crate) fn new(names: Names, probe: impl Fn(NameRef<'_>) -> Probe) -> Self {
        let places = (2 * names.nodes.len() + 1).next_power_of_two();
        let mut map = Self {
            places: vec![Place { hash: 0, spot: 0 }; places],
            spots: Vec::with_capacity(names.nodes.len()),
            facts: Vec::new(),
        };
        for (name, node) in names.nodes {
            // The root is no ancestor that anybody asks for.
            let whole = probe(name.as_ref()).suffixes(name.as_ref()).last();
            if let Some((_, hash)) = whole {
                map.place(hash, name, &node);
            }
        }
        map.facts.shrink_to_fit();
        map
    }

    fn place(&mut self, hash: u64, name: Name, node: &Node) {
        let mut ends = [self.end(); 4];
        for (side, number) in [(&node.subtree, 1), (&node.exact, 2), (&node.below, 3)] {
            self.facts.extend(side);
            let end = self.end();
            ends.iter_mut().skip(number).for_each(|later| *later = end);
        }
        self.spots.push(Spot { name, ends });
        let spot = u32::try_from(self.spots.len()).unwrap_or(0);
        let (first, hash) = self.first_place(hash);
        let count = self.places.len();
        let mut order = (0..count).map(|step| (first + step) % count);
        if let Some(free) = order.find(|&place| self.places.get(place).is_some_and(|place| place.spot == 0))
            && let Some(place) = self.places.get_mut(free)
        {
            *place = Place { hash, spot };
        }
    }

    fn end(&self) -> u32 {
        u32::try_from(self.facts.len()).unwrap_or(u32::MAX)
    }

    /// Where a hash belongs, and what is kept of it there.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the hash")]
    fn first_place(&self, hash: u64) -> (usize, u32) {
        (hash as u32 as usize & (self.places.len() - 1), (hash >> 32) as u32)
    }

    #[inline]
    fn spot(&self, hash: u64, name: &[u8]) -> Option<&Spot> {
        let (first, hash) = self.first_place(hash);
        let (before, from) = self.places.split_at_checked(first)?;
        for place in from.iter().chain(before) {
            let spot = (place.spot as usize).checked_sub(1)?;
            if place.hash == hash
                && let Some(spot) = self.spots.get(spot)
                && spot.name.as_ref().wire() == name
            {
                return Some(spot);
            }
        }
        None
    }

    /// Every fact that holds for this name under this policy, the most specific name last, and for
    /// one name what is said of its subtree before what is said of it alone.
    ///
    /// Every ancestor of a known name is known, so the walk from the right ends at the first that is
    /// not. What is said of a host alone holds for its service names too (`_8443._https.x`).
    /// Returns the name itself if it is known: if not, nothing is said of any name below it.
    #[inline]
    pub(crate) fn facts(
        &self,
        name: NameRef<'_>,
        probe: &Probe,
        policy: u16,
        mut sink: impl FnMut(Fact),
    ) -> Option<Known> {
        self.walk(name, probe, |scope, fact| {
            if scope.includes(policy) {
                sink(fact);
            }
        })
    }

    /// Whether some policy, whichever, has a rule for this name.
    pub(crate) fn is_ruled(&self, name: NameRef<'_>, probe: &Probe) -> bool {
        let mut ruled = false;
        self.walk(name, probe, |_, fact| ruled |= matches!(fact, Fact::Rule { .. }));
        ruled
    }

    #[inline]
    fn walk(&self, name: NameRef<'_>, probe: &Probe, mut sink: impl FnMut(Scope, Fact)) -> Option<Known> {
        let wire = name.wire();
        let mut known = None;
        for (start, hash) in probe.suffixes(name) {
            let suffix = wire.get(usize::from(start)..)?;
            let spot = self.spot(hash, suffix)?;
            let [subtree, exact, below, end] = spot.ends;
            // Without a service in front, only the name itself is asked for alone.
            let alone = start == 0
                || (wire.get(1) == Some(&b'_')
                    && suffix.len() >= name.without_underscore_labels().wire().len());
            for (scope, fact) in self.slice(subtree, if alone { below } else { exact }) {
                sink(*scope, *fact);
            }
            known = (start == 0).then_some(Known { below, end });
        }
        known
    }

    /// What is opened below a known name under this policy; numbers in the facts are of no meaning.
    pub(crate) fn opened_below(&self, known: Known, policy: u16) -> impl Iterator<Item = Fact> {
        let below = self.slice(known.below, known.end).iter();
        below.filter(move |(scope, _)| scope.includes(policy)).map(|(_, fact)| *fact)
    }

    #[inline]
    fn slice(&self, from: u32, to: u32) -> &[(Scope, Fact)] {
        self.facts.get(from as usize..to as usize).unwrap_or(&[])
    }
}

/// A name that is in the map: where it stands what is opened below it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    below: u32,
    end: u32,
}

#[cfg(test)]
mod tests {
    use blocklists::index::Index;
    use blocklists::source::Span;

    use super::super::Covered;
    use super::*;

    fn covered(text: &str) -> Covered {
        Covered::parse(text, Span::Subtree).unwrap()
    }

    #[test]
    fn what_is_covered_is_what_the_map_tells() {
        for text in ["=a.example", "a.example", "=_b.a.example"] {
            let mut names = Names::default();
            names.say(&covered(text), Scope::All, Fact::Core);
            for name in
                ["a.example", "_b.a.example", "_c._b.a.example", "b.a.example", "_c.b.a.example", "example"]
            {
                let covers = covered(text).covers(Name::parse(name).unwrap().as_ref());
                assert_eq!(covers, !names.clone().told(name, 0).is_empty(), "{text} {name}");
            }
        }
    }

    #[test]
    fn the_most_specific_is_told_last_and_exact_after_subtree() {
        let mut names = Names::default();
        names.say(&covered("example"), Scope::All, Fact::Special);
        names.say(&covered("a.example"), Scope::All, Fact::Essential);
        names.say(&covered("=a.example"), Scope::Policy(1), Fact::Core);
        let facts = |name: &str, policy| names.clone().told(name, policy);
        assert_eq!(facts("a.example", 1), [Fact::Special, Fact::Essential, Fact::Core]);
        assert_eq!(facts("a.example", 2), [Fact::Special, Fact::Essential]);
        assert_eq!(facts("b.a.example", 1), [Fact::Special, Fact::Essential]);
        assert_eq!(facts("_443._https.a.example", 1), [Fact::Special, Fact::Essential, Fact::Core]);
        assert_eq!(facts("_x.b.a.example", 1), [Fact::Special, Fact::Essential]);
    }

    #[test]
    fn ancestors_know_what_opens_below_them() {
        let mut names = Names::default();
        names.say(&covered("a.b.example"), Scope::Policy(3), Fact::Rule { number: 9, allows: true });
        names.say(&covered("c.b.example"), Scope::Policy(3), Fact::Rule { number: 8, allows: false });
        let index = Index::empty();
        let map = NameMap::new(names, |name| index.probe(name));
        let below = |name: &str, policy| {
            let name = Name::parse(name).unwrap();
            let known = map.facts(name.as_ref(), &index.probe(name.as_ref()), policy, |_| {});
            map.opened_below(known.unwrap(), policy).collect::<Vec<_>>()
        };
        assert_eq!(below("b.example", 3), [Fact::Rule { number: 0, allows: true }]);
        assert_eq!(below("example", 3).len(), 1);
        assert!(below("a.b.example", 3).is_empty());
        assert!(below("b.example", 4).is_empty());
    }

    #[test]
    fn every_name_is_found_among_many_and_no_other_one() {
        let mut names = Names::default();
        for number in 0..2000_u16 {
            names.say(&covered(&format!("n{number}.example")), Scope::All, Fact::Approved(number));
        }
        for number in (0..2000_u16).step_by(100) {
            assert_eq!(names.clone().told(&format!("a.n{number}.example"), 0), [Fact::Approved(number)]);
            assert!(names.clone().told(&format!("m{number}.example"), 0).is_empty());
        }
    }
}
