//! Plain HTTP through a proxy. The client library asks every proxy for a tunnel; school proxies give
//! one to port 443 only, and want plain HTTP asked of themselves, by the whole address (RFC 9112
//! section 3.2.2). So the request line is completed on its way out.

use std::io;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};
use ureq::{Agent, Error, Proxy};

use crate::access::base64;

/// How every request line begins: nothing but GET is ever sent.
const METHOD: &[u8] = b"GET ";

/// Who asks a proxy for plain HTTP.
pub(super) struct Proxied {
    pub(super) agent: Agent,
    /// What to say in `Proxy-Authorization`.
    pub(super) authorization: Option<String>,
}

impl Proxied {
    /// Ready to ask; `config` is that of an agent without a proxy.
    pub(super) fn new(proxy: &Proxy, config: Config) -> Self {
        let resolver = AtProxy { proxy: proxy.uri().clone(), resolver: DefaultResolver::default() };
        let connector = ().chain(TcpConnector::default()).chain(WholeAddress);
        let password = proxy.password().unwrap_or_default();
        let basic = |user| format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        Self {
            agent: Agent::with_parts(config, connector, resolver),
            authorization: proxy.username().map(basic),
        }
    }
}

/// Every name is found at the proxy.
#[derive(Debug)]
struct AtProxy {
    proxy: Uri,
    resolver: DefaultResolver,
}

impl Resolver for AtProxy {
    fn resolve(&self, _: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        self.resolver.resolve(&self.proxy, config, timeout)
    }
}

#[derive(Debug)]
struct WholeAddress;

impl<In: Transport> Connector<In> for WholeAddress {
    type Out = Asking<In>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let place = details.uri.authority().map_or("", |authority| authority.as_str());
        // A name and password are for the provider, in a header of their own.
        let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
        let front = format!("http://{host}");
        Ok(chained.map(|line| Asking { line, front }))
    }
}

/// A connection to the proxy, for requests to one host.
#[derive(Debug)]
struct Asking<T> {
    line: T,
    front: String,
}

impl<T: Transport> Transport for Asking<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.line.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let added = complete(self.line.buffers().output(), amount, self.front.as_bytes())?;
        self.line.transmit_output(amount + added, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.line.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.line.is_open()
    }
}

/// Puts the front of the address into a request line; gives how many bytes that added.
fn complete(output: &mut [u8], amount: usize, front: &[u8]) -> Result<usize, Error> {
    if !output.get(..amount).is_some_and(|head| head.starts_with(METHOD)) {
        return Ok(0);
    }
    if amount + front.len() > output.len() {
        return Err(Error::Io(io::Error::other("the request does not fit")));
    }
    let start = METHOD.len() + front.len();
    output.copy_within(METHOD.len()..amount, start);
    if let Some(place) = output.get_mut(METHOD.len()..start) {
        place.copy_from_slice(front);
    }
    Ok(front.len())
}
