//! What is let out of an upstream's message, by rows of hostile and odd ones.

use blocklists::name::Name;
use hickory_proto::op::ResponseCode;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{response, unhex};

fn scrubbed(question: &str, kind: u16, dnssec_ok: bool, bytes: &[u8]) -> Result<Body, ScrubError> {
    let name = Name::parse(question).unwrap();
    scrub(bytes, Wanted { name: name.as_ref(), rtype: kind, dnssec_ok })
}

fn types(body: &Body) -> Vec<u16> {
    body.records().iter().map(|record| record.rtype).collect()
}

const SOA: &str = "test. 3600 SOA ns.test. root.test. 1 2 3 4 600";

/// What is kept of these lines (see [`crate::fixtures::response`], split at `|`), by type.
fn kept(dnssec_ok: bool, lines: &str) -> Vec<u16> {
    let lines: Vec<&str> = lines.split('|').filter(|line| !line.is_empty()).collect();
    let bytes = response("a.test", 1, ResponseCode::NoError, &lines);
    types(&scrubbed("a.test", 1, dnssec_ok, &bytes).unwrap())
}

#[test]
fn only_what_belongs_to_the_question_is_kept() {
    let address = "a.test. 60 A 192.0.2.1";
    let twice = format!("{address}|{address}");
    let side = format!("{address}|c.test. 60 CNAME d.test.");
    let extra = format!("{address}|++|ns.test. 60 A 192.0.2.3");
    let servers = format!("{address}|--|test. 60 NS ns.test.");
    let other_type = format!("a.test. 60 TXT x|{address}");
    let nothing = format!("--|{SOA}");
    let chain = "a.test. 60 CNAME b.test.";
    let subtree = "test. 60 DNAME o.org|a.test. 60 CNAME a.o.org.|a.o.org. 60 A 192.0.2.1";
    for (what, lines, types) in [
        ("an address", address, vec![1]),
        ("another name", "b.test. 60 A 192.0.2.1", vec![]),
        ("another type", &other_type, vec![1]),
        ("the same twice", &twice, vec![1]),
        ("a chain", &format!("{chain}|b.test. 60 A 192.0.2.1"), vec![5, 1]),
        ("out of order", &format!("b.test. 60 A 192.0.2.1|{chain}"), vec![5, 1]),
        ("a side chain", &side, vec![1]),
        ("DNAME", subtree, vec![39, 5, 1]),
        ("additional", &extra, vec![1]),
        ("NS in authority", &servers, vec![1]),
        ("nothing", &nothing, vec![6]),
        ("SOA of others", "--|org. 60 SOA a. b. 1 2 3 4 5", vec![]),
    ] {
        assert_eq!(kept(false, lines), types, "{what}");
    }
}

#[test]
fn signatures_and_proofs_are_for_those_who_want_them() {
    // Signatures over A, otherwise nonsense.
    let signature = "a.test. 60 46 #0001 0d02 00000e10 00000000 00000000 0001 00";
    let signed = format!("{signature}|a.test. 60 A 192.0.2.1");
    let proof = format!("--|{SOA}|a.test. 60 47 #00");
    assert_eq!((kept(false, &signed), kept(true, &signed)), (vec![1], vec![1, 46]));
    assert_eq!((kept(false, &proof), kept(true, &proof)), (vec![6], vec![6, 47]));
    let many: Vec<String> = (0..20).map(|n| format!("{signature}{n:02x}")).collect();
    let many = format!("a.test. 60 A 192.0.2.1|{}", many.join("|"));
    assert_eq!(kept(true, &many).len(), 1 + RRSET_SIGNATURES_MAX);
    let many: Vec<String> = (0..20).map(|n| format!("n{n}.test. 60 50 #00")).collect();
    assert_eq!(kept(true, &format!("--|{SOA}|{}", many.join("|"))).len(), AUTHORITY_RECORDS_MAX);
}

#[test]
fn what_is_no_answer_is_refused() {
    let say = |question, rtype, lines: &[&str]| response(question, rtype, ResponseCode::NoError, lines);
    let good = say("a.test", 1, &["a.test. 60 A 192.0.2.1"]);
    let edit = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let mut short_rdata = good.clone();
    let at = short_rdata.len() - 6;
    short_rdata[at..at + 2].copy_from_slice(&[0, 3]);
    short_rdata.pop();
    let failed = response("a.test", 1, ResponseCode::ServFail, &[]);
    let looped = ["a.test. 60 CNAME b.test.", "b.test. 60 CNAME a.test."];
    for (what, bytes, error) in [
        ("a query", edit(2, 0), ScrubError::Broken),
        ("truncated", edit(2, 0x82), ScrubError::Broken),
        ("another name", say("b.test", 1, &[]), ScrubError::Broken),
        ("another type", say("a.test", 28, &[]), ScrubError::Broken),
        ("cut", good[..good.len() - 1].to_vec(), ScrubError::Broken),
        ("an address of 3 octets", short_rdata, ScrubError::Broken),
        ("SERVFAIL", failed, ScrubError::Failed(2)),
        ("a loop", say("a.test", 1, &looped), ScrubError::TooMuch),
    ] {
        assert_eq!(scrubbed("a.test", 1, false, &bytes), Err(error), "{what}");
    }
}

#[test]
fn chains_and_sets_are_kept_up_to_their_bounds() {
    let links: Vec<String> =
        (0..=CHAIN_MAX).map(|n| format!("n{n}.test. 60 CNAME n{}.test.", n + 1)).collect();
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    let records: Vec<String> =
        (0..=RRSET_RECORDS_MAX).map(|n| format!("a.test. 60 A 192.0.{}.{}", n / 256, n % 256)).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    for (question, lines, length) in [
        ("n0.test", &links[..], Err(ScrubError::TooMuch)),
        ("n1.test", &links[..], Ok(CHAIN_MAX)),
        ("a.test", &records[..], Err(ScrubError::TooMuch)),
        ("a.test", &records[1..], Ok(RRSET_RECORDS_MAX)),
    ] {
        let bytes = response(question, 1, ResponseCode::NoError, lines);
        let body = scrubbed(question, 1, false, &bytes);
        assert_eq!(body.map(|body| body.records().len()), length, "{question}");
    }
}

#[test]
fn data_of_any_type_comes_out_as_it_went_in() {
    for (rtype, hex) in [
        (65, "0001 00 0001 0003 026832 0004 0004 c0000201 0005 0003 aabbcc 0007 0002 2f71 ff00 0001 00"),
        (64, "0000 01 78 00"),
        (257, "00 05 6973737565 61"),
        (52, "03 01 01 aabb"),
        (35, "0001 0002 01 75 01 73 00 01 78 00"),
        (43, "0001 08 02 aabb"),
        (48, "0101 03 0d aabb"),
        (29, "00 12 16 13 89 17 2d d0 70 be 15 f0 00 98 8d 20"),
        (15, "000a 01 6d 00"),
        (33, "0001 0002 0050 01 73 00"),
        (16, "01 61 02 6262"),
        (65280, "00 01 02"),
    ] {
        let bytes =
            response("a.test", rtype, ResponseCode::NoError, &[&format!("a.test. 60 {rtype} #{hex}")]);
        let body = scrubbed("a.test", rtype, false, &bytes).unwrap();
        assert_eq!(body.rdata(&body.records()[0]), unhex(hex), "type {rtype}");
    }
}

#[test]
fn lifetimes_are_held_between_their_bounds() {
    for (lines, lifetime) in [
        (vec!["a.test. 0 A 192.0.2.1"], TTL_MIN),
        (vec!["a.test. 100000 A 192.0.2.1"], TTL_MAX),
        (vec!["a.test. 60 CNAME b.test.", "b.test. 30 A 192.0.2.1"], 30),
        (vec!["--", SOA], 600),
        (vec!["--", "test. 9999 SOA ns.test. root.test. 1 2 3 4 9999"], NEGATIVE_TTL_MAX),
        (vec![], TTL_MIN),
    ] {
        let bytes = response("a.test", 1, ResponseCode::NoError, &lines);
        assert_eq!(scrubbed("a.test", 1, false, &bytes).unwrap().lifetime(), lifetime, "{lines:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = scrubbed("a.test", 1, true, &bytes);
    }

    #[test]
    fn no_damage_to_a_good_answer_panics(edits in proptest::collection::vec((0_usize..300, any::<u8>()), 1..6)) {
        let lines = ["a.test. 60 CNAME b.test.", "b.test. 60 A 192.0.2.1", "--", SOA, "a.test. 60 47 #00"];
        let mut bytes = response("a.test", 1, ResponseCode::NoError, &lines);
        for (at, byte) in edits {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let _ = scrubbed("a.test", 1, true, &bytes);
    }
}
