//! Zones and records of the school: answers, and errors that name the line.

use super::*;
use crate::fixtures::name;

pub(crate) fn record(owner: &str, rtype: &str, value: &str) -> LocalRecord {
    LocalRecord { name: name(owner), rtype: rtype.to_owned(), value: value.to_owned(), ttl: 600 }
}

const ZONE: &str = "\
$ORIGIN school.example.
$TTL 3600
@ IN SOA ns hostmaster ( 1 3600 1200
        604800 900 )
@ IN NS ns
ns IN A 10.0.0.1
intranet IN A 10.0.0.2
mail IN CNAME intranet
vle IN CNAME vle.provider.example.
bad IN CNAME bets.example.
self IN CNAME printer.example.
";

pub(crate) fn zones() -> LocalZones {
    let zone = LocalZone { file: "school.zone".into(), text: ZONE.to_owned(), origin: None };
    let records = [
        record("printer.example", "a", "10.0.0.20"),
        record("portal.example", "CNAME", "intranet.school.example."),
        record("alias.example", "CNAME", "intranet.school.example"),
        record("text.example", "TXT", "v=spf1 \"a\" -all"),
        record("scanner.school.example", "AAAA", "fd00::21"),
    ];
    LocalZones::new(&records, &[zone]).unwrap()
}

async fn answers(zones: &LocalZones, owner: &str, rtype: u16) -> (u16, Vec<u16>) {
    let body = zones.ask(name(owner).as_ref(), rtype).await.unwrap();
    (body.rcode(), body.records().iter().map(|record| record.rtype).collect())
}

#[tokio::test]
async fn zones_and_records_answer() {
    let zones = zones();
    assert_eq!(zones.zones(), [name("school.example")]);
    for (owner, rtype, rcode, types) in [
        ("intranet.school.example", 1, 0, vec![1]),
        ("mail.school.example", 1, 0, vec![5, 1]),
        ("scanner.school.example", 28, 0, vec![28]),
        ("intranet.school.example", 28, 0, vec![6]),
        ("nobody.school.example", 1, 3, vec![6]),
        ("printer.example", 1, 0, vec![1]),
        ("printer.example", 16, 0, vec![6]),
        ("alias.example", 1, 0, vec![5]),
        ("text.example", 16, 0, vec![16]),
        ("below.printer.example", 1, 3, vec![6]),
    ] {
        assert_eq!(answers(&zones, owner, rtype).await, (rcode, types), "{owner} {rtype}");
    }
    assert!(zones.ask(name("elsewhere.test").as_ref(), 1).await.is_err());
}

#[tokio::test]
async fn unquoted_text_is_one_string() {
    let text = zones().ask(name("text.example").as_ref(), 16).await.unwrap();
    assert_eq!(text.rdata(&text.records()[0]), b"\x0fv=spf1 \"a\" -all");
}

#[test]
fn mistakes_name_the_record_or_the_line() {
    let zone = |text: &str| {
        LocalZones::new(&[], &[LocalZone { file: "x.zone".into(), text: text.to_owned(), origin: None }])
    };
    let broken = ZONE.replace("intranet IN A 10.0.0.2", "intranet IN A 10.0.0");
    for (text, said) in [
        (broken.as_str(), "zone file x.zone, line 7: "),
        ("$ORIGIN a.example.\n@ 60 IN A 10.0.0.1\n", "zone file x.zone: it has no SOA record"),
        ("www 60 IN A 10.0.0.1\n", "zone file x.zone, line 1: "),
    ] {
        let error = zone(text).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    let long = "x".repeat(256);
    for (rtype, value) in
        [("A", "10.0.0"), ("A", ""), ("FOO", "x"), ("AAAA", "10.0.0.1"), ("ANY", "x"), ("TXT", long.as_str())]
    {
        let error = LocalZones::new(&[record("printer.example", rtype, value)], &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("local record printer.example {rtype}: ")), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_read(text in "[ -~\n\t\"();$@]{0,200}") {
        let zone = LocalZone { file: "x.zone".into(), text, origin: Some(name("a.example")) };
        let _ = LocalZones::new(&[], &[zone]);
    }
}
