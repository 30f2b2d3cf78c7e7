//! Edges: follow, unfollow, and what ends them (XEP-0060 §6.1, §6.2, §8.8).
//!
//! Following again changes nothing, so that a retry is harmless. Edges of presence are edges too; the roster's apply
//! makes them through [`Apply::presence_edge`].

use super::{Apply, ApplyError, Effect, access};
use crate::config::{AccessModel, NodeConfig, SubscriptionState};
use crate::error::Reject;
use crate::log::record::Outcome;
use crate::model::{NodeId, NodeName, SubscriberId, VShard};
use crate::store::View;
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NodeRow, Subscription};
use std::sync::Arc;

impl Apply<'_, '_> {
    pub(super) fn follow(&mut self, name: &NodeName, subscriber: &Arc<str>) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        if *subscriber.as_ref() != *self.by {
            return Err(Reject::NotAcceptable("one can only subscribe oneself").into());
        }
        let state = match access::may_read(self.tx, self.tables, node, &row, subscriber) {
            Ok(()) => SubscriptionState::Subscribed,
            Err(ApplyError::Reject(Reject::Forbidden)) if self.may_ask(node, &row, subscriber)? => {
                SubscriptionState::Pending
            }
            Err(refused) => return Err(refused),
        };
        let id = rows::make_subscriber(self.tx, subscriber)?;
        if let Some(older) = rows::subscription(self.tx, node, id)? {
            return Ok(Outcome::Subscription(older.state));
        }
        self.quota(id)?;
        self.put_edge(node, id, subscriber, state)?;
        Ok(Outcome::Subscription(state))
    }

    /// Whether he may ask for approval: the node takes requests, and he is no outcast.
    fn may_ask(&self, node: NodeId, row: &NodeRow, jid: &str) -> Result<bool, ApplyError> {
        let none = rows::affiliation(self.tx, node, row, jid)? == crate::config::Affiliation::None;
        Ok(none && row.config.access == AccessModel::Authorize)
    }

    fn quota(&mut self, id: SubscriberId) -> Result<(), ApplyError> {
        let follows = rows::follows(self.tx, id)?;
        if follows >= self.limits.subscriptions_per_account {
            return Err(Reject::TooMany("subscriptions").into());
        }
        Ok(())
    }

    fn put_edge(
        &mut self,
        node: NodeId,
        id: SubscriberId,
        jid: &str,
        state: SubscriptionState,
    ) -> Result<(), ApplyError> {
        let row = Subscription { state, since: self.seq };
        self.tx
            .put(Family::FOLLOWER, keys::follower(node, id), rows::encode(&row));
        if state == SubscriptionState::Pending {
            return Ok(());
        }
        let follows = rows::follows(self.tx, id)? + 1;
        rows::put_follows(self.tx, id, follows);
        self.tx
            .put(Family::FOLLOWING, keys::following(id, node), rows::encode(&self.seq));
        let mut counters = rows::node_state(self.tx, node)?;
        counters.followers += 1;
        rows::put_state(self.tx, node, &counters);
        self.effects.push(Effect::Follow {
            node,
            subscriber: id,
            vshard: VShard::of(jid),
        });
        Ok(())
    }

    /// Ends an edge, if there is one.
    pub(super) fn end_edge(&mut self, node: NodeId, jid: &str) -> Result<bool, ApplyError> {
        let Some(id) = rows::subscriber_id(self.tx, jid)? else {
            return Ok(false);
        };
        let Some(older) = rows::subscription(self.tx, node, id)? else {
            return Ok(false);
        };
        self.tx.delete(Family::FOLLOWER, keys::follower(node, id));
        if older.state == SubscriptionState::Pending {
            return Ok(true);
        }
        let follows = rows::follows(self.tx, id)?.saturating_sub(1);
        rows::put_follows(self.tx, id, follows);
        self.tx.delete(Family::FOLLOWING, keys::following(id, node));
        let mut counters = rows::node_state(self.tx, node)?;
        counters.followers = counters.followers.saturating_sub(1);
        rows::put_state(self.tx, node, &counters);
        self.effects.push(Effect::Unfollow {
            node,
            subscriber: id,
            vshard: VShard::of(jid),
        });
        Ok(true)
    }

    pub(super) fn unfollow(&mut self, name: &NodeName, subscriber: &Arc<str>) -> Result<Outcome, ApplyError> {
        let (node, _) = self.node(name)?;
        if *subscriber.as_ref() != *self.by {
            return Err(Reject::Forbidden.into());
        }
        if !self.end_edge(node, subscriber)? {
            return Err(Reject::NotSubscribed.into());
        }
        Ok(Outcome::Done)
    }

    pub(super) fn set_subscription(
        &mut self,
        name: &NodeName,
        subscriber: &Arc<str>,
        state: Option<SubscriptionState>,
    ) -> Result<Outcome, ApplyError> {
        let (node, _) = self.owned(name)?;
        let older = match rows::subscriber_id(self.tx, subscriber)? {
            Some(id) => rows::subscription(self.tx, node, id)?.map(|s| s.state),
            None => None,
        };
        if older == state {
            return Ok(Outcome::Done);
        }
        // An owner approves and removes; he does not make followers of those who never asked.
        if older.is_none() {
            return Err(Reject::NotAcceptable("he has not asked to subscribe").into());
        }
        self.end_edge(node, subscriber)?;
        if let Some(state) = state {
            let id = rows::make_subscriber(self.tx, subscriber)?;
            self.put_edge(node, id, subscriber, state)?;
        }
        Ok(Outcome::Done)
    }

    /// Ends the subscription of one who may no longer read.
    pub(in crate::log) fn end_if_unreadable(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        jid: &str,
    ) -> Result<(), ApplyError> {
        match access::may_read(self.tx, self.tables, node, row, jid) {
            Ok(()) => Ok(()),
            Err(ApplyError::Reject(_)) => self.end_edge(node, jid).map(|_| ()),
            Err(failed) => Err(failed),
        }
    }

    /// Begins or ends the edge by which `contact` gets the presence of `owner`; ending it ends his subscriptions to
    /// those nodes of `owner` that he may no longer read (XEP-0163 §4.3).
    ///
    /// # Errors
    /// The store's failures.
    pub fn presence_edge(&mut self, owner: &str, contact: &str, shared: bool) -> Result<(), ApplyError> {
        let name = NodeName::presence(owner);
        let node = match rows::node_id(self.tx, &name)? {
            Some(node) => node,
            None if !shared => return Ok(()),
            None => self.put_node(&name, owner.into(), &NodeConfig::pep())?.0,
        };
        if !shared {
            self.end_edge(node, contact)?;
        } else {
            let id = rows::make_subscriber(self.tx, contact)?;
            if rows::subscription(self.tx, node, id)?.is_none() {
                self.put_edge(node, id, contact, SubscriptionState::Subscribed)?;
            }
        }
        self.contact_changed(owner, contact)
    }

    /// Re-evaluates what `contact` follows of `owner`, after a change of roster or presence.
    ///
    /// # Errors
    /// The store's failures.
    pub fn contact_changed(&mut self, owner: &str, contact: &str) -> Result<(), ApplyError> {
        let most = self.limits.nodes_per_account as usize;
        for (_, node) in rows::nodes_of(self.tx, owner, most)? {
            let Some(row) = rows::node_row(self.tx, node)? else {
                continue;
            };
            if row.config.access != AccessModel::Open {
                self.end_if_unreadable(node, &row, contact)?;
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
