//! A few lasting connections to one server, each shared by many questions.
//!
//! The first is used until it is busy, then another is opened, up to a bound; one that broke or went
//! mute is replaced. Opening goes on when the question that wanted it has given up: a server that is
//! three round trips of a slow line away would else never be reached.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::work::WHOLE;

/// Connections to one server.
pub const LINES: usize = 4;
/// Questions on one connection at a time.
pub const LINE_QUESTIONS: usize = 100;
/// Questions on a connection from which on another one is opened, while there may be one.
pub const LINE_COMFORT: usize = 32;
/// Questions in a row that a connection leaves without an answer before it is replaced.
pub const LINE_SILENT: u32 = 2;

type Place<L> = Arc<Mutex<Option<Held<L>>>>;

/// The connections to one server.
#[derive(Debug)]
pub(super) struct Row<L>(Vec<Place<L>>);

/// A connection and what is known of it.
#[derive(Debug, Clone)]
struct Held<L> {
    line: L,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    load: AtomicUsize,
    silent: AtomicU32,
    broken: AtomicBool,
}

/// A connection in use for one question.
#[derive(Debug)]
pub(super) struct Taken<L> {
    pub(super) line: L,
    /// Opened for this question: what goes wrong is not for want of use.
    pub(super) fresh: bool,
    state: Arc<State>,
    heard: bool,
}

impl<L: Clone + Send + 'static> Row<L> {
    /// No connection is opened yet.
    pub(super) fn new() -> Self {
        Self((0..LINES).map(|_| Arc::default()).collect())
    }

    /// The connection for one more question; `connect` opens one if need be.
    ///
    /// # Errors
    /// Why none could be opened; `WouldBlock` when all are full.
    pub(super) async fn take<F>(&self, connect: impl FnOnce() -> F) -> io::Result<Taken<L>>
    where
        F: Future<Output = io::Result<L>> + Send + 'static,
    {
        let (mut best, mut vacant): (Option<Held<L>>, Option<&Place<L>>) = (None, None);
        for place in &self.0 {
            let held = match place.try_lock() {
                Ok(held) => held.clone(),
                // It is being opened; wait for it unless there is another way.
                Err(_) if best.is_some() || vacant.is_some() => continue,
                Err(_) => place.lock().await.clone(),
            };
            match held.filter(Held::is_good) {
                Some(held) if held.load() < LINE_COMFORT => return Ok(held.take(false)),
                Some(held) if best.as_ref().is_none_or(|best| held.load() < best.load()) => best = Some(held),
                Some(_) => {}
                None => vacant = vacant.or(Some(place)),
            }
        }
        let opened = match vacant {
            Some(place) => open(Arc::clone(place).lock_owned().await, connect).await,
            None => Err(ErrorKind::WouldBlock.into()),
        };
        match (opened, best) {
            (Ok(taken), _) => Ok(taken),
            (Err(_), Some(held)) if held.load() < LINE_QUESTIONS => Ok(held.take(false)),
            (Err(error), None) => Err(error),
            (Err(_), Some(_)) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// How many are open and good.
    pub(super) fn open(&self) -> usize {
        let good = |place: &&Place<L>| {
            place.try_lock().is_ok_and(|held| held.as_ref().is_some_and(|held| held.is_good()))
        };
        self.0.iter().filter(good).count()
    }
}

/// Opens a connection in a task of its own, unless somebody else just did.
async fn open<L, F>(
    mut place: OwnedMutexGuard<Option<Held<L>>>,
    connect: impl FnOnce() -> F,
) -> io::Result<Taken<L>>
where
    L: Clone + Send + 'static,
    F: Future<Output = io::Result<L>> + Send + 'static,
{
    if let Some(held) = place.as_ref().filter(|held| held.is_good()) {
        return Ok(held.clone().take(false));
    }
    let connecting = connect();
    let task = tokio::spawn(async move {
        let line = timeout(WHOLE, connecting).await.map_err(|_| ErrorKind::TimedOut)??;
        let held = Held { line, state: Arc::default() };
        *place = Some(held.clone());
        Ok(held)
    });
    let opened: io::Result<Held<L>> = task.await.map_err(io::Error::other)?;
    opened.map(|held| held.take(true))
}

impl<L> Held<L> {
    fn load(&self) -> usize {
        self.state.load.load(Relaxed)
    }

    fn is_good(&self) -> bool {
        !self.state.broken.load(Relaxed) && self.state.silent.load(Relaxed) < LINE_SILENT
    }

    fn take(self, fresh: bool) -> Taken<L> {
        self.state.load.fetch_add(1, Relaxed);
        Taken { line: self.line, fresh, state: self.state, heard: false }
    }
}

impl<L> Taken<L> {
    /// An answer came.
    pub(super) fn answered(mut self) {
        self.heard = true;
        self.state.silent.store(0, Relaxed);
    }

    /// It is of no use any more; whether it ever was to this question.
    pub(super) fn broke(mut self) -> bool {
        self.heard = true;
        self.state.broken.store(true, Relaxed);
        self.fresh
    }
}

impl<L> Drop for Taken<L> {
    fn drop(&mut self) {
        self.state.load.fetch_sub(1, Relaxed);
        if !self.heard {
            self.state.silent.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(row: &Row<u8>, line: u8) -> io::Result<Taken<u8>> {
        row.take(|| async move { Ok(line) }).await
    }

    #[tokio::test]
    async fn another_connection_is_opened_when_the_first_is_busy_and_no_more_than_the_bound() {
        let row = Row::new();
        let mut taken = Vec::new();
        for number in 0..LINES * LINE_COMFORT {
            taken.push(take(&row, u8::try_from(number / LINE_COMFORT).unwrap()).await.unwrap());
        }
        assert_eq!(row.open(), LINES);
        assert!(
            taken.iter().enumerate().all(|(number, taken)| usize::from(taken.line) == number / LINE_COMFORT)
        );
        for _ in 0..LINES * (LINE_QUESTIONS - LINE_COMFORT) {
            taken.push(take(&row, 99).await.unwrap());
        }
        assert_eq!(take(&row, 99).await.unwrap_err().kind(), ErrorKind::WouldBlock);
        taken.pop().unwrap().answered();
        assert!(take(&row, 99).await.is_ok());
    }

    #[tokio::test]
    async fn a_connection_that_broke_or_went_mute_is_replaced() {
        let row = Row::new();
        let first = take(&row, 1).await.unwrap();
        assert!(first.fresh && first.broke());
        take(&row, 2).await.unwrap().answered();
        for _ in 0..LINE_SILENT {
            let taken = take(&row, 3).await.unwrap();
            assert!(taken.line == 2 && !taken.fresh);
        }
        assert_eq!(take(&row, 3).await.unwrap().line, 3);
        let failed = Row::<u8>::new().take(|| async { Err(ErrorKind::ConnectionRefused.into()) }).await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn opening_goes_on_when_the_question_gives_up() {
        let row = Row::new();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let mut asked = Box::pin(row.take(|| async move {
            let _ = gone.await;
            Ok(7)
        }));
        assert!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx).is_pending())).await
        );
        drop(asked);
        go.send(()).unwrap();
        let taken = take(&row, 8).await.unwrap();
        assert!(taken.line == 7 && !taken.fresh, "the one that was being opened");
    }
}
