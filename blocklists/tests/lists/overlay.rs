//! Index and overlay together say what one index of all sources says, and what the naive matcher
//! says of lists and corrections.

use std::collections::{BTreeMap, BTreeSet};

use blocklists::category::CategoryId;
use blocklists::index::{Index, IndexError};
use blocklists::name::Name;
use blocklists::overlay::{Correction, OverlayError, compile_overlay, split};
use blocklists::source::Format;
use proptest::prelude::*;

use crate::matching::{CATEGORIES, Written, name, questions, write, written};
use crate::naive::{self, List};
use crate::{compiled, ids, inputs, source};

/// At most one correction of a reach for a name and category; locked ones only into it.
fn corrections() -> impl Strategy<Value = Vec<naive::Correction>> {
    let one = (name(), any::<bool>(), prop::sample::select(&CATEGORIES[..]), any::<bool>());
    prop::collection::vec(one, 0..5).prop_map(|all| {
        let all = all.into_iter().map(|(name, exact, category, into)| ((name, exact, category), into));
        let all: BTreeMap<_, _> = all.collect();
        let correction = |((name, exact, category), into): (_, bool)| naive::Correction {
            into: into || category == "illegal/other",
            name,
            exact,
            category,
        };
        all.into_iter().map(correction).collect()
    })
}

fn ours(correction: &naive::Correction) -> Correction {
    Correction {
        name: Name::parse(&correction.name.join(".")).unwrap(),
        exact: correction.exact,
        category: CategoryId::new(correction.category).unwrap(),
        into: correction.into,
    }
}

/// Some sources, each in the index or in the overlay.
fn parted() -> impl Strategy<Value = Vec<(Written, bool)>> {
    prop::collection::vec((written(), any::<bool>()), 1..5).prop_map(|mut lists| {
        for (number, (list, _)) in lists.iter_mut().enumerate() {
            list.source.id = format!("list-{number}");
        }
        lists
    })
}

fn laid_over(
    copies: &std::path::Path,
    lists: &[(Written, bool)],
    corrections: &[naive::Correction],
) -> Index {
    let side = |wanted: bool| {
        let side = lists.iter().filter(|(_, small)| *small == wanted);
        side.map(|(list, _)| list.source.clone()).collect::<Vec<_>>()
    };
    let base = Index::from_bytes(&compiled(copies, &side(false)).bytes).unwrap();
    let corrections: Vec<_> = corrections.iter().map(ours).collect();
    let small = inputs(copies, &side(true));
    let overlay = compile_overlay(&base, copies, &small, &corrections).unwrap();
    assert_eq!(overlay.reports.len(), small.len());
    let index = base.with_overlay(&overlay.bytes).unwrap();
    assert_eq!(index.overlay_id(), Some(overlay.id.as_str()));
    assert_eq!(index.sources().len(), lists.len());
    index
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn index_and_overlay_agree_with_the_naive_matcher(
        lists in parted(),
        corrections in corrections(),
    ) {
        let copies = tempfile::tempdir().unwrap();
        lists.iter().for_each(|(list, _)| write(copies.path(), list));
        let index = laid_over(copies.path(), &lists, &corrections);
        let lists: Vec<List> = lists.into_iter().map(|(list, _)| list.list).collect();
        for labels in questions() {
            let name = Name::parse(&labels.join(".")).unwrap();
            let found = index.find(name.as_ref(), 1);
            prop_assert_eq!(found, index.find_probed(name.as_ref(), 1, false, &index.probe(name.as_ref())));
            let set = |set| ids(&index, set).into_iter().collect::<BTreeSet<_>>();
            let below = [&["fresh"][..], &labels].concat();
            prop_assert_eq!(set(&found.here), naive::corrected(&lists, &corrections, &labels), "here {}", &name);
            prop_assert_eq!(set(&found.below), naive::corrected(&lists, &corrections, &below), "below {}", &name);
            // A service name and those in front of it stand and fall together: none opens another.
            let is_host = !labels[0].starts_with('_');
            let opens = is_host && naive::must_open_below(&lists, &corrections, &labels);
            prop_assert!(found.opens_below || !opens, "opens {}", &name);
        }
    }

    #[test]
    fn damaged_overlays_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (base, mut bytes) = sound();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(index) = base.with_overlay(&bytes) {
            for name in ["a.example", "b.a.example", "x.b.a.example", "new.example", "z"] {
                let _ = index.find(Name::parse(name).unwrap().as_ref(), 1);
            }
        }
    }
}

/// An index, and an overlay for it with a bit of everything.
fn sound() -> (Index, Vec<u8>) {
    let copies = tempfile::tempdir().unwrap();
    std::fs::write(copies.path().join("big"), "a.example\nb.a.example\nc.example\n").unwrap();
    std::fs::write(copies.path().join("small"), "new.example\n").unwrap();
    let base = compiled(copies.path(), &[source("big", "adult", Format::Domains)]);
    let base = Index::from_bytes(&base.bytes).unwrap();
    let small = inputs(copies.path(), &[source("small", "games", Format::Domains)]);
    let out = correction("a.example", "adult", false);
    let overlay = compile_overlay(&base, copies.path(), &small, &[out]).unwrap();
    (base, overlay.bytes)
}

fn correction(name: &str, category: &str, into: bool) -> Correction {
    let (name, exact) = name.strip_prefix('=').map_or((name, false), |name| (name, true));
    Correction { name: Name::parse(name).unwrap(), exact, category: CategoryId::new(category).unwrap(), into }
}

fn here(index: &Index, name: &str) -> Vec<String> {
    ids(index, &index.find(Name::parse(name).unwrap().as_ref(), 1).here)
}

#[test]
fn a_name_taken_out_leaves_what_is_listed_below_it() {
    let (base, overlay) = sound();
    let index = base.with_overlay(&overlay).unwrap();
    assert_eq!(here(&base, "www.a.example"), ["adult/unconfirmed"]);
    assert!(here(&index, "a.example").is_empty() && here(&index, "www.a.example").is_empty());
    // It says no more than its parent, so the index holds nothing of it: its line is read once more.
    assert_eq!(here(&index, "b.a.example"), ["adult/unconfirmed"]);
    assert_eq!(here(&index, "c.example"), ["adult/unconfirmed"]);
    assert_eq!(here(&index, "new.example"), ["games"]);
    assert_eq!(index.categories().len(), 3);
    assert_eq!(here(&index.without_overlay(), "a.example"), ["adult/unconfirmed"]);
}

#[test]
fn an_overlay_is_laid_over_its_own_index_only() {
    let (base, overlay) = sound();
    assert!(matches!(Index::empty().with_overlay(&overlay), Err(IndexError::Damaged(_))));
    assert!(Index::from_bytes(&overlay).is_err(), "an overlay is no index");
    let folder = tempfile::tempdir().unwrap();
    let index = base.with_overlay(&overlay).unwrap();
    let path = folder.path().join(format!("{}.ovl", index.overlay_id().unwrap()));
    std::fs::write(&path, &overlay).unwrap();
    assert_eq!(base.load_overlay(&path).unwrap().overlay_id(), index.overlay_id());
    std::fs::write(&path, &overlay[..overlay.len() - 16]).unwrap();
    assert!(matches!(base.load_overlay(&path), Err(IndexError::Damaged(_))));
}

#[test]
fn nobody_corrects_a_locked_category_away() {
    let copies = tempfile::tempdir().unwrap();
    let out = |category: &str| [correction("a.example", category, false)];
    let refused = compile_overlay(&Index::empty(), copies.path(), &[], &out("illegal/csam"));
    assert!(matches!(refused, Err(OverlayError::Locked { .. })));
    std::fs::write(copies.path().join("own"), "a.example\n").unwrap();
    let mut own = source("own", "local/own", Format::Domains);
    own.locked = true;
    let base = Index::from_bytes(&compiled(copies.path(), &[own]).bytes).unwrap();
    let refused = compile_overlay(&base, copies.path(), &[], &out("local/own"));
    assert!(matches!(refused, Err(OverlayError::Locked { .. })));
    let into = [correction("b.example", "illegal/csam", true)];
    let overlay = compile_overlay(&base, copies.path(), &[], &into).unwrap();
    assert_eq!(here(&base.with_overlay(&overlay.bytes).unwrap(), "www.b.example"), ["illegal/csam"]);
}

#[test]
fn small_sources_go_into_the_overlay_unless_all_are_small() {
    let copies = tempfile::tempdir().unwrap();
    std::fs::write(copies.path().join("small"), "a.example\n").unwrap();
    let big: String = (0..30_000).map(|number| format!("n{number}.example\n")).collect();
    std::fs::write(copies.path().join("big"), big).unwrap();
    let [small, big] = ["small", "big"].map(|id| source(id, "games", Format::Domains));
    let parted = split(inputs(copies.path(), &[small.clone(), big])).unwrap();
    assert_eq!((parted.base.len(), parted.overlay.len()), (1, 1));
    assert_eq!(parted.overlay[0].source.id, "small");
    let alone = split(inputs(copies.path(), &[small])).unwrap();
    assert_eq!((alone.base.len(), alone.overlay.len()), (1, 0));
}
