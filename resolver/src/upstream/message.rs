//! The query as it goes upstream, and the proof that an answer belongs to it.
//!
//! Only the header and the question are looked at here: whether the records are any good is the
//! engine's business. A reply is believed if it carries the random id, is a response, and repeats
//! the question (RFC 5452 section 9.1); everything else on the socket is ignored.

use super::UpQuestion;

/// Octets that we take in one datagram, and that we say so in EDNS (DNS flag day 2020).
pub const UDP_OCTETS: u16 = 1232;

const HEADER_OCTETS: usize = 12;
const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;
const FLAG_QR: u8 = 0x80;
const FLAG_TC: u8 = 0x02;
const OPCODE_BITS: u8 = 0x78;

/// What a checked reply says in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The response code of the header, without the EDNS extension.
    pub rcode: u8,
    /// TC: the records did not fit.
    pub truncated: bool,
}

/// Writes the query: RD, CD as asked, one question in class IN, EDNS with DO as asked and no
/// options, so that nothing of the client goes upstream.
#[must_use]
pub fn encode(question: &UpQuestion, id: u16) -> Vec<u8> {
    let name = question.name.as_ref().wire();
    let mut query = Vec::with_capacity(HEADER_OCTETS + name.len() + 4 + 11);
    query.extend_from_slice(&id.to_be_bytes());
    query.push(0x01); // RD
    query.push(if question.checking_disabled { 0x10 } else { 0 });
    for count in [1_u16, 0, 0, 1] {
        query.extend_from_slice(&count.to_be_bytes());
    }
    query.extend_from_slice(name);
    query.extend_from_slice(&question.rtype.to_be_bytes());
    query.extend_from_slice(&CLASS_IN.to_be_bytes());
    // OPT (RFC 6891 section 6.1.2): root owner, type, our size, extended rcode and version 0,
    // flags with DO on top, no options.
    query.push(0);
    query.extend_from_slice(&TYPE_OPT.to_be_bytes());
    query.extend_from_slice(&UDP_OCTETS.to_be_bytes());
    query.extend_from_slice(&[0, 0, if question.dnssec_ok { 0x80 } else { 0 }, 0]);
    query.extend_from_slice(&[0, 0]);
    query
}

/// Checks that `reply` answers `query`, which [`encode`] wrote. `None` for a near miss.
#[must_use]
pub fn check(query: &[u8], reply: &[u8]) -> Option<Reply> {
    let asked = query.get(HEADER_OCTETS..query.len().checked_sub(11)?)?;
    let repeated = reply.get(HEADER_OCTETS..HEADER_OCTETS + asked.len())?;
    let (&[_, _, flags, codes], counts) = reply.split_first_chunk::<4>()?;
    let belongs = reply.get(..2) == query.get(..2)
        && flags & FLAG_QR != 0
        && flags & OPCODE_BITS == 0
        && counts.get(..2) == Some(&[0, 1])
        && same_question(asked, repeated);
    belongs.then_some(Reply { rcode: codes & 0x0f, truncated: flags & FLAG_TC != 0 })
}

/// The name without regard to case (its length octets are below every letter), type and class
/// byte by byte.
fn same_question(asked: &[u8], repeated: &[u8]) -> bool {
    match (asked.split_last_chunk::<4>(), repeated.split_last_chunk::<4>()) {
        (Some((name, kind)), Some((name_again, kind_again))) => {
            kind == kind_again && name.eq_ignore_ascii_case(name_again)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
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

    fn reply(id: u16) -> Vec<u8> {
        let mut reply = encode(&question(), id);
        reply[2] |= FLAG_QR;
        reply
    }

    #[test]
    fn a_query_carries_the_question_and_nothing_of_the_client() {
        let query = encode(&question(), 0xbeef);
        assert_eq!(&query[..12], b"\xbe\xef\x01\x10\x00\x01\x00\x00\x00\x00\x00\x01");
        assert_eq!(&query[12..33], b"\x03www\x07example\x03org\x00\x00\x1c\x00\x01");
        assert_eq!(&query[33..], b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00");
    }

    #[test]
    fn only_the_answer_to_the_question_is_believed() {
        let query = encode(&question(), 7);
        let mut good = reply(7);
        good[2] |= FLAG_TC;
        good[3] = 0x83;
        good[14] = b'W'; // case does not matter
        assert_eq!(check(&query, &good), Some(Reply { rcode: 3, truncated: true }));

        assert_eq!(check(&query, &reply(8)), None, "another id");
        assert_eq!(check(&query, &query), None, "not a response");
        for (at, value, why) in [
            (2, 0x81 | 0x28, "opcode"),
            (5, 2, "two questions"),
            (14, b'x', "another name"),
            (30, 1, "another type"),
            (32, 3, "another class"),
        ] {
            let mut near_miss = reply(7);
            near_miss[at] = value;
            assert_eq!(check(&query, &near_miss), None, "{why}");
        }
    }

    #[test]
    fn short_replies_are_near_misses() {
        let query = encode(&question(), 7);
        let whole = reply(7);
        for length in 0..33 {
            assert_eq!(check(&query, &whole[..length]), None);
        }
    }
}
