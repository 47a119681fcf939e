//! From the texts of patterns to automata: in parallel, bounded, the same texts the same automata.

use std::collections::HashMap;

use rayon::prelude::*;
use regex_automata::MatchKind;
use regex_automata::dfa::{StartKind, dense, sparse};
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::util::syntax::parse_with;
use regex_syntax::hir::Hir;
use thiserror::Error;

use super::{Automaton, FRAGMENT, Patterns, SIEVE_BITS, Sieve, Spelling, fragments, sieve_place};
use crate::name::NameRef;
use crate::parse::pattern::syntax;

/// Most different patterns in one index.
pub const PATTERNS_MAX: usize = 16_384;
/// Most bytes of one automaton on the way to its final form.
const AUTOMATON_BYTES_MAX: usize = 512 << 10;
/// Most bytes of one automaton that is always run: a few of these stay in the processor's cache.
const SHARED_BYTES_MAX: usize = 128 << 10;
/// Most bytes of all automata together.
const BYTES_MAX: usize = 64 << 20;

/// Why a pattern is left out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It is no regular expression that can be matched in linear time.
    #[error("the pattern cannot be read: {0}")]
    Unreadable(String),
    /// Its automaton would be too large.
    #[error("the pattern is too large")]
    TooLarge,
    /// There are too many, or all together are too large.
    #[error("there are too many patterns")]
    TooMany,
}

/// What [`build`] made of some texts.
pub(crate) struct Built {
    /// Those that could be built, under the numbers of their texts.
    pub(crate) patterns: Patterns,
    /// Those that could not, by number.
    pub(crate) refused: Vec<(usize, PatternError)>,
}

/// A pattern on its own, for evidence: quickly made, slowly run.
pub struct Tester(PikeVM);

impl Tester {
    /// Builds one pattern.
    ///
    /// # Errors
    /// [`PatternError`] as in an index.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(AUTOMATON_BYTES_MAX));
        let built = PikeVM::builder().syntax(syntax()).thompson(config).build(text);
        built.map(Self).map_err(|error| PatternError::Unreadable(short(&error.to_string())))
    }

    /// Whether a name matches it.
    #[must_use]
    pub fn matches(&self, name: NameRef<'_>) -> bool {
        let mut spelling = Spelling::new();
        let text = spelling.spell(name);
        let text = text.get(1..text.len().saturating_sub(1)).unwrap_or(&[]);
        self.0.is_match(&mut self.0.create_cache(), text)
    }
}

/// Builds patterns from different texts. What cannot be built is left out and said.
pub(crate) fn build(texts: &[String]) -> Built {
    build_within(texts, PATTERNS_MAX)
}

pub(super) fn build_within(texts: &[String], patterns_max: usize) -> Built {
    let within = texts.get(..patterns_max).unwrap_or(texts);
    let made: Vec<_> = within.par_iter().map(|text| single(text)).collect();
    let mut refused = Vec::new();
    let mut shared = Vec::new();
    let mut automata = Vec::new();
    let mut called: Vec<(u32, Vec<Vec<u8>>)> = Vec::new();
    let mut bytes = 0;
    for (number, made) in made.into_iter().enumerate() {
        let (dfa, needed) = match made {
            Ok(made) => made,
            Err(error) => {
                refused.push((number, error));
                continue;
            }
        };
        bytes += dfa.memory_usage();
        if bytes > BYTES_MAX {
            refused.push((number, PatternError::TooMany));
            continue;
        }
        let pattern = u32::try_from(number).unwrap_or(u32::MAX);
        match needed {
            Some(needed) => {
                called.push((u32::try_from(automata.len()).unwrap_or(u32::MAX), needed));
                automata.push(Automaton { dfa, patterns: vec![pattern] });
            }
            None => shared.push((pattern, within.get(number).map_or("", String::as_str), dfa)),
        }
    }
    refused.extend((within.len()..texts.len()).map(|number| (number, PatternError::TooMany)));
    let first_shared = automata.len();
    automata.extend(share(shared));
    let numbers = |from: usize, to: usize| (from..to).filter_map(|number| u32::try_from(number).ok());
    let always = numbers(first_shared, automata.len()).collect();
    let (sieve, fragments) = sieve(&called);
    Built { patterns: Patterns { automata, always, sieve, fragments }, refused }
}

/// The automaton of one pattern, and the letters that every match has.
type Single = (sparse::DFA<Vec<u8>>, Option<Vec<Vec<u8>>>);

fn single(text: &str) -> Result<Single, PatternError> {
    let expression =
        parse_with(text, &syntax()).map_err(|error| PatternError::Unreadable(short(&error.to_string())))?;
    let dfa = dense(std::slice::from_ref(&expression), MatchKind::LeftmostFirst, AUTOMATON_BYTES_MAX)?;
    Ok((dfa, fragments::needed(&expression)))
}

/// What is wrong, without the drawing of the pattern that the message opens with.
fn short(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn dense(
    expressions: &[Hir],
    kind: MatchKind,
    bytes_max: usize,
) -> Result<sparse::DFA<Vec<u8>>, PatternError> {
    let too_large = |_| PatternError::TooLarge;
    let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(bytes_max));
    let nfa = thompson::Compiler::new()
        .configure(config)
        .build_many_from_hir(expressions)
        .map_err(|_| PatternError::TooLarge)?;
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .match_kind(kind)
        .accelerate(false)
        .minimize(expressions.len() == 1)
        .dfa_size_limit(Some(bytes_max))
        .determinize_size_limit(Some(bytes_max * 2));
    let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(too_large)?;
    dfa.to_sparse().map_err(too_large)
}

/// Puts patterns together into as few automata as the bound allows, in their order.
fn share(patterns: Vec<(u32, &str, sparse::DFA<Vec<u8>>)>) -> Vec<Automaton> {
    if patterns.len() > 1 {
        let parsed = patterns.iter().map(|(_, text, _)| parse_with(text, &syntax()).ok());
        let together = parsed.collect::<Option<Vec<_>>>();
        let together = together.and_then(|all| dense(&all, MatchKind::All, SHARED_BYTES_MAX).ok());
        if let Some(dfa) = together {
            return vec![Automaton {
                dfa,
                patterns: patterns.iter().map(|(pattern, _, _)| *pattern).collect(),
            }];
        }
        let mut first = patterns;
        let second = first.split_off(first.len() / 2);
        let (mut all, more) = rayon::join(|| share(first), || share(second));
        all.extend(more);
        return all;
    }
    patterns.into_iter().map(|(pattern, _, dfa)| Automaton { dfa, patterns: vec![pattern] }).collect()
}

/// Chooses for every run of letters the fragment that the fewest others have, and notes it.
fn sieve(called: &[(u32, Vec<Vec<u8>>)]) -> (Sieve, Vec<(u32, u32)>) {
    let windows = |run: &Vec<u8>| -> Vec<u32> {
        run.windows(FRAGMENT)
            .filter_map(|window| window.first_chunk().copied())
            .map(u32::from_le_bytes)
            .collect()
    };
    let mut common: HashMap<u32, usize> = HashMap::new();
    for fragment in called.iter().flat_map(|(_, runs)| runs).flat_map(&windows) {
        *common.entry(fragment).or_default() += 1;
    }
    let mut fragments = Vec::new();
    for (automaton, runs) in called {
        for run in runs {
            let rarest = windows(run).into_iter().min_by_key(|fragment| {
                (is_everywhere(*fragment), common.get(fragment).copied().unwrap_or(0), *fragment)
            });
            fragments.extend(rarest.map(|fragment| (fragment, *automaton)));
        }
    }
    fragments.sort_unstable();
    fragments.dedup();
    let mut sieve = Sieve::new([0; 1 << (SIEVE_BITS - 6)]);
    for &(fragment, _) in &fragments {
        let (word, bit) = sieve_place(fragment);
        if let Some(bits) = sieve.get_mut(word) {
            *bits |= bit;
        }
    }
    (sieve, fragments)
}

/// Letters that half of all names have: the ends of the largest top-level domains, and `www.`.
fn is_everywhere(fragment: u32) -> bool {
    const EVERYWHERE: [&[u8; FRAGMENT]; 8] =
        [b".com", b"com\x02", b".net", b"net\x02", b".org", b"org\x02", b"www.", b"\x01www"];
    EVERYWHERE.iter().any(|letters| u32::from_le_bytes(**letters) == fragment)
}
