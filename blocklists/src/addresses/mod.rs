//! Addresses that lists speak of: those of answers (`rpz-ip`) and those of clients
//! (`rpz-client-ip`).
//!
//! Prefixes lie inside each other and each source's longest one wins, so the compiler cuts the
//! address space where anything changes: what is left is one sorted row of starts, each with the
//! number of a set. A look-up is a binary search, and a prefix costs at most two starts.

mod nftables;
mod stored;

use std::net::IpAddr;

use crate::category::CategorySet;

pub(crate) use nftables::is_shared;
pub use nftables::{Shared, nftables, shared_ranges};

/// One row of the address space: where each stretch starts and which set it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<N> {
    pub(crate) starts: Vec<N>,
    /// Number of the set of each stretch; 0 is nothing.
    pub(crate) sets: Vec<u32>,
}

impl<N> Default for Row<N> {
    fn default() -> Self {
        Self { starts: Vec::new(), sets: Vec::new() }
    }
}

impl<N: Copy + Ord> Row<N> {
    fn set_of(&self, address: N) -> u32 {
        let place = self.starts.partition_point(|start| *start <= address);
        place.checked_sub(1).and_then(|place| self.sets.get(place)).copied().unwrap_or(0)
    }
}

/// What a stretch of addresses is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Numbers of categories, rising.
    pub(crate) categories: Vec<u16>,
    /// How blocks by some of them are answered: category and action.
    pub(crate) actions: Vec<(u16, u16)>,
}

/// Addresses of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) v4: Row<u32>,
    pub(crate) v6: Row<u128>,
    /// Sets by number, from 1.
    pub(crate) sets: Vec<Listed>,
}

impl Addresses {
    /// The number of the set that an address has; 0 for most.
    #[inline]
    pub(crate) fn set_of(&self, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(address) => self.v4.set_of(address.to_bits()),
            IpAddr::V6(address) => self.v6.set_of(address.to_bits()),
        }
    }

    /// The set of a number.
    pub(crate) fn listed(&self, set: u32) -> Option<&Listed> {
        self.sets.get(usize::try_from(set.checked_sub(1)?).ok()?)
    }

    /// Its categories.
    pub(crate) fn categories(&self, set: u32) -> CategorySet {
        self.listed(set).map_or(CategorySet::EMPTY, |listed| listed.categories.iter().copied().collect())
    }

    /// Whether none is listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> u64 {
        let (v4, v6) = (self.v4.starts.len() as u64, self.v6.starts.len() as u64);
        v4 * 8 + v6 * 20 + self.sets.len() as u64 * 64
    }
}
