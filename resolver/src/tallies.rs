//! Counts by network and by policy: one table of plain cells for each set of ids.
//!
//! A number in a decision is an index into the table of the very snapshot that decided. A table
//! has cells for every recording thread, which alone writes them; whoever reads adds them up. When
//! the ids change there is a new table, and the old one is added to the sums by name as soon as no
//! answer can hold it any more, so that a reload loses no count.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use policy::{Standing, Verdict};

use crate::counters::{NONE, add, transport};
use crate::event::Event;
use crate::labels::Labels;
use crate::peer::Transport;

/// Verdicts as they are counted.
pub(crate) const VERDICTS: [&str; 6] = ["allow", "watch", "rewrite", "local", "block", "refuse"];
/// Network label of private addresses that are in no network.
const UNKNOWN: &str = "unknown";
/// Network label of everybody else.
const STRANGER: &str = "stranger";
/// Cells of one network.
const ROW: usize = Transport::ALL.len() * VERDICTS.len();

/// The cells that decisions of one set of ids move.
#[derive(Debug)]
pub struct Tallies {
    number: u32,
    labels: Arc<Labels>,
    /// By recording thread: rows of the networks, of `unknown` and of `stranger`, then a row of
    /// categories (and one cell for none) for each policy.
    sheets: Box<[Box<[AtomicU64]>]>,
}

/// Counts by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    /// By network: transports, verdicts in each.
    pub(crate) networks: BTreeMap<String, [u64; ROW]>,
    /// By policy and category.
    pub(crate) blocked: BTreeMap<(String, String), u64>,
}

/// The tables that are in use, and the sums of those that are not.
#[derive(Debug, Default)]
pub(crate) struct Book {
    sums: Sums,
    tables: Vec<Arc<Tallies>>,
    /// How many sets of ids there have been.
    sets: u32,
}

impl Book {
    /// The table for these ids and so many threads: the newest one where it is that already.
    pub(crate) fn table(&mut self, labels: Labels, threads: usize) -> Arc<Tallies> {
        self.settle();
        let newest = self.tables.last();
        let known = newest.filter(|newest| *newest.labels == labels).map(|newest| Arc::clone(&newest.labels));
        if let (Some(newest), Some(_)) = (newest, &known)
            && newest.sheets.len() == threads
        {
            return Arc::clone(newest);
        }
        self.sets = self.sets.wrapping_add(u32::from(known.is_none()));
        let labels = known.unwrap_or_else(|| Arc::new(labels));
        let table = Arc::new(Tallies::new(self.sets, labels, threads));
        self.tables.push(Arc::clone(&table));
        table
    }

    /// Everything counted so far, by name.
    pub(crate) fn read(&mut self) -> Sums {
        self.settle();
        let mut sums = self.sums.clone();
        self.tables.iter().for_each(|table| table.add_to(&mut sums));
        sums
    }

    /// Adds to the sums what will not change: a table that only this book holds is written by
    /// nobody, and never will be again.
    fn settle(&mut self) {
        for table in std::mem::take(&mut self.tables) {
            match Arc::try_unwrap(table) {
                Ok(table) => table.add_to(&mut self.sums),
                Err(table) => self.tables.push(table),
            }
        }
    }
}

impl Tallies {
    fn new(number: u32, labels: Arc<Labels>, threads: usize) -> Self {
        let cells = (labels.networks.len() + 2) * ROW + labels.policies.len() * (labels.categories.len() + 1);
        let sheet = || std::iter::repeat_with(AtomicU64::default).take(cells).collect();
        Self { number, labels, sheets: std::iter::repeat_with(sheet).take(threads).collect() }
    }

    /// Number of the set of ids.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The ids.
    #[must_use]
    pub fn labels(&self) -> &Arc<Labels> {
        &self.labels
    }

    /// Counts one answered query in the cells of one thread, which is the caller.
    pub(crate) fn record(&self, thread: usize, event: &Event<'_>) {
        let Some(cells) = self.sheets.get(thread) else { return };
        let known = self.labels.networks.len();
        let row = match (event.client.standing, event.client.network) {
            (Standing::Stranger, _) => known + 1,
            (_, Some(network)) => usize::from(network).min(known),
            (_, None) => known,
        };
        let verdict = match event.decision.verdict {
            Verdict::Allow => 0,
            Verdict::Watch => 1,
            Verdict::Rewrite(_) => 2,
            Verdict::Local | Verdict::Loopback => 3,
            Verdict::Block(_) => 4,
            Verdict::Refuse => 5,
        };
        let cell = row * ROW + transport(event.peer.transport) * VERDICTS.len() + verdict;
        count(cells.get(cell));
        if let Verdict::Block(_) = event.decision.verdict {
            let categories = self.labels.categories.len();
            let category = event.decision.reason.category.map_or(categories, usize::from).min(categories);
            let cell = (known + 2) * ROW + usize::from(event.client.policy) * (categories + 1) + category;
            count(cells.get(cell));
        }
    }

    fn add_to(&self, sums: &mut Sums) {
        let networks = self.labels.networks.iter().map(String::as_str).chain([UNKNOWN, STRANGER]);
        let categories = || self.labels.categories.iter().map(String::as_str).chain([NONE]);
        for sheet in &self.sheets {
            let mut cells = sheet.iter().map(|cell| cell.load(Relaxed));
            for network in networks.clone() {
                let row: Vec<u64> = cells.by_ref().take(ROW).collect();
                if row.iter().any(|&count| count > 0) {
                    let sum = sums.networks.entry(network.to_owned()).or_insert([0; ROW]);
                    sum.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
                }
            }
            for policy in &self.labels.policies {
                for (category, count) in categories().zip(cells.by_ref()) {
                    if count > 0 {
                        *sums.blocked.entry((policy.clone(), category.to_owned())).or_insert(0) += count;
                    }
                }
            }
        }
    }
}

fn count(cell: Option<&AtomicU64>) {
    if let Some(cell) = cell {
        add(cell, 1);
    }
}
