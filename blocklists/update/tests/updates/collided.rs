//! Somebody who knows all lists knows the key of their hashes, and may write a list whose names collide
//! under it. Then all is compiled under another key.

use blocklists::overlay::LINES_MAX;
use blocklists::source::Format;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::*;

/// The four words of XXH3's secret that labels of 9 to 16 bytes are mixed with (bytes 24 to 55).
const SECRET: [u64; 4] =
    [0x1f67_b3b7_a4a4_4072, 0x78e5_c0cc_4ee6_79cb, 0x2172_ffcc_7dd0_5a82, 0x8e24_43f7_7446_08b8];

/// Two labels of sixteen bytes with one hash. Both halves are masked and multiplied; where one half is
/// its own mask the product is nothing, and what is left is a sum that either half can make.
fn colliding(seed: u64) -> Option<[[u8; 16]; 2]> {
    let low = (SECRET[0] ^ SECRET[1]).wrapping_add(seed);
    let high = (SECRET[2] ^ SECRET[3]).wrapping_sub(seed);
    let label = |low: u64, high: u64| {
        let mut label = [0; 16];
        label[..8].copy_from_slice(&low.to_le_bytes());
        label[8..].copy_from_slice(&high.to_le_bytes());
        label
    };
    // Names are in lower case: labels with capitals would be others.
    let both = (1_u64..10_000).map(|sum| {
        let sum = sum.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        [label(low, high ^ sum), label(low ^ sum.swap_bytes(), high)]
    });
    let is_lower = |labels: &[[u8; 16]; 2]| !labels.iter().flatten().any(u8::is_ascii_uppercase);
    both.into_iter().find(is_lower)
}

/// `<label>.<parent>` as it goes over the wire.
fn name(label: &[u8; 16], parent: &str) -> Name {
    let parent_length = u8::try_from(parent.len()).unwrap();
    Name::from_wire(&[&[16], &label[..], &[parent_length], parent.as_bytes(), &[0]].concat()).unwrap()
}

#[test]
fn names_made_to_collide_are_listed_all_the_same() {
    let school = School::new();
    let mut lines: String = (0..=LINES_MAX).map(|number| format!("bet{number}.example\n")).collect();
    lines += "bet365.com\n";
    let big = school.list("bets", "gambling", &lines);
    let mut small = school.list("play", "games", "play.example CNAME .\n");
    (small.format, small.actions) = (Format::Rpz, Actions::Policy);
    let sources = [big, small];
    let first = school.update(&sources);
    let key = school.lists.load_current().unwrap().unwrap().key();

    // Below some of all parents the masks themselves have no capitals.
    let (parent, seed, labels) = (0..10_000)
        .find_map(|number| {
            let parent = format!("example{number}");
            let seed = xxh3_64_with_seed(parent.as_bytes(), key);
            Some((parent, seed, colliding(seed)?))
        })
        .unwrap();
    assert_eq!(xxh3_64_with_seed(&labels[0], seed), xxh3_64_with_seed(&labels[1], seed));
    let escaped = |label: &[u8; 16]| label.map(|byte| format!("\\{byte:03}")).concat();
    let zone: String = labels.iter().map(|label| format!("{}.{parent} CNAME .\n", escaped(label))).collect();
    school.list("play", "games", &zone);
    let second = school.update(&sources);
    assert_eq!((second.refused.len(), second.id == first.id), (0, false), "{second:?}");
    let index = school.lists.load_current().unwrap().unwrap();
    assert_ne!(index.key(), key);
    assert_eq!(index.sources()[1].source.id, "play", "it is in the overlay still");
    for label in &labels {
        assert!(!index.find(name(label, &parent).as_ref(), 1).here.is_empty());
    }
    assert!(school.lists("bet7.example") && !school.lists("play.example"));
    assert!(school.update(&sources).unchanged);
}
