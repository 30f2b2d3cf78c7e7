//! The applier: one thread that does all writes of the store, in batches.
//!
//! It takes what queued while the previous sync ran, applies it, writes once, syncs once, then completes the tickets and
//! hands the shards their batch. Knows no session. A failed write is fatal: nobody knows what is on the disk.

use super::apply::{Apply, ApplyError, Effect, Tables};
use super::record::{Applied, Record};
use super::{Bus, Gauge, Source, Ticket, Work};
use crate::clock::Clock;
use crate::error::{Error, Reject, StoreError};
use crate::fanout::{Batch, Fanout, Wake};
use crate::limits::{COMMIT_BYTES_MAX, COMMIT_RECORDS_MAX, Limits, NEXT_MAX};
use crate::metrics::Metrics;
use crate::model::{Origin, Seq, Slot};
use crate::outbox::Recent;
use crate::store::journal::{self, EdgeChange};
use crate::store::keys::{self, Family};
use crate::store::{Store, Tx, View, Write, rows};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a commit did: for who drives the applier step by step (the simulation).
#[derive(Debug, Default)]
pub struct Commit {
    /// Records accepted.
    pub records: usize,
    /// Whether work was [`Work::Stop`].
    pub stop: bool,
}

/// The applier's state.
pub struct Applier {
    /// The store that it alone writes.
    pub store: Arc<dyn Store>,
    /// Other parts' tables.
    pub tables: Arc<dyn Tables>,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// Time, for the background only: records carry theirs.
    pub clock: Arc<dyn Clock>,
    /// The shards.
    pub fanout: Fanout,
    /// Other hosts.
    pub bus: Box<dyn Bus>,
    /// The node of each recent `Seq`, and recent posts.
    pub recent: Arc<Recent>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// What admission looks at.
    pub gauge: Arc<Gauge>,
    /// Called where something is due to followers at other servers.
    pub peers: Wake,
    /// Called after each commit of records, when it can be read.
    pub committed: Wake,
    /// The last `Seq` given.
    pub last: Seq,
    /// When the background last did a step.
    pub swept: crate::model::Timestamp,
    /// The last minute whose beginning is noted.
    pub minute: u64,
    /// Whether commits are synced: `durability = "fsync"`.
    pub sync: bool,
}

struct Open<'s> {
    /// The last `Seq` before it.
    before: Seq,
    tx: Tx<'s>,
    batch: Batch,
    tickets: Vec<(Ticket, Result<Applied, Error>)>,
    records: usize,
    bytes: usize,
}

impl Applier {
    /// Runs until the log ends or the store fails.
    pub fn run(mut self, mut source: impl Source) {
        let _needed = self.gauge.needed();
        let mut work = Vec::new();
        while source.next(&mut work, COMMIT_RECORDS_MAX, Duration::from_millis(250)) {
            match self.commit(&mut work) {
                Ok(commit) if commit.stop => return,
                Ok(_) => {}
                Err(error) => {
                    self.gauge.failed.store(true, Ordering::SeqCst);
                    tracing::error!(%error, "the store failed: nothing more is accepted");
                    return;
                }
            }
        }
    }

    /// Commits what is in `work`, in as many commits as its size asks for, and then removes a little in the background.
    ///
    /// # Errors
    /// The store's failure; every ticket that it held back was told.
    pub fn commit(&mut self, work: &mut Vec<Work>) -> Result<Commit, StoreError> {
        let done = self.commit_all(work)?;
        if !done.stop {
            self.sweep()?;
        }
        Ok(done)
    }

    /// Commits what is in `work`, and nothing else.
    pub(super) fn commit_all(&mut self, work: &mut Vec<Work>) -> Result<Commit, StoreError> {
        let mut done = Commit::default();
        let mut rest = work.drain(..).peekable();
        while rest.peek().is_some() && !done.stop {
            self.one_commit(&mut rest, &mut done)?;
        }
        drop(rest);
        self.gauge.idle();
        // Also where nothing was committed: shards that were behind may have caught up since.
        self.gauge.handed(&self.fanout);
        Ok(done)
    }

    fn one_commit(&mut self, rest: &mut impl Iterator<Item = Work>, done: &mut Commit) -> Result<(), StoreError> {
        let store = self.store.clone();
        let tx = Tx::new(&*store as &dyn View);
        let mut open = Open {
            before: self.last,
            tx,
            batch: Batch::default(),
            tickets: Vec::new(),
            records: 0,
            bytes: 0,
        };
        let mut cursors: Vec<Write> = Vec::new();
        let mut checkpoint = None;
        let mut written: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        while open.bytes < COMMIT_BYTES_MAX && checkpoint.is_none() && !done.stop {
            match rest.next() {
                Some(Work::Record {
                    queued, record, ticket, ..
                }) => {
                    if open.tickets.is_empty() {
                        self.gauge.begun(queued);
                    }
                    if let Err(error) = self.record(&mut open, &record, ticket) {
                        return self.fail(open.tickets, error);
                    }
                }
                Some(Work::Cursors(writes)) => cursors.extend(writes),
                Some(Work::Rows(writes, then)) => {
                    cursors.extend(writes);
                    written.push(then);
                }
                Some(Work::Checkpoint(dir, answer)) => checkpoint = Some((dir, answer)),
                Some(Work::Stop) => done.stop = true,
                None => break,
            }
        }
        done.records += open.records;
        self.write(open, cursors)?;
        written.into_iter().for_each(|then| then());
        if let Some((dir, answer)) = checkpoint {
            answer(self.store.checkpoint(&dir).map_err(Error::from));
        }
        Ok(())
    }

    /// Applies one record into the open commit, and what it asks to be done right after it.
    fn record(&mut self, open: &mut Open<'_>, record: &Record, ticket: Ticket) -> Result<(), StoreError> {
        let mut next = Vec::new();
        match self.apply(open, record, &mut next) {
            Ok(applied) => open.tickets.push((ticket, Ok(applied))),
            Err(ApplyError::Reject(reject)) => open.tickets.push((ticket, Err(reject.into()))),
            Err(ApplyError::Store(error)) => {
                open.tickets.push((ticket, Err(Error::Store(error.to_string()))));
                return Err(error);
            }
        }
        for _ in 0..NEXT_MAX {
            let Some(record) = (!next.is_empty()).then(|| next.remove(0)) else {
                break;
            };
            match self.apply(open, &record, &mut next) {
                Ok(_) => {}
                Err(ApplyError::Reject(reject)) => {
                    tracing::debug!(%reject, "what was to follow a record was not needed")
                }
                Err(ApplyError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn apply(&mut self, open: &mut Open<'_>, record: &Record, next: &mut Vec<Record>) -> Result<Applied, ApplyError> {
        let seq = self.last.next();
        let slot = Slot::of(record.owner());
        let number = rows::get::<u64>(&open.tx, Family::META, &keys::slot(slot))?.unwrap_or(0) + 1;
        let mut effects = Vec::new();
        let before = next.len();
        let mut apply = Apply {
            tx: &mut open.tx,
            seq,
            origin: Origin { slot, number },
            at: record.at,
            by: &record.by,
            limits: &self.limits,
            tables: &*self.tables,
            effects: &mut effects,
            next,
        };
        // What a panicking record changed is forgotten with it, as with one that was refused.
        let applied = catch_unwind(AssertUnwindSafe(|| apply.record(record)));
        match applied.unwrap_or_else(|_| {
            tracing::error!(owner = record.owner(), "applying a record panicked: it is refused");
            Err(Reject::Fault.into())
        }) {
            Ok(outcome) => {
                open.tx.put(Family::META, keys::slot(slot), rows::encode(&number));
                open.tx.accept();
                open.bytes += size(record);
                open.records += 1;
                open.batch.add(seq, effects);
                self.last = seq;
                Ok(Applied { seq, outcome })
            }
            Err(error) => {
                open.tx.refuse();
                next.truncate(before);
                Err(error)
            }
        }
    }

    /// Writes, syncs, and only then tells anyone.
    fn write(&mut self, mut open: Open<'_>, cursors: Vec<Write>) -> Result<(), StoreError> {
        if open.records > 0 {
            self.note_minute(&mut open.tx, open.before)?;
            open.tx.put(Family::META, keys::SEQ, rows::encode(&self.last));
            self.journal(&mut open.tx, &open.batch)?;
            open.tx.accept();
        }
        let mut writes = open.tx.into_writes();
        writes.extend(cursors);
        if !writes.is_empty() {
            let timer = self.metrics.timer();
            if let Err(error) = self.store.write(writes, self.sync && open.records > 0) {
                return self.fail(open.tickets, error);
            }
            self.metrics.commit(open.records, timer);
        }
        open.batch.upto = self.last;
        self.hand(open.batch);
        if open.records > 0 {
            (self.committed)();
        }
        for (ticket, fate) in open.tickets {
            ticket(fate);
        }
        Ok(())
    }

    /// Once a minute: which `Seq` it began behind, so that a time leads to a place in the order.
    fn note_minute(&mut self, tx: &mut Tx<'_>, before: Seq) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now.0 / 60_000 <= self.minute {
            return Ok(());
        }
        self.minute = now.0 / 60_000;
        // Before a restart it may have begun already.
        if tx.get(Family::META, &keys::minute(now))?.is_none() {
            tx.put(Family::META, keys::minute(now), rows::encode(&before));
        }
        Ok(())
    }

    /// Notes a batch's changes of edges behind the packed copy.
    pub(super) fn journal(&self, tx: &mut Tx<'_>, batch: &Batch) -> Result<(), StoreError> {
        let (mut changes, mut edges) = (Vec::new(), 0);
        for (_, effect) in &batch.effects {
            let change = match effect {
                Effect::Follow { node, subscriber, .. } => EdgeChange::Follow(*node, vec![*subscriber]),
                Effect::Follows { node, subscribers } => {
                    EdgeChange::Follow(*node, subscribers.iter().map(|(_, id)| *id).collect())
                }
                Effect::Unfollow { node, subscriber, .. } => EdgeChange::Unfollow(*node, *subscriber),
                Effect::NodeGone(node) => EdgeChange::Gone(*node),
                Effect::Post(_) | Effect::Gone(_) | Effect::Notice(_) => continue,
            };
            edges += match &change {
                EdgeChange::Follow(_, ids) => ids.len() as u64,
                EdgeChange::Unfollow(..) | EdgeChange::Gone(_) => 1,
            };
            changes.push(change);
        }
        self.gauge.edge_changes.fetch_add(edges, Ordering::Relaxed);
        journal::append(tx, &changes)
    }

    /// Gives the shards what was committed.
    pub(super) fn hand(&mut self, batch: Batch) {
        for (seq, effect) in &batch.effects {
            match effect {
                Effect::Post(post) => self.recent.insert(*seq, post),
                Effect::Gone(seq) => self.recent.forget(*seq),
                Effect::Follow { .. }
                | Effect::Follows { .. }
                | Effect::Unfollow { .. }
                | Effect::NodeGone(_)
                | Effect::Notice(_) => {}
            }
        }
        if batch.effects.is_empty() && batch.notices.is_empty() {
            return;
        }
        self.metrics.posts(&batch);
        if batch.is_remote() {
            (self.peers)();
        }
        self.bus.dispatch(&batch);
        self.fanout.hand(&Arc::new(batch));
        self.gauge.handed(&self.fanout);
    }

    fn fail(&self, tickets: Vec<(Ticket, Result<Applied, Error>)>, error: StoreError) -> Result<(), StoreError> {
        for (ticket, _) in tickets {
            ticket(Err(Error::Store(error.to_string())));
        }
        Err(error)
    }
}

fn size(record: &Record) -> usize {
    match &record.change {
        super::record::Change::Publish { payload, .. } => payload.len() + 256,
        super::record::Change::Table { op, .. } => op.len() + 256,
        // What its rows take: a thousand followers are as much as a thousand follows.
        super::record::Change::ImportFollowers { subscribers, .. } => (subscribers.len() + 1) * 256,
        _ => 256,
    }
}
