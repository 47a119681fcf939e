//! What a technician runs when something is odd: every part of the box is looked at from outside, and
//! what is wrong is said in one sentence with a way out.
//!
//! Each file examines one part, and keeps what can be judged without a network apart from asking it.
//! Nothing here changes anything; nothing is sent on the school's network but questions to the
//! configured upstream servers, unless a probe is asked for.

mod asking;
mod clock;
mod dhcp;
mod networks;
mod policies;
mod probe;
mod router;
pub mod sightings;
mod state;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;

use crate::config::{Config, parts};
use crate::state::server_of;

/// How a part of the box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Good,
    /// Worth knowing, or not to be judged.
    Note,
    /// Something to mend.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which part: `policy`, `state`, `lists`, `upstream`, `clock`, `networks`, `server`, `clients`,
    /// `dhcp`, `router`.
    pub check: &'static str,
    /// How it is.
    pub health: Health,
    /// What is so, and where it is wrong, the way out.
    pub sentence: String,
    /// Lines to paste into `policy.toml`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paste: Vec<String>,
}

impl Finding {
    fn new(check: &'static str, health: Health, sentence: impl Into<String>) -> Self {
        Self { check, health, sentence: sentence.into(), paste: Vec::new() }
    }

    fn good(check: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(check, Health::Good, sentence)
    }

    fn note(check: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(check, Health::Note, sentence)
    }

    fn wrong(check: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(check, Health::Wrong, sentence)
    }

    fn with(self, paste: Vec<String>) -> Self {
        Self { paste, ..self }
    }
}

/// Looks at everything. With `probe` it also asks each VLAN who else hands out addresses and DNS
/// servers, which takes a few seconds and root.
///
/// # Errors
/// When the system gives no runtime to ask with.
pub fn examine(config: &Config, probe: bool) -> std::io::Result<Vec<Finding>> {
    let interfaces = parts::world(config, 1).ok().map(|world| world.interfaces);
    let is_running = may_run(&config.data);
    let (mut findings, loaded) = policies::examine(config, is_running);
    findings.extend(state::examine(config, loaded.as_ref()));
    findings.push(clock::examine());

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    findings.extend(runtime.block_on(asking::upstreams(config)));
    if is_running {
        findings.extend(runtime.block_on(asking::ourselves(config)));
    } else {
        findings.push(Finding::wrong(
            "server",
            format!("no server runs from {}: start it (systemctl start schoolgate)", config.data.display()),
        ));
    }
    // A wrong file was told already; without it nobody can say what is in a network.
    if let (Some(loaded), Some(interfaces)) = (&loaded, &interfaces) {
        let networks = loaded.school.networks();
        findings.extend(networks::examine(interfaces, networks));
        findings.extend(sightings::examine(&config.data, is_running, interfaces, networks));
    }
    if probe {
        findings.extend(probe::examine(interfaces.as_deref().unwrap_or_default()));
    } else {
        findings.push(Finding::note(
            "dhcp",
            "other DHCP servers and router advertisements were not looked for: run `schoolgate doctor --probe` as root",
        ));
    }
    Ok(findings)
}

/// Whether a server runs from this directory; true also when only root may see it, as asking it will
/// tell.
fn may_run(data: &Path) -> bool {
    let seen = OpenOptions::new().read(true).write(true).open(data.join("serve.pid"));
    server_of(data).is_some() || seen.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
