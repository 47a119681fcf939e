//! Which names this school uses: read from the events of the data plane, kept as daily sets without
//! any client, so that an update of the lists does not take a lesson's site away unseen.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use blocklists_update::used_here::UsedHere;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use policy::Verdict;
use resolver::{Engine, Look};
use tokio::sync::oneshot;

/// How often events are read when few come; many wake the reader by themselves.
const READ_EVERY: Duration = Duration::from_secs(1);
/// How often the sets are written down.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// Reads events until it is told to stop.
#[derive(Debug)]
pub struct Reader {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Reader {
    /// Starts reading, on a thread of its own. Days are those of the school's time zone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(engine: Arc<Engine>, data: &Path, zone: TimeZone) -> std::io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let folder = data.join("used-here");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = std::thread::Builder::new().name("used-here".to_owned()).spawn(move || {
            let sets = UsedHere::open(&folder, today(&zone));
            match sets {
                Ok(mut sets) => runtime.block_on(read(&engine, &mut sets, &zone, stopped)),
                Err(error) => tracing::error!("which names this school uses is not kept: {error}"),
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Writes the sets down and ends.
    pub fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

async fn read(engine: &Engine, sets: &mut UsedHere, zone: &TimeZone, mut stopped: oneshot::Receiver<()>) {
    let mut saved = Instant::now();
    // Whoever reads first turns the writing of events on.
    engine.events().drain(&mut |_| {});
    loop {
        let is_over = tokio::select! {
            _ = &mut stopped => true,
            _ = tokio::time::timeout(READ_EVERY, engine.events().filling()) => false,
        };
        // One look at the clock for all: a minute at midnight more or less is no matter.
        let today = today(zone);
        engine.events().drain(&mut |look| sets.note(today, look.name, was_used(look)));
        if is_over || saved.elapsed() >= SAVE_EVERY {
            saved = Instant::now();
            if let Err(error) = sets.save() {
                tracing::warn!("which names this school uses could not be written down: {error}");
            }
        }
        if is_over {
            return;
        }
    }
}

fn today(zone: &TimeZone) -> Date {
    Timestamp::now().to_zoned(zone.clone()).date()
}

/// Whether somebody got an answer with something in it.
fn was_used(look: &Look<'_>) -> bool {
    let is_open = matches!(look.verdict, Verdict::Allow | Verdict::Watch | Verdict::Rewrite(_));
    is_open && look.rcode == 0
}
