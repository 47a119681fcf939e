//! One question to both, in the forms in which a name is met, and the count of it.

use std::collections::BTreeMap;

use blocklists::category::CategorySet;
use blocklists::index::{Found, Index};
use blocklists::name::Name;

use crate::naive::{Naive, suffixes};

/// A label that no list has.
const UNKNOWN_LABEL: &str = "qx7-on-no-list";

/// What one kind of question came to.
#[derive(Debug, Default)]
struct Count {
    questions: u64,
    in_a_category: u64,
    differences: u64,
}

/// Both matchers and what came out so far.
#[derive(Debug)]
pub struct Comparison<'a> {
    naive: &'a Naive,
    index: &'a Index,
    counts: BTreeMap<(&'static str, &'static str), Count>,
    shown: Vec<String>,
}

impl<'a> Comparison<'a> {
    /// Nothing asked yet.
    pub fn new(naive: &'a Naive, index: &'a Index) -> Self {
        Self { naive, index, counts: BTreeMap::new(), shown: Vec::new() }
    }

    /// Asks for a name, names around it, and what each of them hands down.
    pub fn ask(&mut self, kind: &'static str, name: &str) {
        let parent = name.split_once('.').map(|(_, parent)| parent.to_owned());
        let forms = [
            ("itself", Some(name.to_owned())),
            ("www in front", Some(format!("www.{name}"))),
            ("far below", Some(format!("a1.b2.{UNKNOWN_LABEL}.{name}"))),
            ("its parent", parent),
            ("_8443._https in front", Some(format!("_8443._https.{name}"))),
            ("_dmarc.www in front", Some(format!("_dmarc.www.{name}"))),
            ("www._tcp in front", Some(format!("www._tcp.{name}"))),
        ];
        for (form, asked) in forms {
            if let Some(asked) = asked {
                self.compare((kind, form), &asked);
            }
        }
    }

    /// Asks for a name as it is, and what it hands down.
    pub fn ask_itself(&mut self, kind: &'static str, name: &str) {
        self.compare((kind, "itself"), name);
    }

    /// Where an exception opens part of what an ancestor hands down, the ancestor must say so: else
    /// NXDOMAIN for the ancestor would deny the opened name too (RFC 8020).
    pub fn ask_what_opens(&mut self, name: &str) {
        let own = self.naive.categories(name);
        for ancestor in suffixes(name).skip(1) {
            let handed_down = self.naive.categories(&format!("{UNKNOWN_LABEL}.{ancestor}"));
            let opened = handed_down.iter().any(|category| !own.contains(category));
            let Some(found) = self.find(ancestor) else {
                continue;
            };
            let count = self.counts.entry(("with an exception", "ancestors say that they open")).or_default();
            count.questions += 1;
            count.in_a_category += u64::from(opened);
            if opened && !found.opens_below {
                count.differences += 1;
                self.shown.push(format!("{ancestor}: does not say that it opens {name}"));
            }
        }
    }

    fn compare(&mut self, kind: (&'static str, &'static str), name: &str) {
        // A name may grow too long by what is put in front; nobody can ask for it then.
        let Some(found) = self.find(name) else { return };
        let here = (self.naive.categories(name), self.ids(&found.here));
        let below = (self.naive.inherited(&format!("{UNKNOWN_LABEL}.{name}")), self.ids(&found.below));
        let count = self.counts.entry(kind).or_default();
        count.questions += 1;
        count.in_a_category += u64::from(!here.0.is_empty());
        // Rather nothing than too much is said of what lies below where a line holds only partly: by that
        // names are denied to exist.
        let partly = self.naive.is_partly(name);
        let is_same_below = below.0 == below.1 || partly && below.1.iter().all(|id| below.0.contains(id));
        if here.0 != here.1 || !is_same_below {
            count.differences += 1;
            for (what, is_same, (naive, index)) in
                [("here", here.0 == here.1, here), ("below", is_same_below, below)]
            {
                if !is_same {
                    self.shown.push(format!("{name} ({what}): naive {naive:?}, index {index:?}"));
                }
            }
        }
    }

    fn find(&self, name: &str) -> Option<Found> {
        Name::parse(name).ok().map(|name| self.index.find(name.as_ref(), 1))
    }

    fn ids(&self, set: &CategorySet) -> Vec<String> {
        let categories = self.index.categories();
        let mut ids: Vec<String> = set
            .iter()
            .map(|number| {
                categories
                    .get(usize::from(number))
                    .map_or_else(|| format!("no. {number}"), ToString::to_string)
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    /// How many questions were answered differently.
    pub fn differences(&self) -> u64 {
        self.counts.values().map(|count| count.differences).sum()
    }

    /// Prints the counts as a Markdown table, and the first differences.
    pub fn print(&self, shown_max: usize) {
        println!("| names | asked as | questions | in a category | differences |\n|---|---|--:|--:|--:|");
        for ((kind, form), count) in &self.counts {
            println!(
                "| {kind} | {form} | {} | {} | {} |",
                count.questions, count.in_a_category, count.differences
            );
        }
        let questions: u64 = self.counts.values().map(|count| count.questions).sum();
        println!("\n{questions} questions, {} differences.", self.differences());
        for line in self.shown.iter().take(shown_max) {
            println!("- {line}");
        }
    }
}
