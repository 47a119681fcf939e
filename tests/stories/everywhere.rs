//! One question asked in every way that a device can ask it: nine record types, UDP and TCP, twice
//! (the second answer may come from the cache), in small and in mixed letters.

use crate::actors::{Pupil, Question, Reply, TRANSPORTS, Transport};

/// The record types that matter to somebody who looks for a way around.
pub const TYPES: [&str; 9] = ["A", "AAAA", "HTTPS", "SVCB", "TXT", "MX", "NS", "DS", "ANY"];

/// Puts one name to the test in every way; `check` gets each reply with its record type.
pub fn everywhere(pupil: &Pupil, name: &str, check: impl Fn(&str, &Reply)) {
    for transport in TRANSPORTS {
        for rtype in TYPES {
            for written in [name.to_owned(), name.to_owned(), mixed_case(name)] {
                check(rtype, &ask(pupil, transport, &written, rtype));
            }
        }
    }
}

fn ask(pupil: &Pupil, transport: Transport, name: &str, rtype: &str) -> Reply {
    let question = Question::new(name, rtype);
    let reply = pupil.send(transport, &question);
    let asked = question.bytes();
    assert_eq!(
        reply.question_bytes(),
        &asked[12..12 + reply.question_bytes().len()],
        "the client's own letters come back"
    );
    assert_eq!(reply.flags() & 0x8180, 0x8180, "QR, RD and RA of {name} {rtype}");
    assert_eq!(reply.flags() & 0x20, 0, "AD only for what was validated: {name} {rtype}");
    reply
}

/// `wWw.ExAmPlE`: every second letter large.
pub fn mixed_case(name: &str) -> String {
    let swap = |(at, letter): (usize, char)| {
        if at % 2 == 1 { letter.to_ascii_uppercase() } else { letter }
    };
    name.chars().enumerate().map(swap).collect()
}

/// Blocked in every way, with this code (`NXDOMAIN` or `NODATA`) and this extended error.
pub fn is_blocked(pupil: &Pupil, name: &str, code: &str, error: &str) {
    everywhere(pupil, name, |rtype, reply| {
        assert_eq!(reply.said(), code, "{name} {rtype}");
        assert_eq!(reply.extended_errors(), [error], "{name} {rtype}");
        assert!(reply.authority().is_some(), "{name} {rtype}: a negative answer has an SOA");
        assert!(reply.ttl_max() <= 30, "{name} {rtype}: a block lives 30 s at most");
    });
}

/// Open in every way: the upstream's own answers, or none of that type, and no extended error.
pub fn is_open(pupil: &Pupil, name: &str) {
    everywhere(pupil, name, |rtype, reply| {
        assert_eq!(reply.code(), "NOERROR", "{name} {rtype}");
        assert_eq!(reply.extended_errors(), [""; 0], "{name} {rtype}");
        assert!(reply.ttl_max() <= 300, "{name} {rtype}: an answer lives 300 s at most");
        match rtype {
            "A" => assert!(reply.said().starts_with("A 198.51.100."), "{name} {rtype}: {}", reply.said()),
            "ANY" => assert!(reply.said().starts_with("HINFO"), "{name} ANY (RFC 8482): {}", reply.said()),
            _ => {}
        }
    });
}
