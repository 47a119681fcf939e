//! Addresses for a firewall: sets that nftables loads.
//!
//! DNS alone stops nobody who has an address written down. A firewall can, but not where thousands of
//! good sites live at one address: whatever meets a range of the large shared networks is left out
//! and said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::IpNet;

use super::Row;
use crate::category::CategoryId;
use crate::index::Index;

const SHARED: &str = include_str!("../../data/shared_ranges.tsv");
/// Most ranges that are listed as left out; the rest is counted.
const LEFT_OUT_SHOWN: usize = 1000;

/// A range of a network that many sites share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The range.
    pub net: IpNet,
    /// Whose it is.
    pub owner: &'static str,
}

/// Whether a network meets a range that many sites share.
pub(crate) fn is_shared(net: IpNet) -> bool {
    static RANGES: LazyLock<Vec<Shared>> = LazyLock::new(shared_ranges);
    RANGES.iter().any(|range| range.net.contains(&net) || net.contains(&range.net))
}

/// The ranges that no set of ours holds, from `data/shared_ranges.tsv`.
#[must_use]
pub fn shared_ranges() -> Vec<Shared> {
    let rows = SHARED.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| {
        let (net, owner) = line.split_once('\t')?;
        Some(Shared { net: net.parse().ok()?, owner })
    })
    .collect()
}

/// Ranges of one category.
#[derive(Default)]
struct Ranges {
    v4: Vec<(IpAddr, IpAddr)>,
    v6: Vec<(IpAddr, IpAddr)>,
    left_out: Vec<(IpAddr, IpAddr, &'static str)>,
}

/// A file for `nft -f` with the sets `<category>_v4` and `<category>_v6` (`/` written `_`) for every
/// one of these categories, empty ones too, so that rules can name them. No rule is in it.
#[must_use]
pub fn nftables(index: &Index, categories: &[CategoryId]) -> String {
    let shared = shared_ranges();
    let mut all: BTreeMap<&CategoryId, Ranges> =
        categories.iter().map(|category| (category, Ranges::default())).collect();
    let sets = &index.answers().sets;
    let mut add = |set: u32, start: IpAddr, end: IpAddr| {
        let listed = usize::try_from(set).ok().and_then(|set| sets.get(set.checked_sub(1)?));
        let Some(listed) = listed else { return };
        let owner = shared.iter().find(|range| meets(range.net, start, end)).map(|range| range.owner);
        for number in &listed.categories {
            let category = index.categories().get(usize::from(*number));
            let Some(ranges) = category.and_then(|category| all.get_mut(category)) else { continue };
            match owner {
                Some(owner) => ranges.left_out.push((start, end, owner)),
                None if start.is_ipv4() => ranges.v4.push((start, end)),
                None => ranges.v6.push((start, end)),
            }
        }
    };
    stretches(&index.answers().v4, u32::MAX, |set, start, end| {
        add(set, Ipv4Addr::from_bits(start).into(), Ipv4Addr::from_bits(end).into());
    });
    stretches(&index.answers().v6, u128::MAX, |set, start, end| {
        add(set, Ipv6Addr::from_bits(start).into(), Ipv6Addr::from_bits(end).into());
    });
    written(index, all)
}

fn written(index: &Index, all: BTreeMap<&CategoryId, Ranges>) -> String {
    let mut text = format!(
        "# Addresses on lists, by category, from index {}.\n# Load with: nft -f FILE; use as: ip daddr @malware_v4 drop\n\
         table inet schoolgate {{\n",
        if index.id().is_empty() { "none" } else { index.id() }
    );
    for (category, ranges) in all {
        let name = category.as_str().replace('/', "_");
        for (family, kind, elements) in [("v4", "ipv4_addr", ranges.v4), ("v6", "ipv6_addr", ranges.v6)] {
            // Writing to a string cannot fail.
            _ = write!(
                text,
                "    set {name}_{family} {{\n        type {kind}\n        flags interval\n        auto-merge\n"
            );
            if !elements.is_empty() {
                let elements: Vec<String> = elements.iter().map(|(start, end)| range(*start, *end)).collect();
                _ = write!(
                    text,
                    "        elements = {{\n            {}\n        }}\n",
                    elements.join(",\n            ")
                );
            }
            text.push_str("    }\n");
        }
        for (start, end, owner) in ranges.left_out.iter().take(LEFT_OUT_SHOWN) {
            _ = writeln!(
                text,
                "    # left out of {name}: {} ({owner}, shared by many sites)",
                range(*start, *end)
            );
        }
        if let Some(more) = ranges.left_out.len().checked_sub(LEFT_OUT_SHOWN).filter(|more| *more > 0) {
            _ = writeln!(text, "    # left out of {name}: {more} more");
        }
    }
    text.push_str("}\n");
    text
}

fn range(start: IpAddr, end: IpAddr) -> String {
    if start == end { start.to_string() } else { format!("{start}-{end}") }
}

fn meets(net: IpNet, start: IpAddr, end: IpAddr) -> bool {
    net.network().is_ipv4() == start.is_ipv4() && net.network() <= end && start <= net.broadcast()
}

/// Every stretch that has a set: the set, its first and its last address.
fn stretches<N: Copy + Ord + std::ops::Sub<Output = N> + From<u8>>(
    row: &Row<N>,
    last: N,
    mut each: impl FnMut(u32, N, N),
) {
    for (place, (start, set)) in row.starts.iter().zip(&row.sets).enumerate() {
        if *set != 0 {
            let end = row.starts.get(place + 1).map_or(last, |next| *next - N::from(1));
            each(*set, *start, end);
        }
    }
}
