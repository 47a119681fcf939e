//! The guard of design section 4, a second time: which lines of lists are slips.

use std::collections::BTreeSet;

use super::globs::Glob;
use super::{Reach, STRICT, suffixes};

const MUST_OPEN: &str = include_str!("../../../blocklists/data/must_open.tsv");
const SHARED_HOSTING: &str = include_str!("../../../blocklists/data/shared_hosting.txt");

/// Names that lines may not take away.
#[derive(Debug)]
pub struct Guard {
    hosts: BTreeSet<&'static str>,
    trees: BTreeSet<&'static str>,
    above: BTreeSet<&'static str>,
    hosting: BTreeSet<&'static str>,
}

impl Guard {
    pub fn read() -> Self {
        let column = |table: &'static str| {
            let lines = table.lines().filter(|line| !line.starts_with('#'));
            lines.filter_map(|line| line.split('\t').next()).filter(|name| !name.is_empty())
        };
        let trees: BTreeSet<_> = column(MUST_OPEN).filter_map(|name| name.strip_prefix("*.")).collect();
        let hosts: BTreeSet<_> = column(MUST_OPEN).filter(|name| !name.starts_with("*.")).collect();
        let above = hosts.union(&trees).flat_map(|name| suffixes(name).skip(1)).collect();
        Self { hosts, trees, above, hosting: column(SHARED_HOSTING).collect() }
    }

    /// Whether a wildcard that blocks is a slip: it fits a name that is guarded.
    pub fn drops_glob(&self, glob: &Glob) -> bool {
        let fronts = self.trees.iter().map(|tree| format!("www.{tree}"));
        let all = self.hosts.iter().chain(&self.trees).chain(&self.hosting);
        all.copied().any(|name| glob.fits(name)) || fronts.into_iter().any(|front| glob.fits(&front))
    }

    /// Whether a line that blocks is a slip.
    pub fn drops(&self, name: &str, reach: Reach, category: &str) -> bool {
        let meant_below = ["ads", "tracking", "malware", "scams"].contains(&category);
        let in_tree = || !meant_below && suffixes(name).skip(1).any(|suffix| self.trees.contains(suffix));
        let above = || STRICT.contains(&category) && reach != Reach::Name && self.above.contains(name);
        self.trees.contains(name.strip_prefix("www.").unwrap_or(name))
            || self.trees.contains(name)
            || (self.hosts.contains(name) && reach != Reach::Below)
            || self.hosting.contains(name)
            || in_tree()
            || above()
    }
}
