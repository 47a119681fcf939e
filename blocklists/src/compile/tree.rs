//! The listed names as a tree: each different name once, and its nearest listed ancestor.

use rayon::prelude::*;

use super::Stop;
use super::gather::Gathered;
use super::lines::Line;
use crate::index::hash::SuffixHashes;
use crate::name::NameRef;

/// All lines, grouped by name. A *node* is one listed name, numbered in the order of hashes.
pub(super) struct Tree<'g> {
    pub(super) gathered: &'g Gathered,
    pub(super) key: u64,
    lines: Vec<Line>,
    /// Where each node's lines start; one more at the end.
    starts: Vec<u32>,
    /// Where each bucket of hashes starts among the nodes.
    directory: Vec<u32>,
    shift: u32,
    parents: Vec<Parent>,
}

/// A node's nearest listed ancestor, and whether only service labels stand between them.
#[derive(Clone, Copy)]
pub(super) struct Parent(u32);

impl Parent {
    const NONE: Self = Self(u32::MAX);
    const SERVICE: u32 = 1 << 31;

    /// The ancestor's node; `None` when no ancestor is listed.
    pub(super) fn node(self) -> Option<usize> {
        (self.0 != u32::MAX).then_some((self.0 & !Self::SERVICE) as usize)
    }

    /// Whether every label in front of the ancestor starts with `_`.
    pub(super) fn is_service(self) -> bool {
        self.0 != u32::MAX && self.0 & Self::SERVICE != 0
    }
}

impl<'g> Tree<'g> {
    /// Groups sorted lines by name and proves that no two names share a hash.
    ///
    /// # Errors
    /// [`Stop::Collision`] when two do.
    pub(super) fn grow(gathered: &'g Gathered, key: u64, lines: Vec<Line>) -> Result<Self, Stop> {
        let is_first = |place: usize| {
            place == 0 || lines.get(place - 1).map(|line| line.hash) != lines.get(place).map(|line| line.hash)
        };
        // The lines are fewer than 2^31, see `lines`.
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        let mut starts: Vec<u32> = (0..lines.len())
            .into_par_iter()
            .filter(|&place| is_first(place))
            .map(|place| place as u32)
            .collect();
        let same = lines.par_windows(2).all(|pair| match pair {
            [one, two] => one.hash != two.hash || one.name(gathered) == two.name(gathered),
            _ => true,
        });
        if !same {
            return Err(Stop::Collision);
        }
        starts.push(u32::try_from(lines.len()).unwrap_or(u32::MAX));
        let shift = 64 - (starts.len() / 4).max(2).ilog2();
        let mut tree =
            Self { gathered, key, lines, starts, directory: Vec::new(), shift, parents: Vec::new() };
        tree.directory = directory_of((0..tree.len()).map(|node| tree.hash(node)), shift);
        tree.parents =
            (0..tree.len()).into_par_iter().map(|node| tree.find_parent(node)).collect::<Result<_, _>>()?;
        Ok(tree)
    }

    /// How many different names.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The lines of a node.
    pub(super) fn lines(&self, node: usize) -> &[Line] {
        match self.starts.get(node..).and_then(|starts| starts.first_chunk::<2>()) {
            Some(&[start, end]) => self.lines.get(start as usize..end as usize).unwrap_or(&[]),
            None => &[],
        }
    }

    /// The name of a node.
    pub(super) fn name(&self, node: usize) -> NameRef<'g> {
        self.lines(node).first().map_or(NameRef::at(&[], 0), |line| line.name(self.gathered))
    }

    /// The hash of a node's name.
    pub(super) fn hash(&self, node: usize) -> u64 {
        let first = self.starts.get(node).and_then(|&start| self.lines.get(start as usize));
        first.map_or(self.key, |line| line.hash)
    }

    /// The name of so many last labels of a node's name.
    pub(super) fn suffix(&self, node: usize, labels: usize) -> NameRef<'g> {
        let name = self.name(node);
        let starts = name.label_starts();
        let at = starts.len().checked_sub(labels).and_then(|at| starts.get(at));
        at.map_or(name, |&at| name.suffix_at(at))
    }

    /// Lets go what only [`parent`](Self::parent) needs.
    pub(super) fn forget_parents(&mut self) {
        self.parents = Vec::new();
    }

    /// A node's nearest listed ancestor.
    pub(super) fn parent(&self, node: usize) -> Parent {
        self.parents.get(node).copied().unwrap_or(Parent::NONE)
    }

    /// The nodes, ancestors before descendants, else in the order of hashes.
    pub(super) fn top_down(&self) -> Vec<u32> {
        let depth = |node: usize| self.lines(node).first().map_or(0, |line| usize::from(line.depth));
        let mut places = [0; 256];
        (0..self.len()).for_each(|node| places[depth(node)] += 1);
        let mut at = 0;
        for place in &mut places {
            at += std::mem::replace(place, at);
        }
        let mut order = vec![0; self.len()];
        for node in 0..self.len() {
            let place = &mut places[depth(node)];
            order[*place] = u32::try_from(node).unwrap_or(u32::MAX);
            *place += 1;
        }
        order
    }

    /// The node of a name; `None` when it is not listed.
    ///
    /// # Errors
    /// [`Stop::Collision`] when another name has its hash.
    pub(super) fn find(&self, hash: u64, name: NameRef<'_>) -> Result<Option<usize>, Stop> {
        match self.bucket(hash).find(|&node| self.hash(node) == hash) {
            Some(node) if self.name(node) != name => Err(Stop::Collision),
            found => Ok(found),
        }
    }

    /// The few nodes whose hashes start as this one does.
    fn bucket(&self, hash: u64) -> std::ops::Range<usize> {
        let bucket = usize::try_from(hash >> self.shift).unwrap_or(usize::MAX);
        match self.directory.get(bucket..).and_then(|from| from.first_chunk::<2>()) {
            Some(&[start, end]) => start as usize..end as usize,
            None => 0..0,
        }
    }

    fn find_parent(&self, node: usize) -> Result<Parent, Stop> {
        let name = self.name(node);
        let hashes = SuffixHashes::of(name, self.key);
        let mut is_service = true;
        let mut suffix = name;
        for &hash in hashes.iter().skip(1) {
            is_service &= suffix.labels().next().is_some_and(|label| label.first() == Some(&b'_'));
            let Some(parent) = suffix.parent() else { break };
            suffix = parent;
            if let Some(found) = self.find(hash, suffix)? {
                let service = if is_service { Parent::SERVICE } else { 0 };
                return Ok(Parent(u32::try_from(found).unwrap_or(0) | service));
            }
        }
        Ok(Parent::NONE)
    }
}

/// Where each bucket of sorted hashes starts, one more at the end.
fn directory_of(hashes: impl Iterator<Item = u64>, shift: u32) -> Vec<u32> {
    let buckets = 1_usize << (64 - shift);
    let mut directory = vec![0_u32; buckets + 1];
    for hash in hashes {
        let bucket = usize::try_from(hash >> shift).unwrap_or(0);
        directory[bucket + 1] += 1;
    }
    let mut at = 0;
    for count in &mut directory {
        at += *count;
        *count = at;
    }
    directory
}
