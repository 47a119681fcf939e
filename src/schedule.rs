//! The server keeps its block lists fresh by itself: when something is due, an update runs as a child.
//!
//! Looking costs a few `stat` calls a second. What is due, and how long a list rests after a
//! failure, is noted in the state directory by the update itself, so it holds over restarts and for
//! an update by hand too. Here is only the child: one at a time, of the lowest priority, and given
//! a rest of its own when it ends without having done what was due (a full disk, a broken file).

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use blocklists_update::{Lists, Watch};
use jiff::Timestamp;
use policy::School;
use tokio::process::{Child, Command};

use crate::config::{Config, Origin};

/// First rest of the schedule after an update that did not do its work; it doubles.
const REST_MIN: Duration = Duration::from_secs(10);
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(3600);

/// What the server does about its lists without being asked.
#[derive(Default)]
pub struct Schedule {
    watch: Watch,
    child: Option<Child>,
    /// Updates in a row that did not do their work.
    failures: u32,
    /// Nothing is started before this.
    rests_until: Option<Instant>,
    /// The last child has just ended: what is still due now was not done.
    has_ended: bool,
}

impl Schedule {
    /// Looks once: notes the end of a child, and starts one when something is due.
    pub fn look(&mut self, config: &Config, lists: &Lists, school: &School) {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => return,
            Some(outcome) => self.end(outcome.map(|status| status.unwrap_or_default())),
            None => {}
        }
        if self.rests_until.is_some_and(|until| until > Instant::now()) {
            return;
        }
        let promotion = config.lists.promotion(school);
        let is_due = self.watch.is_anything_due(
            lists,
            school.sources(),
            school.upkeep(),
            &promotion,
            school.corrections(),
            Timestamp::now(),
        );
        if std::mem::take(&mut self.has_ended) && is_due {
            return self.rest();
        }
        if is_due {
            tracing::info!("block lists are due: updating");
            self.start(config, &["--due"]);
        } else if self.rests_until.take().is_some() {
            self.failures = 0;
        }
    }

    /// Runs an update now, after the one that runs already, and waits for its end.
    pub async fn run(&mut self, config: &Config, arguments: &[&str]) {
        self.finish().await;
        tracing::info!("compiling the block lists");
        self.start(config, arguments);
        self.finish().await;
    }

    /// Waits for the end of the update that runs. When nobody waits any longer, it goes on.
    async fn finish(&mut self) {
        if let Some(child) = &mut self.child {
            let outcome = child.wait().await;
            self.end(outcome);
        }
    }

    /// Whether updates end without having done what was due.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    fn start(&mut self, config: &Config, arguments: &[&str]) {
        let spawned = std::env::current_exe().and_then(|program| {
            let mut command = Command::new(program);
            command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null());
            if let Origin::File(path) = &config.origin {
                command.arg("--config").arg(path);
            }
            command.args(["lists", "update", "--background", "--wait"]).args(arguments).spawn()
        });
        match spawned {
            Ok(child) => self.child = Some(child),
            Err(error) => {
                tracing::error!("the block lists could not be updated: {error}");
                self.rest();
            }
        }
    }

    fn end(&mut self, outcome: std::io::Result<ExitStatus>) {
        (self.child, self.has_ended) = (None, true);
        match outcome {
            Ok(status) if status.success() => {}
            Ok(status) if status.code() == Some(1) => {
                tracing::warn!(
                    "some block lists are not fresh, what was in force stays; `schoolgate lists status` says which and why"
                );
            }
            Ok(status) => tracing::error!("the update of the block lists ended with {status}"),
            Err(error) => tracing::error!("the block lists could not be updated: {error}"),
        }
    }

    fn rest(&mut self) {
        let rest =
            REST_MIN.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(REST_MAX);
        self.failures = self.failures.saturating_add(1);
        self.rests_until = Some(Instant::now() + rest);
        tracing::warn!(
            "the update of the block lists did not do its work; it is tried again in {} s",
            rest.as_secs()
        );
    }
}
