//! The background: what apply left to be removed, a bounded step at a time, between commits.
//!
//! Rows of deleted and purged nodes, edges of removed users, expired items, the old end of the host's order, and what other
//! parts' tables leave. These writes need no sync: after a crash the `sweep` rows are still there. Knows no record.

mod edges;

use super::record::{Change, Record};
use super::{Applier, Work};
use crate::error::StoreError;
use crate::fanout::Batch;
use crate::limits::{RECENT_MAX, RELEASE_STEP, SWEEP_EVERY_MS, SWEEP_ROWS};
use crate::model::{Event, NodeId, NodeName, RecordId, Seq, SubscriberId, Timestamp};
use crate::store::journal;
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, Hold, ItemRow};
use crate::store::{Range, Tx, View};
use std::ops::ControlFlow;

impl Applier {
    /// One bounded step.
    ///
    /// # Errors
    /// The store's failure, which is fatal.
    pub fn sweep(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now.0 < self.swept.0 + SWEEP_EVERY_MS {
            return Ok(());
        }
        self.swept = now;
        let store = self.store.clone();
        let mut step = Step {
            tx: Tx::new(&*store as &dyn View),
            batch: Batch {
                upto: self.last,
                ..Batch::default()
            },
            next: Vec::new(),
        };
        for key in step.due(now)? {
            if let Some((node, upto)) = keys::read_sweep_node(&key) {
                step.node(self, now, &key, node, upto)?;
            } else if let Some(id) = keys::read_sweep_subscriber(&key) {
                step.subscriber(self, now, &key, id)?;
            } else if let Some((_, node, seq)) = keys::read_sweep_expiry(&key) {
                step.expired(self, now, &key, node, seq)?;
            } else if let Some((_, node, id)) = keys::read_sweep_subscription(&key) {
                step.lapsed(self, now, &key, (node, id))?;
            } else if let Some(node) = keys::read_sweep_config(&key) {
                step.resettled(self, now, &key, node)?;
            } else if let Some(node) = keys::read_sweep_times(&key) {
                step.times(&key, node)?;
            } else if let Some(peer) = keys::read_sweep_peer(&key) {
                step.peer(self, now, &key, peer)?;
            } else if let Some(node) = keys::read_sweep_remote(&key) {
                step.remote(&key, node)?;
            } else if let Some(node) = keys::read_sweep_coming(&key) {
                step.coming(self, now, &key, node)?;
            }
        }
        step.trim_tail(now, self.last, self.limits.log_keep_seconds)?;
        self.tables.sweep(&mut step.tx, now, SWEEP_ROWS, &mut step.next)?;
        journal::trim(&mut step.tx, SWEEP_ROWS as u64)?;
        self.journal(&mut step.tx, &step.batch)?;
        step.tx.accept();
        let Step { tx, batch, next } = step;
        let writes = tx.into_writes();
        if !writes.is_empty() {
            self.store.write(writes, false)?;
        }
        self.hand(batch);
        if !next.is_empty() {
            let mut work = next.into_iter().map(unasked).collect();
            self.commit_all(&mut work).map(drop)?;
        }
        self.release()
    }

    /// Publishes some of what resumed nodes hold, as records of their own.
    fn release(&mut self) -> Result<(), StoreError> {
        let store = self.store.clone();
        let tx = Tx::new(&*store as &dyn View);
        let mut work = Vec::new();
        for key in first_keys(&tx, Family::SWEEP, &Range::prefix(b"h"), SWEEP_ROWS)? {
            let hold: Option<Hold> = rows::get(&tx, Family::SWEEP, &key)?;
            let node = keys::read_sweep_held(&key).map(|node| rows::node_row(&tx, node));
            if let (Some(hold), Some(Some(row))) = (hold.filter(|hold| !hold.paused), node.transpose()?) {
                let steps = (hold.held as usize).clamp(1, RELEASE_STEP);
                work.extend((0..steps).map(|_| self.release_of(&row.name)));
            }
        }
        if work.is_empty() {
            return Ok(());
        }
        self.commit_all(&mut work).map(drop)
    }

    fn release_of(&self, node: &NodeName) -> Work {
        unasked(Record {
            at: self.clock.now(),
            by: "".into(),
            change: Change::Release { node: node.clone() },
        })
    }
}

/// A record that nobody waits for.
fn unasked(record: Record) -> Work {
    Work::Record {
        id: RecordId(0),
        queued: record.at,
        record,
        ticket: Box::new(|_| ()),
    }
}

struct Step<'s> {
    tx: Tx<'s>,
    batch: Batch,
    /// What is to be done as records of their own.
    next: Vec<Record>,
}

fn first_keys(tx: &Tx<'_>, family: Family, range: &Range, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    tx.scan(family, range, &mut |key, _| {
        found.push(key.to_vec());
        if found.len() < max {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(found)
}

impl Step<'_> {
    /// What is to be removed: up to a step's worth of expired items, and one job of the other kinds.
    fn due(&self, now: Timestamp) -> Result<Vec<Vec<u8>>, StoreError> {
        let expired = Range::between(&b"e"[..], keys::sweep_expiry(now, NodeId(u32::MAX), Seq(u64::MAX)));
        let mut due = first_keys(&self.tx, Family::SWEEP, &expired, SWEEP_ROWS)?;
        let lapsed = keys::sweep_subscription(now, NodeId(u32::MAX), SubscriberId(u32::MAX));
        due.extend(first_keys(
            &self.tx,
            Family::SWEEP,
            &Range::between(&b"s"[..], lapsed),
            SWEEP_ROWS,
        )?);
        for kind in [&b"n"[..], b"u", b"c", b"t", b"l", b"r", b"p"] {
            due.extend(first_keys(&self.tx, Family::SWEEP, &Range::prefix(kind), 1)?);
        }
        Ok(due)
    }

    fn node(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        job: &[u8],
        node: NodeId,
        upto: Seq,
    ) -> Result<(), StoreError> {
        let name = rows::node_row(&self.tx, node)?.map(|row| row.name);
        let range = Range::between(keys::log(node, Seq(0)), keys::log(node, Seq(upto.0.saturating_add(1))));
        let log = first_keys(&self.tx, Family::LOG, &range, SWEEP_ROWS)?;
        for key in &log {
            let entry: Option<Entry> = rows::get(&self.tx, Family::LOG, key)?;
            let lies = keys::read_log(key).map(|(_, seq)| seq);
            if let Some(entry) = &entry {
                self.applying(applier, at, |apply| Ok(apply.uncount(&entry.event)?))?;
            }
            if let (Some(entry), Some(seq)) = (entry, lies)
                && self.item_of(node, seq, &entry.item)?.is_some()
            {
                self.applying(applier, at, |apply| {
                    Ok(apply.forget_attached(node, name.as_ref(), &entry.item)?)
                })?;
            }
            self.tx.delete(Family::LOG, key.clone());
        }
        let created = first_keys(&self.tx, Family::CREATED, &range, SWEEP_ROWS)?;
        for key in &created {
            self.tx.delete(Family::CREATED, key.clone());
        }
        let mut more = log.len() == SWEEP_ROWS || created.len() == SWEEP_ROWS;
        if upto == Seq(u64::MAX) && !more {
            let held = first_keys(&self.tx, Family::HELD, &range, SWEEP_ROWS)?;
            held.iter().for_each(|key| self.tx.delete(Family::HELD, key.clone()));
            more = held.len() == SWEEP_ROWS || {
                let row = self.tx.get(Family::SWEEP, job)?.filter(|row| !row.is_empty());
                let gone = row.map(|row| rows::decode(Family::SWEEP, &row)).transpose()?;
                self.edges_of(applier, at, node, gone.as_ref())?
            };
        }
        if !more {
            self.tx.delete(Family::SWEEP, job);
        }
        Ok(())
    }

    /// Removes an item's row, unless a newer version has taken its place.
    fn item_of(&mut self, node: NodeId, seq: Seq, item: &str) -> Result<Option<ItemRow>, StoreError> {
        let key = keys::item(node, item);
        let row: Option<ItemRow> = rows::get(&self.tx, Family::ITEM, &key)?;
        let ours = row.filter(|row| row.seq == seq);
        if ours.is_some() {
            self.tx.delete(Family::ITEM, key);
        }
        Ok(ours)
    }

    fn expired(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        job: &[u8],
        node: NodeId,
        seq: Seq,
    ) -> Result<(), StoreError> {
        self.tx.delete(Family::SWEEP, job);
        let key = keys::log(node, seq);
        let Some(entry) = rows::get::<Entry>(&self.tx, Family::LOG, &key)? else {
            return Ok(());
        };
        let mut state = rows::node_state(&self.tx, node)?;
        // What was purged, or belongs to a deleted node, is not counted any more: its own job removes it.
        let Some(row) = rows::node_row(&self.tx, node)?.filter(|_| seq > state.purged) else {
            return Ok(());
        };
        // Its node may have been told to keep items for longer since, or for good.
        let seconds = u64::from(row.config.item_expire_seconds);
        if seconds == 0 {
            return Ok(());
        }
        let due = Timestamp(entry.at.0.saturating_add(seconds * 1000));
        if due > at {
            self.tx.put(Family::SWEEP, keys::sweep_expiry(due, node, seq), []);
            return Ok(());
        }
        if matches!(entry.event, Event::Publish { .. })
            && let Some(lies) = self.item_of(node, seq, &entry.item)?
        {
            self.tx.delete(Family::LOG, key);
            self.applying(applier, at, |apply| Ok(apply.uncount(&entry.event)?))?;
            rows::forget_first(&mut self.tx, node, lies, &mut state);
            state.items = state.items.saturating_sub(1);
            rows::put_state(&mut self.tx, node, &state);
            self.applying(applier, at, |apply| {
                Ok(apply.forget_attached(node, Some(&row.name), &entry.item)?)
            })?;
        }
        Ok(())
    }

    /// Notes of items when they expire now.
    fn times(&mut self, job: &[u8], node: NodeId) -> Result<(), StoreError> {
        let seconds = rows::node_row(&self.tx, node)?.map_or(0, |row| row.config.item_expire_seconds);
        let from: Option<Seq> = rows::get(&self.tx, Family::SWEEP, job)?;
        let Some(from) = from.filter(|_| seconds > 0) else {
            self.tx.delete(Family::SWEEP, job);
            return Ok(());
        };
        let range = Range::between(keys::log(node, from), keys::log(node, Seq(u64::MAX)));
        let log = first_keys(&self.tx, Family::LOG, &range, SWEEP_ROWS)?;
        for key in &log {
            let entry: Option<Entry> = rows::get(&self.tx, Family::LOG, key)?;
            if let (Some(entry), Some((_, seq))) = (entry, keys::read_log(key))
                && matches!(entry.event, Event::Publish { .. })
            {
                let due = Timestamp(entry.at.0.saturating_add(u64::from(seconds) * 1000));
                self.tx.put(Family::SWEEP, keys::sweep_expiry(due, node, seq), []);
            }
        }
        let last = log.last().and_then(|key| keys::read_log(key));
        match last.filter(|_| log.len() == SWEEP_ROWS) {
            Some((_, last)) => self.tx.put(Family::SWEEP, job, rows::encode(&last.next())),
            None => self.tx.delete(Family::SWEEP, job),
        }
        Ok(())
    }

    /// Forgets the old end of the host's order, and with it retractions that everyone has had time to hear of.
    fn trim_tail(&mut self, now: Timestamp, last: Seq, keep_seconds: u64) -> Result<(), StoreError> {
        let keep_from = last.0.saturating_sub(RECENT_MAX as u64);
        let oldest = now.0.saturating_sub(keep_seconds.saturating_mul(1000));
        let all = Range {
            start: Vec::new(),
            end: None,
            reverse: false,
        };
        for key in first_keys(&self.tx, Family::TAIL, &all, SWEEP_ROWS / 8)? {
            let (Some(seq), Some(node)) = (
                keys::read_tail(&key),
                rows::get::<NodeId>(&self.tx, Family::TAIL, &key)?,
            ) else {
                continue;
            };
            let entry: Option<Entry> = rows::get(&self.tx, Family::LOG, &keys::log(node, seq))?;
            if seq.0 > keep_from && entry.as_ref().is_some_and(|e| e.at.0 > oldest) {
                break;
            }
            let item = |event: &Event| matches!(event, Event::Publish { .. } | Event::Again { .. });
            if entry.is_some_and(|e| !item(&e.event) && e.at.0 <= oldest) {
                self.tx.delete(Family::LOG, keys::log(node, seq));
            }
            self.tx.delete(Family::TAIL, key);
        }
        Ok(())
    }
}
