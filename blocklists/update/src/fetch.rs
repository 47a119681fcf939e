//! Fetching a list over HTTP: every wait and every length has a bound.
//!
//! A copy is kept as its author published it, so what the transfer alone packed (`Content-Encoding`)
//! is unpacked here, and what the file itself is packed in stays.

mod proxied;

use std::io::{self, BufRead, BufReader, Read};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use ureq::Body;
use ureq::http::{HeaderMap, Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::access::{self, Access, AccessError, Bounds, Credentials};
use crate::error::NoCopy;
use proxied::Proxied;

/// Redirects followed.
const REDIRECTS_MAX: u32 = 5;
/// Longest `ETag` or `Last-Modified` that is remembered.
const VALIDATOR_MAX: usize = 512;
/// Longest wait that a provider may ask for (`Retry-After`), in seconds.
const RETRY_AFTER_MAX: u64 = 86_400;

/// Fetches lists; one for an update, so that connections are used again.
pub(crate) struct Fetcher {
    agent: ureq::Agent,
    /// For plain HTTP, where there is a proxy.
    proxied: Option<Proxied>,
    credentials: Credentials,
    bounds: Bounds,
}

/// What a provider said of the state of a list, to be asked of it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edition {
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<String>,
}

/// What a provider answered.
pub(crate) enum Answer<R> {
    /// The edition that was named is still the newest.
    Same,
    /// A list.
    Content(R, Edition),
}

impl Fetcher {
    /// Ready to fetch.
    ///
    /// # Errors
    /// [`AccessError`] when a file of `[lists]` cannot be used.
    pub(crate) fn new(access: &Access) -> Result<Self, AccessError> {
        let credentials =
            access.credentials.as_deref().map(Credentials::read).transpose()?.unwrap_or_default();
        let bounds = access.bounds;
        let proxy = access.proxy.as_deref().map(|proxy| proxy_of(proxy, &credentials)).transpose()?;
        let roots = access.ca.as_deref().map(roots).transpose()?.unwrap_or(RootCerts::WebPki);
        let config = |proxy: Option<ureq::Proxy>| {
            ureq::Agent::config_builder()
                .timeout_global(Some(bounds.whole))
                .timeout_connect(Some(bounds.connect))
                .timeout_recv_response(Some(bounds.answer))
                .timeout_per_read(Some(bounds.silence))
                // Followed here: credentials are chosen anew for each place, and none is carried along.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .proxy(proxy)
                .tls_config(TlsConfig::builder().root_certs(roots.clone()).build())
                .user_agent(concat!("schoolgate/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        let by_address = |proxy: &&ureq::Proxy| proxy.protocol() == ureq::ProxyProtocol::Http;
        let proxied = proxy.as_ref().filter(by_address).map(|proxy| Proxied::new(proxy, config(None)));
        Ok(Self { agent: config(proxy).into(), proxied, credentials, bounds })
    }

    /// The bytes behind a URL, as they come; nothing when the edition named is still the newest.
    ///
    /// # Errors
    /// [`NoCopy`] with a sentence for people, without the URL.
    pub(crate) fn get(
        &self,
        url: &str,
        known: Option<&Edition>,
    ) -> Result<Answer<impl Read + use<>>, NoCopy> {
        let answer = self.follow(url, known)?;
        let status = answer.status();
        if status == StatusCode::NOT_MODIFIED && known.is_some() {
            return Ok(Answer::Same);
        }
        if status != StatusCode::OK {
            let why = format!("the server answered with HTTP status {}", status.as_u16());
            return Err(NoCopy::Source { why, retry_after: retry_after(answer.headers()) });
        }
        if answer.body().mime_type() == Some("text/html") {
            return Err(NoCopy::Unfit("the server sent a web page instead of a list".to_owned()));
        }
        let edition = edition(answer.headers());
        let coding =
            text(answer.headers(), header::CONTENT_ENCODING).unwrap_or_default().to_ascii_lowercase();
        let wire = answer.into_body().into_with_config().limit(self.bounds.wire_bytes).reader();
        Ok(Answer::Content(Content::new(wire, &coding, self.bounds)?, edition))
    }

    /// Asks, and asks again where it is sent to.
    fn follow(&self, url: &str, known: Option<&Edition>) -> Result<Response<Body>, NoCopy> {
        let until = Instant::now() + self.bounds.whole;
        let unreadable = || NoCopy::source("its address cannot be read");
        let mut uri: Uri = url.parse().map_err(|_| unreadable())?;
        // Once HTTPS, always HTTPS: a redirect to plain HTTP would let anybody on the way write the list.
        let is_https = uri.scheme_str() == Some("https");
        for _ in 0..=REDIRECTS_MAX {
            let left = until.saturating_duration_since(Instant::now());
            let proxied = self.proxied.as_ref().filter(|_| uri.scheme_str() == Some("http"));
            let agent = proxied.map_or(&self.agent, |proxied| &proxied.agent);
            let mut request = agent.get(&uri).config().timeout_global(Some(left)).build();
            request = request.header(header::ACCEPT_ENCODING, "gzip, zstd");
            if let Some(authorization) = proxied.and_then(|proxied| proxied.authorization.as_ref()) {
                request = request.header(header::PROXY_AUTHORIZATION, authorization);
            }
            if let Some(authorization) = self.authorization(&uri)? {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
                request = request.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(modified) = known.and_then(|known| known.modified.as_ref()) {
                request = request.header(header::IF_MODIFIED_SINCE, modified);
            }
            let answer = request.call().map_err(|error| NoCopy::source(sentence(&error)))?;
            let goes_on = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(location) = text(answer.headers(), header::LOCATION).filter(|_| goes_on) else {
                return Ok(answer);
            };
            uri = joined(&uri, location)
                .ok_or_else(|| NoCopy::source("the server redirects to an address that cannot be read"))?;
            if is_https && uri.scheme_str() != Some("https") {
                return Err(NoCopy::source("the server redirects from https to http, which is not followed"));
            }
        }
        Err(NoCopy::source(format!("the server redirects more than {REDIRECTS_MAX} times")))
    }

    /// A small text behind a URL: a checksum, a signature.
    ///
    /// # Errors
    /// [`NoCopy`] with a sentence for people.
    pub(crate) fn get_text(&self, url: &str, bytes_max: u64) -> Result<String, NoCopy> {
        let mut text = String::new();
        if let Answer::Content(content, _) = self.get(url, None)? {
            let read = content.take(bytes_max).read_to_string(&mut text);
            read.map_err(|error| NoCopy::source(error.to_string()))?;
        }
        Ok(text)
    }

    fn authorization(&self, uri: &Uri) -> Result<Option<String>, NoCopy> {
        let host = uri.host().unwrap_or_default();
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let userinfo = uri.authority().and_then(|place| Some(place.as_str().rsplit_once('@')?.0));
        let in_url = userinfo.map(|user| format!("Basic {}", access::base64(&unescaped(user))));
        let said = self.credentials.authorization(host, port).or(in_url);
        // What goes through a proxy leaves this machine, wherever it is sent.
        let is_here =
            self.proxied.is_none() && host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if said.is_some() && !is_https && !is_here {
            return Err(NoCopy::source(
                "there are credentials for its host, and they are sent over https only",
            ));
        }
        Ok(said)
    }
}

/// Where a redirect leads (RFC 3986 section 5.2, without `..`, which no server sends).
fn joined(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or("");
    let (scheme, place) = (base.scheme_str()?, base.authority()?);
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_whole = location.starts_with("http://") || location.starts_with("https://");
    let text = match location.as_bytes() {
        _ if is_whole => location.to_owned(),
        [b'/', b'/', ..] => format!("{scheme}:{location}"),
        [b'/', ..] => format!("{scheme}://{place}{location}"),
        [b'?', ..] => format!("{scheme}://{place}{}{location}", base.path()),
        _ => format!("{scheme}://{place}{folder}/{location}"),
    };
    text.parse().ok()
}

/// `%41` becomes `A`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

fn proxy_of(address: &str, credentials: &Credentials) -> Result<ureq::Proxy, AccessError> {
    let proxy = ureq::Proxy::new(address).map_err(|_| AccessError::Proxy)?;
    match credentials.user(proxy.host(), proxy.port()) {
        Some((user, password)) if proxy.username().is_none() => {
            let builder = ureq::Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
            builder.username(user).password(password).build().map_err(|_| AccessError::Proxy)
        }
        _ => Ok(proxy),
    }
}

/// Mozilla's roots and those of a file.
fn roots(path: &std::path::Path) -> Result<RootCerts, AccessError> {
    let (text, _) = access::read(path)?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(text.as_bytes()) {
        if let Ok(PemItem::Certificate(certificate)) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        let why = "there is no certificate in PEM in it".to_owned();
        return Err(AccessError::Malformed { path: path.to_owned(), why });
    }
    let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    certificates.extend(mozilla.map(|root| Certificate::from_der(root).to_owned()));
    Ok(RootCerts::from(certificates))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn edition(headers: &HeaderMap) -> Edition {
    let kept = |name| text(headers, name).filter(|text| text.len() <= VALIDATOR_MAX).map(str::to_owned);
    Edition { etag: kept(header::ETAG), modified: kept(header::LAST_MODIFIED) }
}

/// How long the provider asks to be left alone, in seconds. (The form with a date is not worth its parser.)
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    Some(text(headers, header::RETRY_AFTER)?.trim().parse::<u64>().ok()?.min(RETRY_AFTER_MAX))
}

/// The content of an answer, unpacked from its transfer, in time and within bounds.
struct Content {
    bytes: Box<dyn Read>,
    bounds: Bounds,
    left: u64,
}

impl Content {
    fn new(wire: impl Read + 'static, coding: &str, bounds: Bounds) -> Result<Self, NoCopy> {
        let paced = Paced { wire, bounds, since: Instant::now(), bytes: 0 };
        let mut paced = BufReader::new(paced);
        // Some servers name a coding that they did not use, because the file is called `.gz`.
        let head = paced.fill_buf().map_err(|error| NoCopy::source(wire_sentence(&error)))?;
        let bytes: Box<dyn Read> = match coding {
            "gzip" | "x-gzip" if head.starts_with(&[0x1f, 0x8b]) => {
                Box::new(flate2::bufread::MultiGzDecoder::new(paced))
            }
            "zstd" if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => Box::new(
                zstd::Decoder::with_buffer(paced).map_err(|error| NoCopy::source(error.to_string()))?,
            ),
            "" | "identity" | "gzip" | "x-gzip" | "zstd" => Box::new(paced),
            _ => return Err(NoCopy::source("the server packed it in a way that was not asked for")),
        };
        Ok(Self { bytes, bounds, left: bounds.content_bytes })
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer).map_err(|error| io::Error::other(wire_sentence(&error)))?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {} MiB", self.bounds.content_bytes >> 20))
        })?;
        Ok(count)
    }
}

/// Bytes on the wire; ends an answer that drips.
struct Paced<R> {
    wire: R,
    bounds: Bounds,
    /// The start of this window.
    since: Instant,
    /// What came within it.
    bytes: u64,
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.wire.read(buffer)?;
        self.bytes += count as u64;
        let took = self.since.elapsed();
        if count > 0 && took >= self.bounds.rate_window {
            if u128::from(self.bytes) * 1000 < u128::from(self.bounds.rate_min) * took.as_millis() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the server sends too slowly"));
            }
            (self.since, self.bytes) = (Instant::now(), 0);
        }
        Ok(count)
    }
}

/// What went wrong while an answer came.
fn wire_sentence(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    inner.map_or_else(|| error.to_string(), sentence)
}

/// What went wrong, for people, and never with the URL: it may hold a secret.
fn sentence(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "the server's name is not known to DNS".to_owned(),
        ureq::Error::BadUri(_) => "its address cannot be read".to_owned(),
        ureq::Error::Timeout(_) => "the server takes too long".to_owned(),
        ureq::Error::BodyExceedsLimit(limit) => format!("the server sends more than {} MiB", limit >> 20),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server ended before the list did".to_owned()
        }
        ureq::Error::Io(error) => format!("cannot be fetched: {error}"),
        other => format!("cannot be fetched: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_where_it_says() {
        let base: Uri = "https://a@lists.example/x/y.txt?v=1".parse().unwrap();
        for (location, target) in [
            ("https://other.example/z#top", Some("https://other.example/z")),
            ("//other.example/z", Some("https://other.example/z")),
            ("/z", Some("https://a@lists.example/z")),
            ("z?v=2", Some("https://a@lists.example/x/z?v=2")),
            ("?v=2", Some("https://a@lists.example/x/y.txt?v=2")),
            ("https://[::", None),
        ] {
            assert_eq!(joined(&base, location).map(|uri| uri.to_string()).as_deref(), target, "{location}");
        }
    }
}
