//! The log: where records become durable and get their order, and the one thread that applies them.
//!
//! [`Log`], [`Source`] and [`Bus`] are the seam to a cluster: they see records and batches, never deliveries. Embedded it
//! is [`RocksLog`], a bounded queue before RocksDB's own write-ahead log, and [`NoBus`]. Next: `fanout/`.

mod applier;
pub mod apply;
mod gauge;
pub mod record;
mod sweep;

pub use applier::{Applier, Commit};
pub use gauge::{Gauge, Needed, Pressure};

use crate::error::Error;
use crate::model::{RecordId, Timestamp};
use crate::queue::{Receiver, Sender, bounded};
use crate::store::Write;
use crossbeam::channel::RecvTimeoutError;
use record::{Applied, Record};
use std::path::PathBuf;
use std::time::Duration;

/// What is called once with a record's fate, on the applier's thread after the sync: it must not block.
pub type Ticket = Box<dyn FnOnce(Result<Applied, Error>) + Send>;

/// What waits for the applier.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are records: a box each would only cost"
)]
pub enum Work {
    /// A record, to be durable before its ticket.
    Record {
        /// Its own id, kept across retries.
        id: RecordId,
        /// When it came here.
        queued: Timestamp,
        /// The change.
        record: Record,
        /// Who waits.
        ticket: Ticket,
    },
    /// Cursors and checkpoints: written in order, not synced.
    Cursors(Vec<Write>),
    /// Rows of the engine's own, in order, not synced; then the call, on the applier's thread.
    Rows(Vec<Write>, Box<dyn FnOnce() + Send>),
    /// A consistent copy of the store.
    Checkpoint(PathBuf, Box<dyn FnOnce(Result<(), Error>) + Send>),
    /// The end: what came before is committed.
    Stop,
}

/// The queue is full: the caller answers `wait` and nothing is lost.
#[derive(Debug)]
pub struct Full;

/// Where records become durable and get their order.
pub trait Log: Send + Sync + 'static {
    /// Appends; never waits for disk or network.
    ///
    /// # Errors
    /// [`Full`]; the work is dropped, and a ticket in it is never called.
    fn append(&self, work: Work) -> Result<(), Full>;

    /// How much waits.
    fn waiting(&self) -> usize;
}

/// What the applier pulls from: batches in order.
pub trait Source: Send + 'static {
    /// Blocks up to `wait` for the first, then takes what else has queued, to `max`. False when the log has ended.
    fn next(&mut self, out: &mut Vec<Work>, max: usize, wait: Duration) -> bool;
}

/// Frames to other hosts of a cluster; best effort.
pub trait Bus: Send + 'static {
    /// Tells other hosts what was committed here.
    fn dispatch(&mut self, batch: &crate::fanout::Batch);
}

/// No other hosts.
pub struct NoBus;

impl Bus for NoBus {
    fn dispatch(&mut self, _: &crate::fanout::Batch) {}
}

/// The embedded log: order is the queue's, durability RocksDB's.
pub struct RocksLog(Sender<Work>);

/// The embedded source.
pub struct RocksSource(Receiver<Work>);

impl RocksLog {
    /// A log that holds `waiting` at most.
    pub fn new(waiting: usize) -> (RocksLog, RocksSource) {
        let (sender, receiver) = bounded(waiting);
        (RocksLog(sender), RocksSource(receiver))
    }
}

impl Log for RocksLog {
    fn append(&self, work: Work) -> Result<(), Full> {
        self.0.try_send(work).map_err(|_| Full)
    }

    fn waiting(&self) -> usize {
        self.0.len()
    }
}

impl Source for RocksSource {
    fn next(&mut self, out: &mut Vec<Work>, max: usize, wait: Duration) -> bool {
        match self.0.recv_timeout(wait) {
            Ok(first) => out.push(first),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        out.extend(std::iter::from_fn(|| self.0.try_recv()).take(max.saturating_sub(1)));
        true
    }
}
