//! Edges: their rows and counters, how they begin and end, and who hears of that.
//!
//! Edges of presence are edges too; the roster's apply makes them through [`Apply::presence_edge`]. Knows no request.

use super::{Apply, ApplyError, Effect, access};
use crate::config::{AccessModel, NodeConfig, SubscriptionState};
use crate::error::StoreError;
use crate::model::{NodeId, NodeName, Notice, SubscriberId, Told, VShard};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NodeRow, Subscription};
use crate::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::Arc;

impl Apply<'_, '_> {
    /// Begins a subscription. Who waits for approval counts for himself, and is no follower yet.
    pub(super) fn put_edge(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        (id, jid): (SubscriberId, &str),
        state: SubscriptionState,
    ) -> Result<(), ApplyError> {
        let follows = rows::follows(self.tx, id)? + 1;
        rows::put_follows(self.tx, id, follows);
        if state.is_subscribed() {
            let mut counters = rows::node_state(self.tx, node)?;
            counters.followers += 1;
            rows::put_state(self.tx, node, &counters);
        }
        self.turn_edge(node, row, (id, jid), state)
    }

    /// Writes a subscription's state, and the edge that goes with it. From now on: what was before is not made up for.
    pub(super) fn turn_edge(
        &mut self,
        node: NodeId,
        of: &NodeRow,
        (id, jid): (SubscriberId, &str),
        state: SubscriptionState,
    ) -> Result<(), ApplyError> {
        let row = Subscription { state, since: self.seq };
        self.tx
            .put(Family::FOLLOWER, keys::follower(node, id), rows::encode(&row));
        if state == SubscriptionState::Subscribed {
            self.tx
                .put(Family::FOLLOWING, keys::following(id, node), rows::encode(&self.seq));
            if of.greets() {
                self.tx.put(Family::COMING, keys::following(id, node), []);
            }
            self.effects.push(Effect::Follow {
                node,
                subscriber: id,
                vshard: VShard::of(jid),
            });
            Ok(self.edge_at_peer(node, of, (id, jid), true)?)
        } else {
            self.cut(node, of, (id, jid))
        }
    }

    fn cut(&mut self, node: NodeId, of: &NodeRow, (id, jid): (SubscriberId, &str)) -> Result<(), ApplyError> {
        self.tx.delete(Family::FOLLOWING, keys::following(id, node));
        // Few edges have one: it is looked for, so that others leave no trace of it.
        if self.exists(Family::COMING, &keys::following(id, node))? {
            self.tx.delete(Family::COMING, keys::following(id, node));
        }
        self.effects.push(Effect::Unfollow {
            node,
            subscriber: id,
            vshard: VShard::of(jid),
        });
        Ok(self.edge_at_peer(node, of, (id, jid), false)?)
    }

    /// Notes of a node's followers behind `after`, at most `max`, whether they get its last item when they come, as the node
    /// says now. The last of them, where there may be more.
    pub(in crate::log) fn note_coming(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        after: SubscriberId,
        max: usize,
    ) -> Result<Option<SubscriberId>, StoreError> {
        let from = keys::follower(node, SubscriberId(after.0.saturating_add(1)));
        let range = Range {
            start: from.to_vec(),
            end: keys::behind(&node.0.to_be_bytes()),
            reverse: false,
        };
        let mut followers = Vec::new();
        self.tx.scan(Family::FOLLOWER, &range, &mut |key, value| {
            let gets = rows::state_in(value) == Some(SubscriptionState::Subscribed);
            followers.extend(keys::read_follower(key).map(|(_, id)| (id, gets)));
            match followers.len() < max {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        for (id, gets) in &followers {
            let key = keys::following(*id, node);
            match *gets && row.greets() {
                true => self.tx.put(Family::COMING, key, []),
                false => self.tx.delete(Family::COMING, key),
            }
        }
        let last = followers.last().map(|(id, _)| *id);
        Ok(last.filter(|_| followers.len() == max))
    }

    /// Ends a subscription, if there is one.
    pub(super) fn end_edge(&mut self, node: NodeId, jid: &str) -> Result<bool, ApplyError> {
        let Some(id) = rows::subscriber_id(self.tx, jid)? else {
            return Ok(false);
        };
        let Some(older) = rows::subscription(self.tx, node, id)? else {
            return Ok(false);
        };
        self.make_private(node, id, jid)?;
        self.tx.delete(Family::FOLLOWER, keys::follower(node, id));
        self.tx.delete(Family::OPTIONS, keys::following(id, node));
        if older.state == SubscriptionState::Silent {
            self.tx.delete(Family::CURSOR, keys::digest(id, node));
        }
        let follows = rows::follows(self.tx, id)?.saturating_sub(1);
        rows::put_follows(self.tx, id, follows);
        if older.state == SubscriptionState::Pending {
            return Ok(true);
        }
        let mut counters = rows::node_state(self.tx, node)?;
        counters.followers = counters.followers.saturating_sub(1);
        rows::put_state(self.tx, node, &counters);
        if older.state == SubscriptionState::Subscribed
            && let Some(row) = rows::node_row(self.tx, node)?
        {
            self.cut(node, &row, (id, jid))?;
        }
        Ok(true)
    }

    /// Makes a subscription what the node says now: who may no longer read loses it, who waited and need not any more has
    /// it; and he is told.
    pub(in crate::log) fn settle(&mut self, node: NodeId, row: &NodeRow, jid: &str) -> Result<(), ApplyError> {
        let state = match rows::subscriber_id(self.tx, jid)? {
            Some(id) => rows::subscription(self.tx, node, id)?.map(|subscription| (id, subscription.state)),
            None => None,
        };
        let Some((id, state)) = state else { return Ok(()) };
        let waits = state == SubscriptionState::Pending;
        match access::may_read(self.tx, self.tables, node, row, jid) {
            Ok(()) if waits => self.become_state(node, row, (id, &jid.into()), Some(SubscriptionState::Subscribed)),
            Ok(()) => Ok(()),
            Err(ApplyError::Reject(_)) if waits && self.may_ask(node, row, jid)? => Ok(()),
            Err(ApplyError::Reject(_)) => self.end_for(node, row, jid).map(|_| ()),
            Err(failed) => Err(failed),
        }
    }

    /// Ends a subscription that its subscriber did not end himself: he is told, and owners who want to know.
    pub(in crate::log) fn end_for(&mut self, node: NodeId, row: &NodeRow, jid: &str) -> Result<bool, ApplyError> {
        let ended = self.end_edge(node, jid)?;
        if ended && !row.name.is_presence() {
            let jid: Arc<str> = jid.into();
            self.tell(&jid, &row.name, &jid, Told::State(None));
            self.tell_of(node, row, &jid, None)?;
        }
        Ok(ended)
    }

    /// Has an account hear of a subscription.
    pub(super) fn tell(&mut self, to: &Arc<str>, node: &NodeName, subscriber: &Arc<str>, what: Told) {
        self.effects.push(Effect::Notice(Box::new(Notice {
            to: to.clone(),
            node: node.clone(),
            subscriber: subscriber.clone(),
            what,
        })));
    }

    /// Has owners hear of a subscription's new state, where they want to (`pubsub#notify_sub`).
    pub(super) fn tell_of(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        subscriber: &Arc<str>,
        state: Option<SubscriptionState>,
    ) -> Result<(), ApplyError> {
        match row.config.notify_sub {
            true => self.tell_owners(node, row, subscriber, Told::State(state)),
            false => Ok(()),
        }
    }

    /// Has owners hear of a subscription.
    pub(super) fn tell_owners(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        subscriber: &Arc<str>,
        what: Told,
    ) -> Result<(), ApplyError> {
        for owner in rows::owners(self.tx, node, row)? {
            self.tell(&owner, &row.name, subscriber, what);
        }
        Ok(())
    }

    /// Begins or ends the edge by which `contact` gets the presence of `owner`; ending it ends his subscriptions to
    /// those nodes of `owner` that he may no longer read (XEP-0163 §4.3).
    ///
    /// # Errors
    /// The store's failures.
    pub fn presence_edge(&mut self, owner: &str, contact: &str, shared: bool) -> Result<(), ApplyError> {
        let name = NodeName::presence(owner);
        let (node, row) = match self.node(&name) {
            Ok(found) => found,
            Err(ApplyError::Reject(_)) if !shared => return Ok(()),
            Err(ApplyError::Reject(_)) => self.put_node(&name, owner.into(), &NodeConfig::pep())?,
            Err(failed) => return Err(failed),
        };
        if !shared {
            self.end_edge(node, contact)?;
        } else if !self.tables.blocks(self.tx, owner, contact)? && !self.tables.blocks(self.tx, contact, owner)? {
            let id = rows::make_subscriber(self.tx, contact)?;
            if rows::subscription(self.tx, node, id)?.is_none() {
                self.put_edge(node, &row, (id, contact), SubscriptionState::Subscribed)?;
            }
        }
        self.contact_changed(owner, contact)
    }

    /// Re-evaluates what `contact` follows of `owner`, after a change of roster or presence.
    ///
    /// # Errors
    /// The store's failures.
    pub fn contact_changed(&mut self, owner: &str, contact: &str) -> Result<(), ApplyError> {
        for node in self.nodes_between(owner, contact)? {
            let Some(row) = rows::node_row(self.tx, node)? else {
                continue;
            };
            if row.config.access != AccessModel::Open {
                self.settle(node, &row, contact)?;
            }
        }
        Ok(())
    }

    /// Whether a row exists: for tables that need no more of the store's types.
    ///
    /// # Errors
    /// The store's failures.
    pub fn exists(&self, family: Family, key: &[u8]) -> Result<bool, ApplyError> {
        Ok(self.tx.get(family, key)?.is_some())
    }
}
