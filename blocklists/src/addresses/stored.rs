//! Addresses as bytes of an index: four counts, the rows, the sets; all little-endian.

use super::{Addresses, Listed, Row};

/// Most stretches and most sets: far more than lists of addresses have.
const STRETCHES_MAX: u32 = 1 << 24;

impl Addresses {
    /// Appends the bytes that [`from_bytes`](Self::from_bytes) reads.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let number = |out: &mut Vec<u8>, number: usize| {
            out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        };
        for count in [self.v4.starts.len(), self.v6.starts.len(), self.sets.len()] {
            number(out, count);
        }
        self.v4.starts.iter().for_each(|start| out.extend_from_slice(&start.to_le_bytes()));
        self.v4.sets.iter().for_each(|set| out.extend_from_slice(&set.to_le_bytes()));
        self.v6.starts.iter().for_each(|start| out.extend_from_slice(&start.to_le_bytes()));
        self.v6.sets.iter().for_each(|set| out.extend_from_slice(&set.to_le_bytes()));
        for set in &self.sets {
            number(out, set.categories.len());
            number(out, set.actions.len());
            set.categories.iter().for_each(|category| out.extend_from_slice(&category.to_le_bytes()));
            for (category, action) in &set.actions {
                out.extend_from_slice(&category.to_le_bytes());
                out.extend_from_slice(&action.to_le_bytes());
            }
        }
    }

    /// Reads what [`write`](Self::write) wrote, with numbers below these bounds; `None` for anything
    /// else.
    pub(crate) fn from_bytes(bytes: &[u8], categories: usize, actions: usize) -> Option<Self> {
        let mut rest = Rest(bytes);
        let [v4, v6, sets] = [rest.count()?, rest.count()?, rest.count()?];
        let v4 = Row { starts: rest.many(v4, u32::from_le_bytes)?, sets: rest.many(v4, u32::from_le_bytes)? };
        let v6 =
            Row { starts: rest.many(v6, u128::from_le_bytes)?, sets: rest.many(v6, u32::from_le_bytes)? };
        let sets: Vec<Listed> = (0..sets).map(|_| rest.set(categories, actions)).collect::<Option<_>>()?;
        let known = |set: &u32| *set as usize <= sets.len();
        let sound = v4.starts.is_sorted_by(|one, two| one < two)
            && v6.starts.is_sorted_by(|one, two| one < two)
            && v4.sets.iter().chain(&v6.sets).all(known)
            && rest.0.is_empty();
        sound.then_some(Self { v4, v6, sets })
    }
}

/// The bytes not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn count(&mut self) -> Option<usize> {
        let [count] = *self.many(1, u32::from_le_bytes)?.first_chunk()?;
        (count <= STRETCHES_MAX).then_some(count as usize)
    }

    fn many<T, const N: usize>(&mut self, count: usize, read: fn([u8; N]) -> T) -> Option<Vec<T>> {
        let (bytes, tail) = self.0.split_at_checked(count.checked_mul(N)?)?;
        self.0 = tail;
        Some(bytes.as_chunks().0.iter().map(|chunk| read(*chunk)).collect())
    }

    fn set(&mut self, known_categories: usize, known_actions: usize) -> Option<Listed> {
        let [categories, actions] = [self.count()?, self.count()?];
        let categories = self.many(categories, u16::from_le_bytes)?;
        let actions =
            self.many(actions, |[a, b, c, d]| (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))?;
        let category = |number: &u16| usize::from(*number) < known_categories;
        let action = |(of, how): &(u16, u16)| category(of) && usize::from(*how) < known_actions;
        (categories.iter().all(category) && actions.iter().all(action))
            .then_some(Listed { categories, actions })
    }
}
