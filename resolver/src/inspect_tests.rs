//! What is copied whole is what would be written record by record.

use std::sync::{Arc, LazyLock};

use hickory_proto::op::ResponseCode;
use policy::{Asker, Snapshot};
use proptest::prelude::*;

use super::*;
use crate::fixtures::{PUPIL, ask, name, response, snapshot};
use crate::peer::Transport;
use crate::reply::Flags;
use crate::scrub::{Wanted, scrub};
use crate::wire::{self, NameBuffer, Parsed};

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(snapshot);

fn body(asked: &str, rtype: u16, code: ResponseCode, lines: &[&str]) -> Option<Body> {
    let bytes = response(asked, rtype, code, lines);
    scrub(&bytes, Wanted { name: name(asked).as_ref(), rtype, dnssec_ok: true }).ok()
}

/// The same body in answer to the same question, copied and written.
fn both(asked: &str, body: &Body, (age, ttl_max): (u32, u32)) -> [Vec<u8>; 2] {
    let (packet, mut buffer) = (ask(asked, rtype::A).packet(), NameBuffer::default());
    let Parsed::Query(query) = wire::parse(&packet, Transport::Tcp, &mut buffer) else { panic!("a query") };
    let client = SNAPSHOT.client(&Asker { source: PUPIL.parse().unwrap(), local: None, interface: None });
    let asked = Question { name: query.name, rtype: query.rtype };
    let decision = SNAPSHOT.decide(&client, &asked);
    let https = HttpsRecords::Keep;
    let judge = Judge { snapshot: &SNAPSHOT, client: &client, decision: &decision, asked, https, free: true };
    let part = Part { body, age, ttl_max, last: true };
    let finished = |write: &dyn Fn(&mut Reply<'_>)| {
        let mut out = Vec::new();
        let mut reply = Reply::start(query.asked, &mut out);
        write(&mut reply);
        reply.finish(Flags { rcode: body.rcode(), ..Flags::default() }, &[]);
        out
    };
    let start = Spot { name: query.name.wire(), at: Reply::QUESTION };
    [
        finished(&|reply| part.copy(reply)),
        finished(&|reply| assert!(judge.write(part, start, reply).is_ok(), "nobody minds it")),
    ]
}

#[test]
fn an_answer_that_nobody_minds_is_copied_as_it_would_be_written() {
    let soa = "example. 3600 SOA ns.example. root.example. 1 2 3 4 600";
    let long = format!("a.example. 60 CNAME {}.example.", "b".repeat(60));
    for (code, lines) in [
        (ResponseCode::NoError, vec!["a.example. 60 A 192.0.2.1", "a.example. 90 A 192.0.2.2"]),
        (ResponseCode::NoError, vec!["a.example. 60 CNAME b.example.", "b.example. 5 A 192.0.2.2"]),
        (ResponseCode::NoError, vec!["a.example. 60 CNAME b.example.", "b.example. 60 CNAME c.d.example."]),
        (ResponseCode::NoError, vec![&long, "--", soa]),
        (ResponseCode::NXDomain, vec!["--", soa]),
        (
            ResponseCode::NXDomain,
            vec!["a.example. 60 CNAME b.test.", "--", "test. 60 SOA ns. root. 1 2 3 4 5"],
        ),
        (ResponseCode::NoError, vec!["--", "example. 60 SOA ns. root. 1 2 3 4 5", "x.test. 60 47 #00000140"]),
    ] {
        let body = body("a.example", rtype::A, code, &lines).unwrap();
        assert_eq!(passage(&SNAPSHOT, rtype::A, &body), Passage::Whole, "{lines:?}");
        for times in [(0, 300), (7, 300), (1000, 300), (7, 30)] {
            let [copied, written] = both("a.example", &body, times);
            assert_eq!(copied, written, "{lines:?}");
        }
    }
}

#[test]
fn what_somebody_may_mind_is_judged_each_time() {
    for (rtype, lines, expected) in [
        (1, vec!["a.example. 60 A 192.0.2.1"], Passage::Whole),
        (1, vec!["a.example. 60 A 10.0.0.1"], Passage::Judged),
        (1, vec!["a.example. 60 CNAME clips.example.", "clips.example. 60 A 192.0.2.1"], Passage::Judged),
        (1, vec!["a.example. 60 CNAME exact.example."], Passage::Judged),
        (1, vec!["a.example. 60 CNAME b.test.", "b.test. 60 CNAME x.locked.example."], Passage::Judged),
        (rtype::HTTPS, vec!["a.example. 60 HTTPS 1 . alpn=h2"], Passage::Free),
        (rtype::HTTPS, vec!["a.example. 60 HTTPS 1 bets.example. alpn=h2"], Passage::Judged),
    ] {
        let body = body("a.example", rtype, ResponseCode::NoError, &lines).unwrap();
        assert_eq!(passage(&SNAPSHOT, rtype, &body), expected, "{lines:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn chains_of_any_length_are_copied_as_they_would_be_written(
        asked in "[a-z]{1,40}(\\.[a-z]{1,40}){0,2}",
        hops in prop::collection::vec("[a-z]{1,50}(\\.[a-z]{1,50}){0,3}", 0..9),
        addresses in 0..200_u8,
        times in (0..100_u32, 1..400_u32),
    ) {
        let names: Vec<&str> = std::iter::once(&asked).chain(&hops).map(String::as_str).collect();
        let aliases = names.windows(2).map(|pair| format!("{}. 60 CNAME {}.", pair[0], pair[1]));
        let last = names.last().unwrap();
        let addresses = (0..addresses).map(|number| format!("{last}. 70 A 192.0.2.{number}"));
        let lines: Vec<String> = aliases.chain(addresses).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        // A chain that leads back into itself is refused.
        if let Some(body) = body(&asked, rtype::A, ResponseCode::NoError, &lines) {
            let [copied, written] = both(&asked, &body, times);
            prop_assert_eq!(copied, written);
        }
    }
}
