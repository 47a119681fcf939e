//! What a listed name changes against what it inherits from above.
//!
//! Many names change the same thing ("gambling, for it and all below"), so effects are stored once
//! and names point at them. An effect holds three changes, because one name can be asked in three
//! ways: itself (`here`), itself with service labels in front (`_443._https.x`: what is said of the
//! host exactly is said of these too), and any other name below it (`below`).

use crate::category::CategorySet;

/// Most 16-bit words one effect takes: header, and six lists of at most every category.
pub(crate) const WORDS_BEFORE_LISTS: usize = 7;
/// Flag: somewhere below, a part of what is inherited or said here is opened again.
const OPENS_BELOW: u16 = 1;

/// Which of an effect's three changes.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    /// The listed name itself.
    Here,
    /// The listed name behind labels that start with `_`.
    Service,
    /// Any other name below.
    Below,
}

/// A change in owned form, as the compiler makes it: categories added, categories cut.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Change {
    pub(crate) add: Vec<u16>,
    pub(crate) cut: Vec<u16>,
}

impl Change {
    /// What leads from one set to another (both sorted).
    pub(crate) fn between(from: &[u16], to: &[u16]) -> Self {
        let missing = |these: &[u16], those: &[u16]| -> Vec<u16> {
            these.iter().copied().filter(|number| those.binary_search(number).is_err()).collect()
        };
        Self { add: missing(to, from), cut: missing(from, to) }
    }
}

/// The three changes and the mark, in owned form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Changes {
    pub(crate) here: Change,
    pub(crate) service: Change,
    pub(crate) below: Change,
    pub(crate) opens_below: bool,
}

impl Changes {
    /// Appends the words that [`Effect`] reads.
    pub(crate) fn write(&self, words: &mut Vec<u16>) {
        let lists = [
            &self.here.add,
            &self.here.cut,
            &self.service.add,
            &self.service.cut,
            &self.below.add,
            &self.below.cut,
        ];
        words.push(if self.opens_below { OPENS_BELOW } else { 0 });
        words.extend(lists.iter().map(|list| u16::try_from(list.len()).unwrap_or(u16::MAX)));
        words.extend(lists.into_iter().flatten());
    }
}

/// One stored effect: `[flags, six lengths, six lists]`.
#[derive(Clone, Copy)]
pub(crate) struct Effect<'a>(&'a [u16]);

impl<'a> Effect<'a> {
    /// Reads words whose lengths and numbers [`is_sound`](Self::is_sound) has checked.
    pub(crate) fn new(words: &'a [u16]) -> Self {
        Self(words)
    }

    /// Whether the lengths fit the words exactly and every number is a known category.
    pub(crate) fn is_sound(self, categories: usize) -> bool {
        let (Some(lengths), Some(items)) =
            (self.0.get(1..WORDS_BEFORE_LISTS), self.0.get(WORDS_BEFORE_LISTS..))
        else {
            return false;
        };
        lengths.iter().map(|&length| usize::from(length)).sum::<usize>() == items.len()
            && items.iter().all(|&number| usize::from(number) < categories)
    }

    /// Whether a part below is opened again.
    pub(crate) fn opens_below(self) -> bool {
        self.0.first().is_some_and(|flags| flags & OPENS_BELOW != 0)
    }

    /// Changes `set`, what was inherited, into what holds for a name asked in this way.
    #[inline]
    pub(crate) fn apply(self, asked: Asked, set: &mut CategorySet) {
        let Some((head, lists)) = self.0.split_first_chunk::<WORDS_BEFORE_LISTS>() else { return };
        let [_, here, here_cut, service, service_cut, below, below_cut] = head.map(usize::from);
        let (start, add, cut) = match asked {
            Asked::Here => (0, here, here_cut),
            Asked::Service => (here + here_cut, service, service_cut),
            Asked::Below => (here + here_cut + service + service_cut, below, below_cut),
        };
        for &number in lists.get(start..start + add).unwrap_or(&[]) {
            set.insert(number);
        }
        for &number in lists.get(start + add..start + add + cut).unwrap_or(&[]) {
            set.remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_reads_back_as_it_was_written() {
        let changes = Changes {
            here: Change { add: vec![1, 5], cut: vec![2] },
            service: Change { add: vec![5], cut: vec![] },
            below: Change { add: vec![], cut: vec![2, 3] },
            opens_below: true,
        };
        let mut words = Vec::new();
        changes.write(&mut words);
        let effect = Effect::new(&words);
        assert!(effect.is_sound(6) && !effect.is_sound(5) && effect.opens_below());
        let asked = |how| {
            let mut set: CategorySet = [2, 3].into_iter().collect();
            effect.apply(how, &mut set);
            set.iter().collect::<Vec<_>>()
        };
        assert_eq!(asked(Asked::Here), [1, 3, 5]);
        assert_eq!(asked(Asked::Service), [2, 3, 5]);
        assert_eq!(asked(Asked::Below), [0_u16; 0]);
    }

    #[test]
    fn damaged_words_are_unsound() {
        for words in [&[][..], &[0; 6], &[0, 1, 0, 0, 0, 0, 0], &[0, 1, 0, 0, 0, 0, 0, 9]] {
            assert!(!Effect::new(words).is_sound(9), "{words:?}");
        }
    }
}
