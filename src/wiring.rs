//! The whole data flow on one page.
//!
//! ```text
//!  data plane                                                        control plane
//!  query -> client -> policy -> verdict -> answer -> event           files, lists, signals, admin API
//!  `-- transport   `-- Snapshot::client, decide    |-- Counters      `-- builds a Snapshot, swaps it in
//!                                                  `-- EventRing --> used_here: names, no clients
//! ```
//!
//! A datagram or a TCP message reaches [`resolver::transport`], which asks [`resolver::Engine`].
//! The engine reads one immutable [`policy::Snapshot`], decides, answers from templates, local
//! zones, the cache or an upstream, and counts the event; a bounded ring carries it to whoever reads,
//! and drops what comes too fast. Nothing on that way touches a file, a
//! database or a lock of the control plane. The control plane ([`crate::control`], the admin API)
//! lives on threads of its own and has one way in: it publishes a new snapshot.

use std::path::PathBuf;
use std::sync::Arc;

use blocklists_update::Lists;
use policy::Snapshot;
use resolver::Engine;
use thiserror::Error;

use crate::config::document::{self, Loaded, PolicyError};
use crate::config::{Config, Origin, parts};
use crate::control::Control;
use crate::{saved_cache, service, state, used_here};

/// Why the server does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The policy document is wrong and there is no last good one (exit code 2).
    #[error(transparent)]
    Policy(PolicyError),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] state::StateError),
    /// A DNS address cannot be had.
    #[error(transparent)]
    Dns(#[from] resolver::transport::BindError),
    /// The admin API's address cannot be had.
    #[error(transparent)]
    Admin(#[from] admin_api::StartError),
    /// The lists directory cannot be used.
    #[error(transparent)]
    Lists(#[from] blocklists_update::UpdateError),
    /// A local record or zone cannot be used (exit code 2).
    #[error("{0}")]
    World(String),
    /// Threads or runtimes cannot be had.
    #[error("the system gives no threads: {0}")]
    System(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServeError`] before anything is answered.
pub fn serve(config: Config) -> Result<(), ServeError> {
    raise_file_limit();
    let inherited = service::inherited_sockets();
    let serving = state::take(&config.data)?;
    let (loaded, is_last_good) = last_good_policy(&config)?;
    let world = parts::world(&config, loaded.live.revision).map_err(ServeError::World)?;
    let lists = Lists::open(&config.data.join("lists"))?;

    // Every address is taken before anything answers: a box that serves half of its VLANs is
    // harder to see than one that does not start.
    let sockets = resolver::transport::bind_or_inherit(&config.listen, config.workers, inherited)?;
    let slow = tokio::runtime::Builder::new_multi_thread().thread_name("resolver").enable_all().build()?;

    // The data plane. It begins with a snapshot that refuses everything (EDE 14, core excepted),
    // so that no moment of a start is unfiltered.
    let settings = resolver::Settings {
        cache_bytes: config.cache_bytes,
        stale: config.cache_stale,
        ..Default::default()
    };
    let local = parts::local_zones(&config).map_err(ServeError::World)?;
    let engine = Engine::new(settings, parts::upstreams(&config), local, Arc::new(Snapshot::not_ready()));
    saved_cache::restore(&config, &engine);
    slow.spawn(Arc::clone(&engine).renew());
    let zone = loaded.school.timezone().and_then(|name| jiff::tz::TimeZone::get(name).ok());
    let zone = zone.unwrap_or_else(jiff::tz::TimeZone::system);
    let events = used_here::Reader::start(Arc::clone(&engine), &config.data, zone)?;
    let transports = resolver::transport::serve(sockets, Arc::clone(&engine), slow.handle())?;
    service::watch(transports.pulse())?;

    // The control plane, on threads of its own.
    let facts = admin_api::Facts::new(
        Arc::clone(&engine),
        transports.load(),
        config.data.clone(),
        config.metrics_open,
    );
    facts.set_reload_failed(is_last_good);
    let admin = admin_api::AdminServer::start(&config.admin, Arc::clone(&facts))?;
    greet(&config);
    let config =
        Control::new(config, lists, Arc::clone(&engine), facts, loaded, world).run_until_stopped()?;
    serving.leave();
    service::stopping();

    admin.stop();
    slow.block_on(transports.stop());
    slow.shutdown_background();
    events.stop();
    saved_cache::save(&config, &engine);
    Ok(())
}

/// The policy of the file; when that is wrong, the last good one, with an alarm (and `true`).
fn last_good_policy(config: &Config) -> Result<(Loaded, bool), ServeError> {
    let kept = document::recall(&config.data);
    let (loaded, is_last_good) = match document::load(config, kept.as_ref()) {
        Ok(loaded) => (loaded, false),
        Err(error) => match kept.and_then(|kept| document::revive(kept).ok()) {
            Some(loaded) => {
                tracing::error!("{error}");
                tracing::error!("the last good policy (revision {}) stays in force", loaded.live.revision);
                (loaded, true)
            }
            None => return Err(ServeError::Policy(error)),
        },
    };
    for warning in config.warnings.iter().chain(&loaded.warnings) {
        tracing::warn!("{warning}");
    }
    Ok((loaded, is_last_good))
}

/// Every question upstream and every TCP client is an open file; the usual soft limit of 1024 would
/// be the first of all bounds to be met.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_err()
    {
        tracing::warn!("open files stay limited to {soft}");
    }
}

/// What a person at a terminal wants to know first.
fn greet(config: &Config) {
    let dns: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    let admin: Vec<String> = config.admin.iter().map(|address| format!("http://{address}")).collect();
    tracing::info!("schoolgate {} with {}", env!("CARGO_PKG_VERSION"), config.shown());
    tracing::info!(
        "DNS on {} (UDP and TCP), admin API on {}, state in {}",
        dns.join(", "),
        admin.join(", "),
        shown(&config.data)
    );
    if config.origin != Origin::BuiltIn {
        return;
    }
    say!("Three networks, three answers (another terminal):");
    say!(
        "  dig -b 127.0.0.1  @127.0.0.1 -p 5300 bet365.com             # a pupil: blocked, and EDE says why"
    );
    say!("  dig -b 127.90.0.1 @127.0.0.1 -p 5300 www.yandex.com         # a guest: rewritten to safe search");
    say!("  dig -b 127.30.0.1 @127.0.0.1 -p 5300 store.steampowered.com # staff: allowed, asked upstream");
}

fn shown(path: &std::path::Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path)).display().to_string()
}
