//! Letters without which a pattern cannot match.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::{FIRST, FRAGMENT, LAST};

/// Most alternatives of one pattern; with more it is always run.
const ALTERNATIVES_MAX: usize = 32;

/// Runs of letters of which every match of the expression holds at least one: each is at least
/// [`FRAGMENT`] letters long. `None` when the expression can match without.
pub(super) fn needed(expression: &Hir) -> Option<Vec<Vec<u8>>> {
    match expression.kind() {
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => needed(&repeated.sub),
        HirKind::Concat(parts) => {
            let mut ways: Vec<_> = parts.iter().filter_map(needed).collect();
            let mut run = Vec::new();
            for part in parts {
                if !extend(&mut run, part) {
                    ways.extend(long_enough(std::mem::take(&mut run)));
                }
            }
            ways.extend(long_enough(run));
            // Few alternatives, the shortest of them long: that calls the automaton least.
            ways.into_iter().min_by_key(|way| (way.len(), usize::MAX - shortest(way)))
        }
        HirKind::Alternation(ways) => {
            let mut all = Vec::new();
            for way in ways {
                all.extend(needed(way)?);
            }
            (all.len() <= ALTERNATIVES_MAX).then_some(all)
        }
        _ => {
            let mut run = Vec::new();
            if extend(&mut run, expression) { long_enough(run) } else { None }
        }
    }
}

fn shortest(way: &[Vec<u8>]) -> usize {
    way.iter().map(Vec::len).min().unwrap_or(0)
}

fn long_enough(run: Vec<u8>) -> Option<Vec<Vec<u8>>> {
    (run.len() >= FRAGMENT).then(|| vec![run])
}

/// Adds what the expression always matches; `false` when that is not one run of letters.
fn extend(run: &mut Vec<u8>, expression: &Hir) -> bool {
    match expression.kind() {
        HirKind::Empty => true,
        HirKind::Literal(literal) if !literal.0.iter().any(u8::is_ascii_uppercase) => {
            run.extend_from_slice(&literal.0);
            true
        }
        // The same letter in both cases; names have the lower one.
        HirKind::Class(Class::Bytes(class)) => match only_lower(class) {
            Some(letter) => {
                run.push(letter);
                true
            }
            None => false,
        },
        HirKind::Capture(capture) => extend(run, &capture.sub),
        HirKind::Look(Look::Start) if run.is_empty() => {
            run.push(FIRST);
            true
        }
        HirKind::Look(Look::End) => {
            run.push(LAST);
            true
        }
        HirKind::Repetition(repeated) if repeated.max == Some(repeated.min) && repeated.min <= 8 => {
            (0..repeated.min).all(|_| extend(run, &repeated.sub))
        }
        HirKind::Concat(parts) => {
            let before = run.len();
            let whole = parts.iter().all(|part| extend(run, part));
            if !whole {
                run.truncate(before);
            }
            whole
        }
        _ => false,
    }
}

fn only_lower(class: &regex_syntax::hir::ClassBytes) -> Option<u8> {
    let mut letters = class.ranges().iter().flat_map(|range| range.start()..=range.end());
    let mut lower = letters.by_ref().filter(|letter| !letter.is_ascii_uppercase());
    let first = lower.next()?;
    lower.next().is_none().then_some(first)
}
