//! One group of servers: which of them is asked first.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::bootstrap::Bootstrap;
use super::link::Link;
use super::server::{self, Server};
use super::slots::Slots;
use super::work::{Order, Work};
use super::{BoxFuture, Options, ServerStats, UpAnswer, UpError, UpQuestion, Upstream};

/// Servers asked at once by the strategy `race`.
pub const RACE: usize = 3;
/// How old the measure of a server may be before one question is put to it besides.
pub const MEASURE_AGE: Duration = Duration::from_secs(10);

/// How one of several servers is chosen. Those that keep failing come last whatever the strategy.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The one that has been answering fastest.
    #[default]
    Fastest,
    /// As written; the next only when one fails.
    Ordered,
    /// Several at once; the first good answer counts.
    Race,
}

/// Servers of which each may be asked.
pub(super) struct Group {
    servers: Vec<Arc<Link>>,
    strategy: Strategy,
    slots: Arc<Slots>,
}

impl Group {
    /// Of the configured servers, those that may be asked. `slots` bounds the questions in flight over
    /// all groups that share it.
    pub(super) fn new(
        servers: &[Server],
        bootstrap: &Arc<Bootstrap>,
        options: &Arc<Options>,
        slots: &Arc<Slots>,
    ) -> Self {
        let servers = server::askable(servers)
            .into_iter()
            .map(|server| Arc::new(Link::new(server.address.clone(), bootstrap, options)))
            .collect();
        Self { servers, strategy: options.strategy, slots: Arc::clone(slots) }
    }

    /// Healthy servers first. Besides, one that is due to show whether it has recovered, or how fast it
    /// has become: no client waits for that.
    fn order(&self) -> Order {
        if let [only] = self.servers.as_slice() {
            return Order { queue: vec![Arc::clone(only)], at_once: 1, beside: None };
        }
        let (mut queue, mut failing): (Vec<_>, Vec<_>) =
            self.servers.iter().cloned().partition(|link| link.stats.is_healthy());
        let healthy = queue.len();
        let mut beside = None;
        if healthy > 0 {
            beside = failing.iter().find(|link| link.stats.is_due()).cloned();
        }
        if self.strategy == Strategy::Fastest {
            queue.sort_by_key(|link| link.stats.smoothed_us());
            failing.sort_by_key(|link| link.stats.smoothed_us());
            let old = |link: &&Arc<Link>| link.stats.is_out_of_date(MEASURE_AGE);
            beside = beside.or_else(|| queue.iter().skip(1).find(old).cloned());
        }
        let at_once = if self.strategy == Strategy::Race { healthy.clamp(1, RACE) } else { 1 };
        queue.append(&mut failing);
        if let Some(beside) = &beside {
            queue.retain(|link| !Arc::ptr_eq(link, beside));
        }
        Order { queue, at_once, beside }
    }
}

impl Upstream for Group {
    fn ask<'a>(&'a self, question: &'a UpQuestion) -> BoxFuture<'a, Result<UpAnswer, UpError>> {
        Box::pin(async move {
            if self.servers.is_empty() {
                return Err(UpError::NoServers);
            }
            let slot = self.slots.take(question.name.as_ref()).ok_or(UpError::Busy)?;
            Work::new(question.clone(), slot).run(self.order()).await
        })
    }

    fn servers(&self) -> Vec<ServerStats> {
        self.servers.iter().map(|link| link.stats.read(&link.label, link.connections())).collect()
    }
}
