//! Whole answers: a real policy, a scripted upstream, replies read by another library. Each row is
//! asked twice, so that cached answers are held to the same as fresh ones.

use hickory_proto::op::ResponseCode;
use policy::Snapshot;

use super::*;
use crate::fixtures::{Ask, PUPIL, Script, Seen, ask, engine, response, twice};

const A: u16 = rtype::A;
const AAAA: u16 = rtype::AAAA;

#[tokio::test(start_paused = true)]
async fn blocks_look_as_the_policy_says() {
    let engine = engine(&Script::open());
    let soa = |owner: &str| {
        vec![format!("{owner} 30 IN SOA schoolgate.invalid. nobody.invalid. 1 3600 1200 604800 30")]
    };
    let category = vec!["15 category gambling".to_owned()];
    let none: Vec<String> = Vec::new();
    for (from, rtype, rcode, answers, authority) in [
        (PUPIL, A, "NXDomain", vec![], soa("example.")),
        (PUPIL, 64, "NXDomain", vec![], soa("example.")),
        (PUPIL, rtype::ANY, "NXDomain", vec![], soa("example.")),
        ("127.44.0.1", A, "NoError", vec![], soa("bets.example.")),
        ("127.41.0.1", A, "NoError", vec!["bets.example. 30 IN A 0.0.0.0"], none.clone()),
        ("127.41.0.1", AAAA, "NoError", vec!["bets.example. 30 IN AAAA ::"], none.clone()),
        ("127.41.0.1", 65, "NoError", vec![], soa("bets.example.")),
        ("127.42.0.1", A, "Refused", vec![], none.clone()),
        ("127.43.0.1", A, "NoError", vec!["bets.example. 30 IN A 192.0.2.80"], none.clone()),
        ("127.43.0.1", AAAA, "NoError", vec![], soa("bets.example.")),
        ("127.43.0.1", 65, "NoError", vec![], soa("bets.example.")),
    ] {
        let seen = twice(&engine, &ask("bets.example", rtype).from(from)).await;
        assert_eq!((seen.rcode.as_str(), &seen.ede), (rcode, &category), "{from} {rtype}");
        assert_eq!(
            (seen.answers, seen.authority),
            (answers.iter().map(ToString::to_string).collect(), authority)
        );
        assert!(!seen.authoritative);
    }
    let exact = twice(&engine, &ask("exact.example", A)).await;
    assert_eq!((exact.rcode.as_str(), exact.ede), ("NoError", vec!["15 rule".to_owned()]));
    assert_eq!(engine.counters().read().blocked.iter().map(|block| block.count).sum::<u64>(), 24);
}

#[tokio::test(start_paused = true)]
async fn errors_explain_as_much_as_they_may() {
    let engine = engine(&Script::open());
    for (question, from, rcode, ede) in [
        ("locked.example", PUPIL, "NXDomain", "16 locked"),
        ("www.locked.example", "127.42.0.1", "Refused", "16 locked"),
        ("sealed.example", PUPIL, "NXDomain", "15 sealed"),
        ("use-application-dns.net", PUPIL, "NXDomain", "15 canary"),
        ("_dns.resolver.arpa", PUPIL, "NoError", "15 canary"),
        ("a.example", "203.0.113.9", "Refused", "18 unknown-client"),
    ] {
        let seen = twice(&engine, &ask(question, A).from(from)).await;
        assert_eq!((seen.rcode.as_str(), seen.ede), (rcode, vec![ede.to_owned()]), "{question}");
        let plain = Ask { edns: None, ..ask(question, A).from(from) }.of(&engine).await;
        assert_eq!((plain.rcode.as_str(), plain.ede), (rcode, vec![]), "{question} without EDNS");
    }
    let bare = twice(&engine, &ask("intranet", A)).await;
    assert_eq!(bare.authority.len(), 1);
    assert!(bare.authority[0].starts_with(". "), "{bare:?}");
    let local_name = twice(&engine, &ask("printer.local", A)).await;
    assert_eq!(
        (local_name.rcode.as_str(), local_name.ede.len(), local_name.authority.len()),
        ("NXDomain", 0, 1)
    );
    let not_ready = Arc::new(Snapshot::not_ready());
    engine.publish(&not_ready);
    let seen = ask("a.example", A).of(&engine).await;
    assert_eq!((seen.rcode.as_str(), seen.ede), ("Refused", vec!["14 not-ready".to_owned()]));
    let special = engine.counters().read().special;
    assert_eq!(special[0], ("use-application-dns.net", 3));
    assert_eq!(special[3], ("resolver.arpa", 3));
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_question_comes_back() {
    let script = Script::open();
    script.says("www.a.example", A, &["www.a.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    for question in ["wWw.A.eXample", "WWW.a.example", "www.bets.EXAMPLE"] {
        let ask = ask(question, A);
        let seen = twice(&engine, &ask).await;
        let packet = ask.packet();
        assert_eq!(seen.bytes[..2], packet[..2]);
        assert_eq!(seen.bytes[12..12 + ask.name.len() + 4], packet[12..12 + ask.name.len() + 4]);
    }
    assert_eq!(script.asked(), 1, "case is no part of a question");
}

#[tokio::test(start_paused = true)]
async fn cloaked_names_are_blocked_on_every_ask() {
    let script = Script::open();
    script.says(
        "a.example",
        A,
        &["a.example. 60 CNAME x.tracker.example.", "x.tracker.example. 60 A 192.0.2.1"],
    );
    script.says(
        "b.example",
        A,
        &[
            "b.example. 60 CNAME c.example.",
            "c.example. 60 CNAME locked.example.",
            "locked.example. 60 A 192.0.2.1",
        ],
    );
    script.says(
        "d.sub.example",
        A,
        &[
            "sub.example. 60 DNAME locked.example",
            "d.sub.example. 60 CNAME d.locked.example.",
            "d.locked.example. 60 A 192.0.2.1",
        ],
    );
    script.says("e.example", 65, &["e.example. 60 HTTPS 1 bets.example. alpn=h2"]);
    script.says("f.example", 64, &["f.example. 60 SVCB 0 sealed.example."]);
    script.says("g.example", A, &["g.example. 60 CNAME clips.example.", "clips.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    for (question, rtype, ede) in [
        ("a.example", A, "15 target gambling"),
        ("b.example", A, "16 locked"),
        ("d.sub.example", A, "16 locked"),
        ("e.example", 65, "15 target gambling"),
        ("f.example", 64, "15 target"),
    ] {
        for _ in 0..3 {
            let seen = ask(question, rtype).of(&engine).await;
            assert_eq!(
                (seen.rcode.as_str(), seen.answers.len(), &seen.ede[..]),
                ("NoError", 0, &[ede.to_owned()][..]),
                "{question}"
            );
            assert_eq!(seen.authority.len(), 1, "{question}");
        }
    }
    let hosted = twice(&engine, &ask("g.example", A)).await;
    assert_eq!(
        hosted.data(),
        ["CNAME clips.example.", "A 192.0.2.1"],
        "hosting kinds judge the asked name only"
    );
    assert_eq!(script.asked(), 6);
}

#[tokio::test(start_paused = true)]
async fn private_addresses_of_public_names_are_taken_out() {
    let script = Script::open();
    let https = "1 . alpn=h2 ipv4hint=192.0.2.1,10.0.0.1 ipv6hint=fd00::1";
    script.says("a.example", A, &["a.example. 60 A 10.0.0.1", "a.example. 60 A 192.0.2.1"]);
    script.says("b.example", AAAA, &["b.example. 60 AAAA fd00::1", "b.example. 60 AAAA 64:ff9b::a00:1"]);
    script.says("c.example", 65, &[&format!("c.example. 60 HTTPS {https}")]);
    script.says("www.inside.example", A, &["www.inside.example. 60 A 10.0.0.1"]);
    let engine = engine(&script);
    let rebind = vec!["4 rebind".to_owned()];
    let some = twice(&engine, &ask("a.example", A)).await;
    assert_eq!((some.data(), some.ede), (vec!["A 192.0.2.1".to_owned()], rebind.clone()));
    let none = twice(&engine, &ask("b.example", AAAA)).await;
    assert_eq!((none.answers.len(), none.authority.len(), none.ede), (0, 1, rebind.clone()));
    let hints = twice(&engine, &ask("c.example", 65)).await;
    assert_eq!(hints.ede, rebind);
    let text = &hints.answers[0];
    assert!(text.contains("192.0.2.1") && !text.contains("10.0.0.1") && !text.contains("fd00"), "{text}");
    let allowed = twice(&engine, &ask("www.inside.example", A)).await;
    assert_eq!((allowed.data(), allowed.ede.len()), (vec!["A 10.0.0.1".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn https_records_are_treated_as_the_policy_says() {
    let script = Script::open();
    // 1 . mandatory=ipv4hint,ech ipv4hint=192.0.2.1 ech=#aabb, and an RRSIG over each type.
    let data = "#0001 00 0000 0004 0004 0005 0004 0004 c0000201 0005 0002 aabb";
    for rtype in [64, 65] {
        let record = format!("a.example. 60 {rtype} {data}");
        let signature = format!("a.example. 60 46 #{rtype:04x} 0d02 00000e10 00000000 00000000 0001 00 aa");
        script.says("a.example", rtype, &[&record, &signature]);
    }
    let engine = engine(&script);
    for rtype in [64, 65] {
        let signed = |from| Ask { dnssec_ok: true, ..ask("a.example", rtype).from(from) };
        let stripped = twice(&engine, &signed(PUPIL)).await;
        assert_eq!(stripped.answers.len(), 1, "no signature over a changed set: {:?}", stripped.answers);
        let without: &[u8] = &[0, 1, 0, 0, 0, 0, 2, 0, 4, 0, 4, 0, 4, 192, 0, 2, 1];
        assert!(stripped.bytes.windows(without.len()).any(|window| window == without));
        let kept = twice(&engine, &signed("127.41.0.1")).await;
        assert_eq!(kept.answers.len(), 2);
        let dropped = twice(&engine, &signed("127.42.0.1")).await;
        assert_eq!(
            (dropped.rcode.as_str(), dropped.answers.len(), dropped.authority.len()),
            ("NoError", 0, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn safe_search_answers_every_type_with_the_safe_variant() {
    let script = Script::open();
    let target = "forcesafesearch.google.com";
    script.says("www.google.com", A, &["www.google.com. 60 A 192.0.2.99"]);
    script.says(target, A, &["forcesafesearch.google.com. 9999 A 192.0.2.1"]);
    script.says(target, AAAA, &["--", "google.com. 60 SOA ns.google.com. root.google.com. 1 2 3 4 60"]);
    script.says(target, 65, &["forcesafesearch.google.com. 9999 HTTPS 1 . alpn=h2"]);
    let engine = engine(&script);
    for (rtype, data) in [
        (A, vec!["CNAME forcesafesearch.google.com.", "A 192.0.2.1"]),
        (AAAA, vec!["CNAME forcesafesearch.google.com."]),
        (rtype::CNAME, vec!["CNAME forcesafesearch.google.com."]),
        (rtype::ANY, vec!["CNAME forcesafesearch.google.com."]),
    ] {
        let seen = twice(&engine, &ask("www.google.com", rtype)).await;
        assert_eq!(
            (seen.rcode.as_str(), seen.data()),
            ("NoError", data.iter().map(ToString::to_string).collect()),
            "{rtype}"
        );
        assert_eq!(seen.ede, ["4 safe-search"]);
        assert!(
            seen.answers.iter().all(|line| line.split(' ').nth(1).unwrap().parse::<u32>().unwrap() <= 300)
        );
    }
    let https = twice(&engine, &ask("www.google.com", 65)).await;
    assert_eq!(https.answers.len(), 2);
    assert!(https.answers[1].starts_with("forcesafesearch.google.com. 300 IN HTTPS"), "{:?}", https.answers);
    let missing = twice(&engine, &ask("www.google.com", 16)).await;
    assert_eq!((missing.rcode.as_str(), missing.answers.len()), ("ServFail", 0));
    assert_eq!(missing.ede, ["4 safe-search", "23"]);
    script.says_bytes(target, 15, response(target, 15, ResponseCode::NXDomain, &[]));
    let gone = twice(&engine, &ask("www.google.com", 15)).await;
    assert_eq!(
        (gone.rcode.as_str(), gone.ede),
        ("ServFail", vec!["4 safe-search".to_owned(), "23".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn local_names_are_answered_with_authority() {
    let script = Script::open();
    script.says("vle.provider.example", A, &["vle.provider.example. 60 A 192.0.2.7"]);
    let engine = engine(&script);
    for (question, data, answers_elsewhere) in [
        ("intranet.school.example", vec!["A 10.0.0.2"], false),
        ("printer.example", vec!["A 10.0.0.20"], false),
        ("mail.school.example", vec!["CNAME intranet.school.example.", "A 10.0.0.2"], false),
        ("portal.example", vec!["CNAME intranet.school.example.", "A 10.0.0.2"], false),
        ("alias.example", vec!["CNAME intranet.school.example.", "A 10.0.0.2"], false),
        ("self.school.example", vec!["CNAME printer.example.", "A 10.0.0.20"], false),
        ("vle.school.example", vec!["CNAME vle.provider.example.", "A 192.0.2.7"], true),
    ] {
        let before = script.asked();
        let seen = Ask { recursion: true, ..ask(question, A) }.of(&engine).await;
        assert_eq!(seen.data(), data, "{question}");
        assert!(seen.authoritative && seen.ede.is_empty());
        assert_eq!(script.asked() > before, answers_elsewhere);
    }
    let missing = ask("nobody.school.example", A).of(&engine).await;
    assert_eq!(
        (missing.rcode.as_str(), missing.authority.len(), missing.authoritative),
        ("NXDomain", 1, true)
    );
    for (rtype, data) in [(A, vec!["A 127.0.0.1"]), (AAAA, vec!["AAAA ::1"]), (16, vec![])] {
        assert_eq!(twice(&engine, &ask("localhost", rtype)).await.data(), data);
    }
}

#[tokio::test(start_paused = true)]
async fn any_is_answered_with_one_small_record() {
    let engine = engine(&Script::open());
    let seen = twice(&engine, &ask("a.example", rtype::ANY)).await;
    assert_eq!(seen.answers.len(), 1);
    assert!(seen.answers[0].contains("HINFO") && seen.answers[0].contains("RFC8482"), "{:?}", seen.answers);
}

#[tokio::test(start_paused = true)]
async fn an_alias_of_the_school_opens_nothing() {
    let script = Script::open();
    script.says("bets.example", A, &["bets.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    let seen = twice(&engine, &ask("bad.school.example", A)).await;
    assert!(seen.answers.is_empty(), "{seen:?}");
    assert_eq!(seen.ede, ["15 target gambling"]);
}

#[tokio::test(start_paused = true)]
async fn broken_packets_earn_their_error_and_nothing_else() {
    let engine = engine(&Script::open());
    let blocked = ask("bets.example", A);
    let edit = |at: usize, byte: u8| {
        let mut packet = blocked.packet();
        packet[at] = byte;
        packet
    };
    let version = blocked.packet().len() - 5;
    let class = blocked.packet().len() - 12;
    for (what, packet, rcode, questions) in [
        ("an update", edit(2, 0x29), "NotImp", 0),
        ("two questions", edit(5, 2), "FormErr", 0),
        ("class CH", edit(class, 3), "Refused", 1),
        ("EDNS 1 (hickory has BADVERS by its other name)", edit(version, 1), "BADSIG", 1),
    ] {
        let reply = engine.answer(packet.clone(), blocked.peer()).await.unwrap();
        let seen = Seen::read(&reply);
        assert_eq!((seen.rcode.as_str(), reply[5]), (rcode, questions), "{what}");
        assert_eq!((&reply[..2], reply[2] & 0x79), (&packet[..2], packet[2] & 0x79), "{what}");
        assert!(seen.answers.is_empty() && seen.authority.is_empty() && seen.ede.is_empty(), "{what}");
    }
    assert!(engine.answer(edit(2, 0x81), blocked.peer()).await.is_none(), "a response is no query");
    assert!(engine.answer(vec![0; 11], blocked.peer()).await.is_none());
    let errors = engine.counters().read().queries;
    assert!(
        errors.iter().any(|query| query.verdict == "error" && query.network == "none" && query.count == 4)
    );
}

#[tokio::test(start_paused = true)]
async fn flags_come_back_as_they_should() {
    let script = Script::open();
    script.says("a.example", A, &["a.example. 60 A 192.0.2.1"]);
    let engine = engine(&script);
    for question in ["a.example", "bets.example"] {
        for (first, second) in [(0x01, 0x00), (0x01, 0x10), (0x01, 0x20), (0x01, 0x30), (0x00, 0x10)] {
            for dnssec_ok in [false, true] {
                let ask = Ask { dnssec_ok, ..ask(question, A) };
                let mut packet = ask.packet();
                (packet[2], packet[3]) = (first, second);
                let reply = engine.answer(packet, ask.peer()).await.unwrap();
                assert_eq!(reply[2] & 0x7f, first, "RD as it came, no AA, no TC: {question}");
                assert_eq!(reply[3] & 0xf0, 0x80 | (second & 0x10), "RA, CD as it came, no AD: {question}");
                assert_eq!(Seen::read(&reply).dnssec_ok, dnssec_ok, "DO as it came: {question}");
            }
        }
    }
}
