//! Index bytes are trusted for nothing: damage ends in an error or in a usable index, never worse.

use blocklists::index::{Found, Index, IndexError};
use blocklists::name::Name;
use blocklists::source::Format;
use proptest::prelude::*;

use crate::{compiled, source};

fn sound() -> Vec<u8> {
    let copies = tempfile::tempdir().unwrap();
    let list = "||a.example^\n@@||b.a.example^\n|c.example^\n||deep.er.example^$important\n";
    std::fs::write(copies.path().join("one"), list).unwrap();
    std::fs::write(copies.path().join("two"), "a.example\nd.example\n").unwrap();
    let sources = [source("one", "games", Format::Adblock), source("two", "adult", Format::Domains)];
    compiled(copies.path(), &sources).bytes
}

fn ask(index: &Index) -> Vec<Found> {
    let names = ["a.example", "b.a.example", "x.b.a.example", "c.example", "_s.c.example", "d.example", "z"];
    names.map(|name| index.find(Name::parse(name).unwrap().as_ref(), 1)).to_vec()
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        near_start in prop::collection::vec((0_usize..96, any::<u8>()), 0..3),
        cut in prop::option::of(any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut bytes = sound();
        let length = bytes.len();
        for (place, byte) in flips.iter().map(|(place, byte)| (place.index(length), *byte)).chain(near_start) {
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(tail);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let away = Index::open_unnamed(file.path());
        match Index::from_bytes(&bytes) {
            Ok(index) => prop_assert_eq!(ask(&index), ask(&away.unwrap())),
            Err(_) => prop_assert!(away.is_err()),
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Index::from_bytes(&bytes).is_err());
        let mut headed = sound();
        headed.truncate(20);
        headed.extend(bytes);
        prop_assert!(Index::from_bytes(&headed).is_err());
    }
}

#[test]
fn a_file_is_its_own_proof() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = sound();
    let id = Index::from_bytes(&bytes).unwrap().id().to_owned();
    let path = dir.path().join(format!("{id}.idx"));
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(Index::load(&path).unwrap().id(), id);
    assert_eq!(Index::open(&path).unwrap().id(), id);
    assert_eq!(ask(&Index::open(&path).unwrap()), ask(&Index::from_bytes(&bytes).unwrap()));
    // One bit anywhere, even one that no bounds check could notice.
    for place in [8 + 4 + 4, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(Index::load(&path), Err(IndexError::Damaged(_))), "{place}");
        assert!(matches!(Index::open(&path), Err(IndexError::Damaged(_))), "{place}");
    }
    assert!(matches!(Index::load(&dir.path().join("none.idx")), Err(IndexError::Unreadable { .. })));
    let mut newer = bytes;
    newer[8] = 200;
    assert!(matches!(Index::from_bytes(&newer), Err(IndexError::OtherVersion(200))));
}
