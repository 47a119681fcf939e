//! Encrypted servers against hickory-server on loopback, with a certificate authority of the tests' own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{MessageType, Metadata, ResponseCode};
use hickory_resolver::net::runtime::Time;
use hickory_server::Server as Toy;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::{TcpListener, UdpSocket};

use super::super::tests::{ask, question, says};
use super::super::{Options, Server, UpError, Upstreams};
use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// Says NXDOMAIN to everything.
struct Nobody;

#[async_trait::async_trait]
impl RequestHandler for Nobody {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut out: R,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.message_type = MessageType::Response;
        metadata.response_code = ResponseCode::NXDomain;
        let reply = MessageResponseBuilder::from_message_request(request).build_no_records(metadata);
        out.send_response(reply).await.unwrap()
    }
}

/// An authority and a certificate of it for `dns.example` and 127.0.0.1.
struct Authority {
    pem: String,
    key: Arc<rustls::sign::CertifiedKey>,
}

/// Gives its one certificate to everybody: there is no SNI in DoT, and none for addresses.
#[derive(Debug)]
struct One(Arc<rustls::sign::CertifiedKey>);

impl rustls::server::ResolvesServerCert for One {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let names = vec!["dns.example".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let der = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let key = rustls::crypto::ring::sign::any_supported_type(&der).unwrap();
        let key = rustls::sign::CertifiedKey::new(vec![certificate.der().clone()], key);
        Self { pem, key: Arc::new(key) }
    }

    /// A server that speaks `scheme`; it stops when the second value is dropped.
    async fn serve(&self, scheme: &str) -> (SocketAddr, Toy<Nobody>) {
        self.serve_at(scheme, (Ipv4Addr::LOCALHOST, 0).into()).await
    }

    async fn serve_at(&self, scheme: &str, any: SocketAddr) -> (SocketAddr, Toy<Nobody>) {
        let mut toy = Toy::new(Nobody);
        let proof: Arc<One> = Arc::new(One(Arc::clone(&self.key)));
        let address = if scheme == "quic" {
            let socket = UdpSocket::bind(any).await.unwrap();
            let address = socket.local_addr().unwrap();
            toy.register_quic_listener(socket, PATIENCE, proof).unwrap();
            address
        } else {
            let listener = tokio::time::timeout(PATIENCE, bind(any)).await.unwrap();
            let address = listener.local_addr().unwrap();
            match scheme {
                "tls" => toy.register_tls_listener(listener, PATIENCE, proof).unwrap(),
                _ => toy
                    .register_https_listener(listener, PATIENCE, proof, None, "/dns-query".to_owned())
                    .unwrap(),
            }
            address
        };
        (address, toy)
    }

    fn options(&self) -> Options {
        Options { trust: Trust::only(self.pem.as_bytes()).unwrap(), ..Options::default() }
    }
}

/// As soon as whoever was there before is gone.
async fn bind(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

fn upstreams(urls: &[String], options: Options) -> Upstreams {
    let servers = urls.iter().map(|url| Server::from(url.parse::<ServerAddress>().unwrap())).collect();
    Upstreams::of_servers(&[servers], &[], options)
}

#[tokio::test]
async fn every_encrypted_carrier_asks_over_one_kept_connection() {
    let authority = Authority::new();
    for scheme in ["tls", "https", "quic"] {
        let (address, _toy) = authority.serve(scheme).await;
        for url in [format!("{scheme}://{address}#dns.example"), format!("{scheme}://{address}")] {
            let upstreams = upstreams(std::slice::from_ref(&url), authority.options());
            for _ in 0..3 {
                let answer = ask(&upstreams).await.unwrap_or_else(|error| panic!("{url}: {error}"));
                assert_eq!(answer.bytes[3] & 0xf, 3, "{url}");
            }
            let stats = &upstreams.servers()[0];
            assert_eq!((stats.requests, stats.failures, stats.connections), (3, 0, 1), "{url}");
        }
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_or_authority_is_no_server() {
    let (authority, other) = (Authority::new(), Authority::new());
    for scheme in ["tls", "https", "quic"] {
        let (address, _toy) = authority.serve(scheme).await;
        let good = format!("{scheme}://{address}#dns.example");
        for (url, options, why) in [
            (format!("{scheme}://{address}#evil.example"), authority.options(), "another name"),
            (good.clone(), other.options(), "another authority"),
            (good, Options::default(), "the public authorities"),
        ] {
            let upstreams = upstreams(&[url], options);
            assert_eq!(ask(&upstreams).await.unwrap_err(), UpError::Network, "{scheme}: {why}");
        }
    }
}

#[tokio::test]
async fn a_plain_server_is_never_asked_instead_of_an_encrypted_one() {
    let authority = Authority::new();
    let plain = says(0).await;
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let urls = [format!("tls://{nobody}#dns.example"), format!("udp://{plain}")];
    let upstreams = upstreams(&urls, authority.options());
    for _ in 0..5 {
        assert_eq!(ask(&upstreams).await.unwrap_err(), UpError::Network);
    }
    assert_eq!(upstreams.servers().len(), 1, "the plain one is not even in the group");
}

#[tokio::test]
async fn a_server_that_was_started_again_costs_no_answer() {
    let authority = Authority::new();
    for scheme in ["tls", "https"] {
        let (address, toy) = authority.serve(scheme).await;
        let upstreams = upstreams(&[format!("{scheme}://{address}#dns.example")], authority.options());
        ask(&upstreams).await.unwrap();
        drop(toy);
        let (_, _toy) = authority.serve_at(scheme, address).await;
        ask(&upstreams).await.unwrap_or_else(|error| panic!("{scheme}: {error}"));
        assert_eq!(upstreams.servers()[0].failures, 0);
    }
}

#[tokio::test]
async fn one_encrypted_server_stands_in_for_another() {
    let authority = Authority::new();
    let (first, toy) = authority.serve("tls").await;
    let (second, _toy) = authority.serve("https").await;
    let urls = [format!("tls://{first}#dns.example"), format!("https://{second}#dns.example")];
    let ordered = Options { strategy: super::super::Strategy::Ordered, ..authority.options() };
    let both = upstreams(&urls, ordered.clone());
    assert!(ask(&both).await.unwrap().server.starts_with("tls"));
    drop(toy);
    for _ in 0..3 {
        assert!(ask(&both).await.unwrap().server.starts_with("https"));
    }
}

#[tokio::test]
async fn the_name_of_an_encrypted_server_is_found_through_the_bootstrap_and_checked() {
    let authority = Authority::new();
    let (address, _toy) = authority.serve("tls").await;
    let bootstrap = super::super::tests::bootstrap().await;
    for (name, outcome) in [("dns.example", Ok(3)), ("evil.example", Err(UpError::Network))] {
        let server: ServerAddress = format!("tls://{name}:{}", address.port()).parse().unwrap();
        let upstreams = Upstreams::of_servers(&[vec![server.into()]], &[bootstrap], authority.options());
        let said = upstreams.group(0).unwrap().ask(&question()).await;
        assert_eq!(said.map(|answer| answer.bytes[3] & 0xf), outcome, "{name}");
    }
}

#[test]
fn a_file_without_certificates_is_refused() {
    for text in ["", "root certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Trust::only(text.as_bytes()).is_err(), "{text}");
    }
}
