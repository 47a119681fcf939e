//! The way to a provider: credentials, proxies, certificates.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::provider::Line;
use super::*;

impl School {
    /// Writes a credentials file with these permissions.
    fn credentials(&self, text: &str, mode: u32) -> Access {
        let path = self.path("credentials.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Access { credentials: Some(path), ..Order::new().access }
    }

    /// Everything that people may see of the lists.
    fn shown(&self) -> String {
        serde_json::to_string(&self.lists.status(None)).unwrap()
    }
}

#[test]
fn a_provider_gets_its_own_credentials_and_nobody_sees_them() {
    let (school, provider, other) = (School::new(), Provider::open(), Provider::open());
    provider.lists("/bets", "bet.example\n");
    other.lists("/moved", "moved.example\n");
    provider.offers("/moved", Offer::Status("302 Found", format!("Location: {}\r\n", other.url("/moved"))));
    let text = format!("[\"{}\"]\nuser = \"school\"\npassword = \"opensesame\"\n", provider.host());
    let order = Order { access: school.credentials(&text, 0o600), ..Order::new() };
    let in_url = other.url("/key?list=a&apikey=opensesame").replace("http://", "http://school:opensesame@");
    let sources = [
        source("bets", "gambling", Location::Url(provider.url("/bets"))),
        source("moved", "games", Location::Url(provider.url("/moved"))),
        source("key", "games", Location::Url(in_url)),
    ];
    let outcome = school.run(&order, &sources);
    assert!(matches!(&*outcome.refused, [(id, why)] if id == "key" && why.contains("404")), "{outcome:?}");
    let basic = "Basic c2Nob29sOm9wZW5zZXNhbWU=";
    assert!(provider.asked().iter().all(|request| request.headers["authorization"] == basic));
    let asked = other.asked();
    let said = |path: &str| {
        asked.iter().find(|one| one.path.starts_with(path)).unwrap().headers.get("authorization")
    };
    assert_eq!(said("/moved"), None, "a redirect takes no password along");
    assert_eq!(said("/key").map(String::as_str), Some(basic));
    let shown = format!("{}{outcome:?}", school.shown());
    assert!(shown.contains("***@127.0.0.1") && shown.contains("apikey=***"), "{shown}");
    assert!(!shown.contains("opensesame") && !shown.contains("c2Nob29s"), "{shown}");
}

#[test]
fn a_credentials_file_that_everybody_may_read_is_not_used_and_lists_on_this_machine_go_on() {
    let (school, provider) = (School::new(), Provider::open());
    provider.lists("/bets", "bet.example\n");
    let order = Order {
        access: school.credentials("[\"a.example\"]\nbearer = \"opensesame\"\n", 0o644),
        ..Order::new()
    };
    assert!(order.access.check().is_err());
    let sources = [
        source("bets", "gambling", Location::Url(provider.url("/bets"))),
        school.list("play", "games", "play.example\n"),
    ];
    let outcome = school.run(&order, &sources);
    assert!(matches!(&*outcome.refused, [(id, why)] if id == "bets" && why.contains("chmod")), "{outcome:?}");
    assert!(school.lists("play.example") && provider.asked().is_empty());
    assert!(!school.shown().contains("opensesame"));
}

#[test]
fn credentials_never_travel_in_the_clear() {
    let school = School::new();
    let order = Order {
        access: school.credentials("[\"192.0.2.1\"]\nbearer = \"opensesame\"\n", 0o600),
        ..Order::new()
    };
    let sources = [source("bets", "gambling", Location::Url("http://192.0.2.1/bets".to_owned()))];
    let outcome = school.run(&order, &sources);
    assert!(outcome.refused[0].1.contains("over https only"), "{outcome:?}");
}

#[test]
fn everything_goes_through_the_proxy() {
    let (school, proxy) = (School::new(), Provider::open());
    let text = format!("[\"{}\"]\nuser = \"school\"\npassword = \"opensesame\"\n", proxy.host());
    let mut order = Order { access: school.credentials(&text, 0o600), ..Order::new() };
    order.access.proxy = Some(format!("http://{}", proxy.host()));
    let sources = [source("bets", "gambling", Location::Url("https://lists.example/bets".to_owned()))];
    let outcome = school.run(&order, &sources);
    assert!(outcome.refused[0].1.contains("proxy"), "{outcome:?}");
    let [asked] = &proxy.asked()[..] else { panic!("one question") };
    assert_eq!(asked.path, "lists.example:443");
    assert_eq!(asked.headers["proxy-authorization"], "Basic c2Nob29sOm9wZW5zZXNhbWU=");
    assert!(!school.shown().contains("opensesame"));

    order.access.proxy = Some("not a proxy".to_owned());
    assert!(order.access.check().is_err());
}

#[test]
fn a_proxy_is_asked_for_plain_http_by_the_whole_address_and_never_told_a_providers_password() {
    let (school, proxy) = (School::new(), Provider::open());
    proxy.lists("http://lists.school.test:8080/bets?v=1", "bet.example\n");
    proxy.offers(
        "http://moved.school.test/old",
        Offer::Status("302 Found", "Location: http://lists.school.test:8080/bets?v=1\r\n".to_owned()),
    );
    let text = format!(
        "[\"{}\"]\nuser = \"school\"\npassword = \"opensesame\"\n[\"127.0.0.1\"]\nbearer = \"tok\"\n",
        proxy.host()
    );
    let mut order = Order { access: school.credentials(&text, 0o600), ..Order::new() };
    order.access.proxy = Some(format!("http://{}", proxy.host()));
    let from = |url: &str| [source("bets", "gambling", Location::Url(url.to_owned()))];
    let there = from("http://moved.school.test/old");
    assert_eq!(school.run(&order, &there).refused, []);
    assert!(school.lists("bet.example"));
    let asked = proxy.asked();
    let paths: Vec<&str> = asked.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["http://moved.school.test/old", "http://lists.school.test:8080/bets?v=1"]);
    for request in &asked {
        assert_eq!(request.headers["proxy-authorization"], "Basic c2Nob29sOm9wZW5zZXNhbWU=");
        assert!(
            request.headers["host"].ends_with("school.test") || request.headers["host"].ends_with(":8080")
        );
    }
    assert_eq!(school.run(&order, &there).refused, [], "the edition is known");
    assert!(proxy.asked()[1].headers.contains_key("if-none-match"));

    // What is on this machine is none of the proxy's business.
    let outcome = school.run(&order, &from("http://127.0.0.1:9/bets"));
    assert!(outcome.refused[0].1.contains("over https only"), "{outcome:?}");
    assert!(proxy.asked().is_empty());
}

/// A provider behind TLS, and the certificate of the authority that signed for it.
fn behind_tls() -> (Provider, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let private = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let wrap = move |stream: TcpStream| {
        let connection = ServerConnection::new(Arc::clone(&config)).ok()?;
        Some(Box::new(StreamOwned::new(connection, stream)) as Box<dyn Line>)
    };
    (Provider::behind("https", wrap), authority)
}

#[test]
fn a_school_whose_filter_looks_into_tls_believes_its_own_authority() {
    let (school, (provider, authority)) = (School::new(), behind_tls());
    provider.lists("/bets", "bet.example\n");
    let sources = [source("bets", "gambling", Location::Url(provider.url("/bets")))];
    let mut order = Order::new();
    let outcome = school.run(&order, &sources);
    assert!(outcome.refused[0].1.contains("cannot be fetched"), "a stranger signed for it: {outcome:?}");
    let path = school.path("ca.pem");
    std::fs::write(&path, authority).unwrap();
    order.access.ca = Some(path.clone());
    assert_eq!(school.run(&order, &sources).refused, []);
    assert!(school.lists("bet.example"));
    std::fs::write(&path, "no certificate").unwrap();
    assert!(order.access.check().is_err());
}

#[test]
fn what_is_asked_over_https_never_comes_over_http() {
    let (school, (provider, authority), plain) = (School::new(), behind_tls(), Provider::open());
    plain.lists("/bets", "anybody-wrote-this.example\n");
    provider.offers("/bets", Offer::Status("301 Moved", format!("Location: {}\r\n", plain.url("/bets"))));
    let mut order = Order::new();
    order.access.ca = Some(school.path("ca.pem"));
    std::fs::write(school.path("ca.pem"), authority).unwrap();
    let sources = [source("bets", "gambling", Location::Url(provider.url("/bets")))];
    let outcome = school.run(&order, &sources);
    assert!(outcome.refused[0].1.contains("from https to http"), "{outcome:?}");
    assert!(plain.asked().is_empty());
}
