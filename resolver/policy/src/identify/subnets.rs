//! Which subnet an address is in: of those that lie in each other, the narrowest.
//!
//! A school's subnets are turned, once, into stretches of addresses that do not overlap, so that a
//! question costs one search in a short sorted row.

use std::net::IpAddr;

use ipnet::IpNet;

/// Subnets of both families, each with the number of its network.
#[derive(Debug, Default)]
pub(super) struct Subnets {
    v4: Stretches<u32>,
    v6: Stretches<u128>,
}

/// Where each stretch starts, and the network that it belongs to; it ends where the next one starts.
#[derive(Debug)]
struct Stretches<A>(Vec<(A, Option<u16>)>);

/// Addresses of one family, as numbers.
trait Address: Copy + Ord {
    fn next(self) -> Option<Self>;
}

impl Address for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Subnets {
    /// Of the same subnet named twice, the later counts.
    pub(super) fn new(subnets: impl Iterator<Item = (IpNet, u16)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (subnet, network) in subnets {
            match subnet {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits(), network)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits(), network)),
            }
        }
        Self { v4: Stretches::new(v4), v6: Stretches::new(v6) }
    }

    /// The network of an address.
    #[inline]
    pub(super) fn network(&self, address: IpAddr) -> Option<u16> {
        match address {
            IpAddr::V4(address) => self.v4.network(address.to_bits()),
            IpAddr::V6(address) => self.v6.network(address.to_bits()),
        }
    }
}

impl<A> Default for Stretches<A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<A: Address> Stretches<A> {
    /// From subnets as first and last address: two of them lie in each other or apart.
    fn new(mut subnets: Vec<(A, A, u16)>) -> Self {
        // The wider of two that start together comes first.
        subnets.sort_by(|one, other| (one.0, other.1).cmp(&(other.0, one.1)));
        let mut stretches = Self::default();
        let mut around: Vec<(A, u16)> = Vec::new();
        for (first, last, network) in subnets {
            stretches.close(&mut around, |end| end < first);
            stretches.0.push((first, Some(network)));
            around.push((last, network));
        }
        stretches.close(&mut around, |_| true);
        // What starts where another one starts lies inside it, or comes behind its end.
        stretches.0.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                *earlier = *later;
            }
            same
        });
        stretches.0.shrink_to_fit();
        stretches
    }

    /// Ends the innermost subnets that are over: what is around them goes on.
    fn close(&mut self, around: &mut Vec<(A, u16)>, is_over: impl Fn(A) -> bool) {
        while let Some((last, _)) = around.pop_if(|(last, _)| is_over(*last)) {
            let outer = around.last().map(|(_, network)| *network);
            self.0.extend(last.next().map(|next| (next, outer)));
        }
    }

    #[inline]
    fn network(&self, address: A) -> Option<u16> {
        let place = self.0.partition_point(|(start, _)| *start <= address);
        self.0.get(place.checked_sub(1)?)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets(texts: &[&str]) -> (Vec<(IpNet, u16)>, Subnets) {
        let all: Vec<(IpNet, u16)> = texts.iter().map(|text| text.parse().unwrap()).zip(0..).collect();
        let subnets = Subnets::new(all.iter().copied());
        (all, subnets)
    }

    #[test]
    fn an_address_is_in_the_narrowest_subnet_around_it() {
        let (all, subnets) = subnets(&[
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.0.0/24",
            "10.1.255.255/32",
            "10.255.0.0/16",
            "11.0.0.0/16",
            "255.255.255.0/24",
            "0.0.0.0/32",
            "fd00::/8",
            "fd00::/64",
            "fd00:0:0:1::/64",
            "ffff:ffff:ffff:ffff::/64",
        ]);
        let ends = all.iter().flat_map(|(net, _)| [net.network(), net.broadcast()]);
        let near = ends.flat_map(|address| match address {
            IpAddr::V4(v4) => {
                [-1, 0, 1].map(|step| IpAddr::V4(v4.to_bits().wrapping_add_signed(step).into()))
            }
            IpAddr::V6(v6) => {
                [-1, 0, 1].map(|step| IpAddr::V6(v6.to_bits().wrapping_add_signed(step).into()))
            }
        });
        for address in near {
            let around = all.iter().filter(|(net, _)| net.contains(&address));
            let narrowest = around.max_by_key(|(net, _)| net.prefix_len()).map(|(_, network)| *network);
            assert_eq!(subnets.network(address), narrowest, "{address}");
        }
    }

    #[test]
    fn of_the_same_subnet_named_twice_the_later_counts() {
        let (_, subnets) = subnets(&["10.0.0.0/8", "10.0.0.0/8"]);
        assert_eq!(subnets.network([10, 0, 0, 1].into()), Some(1));
        assert_eq!(subnets.network([11, 0, 0, 1].into()), None);
    }

    #[test]
    fn one_subnet_may_hold_every_address() {
        let (_, subnets) = subnets(&["0.0.0.0/0", "::/0"]);
        assert_eq!(subnets.network([255; 4].into()), Some(0));
        assert_eq!(subnets.network([0xff; 16].into()), Some(1));
    }
}
