//! Answers that are asked for again before their time is over, so that nobody waits for popular ones.
//!
//! The fast way never waits, so it only leaves a wish; one task of the slow way fulfils them through
//! the same flights as every other question.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tokio::sync::Notify;

use crate::cache::{Key, KeyRef};
use crate::engine::Engine;
use crate::limits::RENEWALS_MAX;

/// Wishes that were not fulfilled yet.
#[derive(Debug)]
pub(crate) struct Renewals {
    wishes: ArrayQueue<Key>,
    come: Notify,
}

impl Default for Renewals {
    fn default() -> Self {
        Self { wishes: ArrayQueue::new(RENEWALS_MAX), come: Notify::new() }
    }
}

impl Renewals {
    /// Wishes for an answer to be renewed; with too many wishes, this one is forgotten.
    pub(crate) fn wish(&self, key: KeyRef<'_>) {
        if self.wishes.push(key.to_owned()).is_ok() {
            self.come.notify_one();
        }
    }
}

impl Engine {
    /// Renews popular answers before their time is over, for as long as it is polled. Needs a tokio
    /// runtime.
    pub async fn renew(self: Arc<Self>) {
        loop {
            self.renewals().come.notified().await;
            while let Some(key) = self.renewals().wishes.pop() {
                let live = self.live();
                // Upstreams that were replaced since have nothing to renew.
                if key.asked().generation == live.generation()
                    && let Some(upstream) = live.upstreams().group(key.asked().group)
                {
                    self.flights().board(key, upstream, self.cache());
                }
            }
        }
    }
}
