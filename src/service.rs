//! What the service manager (systemd) gives to this program, and what it is told.
//!
//! It may have bound the DNS sockets before the start, so that no query is lost over a restart and
//! no privilege is needed for port 53; it wants to know when the program is ready, reads its files
//! again or stops; and it restarts a program that stops saying that it is alive. Started by hand,
//! every function here does nothing.

use listenfd::ListenFd;
use resolver::transport::{Inherited, Pulse};
use sd_notify::NotifyState;

/// The sockets that were passed on (`LISTEN_FDS`). To be called once, before any thread is started:
/// the variables are taken out of the environment, so that no child believes the sockets to be its.
#[must_use]
pub fn inherited_sockets() -> Inherited {
    let mut passed = ListenFd::from_env();
    let mut inherited = Inherited::default();
    for number in 0..passed.len() {
        // What is not of one kind stays in its place to be tried as the other.
        if let Ok(Some(listener)) = passed.take_tcp_listener(number) {
            inherited.tcp.push(listener);
        } else if let Ok(Some(socket)) = passed.take_udp_socket(number) {
            inherited.udp.push(socket);
        } else {
            tracing::warn!(
                "socket {number} that the service manager passed is neither TCP nor UDP; it is not used"
            );
        }
    }
    inherited
}

/// Start or reload is done: queries are answered by what was configured.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Both files are being read again; to be followed by [`ready`], however the reload ends.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // `Type=notify-reload` wants the time with it, to know which reload is meant.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!("the service manager was not told of the reload: {error}"),
    }
}

/// The program stops: what is being answered still is, nothing new is taken.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says "alive" for as long as the transports serve, from a thread of its own, so that a long reload
/// is not taken for a standstill. Does nothing when the service manager does not watch.
///
/// # Errors
/// When the system gives no thread.
pub fn watch(mut pulse: Pulse) -> std::io::Result<()> {
    let Some(every) = sd_notify::watchdog_enabled().map(|allowed| allowed / 2) else { return Ok(()) };
    let watching = move || loop {
        std::thread::sleep(every);
        if pulse.beats() {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!("DNS is not being served; the service manager will restart this program");
        }
    };
    // It ends with the process.
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(watching).map(drop)
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
