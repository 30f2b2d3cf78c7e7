//! Publishing, retracting and purging items (XEP-0060 §7.1, §7.2, §8.5), with retention at commit.
//!
//! An item that is replaced, retracted or evicted leaves the log at once: its entry is deleted, and readers skip the
//! gap. Knows no follower: who gets a post is found on the shards.

use super::node::SOCIAL_FEED;
use super::{Apply, ApplyError, Effect, access};
use crate::config::{AccessModel, Affiliation, ITEMS_MAX, ItemReply, Later, NodeConfig, NodeFull, Setting};
use crate::error::{Reject, StoreError};
use crate::limits::EVICT_MAX;
use crate::log::record::Outcome;
use crate::model::{Event, NodeId, NodeName, Post, Seq, Shown, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, ItemRow, NodeRow, NodeState};
use crate::store::{Range, View};
use bytes::Bytes;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

impl Apply<'_, '_> {
    pub(super) fn publish(
        &mut self,
        name: &NodeName,
        item: &Arc<str>,
        (payload, open_only): (&Bytes, Option<(u32, u32)>),
        options: &[Setting],
        create: Option<&NodeConfig>,
    ) -> Result<Outcome, ApplyError> {
        let (node, row) = match (self.node(name), create) {
            (Err(ApplyError::Reject(Reject::NodeNotFound)), Some(config)) => {
                self.create(name, &config.with(options))?
            }
            (found, _) => {
                let (node, row) = found?;
                access::may_publish(self.tx, self.tables, node, &row, self.by)?;
                row.config.meets(options)?;
                self.may_replace(node, &row, item)?;
                (node, row)
            }
        };
        if self.narrowing(node)? {
            return Err(Reject::NotYet.into());
        }
        if !row.config.persist_items && !row.config.deliver_payloads && !payload.is_empty() {
            return Err(Reject::ItemForbidden.into());
        }
        let most = match row.config.max_payload_bytes {
            0 => self.limits.item_bytes,
            bytes => self.limits.item_bytes.min(bytes as usize),
        };
        let payload = match open_only {
            Some(part) if row.config.access != AccessModel::Open => without(payload, part),
            _ => payload.clone(),
        };
        if payload.len() > most {
            return Err(Reject::PayloadTooBig.into());
        }
        // What is for a microblog was judged by the node's name before it came here.
        if row.config.kind.starts_with(SOCIAL_FEED) && !self.tables.fits(&row.config.kind, item, &payload) {
            return Err(Reject::Unfit.into());
        }
        let event = Event::Publish {
            payload,
            publisher: self.by.into(),
        };
        if let Some(hold) = self.hold(node)? {
            return self.keep_for_later(node, hold, item, &event);
        }
        if row.config.persist_items {
            self.keep(node, &row, item, &event)?;
        }
        self.notify(node, &row, item, event)?;
        Ok(Outcome::Done)
    }

    /// Writes the item and its entry; replaces an older version and evicts what `max_items` no longer holds.
    pub(super) fn keep(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        item: &Arc<str>,
        event: &Event,
    ) -> Result<(), ApplyError> {
        let mut state = rows::node_state(self.tx, node)?;
        let older = self.item(node, &state, item)?;
        let first = match older {
            Some(older) => {
                self.replaced(node, older.seq)?;
                if older.first == older.seq {
                    self.tx
                        .put(Family::CREATED, keys::log(node, older.first), item.as_bytes());
                    state.edited.0 += 1;
                }
                older.first
            }
            None if row.config.node_full.0 == NodeFull::Reject && state.items >= self.most_items(row) => {
                return Err(Reject::NodeFull.into());
            }
            None => {
                state.items += 1;
                self.seq
            }
        };
        self.evict(node, row, &mut state)?;
        self.count(event)?;
        if state.oldest == Seq(0) {
            state.oldest = self.seq;
        }
        state.last = self.seq;
        self.append(node, item, event.clone());
        self.tx.put(
            Family::ITEM,
            keys::item(node, item),
            rows::encode(&ItemRow { seq: self.seq, first }),
        );
        rows::put_state(self.tx, node, &state);
        if row.config.item_expire_seconds > 0 {
            let at = Timestamp(self.at.0 + u64::from(row.config.item_expire_seconds) * 1000);
            self.tx.put(Family::SWEEP, keys::sweep_expiry(at, node, self.seq), []);
        }
        Ok(())
    }

    /// Lets the oldest items go that `max_items` does not hold, a bounded number at a time; true while there are more.
    pub(in crate::log) fn evict(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        state: &mut NodeState,
    ) -> Result<bool, StoreError> {
        let max = self.most_items(row);
        for _ in 0..EVICT_MAX {
            if state.items <= max {
                return Ok(false);
            }
            let Some((seq, entry)) = self.oldest(node, state)? else {
                return Ok(false);
            };
            self.forget(node, seq, &entry, state)?;
            self.forget_attached(node, Some(&row.name), &entry.item)?;
            state.oldest = seq.next();
        }
        Ok(state.items > max)
    }

    /// How many items the node keeps.
    fn most_items(&self, row: &NodeRow) -> u64 {
        match row.config.max_items {
            ITEMS_MAX => self.limits.items_per_node,
            max => u64::from(max).clamp(1, self.limits.items_per_node),
        }
    }

    /// Where an item lies, unless it was purged.
    pub(super) fn item(&self, node: NodeId, state: &NodeState, item: &str) -> Result<Option<ItemRow>, StoreError> {
        let row: Option<ItemRow> = rows::get(self.tx, Family::ITEM, &keys::item(node, item))?;
        Ok(row.filter(|row| row.seq > state.purged))
    }

    /// The oldest item of a node. Entries before the counter's mark are gone, so that this looks at few rows.
    fn oldest(&self, node: NodeId, state: &NodeState) -> Result<Option<(Seq, Entry)>, StoreError> {
        let from = state.oldest.max(state.purged.next());
        let mut found = Ok(None);
        let range = Range::between(keys::log(node, from), keys::log(node, Seq(u64::MAX)));
        self.tx.scan(Family::LOG, &range, &mut |key, value| {
            found = rows::decode::<Entry>(Family::LOG, value).map(|entry| {
                let seq = keys::read_log(key).map(|(_, seq)| seq);
                seq.filter(|_| matches!(entry.event, Event::Publish { .. }))
                    .map(|seq| (seq, entry))
            });
            if matches!(found, Ok(None)) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        found
    }

    /// Deletes an entry, and its place in the order: who catches up does not look for what is gone.
    fn gone(&mut self, node: NodeId, seq: Seq) {
        self.tx.delete(Family::LOG, keys::log(node, seq));
        self.tx.delete(Family::TAIL, keys::tail(seq));
        self.effects.push(Effect::Gone(seq));
    }

    /// The same of an item's older version, which no longer counts.
    fn replaced(&mut self, node: NodeId, seq: Seq) -> Result<(), StoreError> {
        if let Some(older) = self.entry(node, seq)? {
            rows::count_gone(self.tx, &older.event)?;
        }
        self.gone(node, seq);
        Ok(())
    }

    /// An entry of a node's log.
    pub(super) fn entry(&self, node: NodeId, seq: Seq) -> Result<Option<Entry>, StoreError> {
        rows::get(self.tx, Family::LOG, &keys::log(node, seq))
    }

    /// Counts what its publisher keeps, and refuses what is more than he may. What nobody asked for is counted alone.
    fn count(&mut self, event: &Event) -> Result<(), ApplyError> {
        let has = rows::count_kept(self.tx, event)?;
        let within = |most: u64, has: u64| most == 0 || has <= most || self.by.is_empty();
        match () {
            () if !within(self.limits.items_per_account, has.items) => Err(Reject::NoRoom("items").into()),
            () if !within(self.limits.bytes_per_account, has.bytes) => Err(Reject::NoRoom("bytes").into()),
            () => Ok(()),
        }
    }

    /// Removes an item's rows. Where nothing was published again nothing is read.
    pub(super) fn forget(
        &mut self,
        node: NodeId,
        seq: Seq,
        entry: &Entry,
        state: &mut NodeState,
    ) -> Result<(), StoreError> {
        rows::count_gone(self.tx, &entry.event)?;
        self.gone(node, seq);
        let item = &*entry.item;
        if state.edited.0 > 0
            && let Some(row) = self.item(node, state, item)?
        {
            rows::forget_first(self.tx, node, row, state);
        }
        self.tx.delete(Family::ITEM, keys::item(node, item));
        state.items = state.items.saturating_sub(1);
        Ok(())
    }

    pub(super) fn retract(&mut self, name: &NodeName, item: &Arc<str>, notify: bool) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        let mut state = rows::node_state(self.tx, node)?;
        access::may_publish(self.tx, self.tables, node, &row, self.by)?;
        let (by, owns) = (self.by, self.is_owner(node, &row)?);
        let own =
            |held: &rows::Held| matches!(&held.event, Event::Publish { publisher, .. } if owns || **publisher == *by);
        let dropped = self.drop_held(node, |held| held.item == *item && own(held))?;
        let lies = match self.item(node, &state, item)? {
            Some(lies) => lies,
            None if dropped > 0 => return Ok(Outcome::Done),
            None if !row.config.persist_items => return Err(Reject::Transient.into()),
            None => return Err(Reject::ItemNotFound.into()),
        };
        let entry = self.entry(node, lies.seq)?.ok_or(Reject::ItemNotFound)?;
        if !owns && !is_of(&entry, self.by) {
            return Err(Reject::Forbidden.into());
        }
        self.forget(node, lies.seq, &entry, &mut state)?;
        self.forget_attached(node, Some(&row.name), item)?;
        if notify || row.config.notify_retract {
            state.last = self.seq;
            let event = Event::Retract { first: lies.first };
            self.append(node, item, event.clone());
            self.notify(node, &row, item, event)?;
        }
        rows::put_state(self.tx, node, &state);
        Ok(Outcome::Done)
    }

    /// Others than owners retract only what is theirs (XEP-0060 §7.2.3).
    fn is_owner(&self, node: NodeId, row: &NodeRow) -> Result<bool, StoreError> {
        Ok(rows::affiliation(self.tx, node, row, self.by)? == Affiliation::Owner)
    }

    /// Who published what lies there.
    pub(super) fn publisher(&self, node: NodeId, seq: Seq) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.entry(node, seq)?.and_then(|entry| match entry.event {
            Event::Publish { publisher, .. } => Some(publisher),
            _ => None,
        }))
    }

    /// Whoever publishes because all may (or all who follow) puts nothing in the place of another's item.
    fn may_replace(&self, node: NodeId, row: &NodeRow, item: &str) -> Result<(), ApplyError> {
        let named = matches!(
            rows::affiliation(self.tx, node, row, self.by)?,
            Affiliation::Owner | Affiliation::Publisher
        );
        if named || !row.config.persist_items {
            return Ok(());
        }
        let state = rows::node_state(self.tx, node)?;
        let older = self.item(node, &state, item)?.map(|older| self.entry(node, older.seq));
        match older.transpose()?.flatten() {
            Some(older) if !is_of(&older, self.by) => Err(Reject::Forbidden.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn purge(&mut self, name: &NodeName) -> Result<Outcome, ApplyError> {
        let (node, row) = self.owned(name)?;
        let mut state = rows::node_state(self.tx, node)?;
        if !row.config.persist_items && state.items == 0 {
            return Err(Reject::Transient.into());
        }
        self.drop_held(node, |_| true)?;
        let upto = Seq(self.seq.0 - 1);
        state = NodeState {
            items: 0,
            purged: upto,
            oldest: self.seq,
            last: self.seq,
            edited: Later(0),
            ..state
        };
        rows::put_state(self.tx, node, &state);
        self.tx.put(Family::SWEEP, keys::sweep_node(node, upto), []);
        self.append(node, &"".into(), Event::Purge);
        if row.config.notify_retract {
            self.notify(node, &row, &"".into(), Event::Purge)?;
        }
        Ok(Outcome::Done)
    }

    /// Hands the post to the shards.
    pub(super) fn notify(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        item: &Arc<str>,
        event: Event,
    ) -> Result<(), ApplyError> {
        if !row.config.deliver_notifications {
            return Ok(());
        }
        let post = Post {
            seq: self.seq,
            origin: self.origin,
            node,
            name: row.name.clone(),
            item: item.clone(),
            at: self.at,
            event,
            audience: self.audience(node, row)?,
            shown: shown(&row.config),
            live: OnceLock::new(),
            delayed: OnceLock::new(),
        };
        self.effects.push(Effect::Post(Arc::new(post)));
        Ok(())
    }
}

/// What receivers see of the node's items.
pub fn shown(config: &NodeConfig) -> Shown {
    Shown {
        payload: config.deliver_payloads,
        publisher: config.item_reply == ItemReply::Publisher,
        body: config.include_body,
        kind: config.notification_type,
    }
}

/// Whether it is an item that `by` published.
fn is_of(entry: &Entry, by: &str) -> bool {
    matches!(&entry.event, Event::Publish { publisher, .. } if **publisher == *by)
}

/// A payload without the bytes that start there, so many. What does not lie within it takes nothing away.
pub fn without(payload: &Bytes, (start, length): (u32, u32)) -> Bytes {
    let (start, end) = (start as usize, start as usize + length as usize);
    match (payload.get(..start), payload.get(end..)) {
        (Some(before), Some(behind)) => [before, behind].concat().into(),
        _ => payload.clone(),
    }
}
