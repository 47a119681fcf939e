//! Encrypted connections to one server: DoT, DoH and DoQ through hickory-resolver's connections.
//!
//! Which name the certificate has to be for stands in the configuration, and whom we trust to say so in
//! [`Trust`]. Without a good certificate there is no connection, and without a connection no question:
//! nothing here ever falls back to plain DNS.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message};
use hickory_resolver::config::{ConnectionConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle, FirstAnswer};
use hickory_resolver::{ConnectionProvider, PoolContext, TlsConfig};
use thiserror::Error;

use super::UpQuestion;
use super::address::{Carrier, ServerAddress};
use super::message::{Extras, Match, Query, Reply};
use super::row::{LINE_QUESTIONS, Row};
use super::work::TRY;

/// Why certificates cannot be trusted as wished.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrustError {
    /// Not PEM, or no certificate in it.
    #[error("it holds no certificate in PEM form")]
    NoCertificate,
    /// A certificate that cannot be a root.
    #[error("a certificate in it cannot be used: {0}")]
    Certificate(String),
}

/// Whose word about a server's name is taken.
#[derive(Debug, Clone)]
pub struct Trust(rustls::ClientConfig);

impl Default for Trust {
    /// The authorities that browsers trust (Mozilla's list, as of this build).
    fn default() -> Self {
        Self::of(rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }
}

impl Trust {
    /// Only the authorities in this PEM file, none of the public ones.
    ///
    /// # Errors
    /// [`TrustError`] when there is no usable certificate in it.
    pub fn only(pem: &[u8]) -> Result<Self, TrustError> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;

        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| TrustError::NoCertificate)?;
            roots.add(certificate).map_err(|error| TrustError::Certificate(error.to_string()))?;
        }
        if roots.is_empty() { Err(TrustError::NoCertificate) } else { Ok(Self::of(roots)) }
    }

    fn of(roots: rustls::RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]);
        // Only a provider without cipher suites for these versions could fail here.
        #[expect(clippy::expect_used, reason = "the provider is ours and has both")]
        let config = config.expect("ring speaks TLS 1.3 and 1.2");
        Self(config.with_root_certificates(roots).with_no_client_auth())
    }
}

type Exchange = DnsExchange<TokioRuntimeProvider>;

/// The encrypted connections to one server.
pub(super) struct Sealed {
    ip: IpAddr,
    config: ConnectionConfig,
    context: Arc<PoolContext>,
    near_misses: Arc<AtomicU64>,
    row: Row<Exchange>,
}

impl Sealed {
    /// No connection is opened yet.
    pub(super) fn new(
        server: SocketAddr,
        address: &ServerAddress,
        trust: &Trust,
        near_misses: Arc<AtomicU64>,
    ) -> Self {
        let server_name: Arc<str> = address.certificate_name().into();
        let path: Arc<str> = address.path.as_deref().unwrap_or_default().into();
        let mut config = match address.carrier {
            Carrier::Https => ConnectionConfig::https(server_name, Some(path)),
            Carrier::Quic => ConnectionConfig::quic(server_name),
            Carrier::Udp | Carrier::Tcp | Carrier::Tls => ConnectionConfig::tls(server_name),
        };
        config.port = server.port();
        let mut options = ResolverOpts::default();
        options.timeout = TRY;
        options.max_active_requests = LINE_QUESTIONS;
        let context = Arc::new(PoolContext::new(options, TlsConfig { config: trust.0.clone() }));
        Self { ip: server.ip(), config, context, near_misses, row: Row::new() }
    }

    /// Asks one question; the caller bounds the time. Needs a tokio runtime.
    ///
    /// # Errors
    /// Whatever network and certificate say; `WouldBlock` when every connection is full.
    pub(super) async fn ask(&self, question: &UpQuestion) -> io::Result<(Vec<u8>, Reply)> {
        let query = Query::new(question, Extras { padded: true, ..Extras::default() })?;
        loop {
            let taken = self.row.take(|| self.connect()).await?;
            let message = Message::from_vec(query.bytes()).map_err(io::Error::other)?;
            let request = DnsRequest::new(message, DnsRequestOptions::default());
            match taken.line.send(request).first_answer().await {
                Ok(response) => {
                    let bytes = response.into_buffer();
                    let Some(reply) = query.check(&bytes, Match::Caseless) else {
                        self.near_misses.fetch_add(1, Relaxed);
                        taken.broke();
                        return Err(io::Error::new(
                            ErrorKind::InvalidData,
                            "not the answer to this question",
                        ));
                    };
                    taken.answered();
                    return Ok((bytes, reply));
                }
                Err(NetError::Busy) => return Err(ErrorKind::WouldBlock.into()),
                Err(NetError::Timeout) => return Err(ErrorKind::TimedOut.into()),
                // One that had been open for a while may just have been closed: a new one will tell.
                Err(error) => {
                    if taken.broke() {
                        return Err(io::Error::other(error));
                    }
                }
            }
        }
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        self.row.open()
    }

    fn connect(&self) -> impl Future<Output = io::Result<Exchange>> + Send + use<> {
        let provider = TokioRuntimeProvider::default();
        let connecting = provider.new_connection(self.ip, &self.config, &self.context);
        async move { connecting.map_err(io::Error::other)?.await.map_err(io::Error::other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        for text in ["", "root certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert!(Trust::only(text.as_bytes()).is_err(), "{text}");
        }
    }
}
