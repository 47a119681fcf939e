//! The guard: entries of lists that are slips, whatever they were meant to say.
//!
//! Real lists hold `google.com` for adult, a times-table site for games, a push service for adverts.
//! An entry on a name that schools must have, or on the bare name under which strangers keep their
//! pages, is dropped and shown; so is a pattern that finds such a name. The rest of the list stays.
//! Locked categories have no guard.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use regex_automata::meta::Regex;

use crate::category::CategoryId;
use crate::must_open::must_open;
use crate::name::{Name, NameHasher, NameRef};
use crate::parse::Reach;

const SHARED_HOSTING: &str = include_str!("../data/shared_hosting.txt");

/// Categories whose entries *below* a `*.x` of the must-open list stay, but for `www.x`: trackers and
/// threats sit on names of their own below honest houses.
const MEANT_BELOW: [&str; 4] = ["ads", "tracking", "malware", "scams"];

/// Why an entry is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slip {
    /// The name must be open.
    MustOpen,
    /// A category that can be sealed would take a must-open name from above it.
    AboveMustOpen,
    /// Strangers live below the name, good ones too.
    SharedHosting,
    /// The address is of a network in which unrelated sites share addresses.
    SharedAddress,
}

impl Slip {
    /// For people.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::MustOpen => "dropped, on the must-open list",
            Self::AboveMustOpen => "dropped, names of the must-open list lie below it",
            Self::SharedHosting => "dropped, a shared hosting apex",
            Self::SharedAddress => "dropped, an address that many sites share",
        }
    }
}

/// What is known of one name.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    must_open: bool,
    /// With all below.
    subtree: bool,
    /// A must-open name lies below.
    above: bool,
    hosting: bool,
}

/// Every guarded name and every ancestor of one: a walk from the right ends at the first miss.
struct Guard(HashMap<Name, Mark, BuildHasherDefault<NameHasher>>);

/// The guarded names as patterns see them, with their front doors where all below is guarded.
static GUARDED: LazyLock<Vec<(Name, String, Slip)>> = LazyLock::new(guarded);

static GUARD: LazyLock<Guard> = LazyLock::new(Guard::new);

/// Whether a block entry is a slip. The category is not locked.
pub(crate) fn slip(name: NameRef<'_>, reach: Reach, category: &CategoryId) -> Option<Slip> {
    GUARD.slip(name, reach, category)
}

/// Whether a pattern finds a guarded name that it does not spare, whatever its category: nobody can
/// mean a tracker below a site by how it is spelt and hit the site too. The category is not locked.
pub(crate) fn pattern_slip(pattern: &Regex, spared: &[Name]) -> Option<Slip> {
    let is_spared = |name: &Name| spared.iter().any(|top| name.as_ref().is_at_or_below(top.as_ref()));
    let hit = GUARDED.iter().find(|(name, text, _)| pattern.is_match(text.as_bytes()) && !is_spared(name));
    hit.map(|(_, _, slip)| *slip)
}

fn guarded() -> Vec<(Name, String, Slip)> {
    let mut all = Vec::new();
    let mut push = |name: &Name, slip| all.push((name.clone(), name.to_string(), slip));
    for row in must_open() {
        push(&row.name, Slip::MustOpen);
        if let Some(door) = row.subtree.then(|| Name::parse(&format!("www.{}", row.name)).ok()).flatten() {
            push(&door, Slip::MustOpen);
        }
    }
    for apex in apexes() {
        push(&apex, Slip::SharedHosting);
    }
    all
}

fn apexes() -> impl Iterator<Item = Name> {
    let lines = SHARED_HOSTING.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Name::parse(line.split('\t').next()?.trim()).ok())
}

impl Guard {
    fn new() -> Self {
        let mut marks: HashMap<Name, Mark, _> = HashMap::default();
        for row in must_open() {
            let mark = marks.entry(row.name.clone()).or_default();
            (mark.must_open, mark.subtree) = (true, mark.subtree | row.subtree);
            for ancestor in row.name.as_ref().suffixes().skip(1) {
                marks.entry(ancestor.to_owned()).or_default().above = true;
            }
        }
        for apex in apexes() {
            for ancestor in apex.as_ref().suffixes().skip(1) {
                marks.entry(ancestor.to_owned()).or_default();
            }
            marks.entry(apex).or_default().hosting = true;
        }
        Self(marks)
    }

    fn slip(&self, name: NameRef<'_>, reach: Reach, category: &CategoryId) -> Option<Slip> {
        for &start in name.label_starts().iter().rev() {
            let mark = self.0.get(name.suffix_at(start).wire())?;
            if start == 0 {
                return mark.slip(reach, category);
            }
            let is_meant = || MEANT_BELOW.contains(&category.as_str());
            if mark.subtree && (is_front_door(name, start) || !is_meant()) {
                return Some(Slip::MustOpen);
            }
        }
        None
    }
}

/// Whether a name is `www.` and its suffix that starts here: the site itself.
fn is_front_door(name: NameRef<'_>, start: u8) -> bool {
    name.wire().strip_prefix(b"\x03www") == Some(name.suffix_at(start).wire())
}

impl Mark {
    /// For an entry on the very name.
    fn slip(self, reach: Reach, category: &CategoryId) -> Option<Slip> {
        if self.must_open && (self.subtree || reach != Reach::Below) {
            return Some(Slip::MustOpen);
        }
        if self.hosting {
            return Some(Slip::SharedHosting);
        }
        // What an open category says from above is cleared name by name; a seal is not.
        (self.above && reach != Reach::Exact && category.is_strict()).then_some(Slip::AboveMustOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_entries_that_are_meant() {
        for (name, reach, category, expected) in [
            ("ttrockstars.com", Reach::Subtree, "games", Some(Slip::MustOpen)),
            ("ttrockstars.com", Reach::Subtree, "malware", Some(Slip::MustOpen)),
            ("play.ttrockstars.com", Reach::Exact, "games", Some(Slip::MustOpen)),
            ("track.ttrockstars.com", Reach::Exact, "tracking", None),
            ("www.ttrockstars.com", Reach::Exact, "tracking", Some(Slip::MustOpen)),
            ("www.track.ttrockstars.com", Reach::Exact, "tracking", None),
            ("education.minecraft.net", Reach::Exact, "games", Some(Slip::MustOpen)),
            ("maths.org", Reach::Subtree, "games", None),
            ("maths.org", Reach::Subtree, "adult", Some(Slip::AboveMustOpen)),
            ("maths.org", Reach::Exact, "adult", None),
            ("github.io", Reach::Subtree, "malware", Some(Slip::SharedHosting)),
            ("github.io", Reach::Below, "malware", Some(Slip::SharedHosting)),
            ("phish.github.io", Reach::Subtree, "malware", None),
            ("google.com", Reach::Subtree, "adult", Some(Slip::SharedHosting)),
            ("casino.example", Reach::Subtree, "gambling", None),
            ("com", Reach::Subtree, "games", None),
        ] {
            let category = CategoryId::new(category).unwrap();
            let name = Name::parse(name).unwrap();
            assert_eq!(slip(name.as_ref(), reach, &category), expected, "{name} {category}");
        }
    }

    #[test]
    fn every_line_of_the_hosting_table_is_a_name() {
        let lines = SHARED_HOSTING.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let hosting = GUARD.0.values().filter(|mark| mark.hosting).count();
        assert_eq!(hosting, lines.count());
    }
}
