//! A matcher that is slow and plain: per source, walk over all lines, compare labels.
//!
//! It shares nothing with the compiler but the words of design section 4.

use std::collections::BTreeSet;

use blocklists::source::Trust;

/// What around its name a line speaks of, the more specific the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Subtree,
    Below,
    Exact,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: Vec<&'static str>,
    pub category: &'static str,
    pub reach: Reach,
    pub exception: bool,
    pub important: bool,
    pub cancels: bool,
}

#[derive(Debug, Clone)]
pub struct List {
    pub trust: Trust,
    pub lines: Vec<Line>,
}

/// A name taken out of a category, or into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    pub name: Vec<&'static str>,
    pub exact: bool,
    pub category: &'static str,
    pub into: bool,
}

impl Correction {
    fn covers(&self, name: &[&str]) -> bool {
        let Some(more) = name.len().checked_sub(self.name.len()) else { return false };
        name[more..] == self.name[..]
            && (!self.exact || name[..more].iter().all(|label| label.starts_with('_')))
    }
}

impl Line {
    fn is_refused(&self) -> bool {
        self.category.starts_with("illegal/") && (self.exception || self.cancels)
    }

    fn covers(&self, name: &[&str]) -> bool {
        let Some(more) = name.len().checked_sub(self.name.len()) else { return false };
        let is_below = name[more..] == self.name[..];
        is_below
            && match self.reach {
                Reach::Subtree => true,
                Reach::Below => more > 0,
                Reach::Exact => name[..more].iter().all(|label| label.starts_with('_')),
            }
    }
}

impl List {
    /// Whether it lists a name by lines for names of more labels than `void`.
    fn says(&self, category: &str, name: &[&str], void: usize) -> bool {
        let lines: Vec<&Line> =
            self.lines.iter().filter(|line| line.category == category && !line.is_refused()).collect();
        let is_cancelled = |line: &Line| {
            lines.iter().any(|other| other.cancels && Line { cancels: false, ..(*other).clone() } == *line)
        };
        let covering: Vec<&&Line> =
            lines.iter().filter(|line| !line.cancels && line.covers(name) && !is_cancelled(line)).collect();
        let covering: Vec<_> = covering.into_iter().filter(|line| line.name.len() > void).collect();
        let best = |important: bool| {
            let of_kind = covering.iter().filter(|line| line.important == important);
            of_kind.max_by_key(|line| (line.name.len(), line.reach, line.exception))
        };
        best(true).or(best(false)).is_some_and(|line| !line.exception)
    }
}

/// The categories of a name.
pub fn categories(lists: &[List], name: &[&str]) -> BTreeSet<String> {
    corrected(lists, &[], name)
}

/// The categories of a name when corrections have been made.
pub fn corrected(lists: &[List], corrections: &[Correction], name: &[&str]) -> BTreeSet<String> {
    let listed = lists.iter().flat_map(|list| &list.lines).map(|line| line.category);
    let all: BTreeSet<&str> =
        listed.chain(corrections.iter().map(|correction| correction.category)).collect();
    all.into_iter()
        .filter_map(|category| {
            let covering = || {
                corrections
                    .iter()
                    .filter(move |correction| correction.category == category && correction.covers(name))
            };
            let void = covering().filter(|correction| !correction.into && !correction.exact);
            let void = void.map(|correction| correction.name.len()).max().unwrap_or(0);
            let winner = covering().max_by_key(|correction| (correction.name.len(), correction.exact));
            match winner {
                Some(Correction { into: true, .. }) => return Some(category.to_owned()),
                Some(Correction { exact: true, .. }) => return None,
                _ => {}
            }
            let saying: Vec<&List> = lists.iter().filter(|list| list.says(category, name, void)).collect();
            let strict = matches!(category, "adult" | "malware");
            let confirmed = saying.len() > 1 || saying.iter().any(|list| list.trust == Trust::Core);
            match (saying.is_empty(), strict && !confirmed) {
                (true, _) => None,
                (false, true) => Some(format!("{category}/unconfirmed")),
                (false, false) => Some(category.to_owned()),
            }
        })
        .collect()
}

/// What a name below inherits where nothing more is said of it.
pub fn below(lists: &[List], name: &[&str]) -> BTreeSet<String> {
    categories(lists, &prefixed("fresh", name))
}

/// Whether, at some listed name below, a part of what is inherited does not hold.
pub fn opens_below(lists: &[List], name: &[&str]) -> bool {
    let inherited = below(lists, name);
    // A locked category has no exceptions: such a line is refused and lists nothing.
    let deeper =
        lists.iter().flat_map(|list| &list.lines).filter(|line| !line.is_refused()).map(|line| &line.name);
    let mut deeper = deeper.filter(|listed| listed.len() > name.len() && listed.ends_with(name));
    deeper.any(|listed| {
        let views =
            [categories(lists, listed), categories(lists, &prefixed("_fresh", listed)), below(lists, listed)];
        views.iter().any(|view| !inherited.is_subset(view))
    })
}

/// Whether somewhere below a name a part of what it hands down does not hold, though nothing
/// confirms it there.
pub fn must_open_below(lists: &[List], corrections: &[Correction], name: &[&str]) -> bool {
    let host = name;
    let handed_down = corrected(lists, corrections, &prefixed("fresh", name));
    let service = corrected(lists, corrections, &prefixed("_fresh", name));
    let listed = lists.iter().flat_map(|list| &list.lines).filter(|line| !line.is_refused());
    let names = listed.map(|line| &line.name).chain(corrections.iter().map(|correction| &correction.name));
    let mut deeper = names.filter(|deeper| deeper.len() > name.len() && deeper.ends_with(name));
    deeper.any(|deeper| {
        let names = [deeper.clone(), prefixed("_fresh", deeper), prefixed("fresh", deeper)];
        names.iter().any(|name| {
            let view = corrected(lists, corrections, name);
            // A service name that stands as every one of this host does is blocked wherever the host
            // and what is below it are, whether or not a line names it.
            if is_service_of(name, host) && view == service {
                return false;
            }
            let holds = |id: &String| {
                view.contains(id)
                    || id.strip_suffix("/unconfirmed").is_some_and(|strict| view.contains(strict))
            };
            !handed_down.iter().all(holds)
        })
    })
}

fn is_service_of(name: &[&str], host: &[&str]) -> bool {
    name.strip_suffix(host).is_some_and(|front| front.iter().all(|label| label.starts_with('_')))
}

fn prefixed<'a>(label: &'a str, name: &[&'a str]) -> Vec<&'a str> {
    [&[label], name].concat()
}
