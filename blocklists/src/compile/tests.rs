//! What comes out does not depend on how much fits into memory, nor on where the rest is put.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::category::CategoryId;
use crate::source::{Actions, Format, Location, Trust};

fn input(copies: &Path, id: &str, category: &str, format: Format) -> Input {
    let source = Source {
        id: id.to_owned(),
        category: CategoryId::new(category),
        format,
        location: Location::Path(id.into()),
        span: None,
        trust: Trust::Normal,
        map: BTreeMap::new(),
        licence: None,
        locked: false,
        actions: Actions::Entry,
    };
    Input { source, copy: copies.join(id), copy_name: id.to_owned() }
}

/// Compiles with so many bytes for sorting.
fn compiled(inputs: &[Input], folder: Option<&Path>, sorting: usize) -> Vec<u8> {
    let mut room = folder.map_or(Room::MEMORY, Room::folder);
    room.sorting = sorting;
    let mut bytes = Vec::new();
    let (_, entries, _) = compile_to(&mut bytes, inputs, 0, room).unwrap();
    assert!(entries > 0);
    bytes
}

/// Names that lie below one another, most of them below one suffix, as lists of hosted pages have.
fn names() -> impl Strategy<Value = Vec<String>> {
    let label = prop::sample::select(vec!["a", "b", "c", "_x", "longer-label", "0"]);
    let name = prop::collection::vec(label, 0..4).prop_map(|labels| {
        let mut name = labels.join(".");
        name.push_str(if labels.is_empty() { "pages.example" } else { ".pages.example" });
        name
    });
    let other = "[a-c]{1,2}[.](com|co[.]uk|example)";
    prop::collection::vec(prop_oneof![4 => name, 1 => other], 1..120)
}

proptest! {
    #[test]
    fn the_bytes_are_the_same_however_little_memory_there_is(
        one in names(),
        two in names(),
        marks in prop::collection::vec(0_usize..6, 120),
        sorting in 1_usize..6000,
    ) {
        let copies = tempfile::tempdir().unwrap();
        let rule = |(name, mark): (&String, &usize)| match mark {
            0 => format!("@@||{name}^"),
            1 => format!("|{name}^"),
            2 => format!("||{name}^$important"),
            3 => format!("||{name}^$denyallow=b.a.pages.example"),
            4 => format!("||{name}^$dnstype=AAAA"),
            _ => format!("||{name}^"),
        };
        let rules: Vec<String> = one.iter().zip(&marks).map(rule).collect();
        std::fs::write(copies.path().join("one"), rules.join("\n")).unwrap();
        std::fs::write(copies.path().join("two"), two.join("\n")).unwrap();
        let inputs = [
            input(copies.path(), "one", "games", Format::Adblock),
            input(copies.path(), "two", "games", Format::Domains),
        ];
        let whole = compiled(&inputs, None, usize::MAX);
        let folder = tempfile::tempdir().unwrap();
        prop_assert!(compiled(&inputs, None, sorting) == whole);
        prop_assert!(compiled(&inputs, Some(folder.path()), 1) == whole);
        prop_assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn an_index_in_a_file_has_the_same_bytes_and_goes_when_nobody_keeps_it() {
    let copies = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let list: String = (0..3000).map(|number| format!("n{}.pages.example\n", number * 7919 % 3000)).collect();
    std::fs::write(copies.path().join("one"), list).unwrap();
    let inputs = [input(copies.path(), "one", "games", Format::Domains)];
    let (memory, file) =
        (compile(&inputs).unwrap(), compile_into(folder.path(), ".new-", &inputs, 0).unwrap());
    assert_eq!(std::fs::read(file.file.path()).unwrap(), memory.bytes);
    assert_eq!((file.id.clone(), file.entries, &file.reports), (memory.id, 3000, &memory.reports));
    drop(file);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(compile_into(&nowhere, ".new-", &inputs, 0), Err(CompileError::Disk(_))));
}

#[test]
fn what_is_blocked_below_in_another_way_opens_nothing() {
    let copies = tempfile::tempdir().unwrap();
    std::fs::write(copies.path().join("zone"), "*.y CNAME .\ny CNAME rpz-passthru.\n").unwrap();
    std::fs::write(copies.path().join("plain"), "_s._t.y\n").unwrap();
    let inputs = [
        input(copies.path(), "zone", "games", Format::Rpz),
        input(copies.path(), "plain", "games", Format::Domains),
    ];
    let index = crate::index::Index::from_bytes(&compile(&inputs).unwrap().bytes).unwrap();
    let find = |name: &str| index.find(crate::name::Name::parse(name).unwrap().as_ref(), 1);
    assert!(!find("_s._t.y").here.is_empty());
    assert!(find("y").here.is_empty() && !find("y").below.is_empty());
    assert!(!find("y").opens_below);
}
