//! Patterns as bytes of an index.
//!
//! `automata, always, fragments` as counts, then each automaton (its patterns, its length, its
//! bytes), then the numbers. The sieve is made again from the fragments. All numbers are
//! little-endian but for those inside an automaton, which its own crate checks on reading.

use regex_automata::dfa::sparse;

use super::{Automaton, PATTERNS_MAX, Patterns, SIEVE_BITS, sieve_place};

impl Patterns {
    /// Appends the bytes that [`from_bytes`](Self::from_bytes) reads.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let number = |out: &mut Vec<u8>, number: usize| {
            out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        };
        for count in [self.automata.len(), self.always.len(), self.fragments.len()] {
            number(out, count);
        }
        for automaton in &self.automata {
            let bytes = automaton.dfa.to_bytes_native_endian();
            number(out, automaton.patterns.len());
            number(out, bytes.len());
            automaton.patterns.iter().for_each(|pattern| out.extend_from_slice(&pattern.to_le_bytes()));
            out.extend_from_slice(&bytes);
        }
        self.always.iter().for_each(|called| out.extend_from_slice(&called.to_le_bytes()));
        for (fragment, called) in &self.fragments {
            out.extend_from_slice(&fragment.to_le_bytes());
            out.extend_from_slice(&called.to_le_bytes());
        }
    }

    /// Reads what [`write`](Self::write) wrote; `None` for anything else. `patterns` is how many
    /// there are.
    pub(crate) fn from_bytes(bytes: &[u8], patterns: usize) -> Option<Self> {
        let mut rest = Rest(bytes);
        let [automata, always, fragments] = [rest.number()?, rest.number()?, rest.number()?];
        if automata as usize > PATTERNS_MAX || patterns > PATTERNS_MAX {
            return None;
        }
        let automata: Vec<Automaton> =
            (0..automata).map(|_| rest.automaton(patterns)).collect::<Option<_>>()?;
        let is_known = |called: u32| (called as usize) < automata.len();
        let always: Vec<u32> =
            (0..always).map(|_| rest.number().filter(|&called| is_known(called))).collect::<Option<_>>()?;
        let fragment = |_| Some((rest.number()?, rest.number().filter(|&called| is_known(called))?));
        let fragments: Vec<(u32, u32)> = (0..fragments).map(fragment).collect::<Option<_>>()?;
        if !rest.0.is_empty() || !fragments.is_sorted() {
            return None;
        }
        let mut sieve = Box::new([0; 1 << (SIEVE_BITS - 6)]);
        for &(fragment, _) in &fragments {
            let (word, bit) = sieve_place(fragment);
            *sieve.get_mut(word)? |= bit;
        }
        Some(Self { automata, always, sieve, fragments })
    }
}

/// The bytes not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn number(&mut self) -> Option<u32> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(u32::from_le_bytes(*head))
    }

    fn automaton(&mut self, known: usize) -> Option<Automaton> {
        let (count, length) = (self.number()?, self.number()?);
        if count as usize > known {
            return None;
        }
        let pattern = |_| self.number().filter(|&pattern| (pattern as usize) < known);
        let patterns: Vec<u32> = (0..count).map(pattern).collect::<Option<_>>()?;
        let (bytes, tail) = self.0.split_at_checked(length as usize)?;
        self.0 = tail;
        let (dfa, read) = sparse::DFA::from_bytes(bytes).ok()?;
        (read == bytes.len() && !patterns.is_empty()).then(|| Automaton { dfa: dfa.to_owned(), patterns })
    }
}
