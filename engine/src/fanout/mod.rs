//! From a commit to its targets: one shared batch for each shard, however many follow.
//!
//! Knows who the targets are, not what they do. Peers' pointers are made behind it (`outbox/peers/sort.rs`). Next:
//! `shard.rs` expands a batch over its own followers.

use crate::limits::SHARD_BATCHES_MAX;
use crate::log::apply::Effect;
use crate::model::{Notice, Seq};
use crossbeam::channel::{Receiver, Sender, bounded};
use std::sync::Arc;

/// The effects of one commit, in log order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The last `Seq` of the commit: everything up to it is in this batch or an earlier one.
    pub upto: Seq,
    /// What happened, with its `Seq`.
    pub effects: Vec<(Seq, Effect)>,
    /// What accounts are to hear of, in order.
    pub notices: Vec<Notice>,
}

impl Batch {
    /// Whether some of it is due to followers at other servers.
    pub(crate) fn is_remote(&self) -> bool {
        let remote = |effect: &Effect| matches!(effect, Effect::Post(post) if post.remote);
        self.effects.iter().any(|(_, effect)| remote(effect))
    }

    /// Adds what a record did.
    pub fn add(&mut self, seq: Seq, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            match effect {
                Effect::Notice(notice) => self.notices.push(*notice),
                effect => self.effects.push((seq, effect)),
            }
        }
    }
}

/// Wakes a shard that may be waiting for its sockets. Called after each batch; must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The applier's side of all shards.
pub struct Fanout {
    shards: Vec<(Sender<Arc<Batch>>, Wake)>,
}

/// A shard's side.
pub type Batches = Receiver<Arc<Batch>>;

impl Fanout {
    /// For shards with these wakers; each gets its side in the same order.
    pub fn new(wakers: Vec<Wake>) -> (Fanout, Vec<Batches>) {
        let (senders, receivers): (Vec<_>, Vec<_>) = wakers.iter().map(|_| bounded(SHARD_BATCHES_MAX)).unzip();
        (
            Fanout {
                shards: senders.into_iter().zip(wakers).collect(),
            },
            receivers,
        )
    }

    /// Hands the batch to every shard. Blocks while a shard is [`SHARD_BATCHES_MAX`] behind: the commit queue grows
    /// old then, and publishes are refused. Never deadlocks, since no shard waits for the applier.
    pub fn hand(&self, batch: &Arc<Batch>) {
        for (sender, wake) in &self.shards {
            // A shard that is gone has panicked or the process is ending; others still must get theirs.
            if sender.send(batch.clone()).is_ok() {
                wake();
            }
        }
    }

    /// How far the slowest shard is behind, in batches.
    pub fn behind(&self) -> usize {
        self.shards.iter().map(|(sender, _)| sender.len()).max().unwrap_or(0)
    }
}
