//! The control loop: signals, changed files and new indexes in; a published snapshot out.
//!
//! It owns everything that may change while the server runs. Each change ends the same way: a new
//! [`Snapshot`] is built here and swapped in whole. Compiling lists is work for a child process
//! (`schoolgate lists update`, see [`crate::schedule`]), so its memory goes back to the system and hostile bytes stay out of
//! the process that answers.

use std::sync::Arc;
use std::time::Duration;

use admin_api::{Facts, LiveDocument};
use blocklists::index::Index;
use blocklists_update::{Lists, LoadedFrom, State};
use policy::{Snapshot, World};
use resolver::Engine;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::document::{self, Loaded};
use crate::config::{Config, Origin, parts};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::{self, Reloaded};
use crate::{doctor, flush, service};

/// How often the pointer to the current index is looked at: a new one is live within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the clients that were seen are written down for `doctor`.
const KEEP_SIGHTINGS_EVERY: Duration = Duration::from_secs(60);
/// How often this machine's interfaces and their addresses are looked at.
const LOOK_AT_INTERFACES_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked at what the lists need.
const LOOK_AT_LISTS_EVERY: Duration = Duration::from_secs(1);
/// How long `url` sources may hold up the first start.
const FIRST_FETCH_TIME_MAX: Duration = Duration::from_secs(30);

/// What the control plane holds.
pub struct Control {
    /// The configuration that is in force.
    config: Config,
    /// The compiled lists on disk.
    lists: Lists,
    /// The data plane, to publish to.
    engine: Arc<Engine>,
    /// What the admin API shows.
    facts: Arc<Facts>,
    /// The policy that is in force.
    loaded: Loaded,
    /// The box around the policy.
    world: World,
    /// What the pointer looked like that named a damaged index, so that it is not read again four times
    /// a second.
    damaged: Option<String>,
    /// Who changed what; `None` until the loop runs.
    record: Option<Record>,
    /// Keeps the lists fresh.
    schedule: Schedule,
}

impl Control {
    /// A control plane that has published nothing yet.
    pub fn new(
        config: Config,
        lists: Lists,
        engine: Arc<Engine>,
        facts: Arc<Facts>,
        loaded: Loaded,
        world: World,
    ) -> Self {
        let schedule = Schedule::default();
        Self { config, lists, engine, facts, loaded, world, damaged: None, record: None, schedule }
    }

    /// Makes the first snapshot, then follows signals and files until SIGTERM or SIGINT; gives the
    /// configuration that was in force then.
    ///
    /// # Errors
    /// When the system gives no signals or threads.
    pub fn run_until_stopped(mut self) -> std::io::Result<Config> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let mut term = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! {
                outcome = self.follow() => outcome?,
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            Ok(self.config)
        })
    }

    async fn follow(&mut self) -> std::io::Result<()> {
        let mut hang_up = signal(SignalKind::hangup())?;
        self.record = Some(Record::start(self.config.data.clone()));
        self.start().await;
        self.note_start();
        service::ready();
        let mut reloads = 0;
        let first = tokio::time::Instant::now() + KEEP_SIGHTINGS_EVERY;
        let mut sightings = tokio::time::interval_at(first, KEEP_SIGHTINGS_EVERY);
        let mut interfaces = tokio::time::interval(LOOK_AT_INTERFACES_EVERY);
        let mut looks = tokio::time::interval(LOOK_AT_LISTS_EVERY);
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = hang_up.recv() => {
                    reloads += 1;
                    service::reloading();
                    let outcome = self.reload(reloads).await;
                    service::ready();
                    self.keep_sightings();
                    state::tell_reload(&self.config.data, &outcome);
                }
                _ = interfaces.tick() => self.follow_interfaces(),
                _ = sightings.tick() => self.keep_sightings(),
                _ = looks.tick() => self.keep_lists_fresh(),
                _ = ticks.tick() => self.look_around(),
            }
        }
    }

    /// From the best index on disk to the first snapshot; compiles one when there is none that
    /// serves this policy.
    async fn start(&mut self) {
        self.keep_policy();
        let mut index = self.load_index();
        if index.as_ref().is_none_or(|index| !self.is_compiled_from_our_sources(index)) {
            self.schedule.run(&self.config, &["--local-only"]).await;
            index = self.load_index().or(index);
        }
        if let Some(index) = index {
            self.publish(index);
        }
        if self.has_unfetched_sources() {
            let fetch = self.schedule.run(&self.config, &["--due"]);
            let fetch = tokio::time::timeout(FIRST_FETCH_TIME_MAX, fetch).await;
            if fetch.is_err() {
                tracing::warn!(
                    "some block lists could not be fetched within {} s; the rest is in force, and fetching goes on",
                    FIRST_FETCH_TIME_MAX.as_secs()
                );
            }
            self.take_up_new_index();
        }
        match self.engine.snapshot().index().entries() {
            0 => tracing::error!(
                "there is no usable index: everything but core names is refused until `schoolgate lists update` succeeds"
            ),
            entries => {
                tracing::info!(
                    "ready: {entries} listed names, policy revision {}",
                    self.loaded.live.revision
                );
            }
        }
    }

    /// Reads both files again. What is wrong keeps what runs.
    async fn reload(&mut self, number: u64) -> Reloaded {
        let outcome = self.read_files_again().await;
        self.facts.set_reload_failed(outcome.is_err());
        let (good, sentences) = match outcome {
            Ok(sentences) => (true, sentences),
            Err(sentence) => {
                (false, vec![format!("reload failed, what ran before stays in force: {sentence}")])
            }
        };
        for sentence in &sentences {
            if good { tracing::info!("{sentence}") } else { tracing::error!("{sentence}") }
        }
        Reloaded { number, good, sentences }
    }

    async fn read_files_again(&mut self) -> Result<Vec<String>, String> {
        let config = match &self.config.origin {
            Origin::BuiltIn => Config::built_in(),
            Origin::File(path) => Config::find(Some(path)).map_err(|error| error.to_string())?,
        };
        let loaded = document::load(&config, Some(&self.loaded.live)).map_err(|error| error.to_string())?;
        let world = parts::world(&config, loaded.live.revision)?;
        let local = parts::local_zones(&config)?;
        let upstreams = parts::upstreams(&config);

        let mut sentences: Vec<String> = config.warnings.iter().chain(&loaded.warnings).cloned().collect();
        sentences.extend(needs_restart(&self.config, &config));
        (self.config, self.loaded, self.world) =
            (Config { data: self.config.data.clone(), ..config }, loaded, world);
        self.keep_policy();
        let mut index = Arc::clone(self.engine.snapshot().index());
        if !self.is_compiled_from_our_sources(&index) {
            self.schedule.run(&self.config, &["--due"]).await;
            index = self.load_index().unwrap_or(index);
        }
        let snapshot = self.snapshot_of(index);
        self.facts.set_document(self.document());
        self.engine.reconfigure(&snapshot, &upstreams, local);
        sentences.push(format!("reloaded: policy revision {} is in force", self.loaded.live.revision));
        Ok(sentences)
    }

    /// A VLAN that comes up after the start, or gets another prefix, is known without a reload.
    fn follow_interfaces(&mut self) {
        let interfaces = parts::interfaces();
        if interfaces != self.world.interfaces {
            tracing::info!("the interfaces of this machine changed: clients are told apart by the new ones");
            self.world.interfaces = interfaces;
            self.publish(Arc::clone(self.engine.snapshot().index()));
        }
    }

    /// What others left in the state directory: a new index, requests to forget answers.
    fn look_around(&mut self) {
        self.take_up_new_index();
        for done in flush::serve(&self.config.data, &self.engine) {
            tracing::info!("{done}");
        }
    }

    /// Swaps in the index that `current` names, when it is another one.
    fn take_up_new_index(&mut self) {
        let Some(current) = self.lists.current() else { return };
        let named = (current, self.lists.current_overlay());
        let live = self.engine.snapshot();
        let in_force = (live.index().id(), live.index().overlay_id());
        let look = self.lists.look_of_current();
        if (named.0.as_str(), named.1.as_deref()) == in_force
            || self.damaged.is_some() && self.damaged == look
        {
            return;
        }
        let Some(loaded) = self.lists.load_current_beside(live.index()) else { return };
        match loaded {
            Ok(index) => {
                let names = format!("{} listed names", index.entries());
                tracing::info!("new index in force: {names}");
                self.note("schoolgate", "lists.promoted", named.0, names);
                self.publish(Arc::new(index));
            }
            Err(error) => {
                tracing::error!("the new index is not used, the one before stays in force: {error}");
                self.damaged = look;
            }
        }
    }

    fn publish(&self, index: Arc<Index>) {
        let snapshot = self.snapshot_of(index);
        self.facts.set_document(self.document());
        self.engine.publish(&snapshot);
    }

    /// The document in force, for those who ask the admin API.
    fn document(&self) -> LiveDocument {
        let live = &self.loaded.live;
        LiveDocument {
            revision: live.revision,
            at: live.at.clone(),
            author: if live.text.is_some() { "file" } else { "built-in" },
            text: live.text.clone().unwrap_or_else(|| policy::school::BUILT_IN.to_owned()),
        }
    }

    /// The policy in force over an index. Over an index that lists nothing it would let everything
    /// pass, so then nothing but core names is answered.
    fn snapshot_of(&self, index: Arc<Index>) -> Arc<Snapshot> {
        if index.entries() == 0 {
            return Arc::new(Snapshot::not_ready());
        }
        let snapshot = Snapshot::build(&self.loaded.school, &self.world, index);
        for warning in snapshot.warnings() {
            tracing::warn!("{warning}");
        }
        Arc::new(snapshot)
    }

    fn load_index(&self) -> Option<Arc<Index>> {
        let (index, from) = self.lists.load_best()?;
        if from == LoadedFrom::Previous {
            tracing::error!(
                "the current index is damaged; the previous one is in force until `schoolgate lists update` succeeds"
            );
        }
        Some(Arc::new(index))
    }

    fn is_compiled_from_our_sources(&self, index: &Index) -> bool {
        blocklists_update::is_compiled_from(index, self.loaded.school.sources())
    }

    fn has_unfetched_sources(&self) -> bool {
        self.lists
            .status(None)
            .items
            .iter()
            .any(|item| item.state == State::Missing && item.location.starts_with("http"))
    }

    /// Looks at what the lists need, and at what became of it.
    fn keep_lists_fresh(&mut self) {
        self.schedule.look(&self.config, &self.lists, &self.loaded.school);
        self.facts.set_update_failed(self.schedule.is_failing());
    }

    fn keep_sightings(&self) {
        if let Err(error) = doctor::sightings::keep(&self.config.data, self.engine.seen()) {
            tracing::warn!("which clients were seen could not be written down for `doctor`: {error}");
        }
    }

    /// Puts something into the record of changes.
    fn note(&self, actor: &str, action: &'static str, subject: String, detail: String) {
        if let Some(record) = &self.record {
            record.note(actor, action, subject, detail);
        }
    }

    fn note_start(&self) {
        let snapshot = self.engine.snapshot();
        let index = match snapshot.index().id() {
            "" => "no index",
            id => id,
        };
        let detail = format!("policy revision {}, index {index}", self.loaded.live.revision);
        self.note("schoolgate", "box.start", format!("version {}", env!("CARGO_PKG_VERSION")), detail);
    }

    /// Keeps the policy for the next start; one that was not kept before is a new revision.
    fn keep_policy(&self) {
        let live = &self.loaded.live;
        if document::recall(&self.config.data).is_none_or(|kept| kept.revision != live.revision) {
            let document = self.document();
            let digest = Sha256::digest(document.text.as_bytes());
            let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
            let detail = format!("sha256 {digest}");
            self.note(document.author, "policy.revision", live.revision.to_string(), detail);
        }
        if let Err(error) = document::keep(&self.config.data, &self.loaded.live) {
            tracing::error!("the policy in force could not be kept for the next start: {error}");
        }
    }
}

/// What a reload cannot change, said when it was changed.
fn needs_restart(running: &Config, written: &Config) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut note = |changed: bool, what: &str| {
        if changed {
            sentences.push(format!(
                "{what} changed in the file; that needs a restart, the old value stays in force until then"
            ));
        }
    };
    note(running.listen != written.listen, "[dns] listen");
    note(running.workers != written.workers, "[dns] workers");
    note(running.admin != written.admin, "[admin] listen");
    note(running.metrics_open != written.metrics_open, "[admin] metrics");
    note(running.cache_bytes != written.cache_bytes, "[cache] bytes");
    note(running.cache_stale != written.cache_stale, "[cache] stale");
    note(running.data != written.data, "[data] directory");
    sentences
}
