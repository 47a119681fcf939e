//! Finds the addresses of upstream servers that are written as names.
//!
//! The school's own resolver cannot be asked (it is us), so a few addresses are given in the
//! configuration (`bootstrap`) and asked through hickory-resolver, which caches by TTL.

use std::io;
use std::net::{IpAddr, SocketAddr};

use blocklists::name::Name;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

/// Resolves server names through the bootstrap addresses.
pub(super) struct Bootstrap {
    resolver: Option<TokioResolver>,
}

impl Bootstrap {
    /// With no servers, no name is ever found.
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        if servers.is_empty() {
            return Self { resolver: None };
        }
        let name_servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            for connection in &mut config.connections {
                connection.port = server.port();
            }
            config
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), name_servers.collect());
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder
            .build()
            .inspect_err(|error| tracing::error!(%error, "the bootstrap resolver cannot be used"))
            .ok();
        Self { resolver }
    }

    /// The first address of a name.
    ///
    /// # Errors
    /// `NotFound` when there is none or nobody can be asked.
    pub(super) async fn address(&self, name: &Name) -> io::Result<IpAddr> {
        let missing = |why: String| io::Error::new(io::ErrorKind::NotFound, why);
        let resolver =
            self.resolver.as_ref().ok_or_else(|| missing("no bootstrap server is configured".to_owned()))?;
        // The final dot keeps search lists out of it.
        let found =
            resolver.lookup_ip(format!("{name}.")).await.map_err(|error| missing(error.to_string()))?;
        found.iter().next().ok_or_else(|| missing("it has no address".to_owned()))
    }
}
