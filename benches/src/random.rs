//! Numbers that look random and are the same on every run, so that every figure and every
//! disagreement can be had again.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 for an `end` of 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or(0) % end.max(1)
    }

    /// A number below `end`, small ones more often: each about in proportion to one over itself (Zipf).
    pub fn skewed(&mut self, end: usize) -> usize {
        #[expect(clippy::cast_precision_loss, reason = "a share and a count far below 2^52")]
        let (share, most) = ((self.next() >> 11) as f64 / (1_u64 << 53) as f64, end.max(1) as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the count")]
        let number = most.powf(share) as usize;
        number.saturating_sub(1).min(end.saturating_sub(1))
    }

    /// Puts `count` of the items in front, each order equally likely, and cuts the rest off.
    pub fn choose<T>(&mut self, items: &mut Vec<T>, count: usize) {
        let count = count.min(items.len());
        for at in 0..count {
            let other = at + self.below(items.len() - at);
            items.swap(at, other);
        }
        items.truncate(count);
    }
}
