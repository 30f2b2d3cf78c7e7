//! What a node keeps: items and their entries, and what leaves for them, with retention at commit.
//!
//! An item that is replaced, retracted or evicted leaves the log at once: its entry is deleted, and readers skip the
//! gap. Knows no right; what a publisher may keep is counted here.

use super::{Apply, ApplyError, Effect};
use crate::config::{ITEMS_MAX, NodeFull};
use crate::error::{Reject, StoreError};
use crate::limits::{AGAIN_SCAN, EVICT_MAX};
use crate::model::{Event, NodeId, Seq, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, ItemRow, NodeRow, NodeState, Usage};
use crate::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::Arc;

impl Apply<'_, '_> {
    /// Writes the item and its entry; replaces an older version and evicts what `max_items` no longer holds.
    pub(super) fn keep(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        item: &Arc<str>,
        event: &Event,
    ) -> Result<(), ApplyError> {
        let mut state = rows::node_state(self.tx, node)?;
        let lies: Option<ItemRow> = rows::get(self.tx, Family::ITEM, &keys::item(node, item))?;
        let older = lies.filter(|lies| lies.seq > state.purged);
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
                // What was attached to one of the same id that was purged is not attached to this one. The background, which
                // removes it otherwise, finds another item in its place.
                if lies.is_some() {
                    self.forget_attached(node, Some(&row.name), item)?;
                }
                state.items += 1;
                self.seq
            }
        };
        self.evict(node, row, &mut state, EVICT_MAX)?;
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
        at_once: usize,
    ) -> Result<bool, StoreError> {
        let max = self.most_items(row);
        for _ in 0..at_once {
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
    pub(super) fn gone(&mut self, node: NodeId, seq: Seq) {
        self.tx.delete(Family::LOG, keys::log(node, seq));
        self.tx.delete(Family::TAIL, keys::tail(seq));
        self.effects.push(Effect::Gone(seq));
    }

    /// The same of an item's older version, which no longer counts.
    fn replaced(&mut self, node: NodeId, seq: Seq) -> Result<(), StoreError> {
        if let Some(older) = self.entry(node, seq)? {
            self.uncount(&older.event)?;
            self.forget_others(node, seq, &older)?;
        }
        self.gone(node, seq);
        Ok(())
    }

    /// An item that was due to some had entries for others behind it.
    fn forget_others(&mut self, node: NodeId, seq: Seq, entry: &Entry) -> Result<(), StoreError> {
        match entry.only.0.is_empty() {
            true => Ok(()),
            false => self.forget_again(node, seq),
        }
    }

    /// The entries by which others have the item that lies there, as far as they lie close behind it.
    pub(super) fn again(&self, node: NodeId, lies: Seq) -> Result<Vec<Seq>, StoreError> {
        let (mut found, mut seen) = (Vec::new(), 0);
        let range = Range::between(keys::log(node, lies.next()), keys::log(node, Seq(u64::MAX)));
        self.tx.scan(Family::LOG, &range, &mut |key, value| {
            let of = rows::decode::<Entry>(Family::LOG, value).map(|entry| entry.event);
            if of.is_ok_and(|event| event == Event::Again { of: lies }) {
                found.extend(keys::read_log(key).map(|(_, seq)| seq));
            }
            seen += 1;
            match seen < AGAIN_SCAN {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(found)
    }

    /// An entry of a node's log.
    pub(super) fn entry(&self, node: NodeId, seq: Seq) -> Result<Option<Entry>, StoreError> {
        rows::get(self.tx, Family::LOG, &keys::log(node, seq))
    }

    /// Counts what its publisher keeps, and his domain, and refuses what is more than they may. What nobody asked for is counted
    /// alone.
    fn count(&mut self, event: &Event) -> Result<(), ApplyError> {
        let domain = Usage::of(event).and_then(|(publisher, _)| self.tables.elsewhere(publisher));
        let (has, all) = rows::count_kept(self.tx, event, domain)?;
        let limits = self.limits;
        let within = |most: u64, has: u64| most == 0 || has <= most || self.by.is_empty();
        match () {
            () if !within(limits.items_per_account, has.items) => Err(Reject::NoRoom("items").into()),
            () if !within(limits.bytes_per_account, has.bytes) => Err(Reject::NoRoom("bytes").into()),
            () if !within(limits.items_per_peer, all.items) => Err(Reject::NoRoom("items of its server").into()),
            () if !within(limits.bytes_per_peer, all.bytes) => Err(Reject::NoRoom("bytes of its server").into()),
            () => Ok(()),
        }
    }

    /// What it counted counts no more.
    pub(in crate::log) fn uncount(&mut self, event: &Event) -> Result<(), StoreError> {
        let domain = Usage::of(event).and_then(|(publisher, _)| self.tables.elsewhere(publisher));
        rows::count_gone(self.tx, event, domain)
    }

    /// Removes an item's rows. Where nothing was published again nothing is read.
    pub(super) fn forget(
        &mut self,
        node: NodeId,
        seq: Seq,
        entry: &Entry,
        state: &mut NodeState,
    ) -> Result<(), StoreError> {
        self.uncount(&entry.event)?;
        self.forget_others(node, seq, entry)?;
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
}
