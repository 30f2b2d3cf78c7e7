//! How the commit queue and the shards are doing: what admission and the shards look at before they take on more.
//!
//! Written by the applier, read by everyone; a few atomics. Knows nobody who asks.

use crate::fanout::Fanout;
use crate::limits::{Limits, SHARD_BATCHES_MAX};
use crate::model::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The state of the commit queue.
#[derive(Debug, Default)]
pub struct Gauge {
    /// When the oldest record of the running commit was queued, in milliseconds; 0 while none runs.
    since: AtomicU64,
    /// Batches that the slowest shard has not taken yet.
    behind: AtomicUsize,
    /// Changes of edges since they were packed last.
    pub edge_changes: AtomicU64,
    /// Set when the store failed, or a thread that cannot be done without.
    pub failed: AtomicBool,
}

/// What is given up first, when there is too much to do: each step includes those before it. Nothing acked is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// Nothing.
    #[default]
    None,
    /// Catching up is slowed: who was away waits a little longer.
    DelayCatchUp,
    /// Sessions are written less often, with more posts in a write.
    MergeMore,
    /// Publishes are refused (`wait`).
    Refuse,
}

/// What a thread holds that cannot be done without: if it panics, the process is told to end.
#[derive(Debug)]
pub struct Needed(Arc<Gauge>);

impl Drop for Needed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::SeqCst);
            tracing::error!("a thread panicked that cannot be done without: nothing more is accepted");
        }
    }
}

impl Gauge {
    /// To be held by a thread for as long as it works.
    pub fn needed(self: &Arc<Gauge>) -> Needed {
        Needed(self.clone())
    }

    /// A commit begins with a record that was queued then.
    pub(super) fn begun(&self, queued: Timestamp) {
        self.since.store(queued.0, Ordering::Relaxed);
    }

    /// Nothing is being committed.
    pub(super) fn idle(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Batches were handed out, or taken.
    pub(super) fn handed(&self, fanout: &Fanout) {
        self.behind.store(fanout.behind(), Ordering::Relaxed);
    }

    /// Milliseconds that the oldest record waits or has waited, as far as the applier knows.
    pub fn age_ms(&self, now: Timestamp) -> u64 {
        match self.since.load(Ordering::Relaxed) {
            0 => 0,
            since => now.0.saturating_sub(since),
        }
    }

    /// What has to be given up now: by the age of the queue, and by how far the shards are behind.
    pub fn pressure(&self, now: Timestamp, limits: &Limits) -> Pressure {
        let (age, most) = (self.age_ms(now), limits.commit_queue_age_ms.max(1));
        let behind = self.behind.load(Ordering::Relaxed);
        if age > most {
            Pressure::Refuse
        } else if age > most / 2 || behind > SHARD_BATCHES_MAX / 2 {
            Pressure::MergeMore
        } else if age > most / 4 || behind > SHARD_BATCHES_MAX / 4 {
            Pressure::DelayCatchUp
        } else {
            Pressure::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_comes_before_the_next() {
        let (gauge, limits) = (Gauge::default(), Limits::default());
        let at = |ms: u64| gauge.pressure(Timestamp(1_000_000 + ms), &limits);
        assert_eq!(at(0), Pressure::None);
        gauge.begun(Timestamp(1_000_000));
        let most = limits.commit_queue_age_ms;
        let steps = [0, most / 4 + 1, most / 2 + 1, most + 1].map(at);
        assert_eq!(
            steps,
            [
                Pressure::None,
                Pressure::DelayCatchUp,
                Pressure::MergeMore,
                Pressure::Refuse
            ]
        );
        gauge.idle();
        assert_eq!(at(most * 9), Pressure::None);
        gauge.behind.store(SHARD_BATCHES_MAX / 4 + 1, Ordering::Relaxed);
        assert_eq!(at(0), Pressure::DelayCatchUp);
        gauge.behind.store(SHARD_BATCHES_MAX, Ordering::Relaxed);
        assert_eq!(at(0), Pressure::MergeMore);
    }
}
