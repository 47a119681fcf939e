//! When the school forwards over TLS and HTTPS, to resolvers of other makes.

use crate::actors::{Make, Resolver, Upstream};
use crate::scene::plan;

const CA: &str = "[upstream.tls]\nca = \"ca.pem\"\n";

#[test]
fn names_are_resolved_over_tls_and_https_by_other_makes() {
    for make in [Make::Unbound, Make::Dnsdist] {
        let resolver = Resolver::start(make);
        for scheme in ["tls", "https"] {
            let url = resolver.url(scheme, "dns.example");
            let plan = plan().forwards_to_url(&url).upstream(CA).file("ca.pem", resolver.authority());
            let school = plan.open();
            let pupil = school.pupil("127.20.0.5");
            assert_eq!(pupil.ask("shop.example", "A").said(), "A 198.51.100.91", "{make:?} {scheme}");
            assert_eq!(
                pupil.ask("poker.example", "A").said(),
                "NXDOMAIN",
                "{make:?} {scheme}: still filtered"
            );
        }
    }
}

#[test]
fn a_certificate_for_another_name_or_of_another_authority_is_not_believed() {
    let (resolver, stranger) = (Resolver::start(Make::Unbound), Resolver::start(Make::Dnsdist));
    for (name, authority) in [("evil.example", resolver.authority()), ("dns.example", stranger.authority())] {
        for scheme in ["tls", "https"] {
            let url = resolver.url(scheme, name);
            let school = plan().forwards_to_url(&url).upstream(CA).file("ca.pem", &authority).open();
            let reply = school.pupil("127.20.0.5").ask("shop.example", "A");
            assert_eq!(reply.said(), "SERVFAIL", "{scheme} {name}");
            assert!(reply.extended_errors().iter().any(|error| error.starts_with("23")), "{scheme} {name}");
        }
    }
}

#[test]
fn nothing_goes_to_a_plain_server_when_the_encrypted_one_fails() {
    let plain = Upstream::start();
    let mut resolver = Resolver::start(Make::Unbound);
    let plan = plan().forwards_to_url(&resolver.url("tls", "dns.example")).forwards_to(&plain);
    let school = plan.upstream(CA).file("ca.pem", resolver.authority()).open();
    let pupil = school.pupil("127.20.0.5");
    assert_eq!(pupil.ask("shop.example", "A").said(), "A 198.51.100.91");
    resolver.stop();
    for number in 0..5 {
        assert_eq!(pupil.ask(&format!("n{number}.example"), "A").said(), "SERVFAIL");
    }
    assert_eq!(plain.times_asked_below("example"), 0);
    let check = school.run(&["check-config"]);
    assert!(
        format!("{}{}", check.out, check.err).contains("is never asked: it is not encrypted"),
        "{check:?}"
    );
}

#[test]
fn one_encrypted_resolver_stands_in_for_another_and_comes_back() {
    let (mut first, second) = (Resolver::start(Make::Dnsdist), Resolver::start(Make::Unbound));
    let both = first.authority() + &second.authority();
    let plan = plan()
        .forwards_to_url(&first.url("https", "dns.example"))
        .forwards_to_url(&second.url("tls", "dns.example"))
        .upstream(&format!("strategy = \"ordered\"\n{CA}"));
    let school = plan.file("ca.pem", both).open();
    let pupil = school.pupil("127.20.0.5");
    assert_eq!(pupil.ask("only-first.example", "A").said(), "A 198.51.100.91");
    first.stop();
    assert_eq!(pupil.ask("shop.example", "A").said(), "A 198.51.100.91");
    first.restart();
    let back =
        (0..2_000).any(|number| pupil.ask(&format!("n{number}.example"), "A").said() == "A 198.51.100.91");
    assert!(back, "the first is asked again");
}

#[test]
fn a_file_of_authorities_that_holds_none_stops_the_start() {
    let mut school = plan()
        .forwards_to_url("tls://127.0.0.1:9#dns.example")
        .upstream(CA)
        .file("ca.pem", "no certificate")
        .lay_out();
    let exit = school.start().unwrap_err();
    assert_eq!(exit.code, Some(2));
    assert!(exit.err.contains("ca.pem: it holds no certificate"), "{}", exit.err);
}
