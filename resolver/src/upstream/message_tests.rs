//! Queries as they go out, and replies that do or do not belong to them.

use blocklists::name::Name;

use super::*;

fn question() -> UpQuestion {
    UpQuestion {
        name: Name::parse("www.example.org").unwrap(),
        rtype: 28,
        dnssec_ok: true,
        checking_disabled: true,
    }
}

fn query(extras: Extras) -> Query {
    Query::new(&question(), extras).unwrap()
}

fn reply() -> Vec<u8> {
    let mut reply = query(Extras::default()).bytes;
    reply[2] |= FLAG_QR;
    reply
}

#[test]
fn a_query_carries_the_question_and_nothing_of_the_client() {
    let mut query = query(Extras::default());
    query.set_id(0xbeef);
    assert_eq!(&query.bytes[..12], b"\xbe\xef\x01\x10\x00\x01\x00\x00\x00\x00\x00\x01");
    assert_eq!(&query.bytes[12..33], b"\x03www\x07example\x03org\x00\x00\x1c\x00\x01");
    assert_eq!(&query.bytes[33..], b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00");
}

#[test]
fn only_the_answer_to_the_question_is_believed() {
    let query = query(Extras::default());
    let mut good = reply();
    good[2] |= FLAG_TC;
    good[3] = 0x83;
    let read = Reply { rcode: 3, truncated: true, same_case: true, cookie: None, ede: None };
    assert_eq!(query.check(&good, Match::Exact), Some(read));
    good[14] = b'W';
    assert_eq!(query.check(&good, Match::Exact), None, "not byte for byte");
    let read = Reply { same_case: false, ..read };
    assert_eq!(query.check(&good, Match::Caseless), Some(read));

    assert_eq!(query.check(&query.bytes, Match::Exact), None, "not a response");
    for (at, value, why) in [
        (2, 0x81 | 0x28, "opcode"),
        (5, 2, "two questions"),
        (14, b'x', "another name"),
        (30, 1, "another type"),
        (32, 3, "another class"),
    ] {
        let mut near_miss = reply();
        near_miss[at] = value;
        assert_eq!(query.check(&near_miss, Match::Caseless), None, "{why}");
    }
}

#[test]
fn short_replies_are_near_misses() {
    let query = query(Extras::default());
    let whole = reply();
    for length in 0..33 {
        assert_eq!(query.check(&whole[..length], Match::Exact), None);
    }
}

#[test]
fn letter_case_is_random_and_the_name_stays_the_same() {
    let seen: std::collections::HashSet<Vec<u8>> =
        (0..64).map(|_| query(Extras { case: true, ..Extras::default() }).question().to_vec()).collect();
    assert!(seen.len() > 32, "13 letters: {} spellings in 64", seen.len());
    let plain = query(Extras::default());
    assert!(seen.iter().all(|spelt| spelt.eq_ignore_ascii_case(plain.question())));
}

#[test]
fn padding_makes_every_query_the_same_size() {
    for name in ["a.example", "a-very-much-longer-name-than-the-other.example.org"] {
        let question = UpQuestion { name: Name::parse(name).unwrap(), ..question() };
        let padded = Query::new(&question, Extras { padded: true, ..Extras::default() }).unwrap();
        assert_eq!(padded.bytes.len(), PADDING_BLOCK, "{name}");
    }
}

/// The reply with one record in front and these options in its OPT.
fn with_options(extended: u8, options: &[u8]) -> Vec<u8> {
    let mut reply = reply()[..33].to_vec();
    reply[7] = 1;
    reply.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
    reply.extend([0, 0, 41, 4, 208, extended, 0, 0, 0, 0, u8::try_from(options.len()).unwrap()]);
    reply.extend(options);
    reply
}

#[test]
fn cookie_and_extended_error_of_a_reply_are_read() {
    let cookie = b"\x00\x0a\x00\x10clientclserverse";
    let reply = with_options(1, &[cookie, &b"\x00\x0f\x00\x04\x00\x06no"[..]].concat());
    let cookie = Cookie::read(b"clientclserverse").unwrap();
    let query = query(Extras { cookie: Some(cookie), ..Extras::default() });
    let found = query.check(&reply, Match::Exact).unwrap();
    assert_eq!((found.rcode, found.cookie, found.ede), (16, Some(cookie), Some(6)));
    assert_eq!(&query.bytes[42..64], b"\x00\x14\x00\x0a\x00\x10clientclserverse");
}

#[test]
fn no_cut_of_a_reply_panics() {
    let query = query(Extras::default());
    let whole = with_options(0, b"\x00\x0f\x00\x04\x00\x06no");
    for length in 0..whole.len() {
        let cut = query.check(&whole[..length], Match::Exact);
        assert!(cut.is_none_or(|reply| reply.ede.is_none()), "{length}");
    }
}
