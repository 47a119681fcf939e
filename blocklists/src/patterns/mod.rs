//! Patterns: list entries that mean names by how they are spelt, asked once for every question.
//!
//! Each pattern is a finite automaton that the compiler has made, so that a name is read once and
//! never gone back over, whatever the list's author wrote. Most names match none, so most automata
//! are never run: a pattern that cannot match without certain four letters (a *fragment*) is looked
//! at only when the name has them, which a sieve of 8 KiB tells in about a nanosecond a letter.
//! Patterns without such letters share a few automata that are always run. A look-up allocates
//! nothing, locks nothing and its time is bounded by the length of the name.

mod build;
mod fragments;
mod stored;

use regex_automata::Input;
use regex_automata::dfa::{Automaton as _, OverlappingState, sparse};

use crate::name::{NAME_OCTETS_MAX, NameRef};

pub(crate) use build::build;
pub use build::{PATTERNS_MAX, PatternError, Tester};

/// Letters of a fragment.
const FRAGMENT: usize = 4;
/// Bits of the sieve.
const SIEVE_BITS: u32 = 16;
/// Stands in front of a name's first letter, so that "begins with" has letters too.
const FIRST: u8 = 1;
/// Stands behind its last letter.
const LAST: u8 = 2;
/// Stands for a dot inside a label, which is no end of a label.
const INNER_DOT: u8 = 0xff;

/// The patterns of one index. Those of equal text are one; its number is that of the text.
pub(crate) struct Patterns {
    automata: Vec<Automaton>,
    /// Automata that no fragment calls.
    always: Vec<u32>,
    /// Which fragments there are, hashed.
    sieve: Sieve,
    /// Fragments, sorted, each with the automaton that it calls.
    fragments: Vec<(u32, u32)>,
}

/// As long as its places are many, so that none lies outside.
type Sieve = Box<[u64; 1 << (SIEVE_BITS - 6)]>;

/// One automaton and the numbers of the patterns that it tells apart.
struct Automaton {
    dfa: sparse::DFA<Vec<u8>>,
    patterns: Vec<u32>,
}

impl Patterns {
    /// Calls `found` with every pattern that the name matches, some of them more than once.
    pub(crate) fn matching(&self, name: NameRef<'_>, mut found: impl FnMut(u32)) {
        let mut spelling = Spelling::new();
        let text = spelling.spell(name);
        for &number in &self.always {
            self.run(number, text, &mut found);
        }
        for window in text.windows(FRAGMENT) {
            let Some(letters) = window.first_chunk::<FRAGMENT>() else { continue };
            let fragment = u32::from_le_bytes(*letters);
            let (word, bit) = sieve_place(fragment);
            if self.sieve.get(word).is_none_or(|bits| bits & bit == 0) {
                continue;
            }
            let from = self.fragments.partition_point(|&(known, _)| known < fragment);
            let called = self.fragments.get(from..).unwrap_or(&[]).iter();
            for &(_, number) in called.take_while(|&&(known, _)| known == fragment) {
                self.run(number, text, &mut found);
            }
        }
    }

    fn run(&self, number: u32, text: &[u8], found: &mut impl FnMut(u32)) {
        let Some(automaton) = self.automata.get(number as usize) else { return };
        // Without the two marks at its ends.
        let text = text.get(1..text.len().saturating_sub(1)).unwrap_or(&[]);
        automaton.run(text, found);
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> u64 {
        let automata: usize = self.automata.iter().map(|automaton| automaton.dfa.memory_usage()).sum();
        (automata + size_of_val(&*self.sieve) + size_of_val(&*self.fragments)) as u64
    }
}

impl Automaton {
    fn run(&self, text: &[u8], found: &mut impl FnMut(u32)) {
        if let [pattern] = *self.patterns {
            let input = Input::new(text).earliest(true);
            if matches!(self.dfa.try_search_fwd(&input), Ok(Some(_))) {
                found(pattern);
            }
            return;
        }
        let input = Input::new(text);
        let mut state = OverlappingState::start();
        // Each step reports one pattern at one place: more there are not.
        for _ in 0..=self.patterns.len() * (NAME_OCTETS_MAX + 1) {
            if self.dfa.try_search_overlapping_fwd(&input, &mut state).is_err() {
                return;
            }
            let Some(at) = state.get_match() else { return };
            if let Some(&pattern) = self.patterns.get(at.pattern().as_usize()) {
                found(pattern);
            }
        }
    }
}

/// Where a fragment is noted in the sieve.
#[inline]
fn sieve_place(fragment: u32) -> (usize, u64) {
    let hash = fragment.wrapping_mul(0x9e37_79b1) >> (u32::BITS - SIEVE_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// Room for a name as patterns see it: dotted, between two marks.
struct Spelling([u8; NAME_OCTETS_MAX + 2]);

impl Spelling {
    fn new() -> Self {
        Self([0; NAME_OCTETS_MAX + 2])
    }

    /// Spells a name out. A dot inside a label becomes a byte that no pattern means by a dot.
    fn spell(&mut self, name: NameRef<'_>) -> &[u8] {
        let wire = name.wire();
        let Some(text) = self.0.get_mut(..wire.len()).filter(|_| !name.is_root()) else {
            return &[FIRST, LAST];
        };
        for (place, &letter) in text.iter_mut().zip(wire) {
            *place = if letter == b'.' { INNER_DOT } else { letter };
        }
        // The places of the length octets take the dots.
        let mut at = 0;
        while let (Some(place), Some(&length)) = (text.get_mut(at), wire.get(at))
            && length != 0
        {
            *place = b'.';
            at += 1 + usize::from(length);
        }
        if let [first, .., last] = text {
            (*first, *last) = (FIRST, LAST);
        }
        text
    }
}

#[cfg(test)]
mod tests;
