//! The walk over one name's suffixes, from the right, through one compiled file.
//!
//! An index and its overlay are walked one after the other with the same hashes; who called unites
//! what they say.

use super::Found;
use super::effect::{Asked, Effect};
use super::probe::Probe;
use super::table::{Entry, Tables};
use crate::name::NameRef;

/// The hash of a whole name, where the file may say something of it or of names below it.
pub(super) type WholeHash = Option<u64>;

/// Walks a name from the right, to its first suffix at and below which nothing is listed. Fills
/// `found`, which says nothing yet, and tells whether the name or any above it is listed.
///
/// Sets are large to move about: they are worked on where the caller wants them.
#[inline]
pub(super) fn walk(
    tables: &Tables,
    name: NameRef<'_>,
    probe: &Probe,
    found: &mut Found,
) -> (bool, WholeHash) {
    let look = tables.look();
    // The last entry met, with the number of labels left of it; `below` holds what it inherits.
    let mut last: Option<(Effect<'_>, usize)> = None;
    let mut whole = None;
    let mut labels_left = probe.labels();
    for (_, hash) in probe.suffixes(name) {
        labels_left -= 1;
        match look.up(hash) {
            Entry::Nothing => break,
            Entry::Passed => {}
            Entry::Effect(number) => {
                if let Some(effect) = tables.effects.get(number)
                    && let Some((above, _)) = last.replace((effect, labels_left))
                {
                    above.apply(Asked::Below, &mut found.below);
                }
            }
        }
        if labels_left == 0 {
            whole = Some(hash);
        }
    }
    let Some((effect, labels_left)) = last else { return (false, whole) };
    let asked = match labels_left {
        0 => Asked::Here,
        _ if is_service_prefix(name, labels_left) => Asked::Service,
        _ => Asked::Below,
    };
    if !found.below.is_empty() {
        found.here = found.below;
    }
    effect.apply(asked, &mut found.here);
    effect.apply(Asked::Below, &mut found.below);
    found.opens_below = labels_left == 0 && effect.opens_below();
    (true, whole)
}

/// Whether the leftmost `count` labels all start with an underscore.
fn is_service_prefix(name: NameRef<'_>, count: usize) -> bool {
    name.labels().take(count).all(|label| label.first() == Some(&b'_'))
}
