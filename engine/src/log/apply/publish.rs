//! Publishing, retracting and purging items (XEP-0060 §7.1, §7.2, §8.5).
//!
//! Who may, and who is told. Knows no follower: who gets a post is found on the shards. Next: `keep.rs`.

use super::node::SOCIAL_FEED;
use super::{Apply, ApplyError, Effect, access};
use crate::config::{AccessModel, Affiliation, ItemReply, Later, NodeConfig, Setting};
use crate::error::{Reject, StoreError};
use crate::log::record::{Note, Outcome};
use crate::model::{Event, NodeId, NodeName, Post, Seq, Shown};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, NodeRow, NodeState};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

impl Apply<'_, '_> {
    pub(super) fn publish(
        &mut self,
        name: &NodeName,
        item: &Arc<str>,
        (payload, open_only): (&Bytes, Option<(u32, u32)>),
        notes: &[Note],
        (options, create): (&[Setting], Option<&NodeConfig>),
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
        if self.resettling(node)? {
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
            return self.keep_for_later(node, hold, item, (&event, notes));
        }
        if row.config.persist_items {
            self.keep(node, &row, item, &event)?;
        }
        self.notify(node, &row, item, event)?;
        self.notes(name, item, notes)
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
        let state = rows::node_state(self.tx, node)?;
        if !row.config.persist_items && state.items == 0 {
            return Err(Reject::Transient.into());
        }
        self.drop_held(node, |_| true)?;
        self.purge_items(node)?;
        if row.config.notify_retract {
            self.notify(node, &row, &"".into(), Event::Purge)?;
        }
        Ok(Outcome::Done)
    }

    /// Removes all items of a node: those that are there now are removed in the background.
    pub(super) fn purge_items(&mut self, node: NodeId) -> Result<(), StoreError> {
        let upto = Seq(self.seq.0 - 1);
        let state = NodeState {
            items: 0,
            purged: upto,
            oldest: self.seq,
            last: self.seq,
            edited: Later(0),
            ..rows::node_state(self.tx, node)?
        };
        rows::put_state(self.tx, node, &state);
        self.tx.put(Family::SWEEP, keys::sweep_node(node, upto), []);
        self.append(node, &"".into(), Event::Purge);
        Ok(())
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
        let remote = self.point(node, row, item, &event)?;
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
            remote,
            only: None,
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
