//! Admission: stamps a change with time and id, refuses early what is sure to fail, and hands the record to the log.
//!
//! It may refuse; only apply decides. Never waits: what cannot be queued is refused with `Busy` and nothing is lost.
//! Next: `log/`.

mod rates;

pub use rates::Rate;
pub(crate) use rates::Rates;

use crate::clock::{Clock, random};
use crate::error::{Error, Reject};
use crate::limits::Limits;
use crate::log::record::{Applied, Change, Record};
use crate::log::{Gauge, Log, Pressure, Ticket, Work};
use crate::metrics::Metrics;
use crate::model::{NodeName, RecordId};
use crate::store::Write;
use crate::store::keys::Family;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// Rows that wait, by their keys: a later value takes the place of an earlier one.
type Late = BTreeMap<(Family, Vec<u8>), Option<Vec<u8>>>;

/// The way in.
pub struct Admission {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) gauge: Arc<Gauge>,
    /// Whose publishes come too fast.
    pub(crate) rates: Rates,
    pub(crate) metrics: Arc<Metrics>,
    /// Cursors that found the queue full. Held for a merge and a `try_send`; as many as there are rows of devices.
    pub(crate) late: Mutex<Late>,
}

impl Admission {
    /// Submits a change that `by` (a bare JID) asks for. The ticket is called once, when the record is durable or
    /// refused; not at all where this returns an error.
    ///
    /// # Errors
    /// `Busy` (try again), `Closed` (the store failed), or a refusal that needs no state.
    pub fn submit(&self, by: &str, change: Change, ticket: Ticket) -> Result<(), Error> {
        if self.gauge.failed.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        self.check(by, &change)?;
        let record = Record {
            at: self.clock.now(),
            by: by.into(),
            change,
        };
        let id = RecordId(u128::from_be_bytes(random()?));
        self.log
            .append(Work::Record {
                id,
                queued: record.at,
                record,
                ticket,
            })
            .map_err(|_| {
                self.metrics.refused.inc();
                Error::Busy
            })
    }

    /// Whether nothing can be submitted at the moment: the queue is full.
    pub fn is_full(&self) -> bool {
        self.log.waiting() >= self.limits.commit_queue
    }

    /// The same, and waits for the outcome: for tools and tests, never on a shard or on the applier.
    ///
    /// # Errors
    /// As [`Admission::submit`], and the record's refusal.
    pub fn submit_and_wait(&self, by: &str, change: Change) -> Result<Applied, Error> {
        let (answer, waits) = crossbeam::channel::bounded(1);
        self.submit(by, change, Box::new(move |fate| drop(answer.send(fate))))?;
        waits.recv().unwrap_or(Err(Error::Closed))
    }

    /// Writes cursors, unsynced. Where the queue is full they wait for the next call, and then go first: a checkpoint
    /// that overtook the rows of those who lag behind it would lose what they have not got. Shards call this about once a
    /// second, with nothing to write too.
    pub fn cursors(&self, writes: Vec<Write>) {
        let mut late = self.late.lock().unwrap_or_else(|e| e.into_inner());
        let all = if late.is_empty() {
            writes
        } else {
            late.extend(writes.into_iter().map(|w| ((w.family, w.key), w.value)));
            let rows = std::mem::take(&mut *late).into_iter();
            rows.map(|((family, key), value)| Write { family, key, value })
                .collect()
        };
        if all.is_empty() {
            return;
        }
        if self.log.waiting() >= self.limits.commit_queue {
            late.extend(all.into_iter().map(|w| ((w.family, w.key), w.value)));
            return;
        }
        // Others may fill the queue between the look and this.
        if self.log.append(Work::Cursors(all.clone())).is_err() {
            late.extend(all.into_iter().map(|w| ((w.family, w.key), w.value)));
        }
    }

    /// Whether no cursors wait for room; tries to queue those that do.
    pub(crate) fn cursors_queued(&self) -> bool {
        self.cursors(Vec::new());
        self.late.lock().unwrap_or_else(|e| e.into_inner()).is_empty()
    }

    /// A consistent copy of the store at `dir`, while it serves; blocks until it is there.
    ///
    /// # Errors
    /// `Busy`, or why the copy failed.
    pub fn backup(&self, dir: PathBuf) -> Result<(), Error> {
        let (answer, waits) = crossbeam::channel::bounded(1);
        let done = Box::new(move |fate| drop(answer.send(fate)));
        self.log.append(Work::Checkpoint(dir, done)).map_err(|_| Error::Busy)?;
        waits.recv().unwrap_or(Err(Error::Closed))
    }

    fn check(&self, by: &str, change: &Change) -> Result<(), Error> {
        if let Change::Attach { to, payload } = change {
            return self.admit(by, &to.node, payload.len());
        }
        if let Change::Publish {
            node, item, payload, ..
        } = change
        {
            if item.is_empty() || item.len() > 1023 {
                return Err(Reject::NotAcceptable("an item id has 1 to 1023 bytes").into());
            }
            return self.admit(by, node, payload.len());
        }
        Ok(())
    }

    /// What holds for all that is published: pressure, size, rates.
    fn admit(&self, by: &str, node: &NodeName, bytes: usize) -> Result<(), Error> {
        if self.gauge.pressure(self.clock.now(), &self.limits) == Pressure::Refuse {
            self.metrics.refused.inc();
            return Err(Error::Busy);
        }
        if bytes > self.limits.item_bytes {
            return Err(Reject::PayloadTooBig.into());
        }
        if let Err(whose) = self.rates.take(by, node) {
            self.metrics.too_fast.inc();
            return Err(Reject::TooFast(whose).into());
        }
        Ok(())
    }
}
