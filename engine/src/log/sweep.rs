//! The background: what apply left to be removed, a bounded step at a time, between commits.
//!
//! Rows of deleted and purged nodes, edges of removed users, expired items, and the old end of the host's order. These
//! writes need no sync: after a crash the `sweep` rows are still there. Knows no record.

use super::apply::{Apply, ApplyError, Effect};
use super::record::{Change, Record};
use super::{Applier, Work};
use crate::error::StoreError;
use crate::fanout::Batch;
use crate::limits::{RECENT_MAX, RELEASE_STEP, SWEEP_EVERY_MS, SWEEP_ROWS};
use crate::model::{Event, NodeId, NodeName, Origin, RecordId, Seq, SubscriberId, Timestamp, VShard};
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
        };
        for key in step.due(now)? {
            if let Some((node, upto)) = keys::read_sweep_node(&key) {
                step.node(&key, node, upto)?;
            } else if let Some(id) = keys::read_sweep_subscriber(&key) {
                step.subscriber(&key, id)?;
            } else if let Some((_, node, seq)) = keys::read_sweep_expiry(&key) {
                step.expired(&key, node, seq)?;
            } else if let Some(node) = keys::read_sweep_config(&key) {
                step.narrowed(self, now, &key, node)?;
            }
        }
        step.trim_tail(now, self.last, self.limits.log_keep_seconds)?;
        journal::trim(&mut step.tx, SWEEP_ROWS as u64)?;
        self.journal(&mut step.tx, &step.batch)?;
        step.tx.accept();
        let Step { tx, batch } = step;
        let writes = tx.into_writes();
        if !writes.is_empty() {
            self.store.write(writes, false)?;
        }
        self.hand(batch);
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
        let record = Record {
            at: self.clock.now(),
            by: "".into(),
            change: Change::Release { node: node.clone() },
        };
        Work::Record {
            id: RecordId(0),
            queued: record.at,
            record,
            ticket: Box::new(|_| ()),
        }
    }
}

struct Step<'s> {
    tx: Tx<'s>,
    batch: Batch,
}

/// Nothing is refused here, so what is left is the store's failure.
fn fatal(error: ApplyError) -> StoreError {
    match error {
        ApplyError::Store(error) => error,
        ApplyError::Reject(_) => StoreError::Corrupt("sweep"),
    }
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
        for kind in [&b"n"[..], b"u", b"c"] {
            due.extend(first_keys(&self.tx, Family::SWEEP, &Range::prefix(kind), 1)?);
        }
        Ok(due)
    }

    fn node(&mut self, job: &[u8], node: NodeId, upto: Seq) -> Result<(), StoreError> {
        let range = Range::between(keys::log(node, Seq(0)), keys::log(node, Seq(upto.0.saturating_add(1))));
        let log = first_keys(&self.tx, Family::LOG, &range, SWEEP_ROWS)?;
        for key in &log {
            let entry: Option<Entry> = rows::get(&self.tx, Family::LOG, key)?;
            let lies = keys::read_log(key).map(|(_, seq)| seq);
            if let (Some(entry), Some(seq)) = (entry, lies) {
                self.item_of(node, seq, &entry.item)?;
            }
            self.tx.delete(Family::LOG, key.clone());
        }
        let mut more = log.len() == SWEEP_ROWS;
        if upto == Seq(u64::MAX) && !more {
            let held = first_keys(&self.tx, Family::HELD, &range, SWEEP_ROWS)?;
            held.iter().for_each(|key| self.tx.delete(Family::HELD, key.clone()));
            more = held.len() == SWEEP_ROWS || self.edges_of(node)?;
        }
        if !more {
            self.tx.delete(Family::SWEEP, job);
        }
        Ok(())
    }

    /// Removes an item's row, unless a newer version has taken its place.
    fn item_of(&mut self, node: NodeId, seq: Seq, item: &str) -> Result<bool, StoreError> {
        let key = keys::item(node, item);
        let row: Option<ItemRow> = rows::get(&self.tx, Family::ITEM, &key)?;
        let ours = row.is_some_and(|row| row.seq == seq);
        if ours {
            self.tx.delete(Family::ITEM, key);
        }
        Ok(ours)
    }

    /// Removes subscriptions and affiliations of a deleted node; true while there are more.
    fn edges_of(&mut self, node: NodeId) -> Result<bool, StoreError> {
        let prefix = Range::prefix(&node.0.to_be_bytes());
        let affiliations = first_keys(&self.tx, Family::AFFILIATION, &prefix, SWEEP_ROWS)?;
        let followers = first_keys(&self.tx, Family::FOLLOWER, &prefix, SWEEP_ROWS)?;
        for key in &affiliations {
            self.tx.delete(Family::AFFILIATION, key.clone());
        }
        for key in &followers {
            if let Some((_, id)) = keys::read_follower(key) {
                if self.tx.get(Family::FOLLOWING, &keys::following(id, node))?.is_some() {
                    self.count_down(id)?;
                }
                self.tx.delete(Family::FOLLOWING, keys::following(id, node));
            }
            self.tx.delete(Family::FOLLOWER, key.clone());
        }
        Ok(affiliations.len() == SWEEP_ROWS || followers.len() == SWEEP_ROWS)
    }

    fn count_down(&mut self, id: SubscriberId) -> Result<(), StoreError> {
        let follows = rows::follows(&self.tx, id)?.saturating_sub(1);
        rows::put_follows(&mut self.tx, id, follows);
        Ok(())
    }

    /// Ends what a removed user follows.
    fn subscriber(&mut self, job: &[u8], id: SubscriberId) -> Result<(), StoreError> {
        let edges = first_keys(
            &self.tx,
            Family::FOLLOWING,
            &Range::prefix(&id.0.to_be_bytes()),
            SWEEP_ROWS,
        )?;
        let name = rows::subscriber_name(&self.tx, id)?.unwrap_or_default();
        for key in &edges {
            self.tx.delete(Family::FOLLOWING, key.clone());
            let Some((_, node)) = keys::read_following(key) else {
                continue;
            };
            self.tx.delete(Family::FOLLOWER, keys::follower(node, id));
            let mut state = rows::node_state(&self.tx, node)?;
            if rows::node_row(&self.tx, node)?.is_some() {
                state.followers = state.followers.saturating_sub(1);
                rows::put_state(&mut self.tx, node, &state);
            }
            let effect = Effect::Unfollow {
                node,
                subscriber: id,
                vshard: VShard::of(&name),
            };
            self.batch.effects.push((self.batch.upto, effect));
        }
        if edges.len() < SWEEP_ROWS {
            let devices = [&b"d"[..], &id.0.to_be_bytes()].concat();
            for key in first_keys(&self.tx, Family::CURSOR, &Range::prefix(&devices), SWEEP_ROWS)? {
                self.tx.delete(Family::CURSOR, key);
            }
            self.tx.delete(Family::SUBSCRIBER, keys::subscriber(id));
            self.tx.delete(Family::FOLLOWS, keys::subscriber(id));
            self.tx.delete(Family::SWEEP, job);
        }
        Ok(())
    }

    /// A node's configuration was narrowed: followers who may no longer read leave, and items that are too many.
    fn narrowed(&mut self, applier: &Applier, at: Timestamp, job: &[u8], node: NodeId) -> Result<(), StoreError> {
        let Some(row) = rows::node_row(&self.tx, node)? else {
            self.tx.delete(Family::SWEEP, job);
            return Ok(());
        };
        let after: SubscriberId = rows::get(&self.tx, Family::SWEEP, job)?.unwrap_or(SubscriberId(0));
        let from = keys::follower(node, SubscriberId(after.0.saturating_add(1)));
        let range = Range {
            start: from.to_vec(),
            end: keys::behind(&node.0.to_be_bytes()),
            reverse: false,
        };
        let followers = first_keys(&self.tx, Family::FOLLOWER, &range, SWEEP_ROWS)?;
        let seq = self.batch.upto;
        let mut effects = Vec::new();
        let mut apply = Apply {
            tx: &mut self.tx,
            seq,
            origin: Origin::default(),
            at,
            by: "",
            limits: &applier.limits,
            tables: &*applier.tables,
            effects: &mut effects,
        };
        let mut last = after;
        for (_, id) in followers.iter().filter_map(|key| keys::read_follower(key)) {
            last = id;
            if let Some(jid) = rows::subscriber_name(apply.tx, id)? {
                apply.end_if_unreadable(node, &row, &jid).map_err(fatal)?;
            }
        }
        let mut state = rows::node_state(apply.tx, node)?;
        let items = apply.evict(node, &row, &mut state)?;
        rows::put_state(&mut self.tx, node, &state);
        self.batch
            .effects
            .extend(effects.into_iter().map(|effect| (seq, effect)));
        if followers.len() == SWEEP_ROWS || items {
            self.tx.put(Family::SWEEP, job, rows::encode(&last));
        } else {
            self.tx.delete(Family::SWEEP, job);
        }
        Ok(())
    }

    fn expired(&mut self, job: &[u8], node: NodeId, seq: Seq) -> Result<(), StoreError> {
        self.tx.delete(Family::SWEEP, job);
        let key = keys::log(node, seq);
        let Some(entry) = rows::get::<Entry>(&self.tx, Family::LOG, &key)? else {
            return Ok(());
        };
        let mut state = rows::node_state(&self.tx, node)?;
        // What was purged, or belongs to a deleted node, is not counted any more: its own job removes it.
        if seq <= state.purged || rows::node_row(&self.tx, node)?.is_none() {
            return Ok(());
        }
        if matches!(entry.event, Event::Publish { .. }) && self.item_of(node, seq, &entry.item)? {
            self.tx.delete(Family::LOG, key);
            state.items = state.items.saturating_sub(1);
            rows::put_state(&mut self.tx, node, &state);
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
            if entry.is_some_and(|e| !matches!(e.event, Event::Publish { .. }) && e.at.0 <= oldest) {
                self.tx.delete(Family::LOG, keys::log(node, seq));
            }
            self.tx.delete(Family::TAIL, key);
        }
        Ok(())
    }
}
