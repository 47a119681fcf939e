//! The HTTP server, on a thread and a runtime of its own: nothing that is asked here can hold up
//! DNS.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::api;
use crate::connections::{Bounded, CONNECTIONS_MAX};
use crate::facts::Facts;
use crate::store::Store;

/// How long [`AdminServer::stop`] waits for requests that are being answered.
pub const DRAIN: Duration = Duration::from_secs(2);

/// Why the server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another program, or another copy of this one, has the port.
    #[error("port in use: {0} (admin API)")]
    AddressInUse(SocketAddr),
    /// The port needs a privilege.
    #[error("not permitted to listen on {0} (admin API)")]
    PermissionDenied(SocketAddr),
    /// No interface has the address.
    #[error("no interface of this machine has the address {0} (admin API)")]
    AddressNotAvailable(SocketAddr),
    /// The description of the API cannot be written.
    #[error("the admin API cannot describe itself: {0}")]
    Description(#[from] serde_json::Error),
    /// Anything else.
    #[error("the admin API cannot start: {0}")]
    Other(#[from] std::io::Error),
}

/// The running server.
#[derive(Debug)]
pub struct AdminServer {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl AdminServer {
    /// Binds every address, then serves them on a new thread.
    ///
    /// # Errors
    /// [`StartError`]; nothing is served then.
    pub fn start(listen: &[SocketAddr], facts: Arc<Facts>) -> Result<Self, StartError> {
        let bound = listen.iter().map(|&address| bind(address));
        let bound: Vec<TcpListener> = bound.collect::<Result<_, _>>()?;
        let addresses = bound.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
        let router = api::router(Arc::clone(&facts))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name("admin-api".to_owned()).spawn(move || {
            runtime.block_on(serve(bound, router, facts, stopped));
            // A look into list copies that is still going on is not worth waiting for.
            runtime.shutdown_background();
        })?;
        Ok(Self { addresses, stop, thread })
    }

    /// The addresses, with the real port where port 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops: takes no new request, gives those being answered [`DRAIN`] to end.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the admin API had ended before it was told to");
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => StartError::AddressInUse(address),
        ErrorKind::PermissionDenied => StartError::PermissionDenied(address),
        ErrorKind::AddrNotAvailable => StartError::AddressNotAvailable(address),
        _ => StartError::Other(error),
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn serve(bound: Vec<TcpListener>, router: Router, facts: Arc<Facts>, stop: watch::Receiver<bool>) {
    // So that there is a store to read from the first request on. Without one the API says so.
    if let Err(error) = Store::open(&facts.data).await {
        tracing::error!(%error, "the store cannot be used; filtering does not need it, the API does");
    }
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut servers = JoinSet::new();
    for listener in bound {
        servers.spawn(serve_one(listener, Arc::clone(&slots), router.clone(), stop.clone()));
    }
    let mut stop = stop;
    // An error means that the handle is gone: the same as being told to stop.
    let _ = stop.changed().await;
    let all = async { while servers.join_next().await.is_some() {} };
    if timeout(DRAIN, all).await.is_err() {
        tracing::debug!("some requests of the admin API were cut off");
    }
}

async fn serve_one(
    listener: TcpListener,
    slots: Arc<Semaphore>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let served = async {
        let listener = Bounded::new(tokio::net::TcpListener::from_std(listener)?, slots);
        let stopped = async move {
            let _ = stop.changed().await;
        };
        axum::serve(listener, router).with_graceful_shutdown(stopped).await
    };
    if let Err(error) = served.await {
        tracing::error!(%error, "the admin API does not serve one of its addresses any more");
    }
}
