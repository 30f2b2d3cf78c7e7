//! Subscribing: follow, unfollow, options, and what an owner decides (XEP-0060 §6.1–§6.3, §8.8).
//!
//! Following again changes nothing, so that a retry is harmless. The edges themselves are written in `edge.rs`.

use super::{Apply, ApplyError, access, is_closed};
use crate::config::{AccessModel, Affiliation, Later, SubscribeOptions, SubscriptionState};
use crate::error::Reject;
use crate::log::record::Outcome;
use crate::model::{NodeId, NodeName, SubscriberId, Told};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NodeRow, Subscription};
use std::sync::Arc;

impl Apply<'_, '_> {
    pub(super) fn follow(
        &mut self,
        name: &NodeName,
        subscriber: &Arc<str>,
        options: Option<&SubscribeOptions>,
        public: bool,
    ) -> Result<Outcome, ApplyError> {
        let (node, row) = match self.node(name) {
            Err(ApplyError::Reject(Reject::NodeNotFound)) if name.is_public_list() => self.public_list(name)?,
            found => found?,
        };
        if *subscriber.as_ref() != *self.by {
            return Err(Reject::NotAcceptable("one can only subscribe oneself").into());
        }
        if name.is_attachments() {
            return Err(Reject::NotAcceptable("subscribe the summary of attachments instead").into());
        }
        let state = match access::may_read(self.tx, self.tables, node, &row, subscriber) {
            Ok(()) => options.copied().unwrap_or_default().state(),
            Err(ApplyError::Reject(Reject::Forbidden)) if self.may_ask(node, &row, subscriber)? => {
                SubscriptionState::Pending
            }
            Err(refused) => return Err(refused),
        };
        let id = rows::make_subscriber(self.tx, subscriber)?;
        let mut older = rows::subscription(self.tx, node, id)?;
        // He waited, and need not any more: the node takes everybody by now, or him (§8.2).
        if older.is_some_and(|older| older.state == SubscriptionState::Pending) && state != SubscriptionState::Pending {
            self.settle(node, &row, subscriber)?;
            older = rows::subscription(self.tx, node, id)?;
        }
        if let Some(older) = older {
            let had = rows::options(self.tx, node, id)?;
            let wanted = SubscribeOptions {
                public: Later(public),
                ..options.copied().unwrap_or(had)
            };
            let older = match options.is_some() || wanted != had {
                true => self.change_options(node, &row, (id, subscriber), older, &wanted)?,
                false => older.state,
            };
            return Ok(Outcome::Subscription(older));
        }
        self.quota(id)?;
        self.room_at_peer(&row, subscriber)?;
        // Who waits has a row of options, too: by it his subscription is found from his side.
        if options.is_some() || public || state == SubscriptionState::Pending {
            let wanted = SubscribeOptions {
                public: Later(public),
                ..options.copied().unwrap_or_default()
            };
            self.put_options(node, &row, (id, subscriber), state, &wanted)?;
        }
        self.put_edge(node, &row, (id, subscriber), state)?;
        if state == SubscriptionState::Pending {
            self.tell_owners(node, &row, subscriber, Told::Asks)?;
        } else {
            self.tell_of(node, &row, subscriber, Some(state))?;
            self.note_follower(&row)?;
        }
        self.hear_of_options(name, subscriber, options);
        Ok(Outcome::Subscription(state))
    }

    /// Whether he may ask for approval: the node takes requests, and he is no outcast.
    pub(super) fn may_ask(&self, node: NodeId, row: &NodeRow, jid: &str) -> Result<bool, ApplyError> {
        let none = rows::affiliation(self.tx, node, row, jid)? == Affiliation::None;
        Ok(none && row.config.access == AccessModel::Authorize)
    }

    pub(super) fn quota(&mut self, id: SubscriberId) -> Result<(), ApplyError> {
        let follows = rows::follows(self.tx, id)?;
        if follows >= self.limits.subscriptions_per_account {
            return Err(Reject::TooMany("subscriptions").into());
        }
        Ok(())
    }

    /// §6.3.5.
    pub(super) fn set_options(
        &mut self,
        name: &NodeName,
        subscriber: &Arc<str>,
        options: &SubscribeOptions,
    ) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        if *subscriber.as_ref() != *self.by {
            return Err(Reject::Forbidden.into());
        }
        let id = rows::subscriber_id(self.tx, subscriber)?.ok_or(Reject::NotSubscribed)?;
        let older = rows::subscription(self.tx, node, id)?.ok_or(Reject::NotSubscribed)?;
        let state = self.change_options(node, &row, (id, subscriber), older, options)?;
        Ok(Outcome::Subscription(state))
    }

    /// Writes other options, and what they mean for the edge. What was published while nothing was wanted is not made up for.
    fn change_options(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        (id, jid): (SubscriberId, &Arc<str>),
        older: Subscription,
        options: &SubscribeOptions,
    ) -> Result<SubscriptionState, ApplyError> {
        let state = match older.state {
            SubscriptionState::Pending => SubscriptionState::Pending,
            _ => options.state(),
        };
        self.put_options(node, row, (id, jid), state, options)?;
        if state != older.state {
            self.turn_edge(node, row, (id, jid), state)?;
        }
        self.hear_of_options(&row.name, jid, Some(options));
        Ok(state)
    }

    fn put_options(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        (id, jid): (SubscriberId, &str),
        state: SubscriptionState,
        options: &SubscribeOptions,
    ) -> Result<(), ApplyError> {
        // Nobody is shown who only waits.
        if !options.public.0 || !state.is_subscribed() {
            self.make_private(node, id, jid)?;
        } else if !self.exists(Family::PUBLIC, &keys::follower(node, id))? {
            self.tx.put(Family::PUBLIC, keys::follower(node, id), []);
            self.public_changed(&row.name, is_closed(&row.config), jid, true)?;
        }
        let key = keys::following(id, node);
        if *options == SubscribeOptions::default() && state.is_subscribed() {
            self.tx.delete(Family::OPTIONS, key);
        } else {
            self.tx.put(Family::OPTIONS, key, rows::encode(options));
        }
        if let Some(crate::config::Expire::At(at)) = options.expire {
            self.tx.put(Family::SWEEP, keys::sweep_subscription(at, node, id), []);
        }
        Ok(())
    }

    /// Takes a subscription from the list of those that everybody may know, if it is there.
    pub(super) fn make_private(&mut self, node: NodeId, id: SubscriberId, jid: &str) -> Result<(), ApplyError> {
        if !self.exists(Family::PUBLIC, &keys::follower(node, id))? {
            return Ok(());
        }
        self.tx.delete(Family::PUBLIC, keys::follower(node, id));
        match rows::node_row(self.tx, node)? {
            Some(row) => Ok(self.public_changed(&row.name, is_closed(&row.config), jid, false)?),
            None => Ok(()),
        }
    }

    /// His sessions look at what options say while they write.
    fn hear_of_options(&mut self, name: &NodeName, jid: &Arc<str>, options: Option<&SubscribeOptions>) {
        if options.is_some() {
            self.tell(jid, name, jid, Told::Options);
        }
    }

    pub(super) fn unfollow(&mut self, name: &NodeName, subscriber: &Arc<str>) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        if *subscriber.as_ref() != *self.by {
            return Err(Reject::Forbidden.into());
        }
        if !self.end_edge(node, subscriber)? {
            return Err(Reject::NotSubscribed.into());
        }
        self.tell_of(node, &row, subscriber, None)?;
        Ok(Outcome::Done)
    }

    pub(super) fn set_subscription(
        &mut self,
        name: &NodeName,
        subscriber: &Arc<str>,
        state: Option<SubscriptionState>,
    ) -> Result<Outcome, ApplyError> {
        let (node, row) = self.owned(name)?;
        let known = rows::subscriber_id(self.tx, subscriber)?;
        let older = match known {
            Some(id) => rows::subscription(self.tx, node, id)?.map(|s| (id, s.state)),
            None => None,
        };
        let Some((id, older)) = older else {
            return match state {
                None => Ok(Outcome::Done),
                // An owner approves and removes; he does not make followers of those who never asked.
                Some(_) => Err(Reject::NotAcceptable("he has not asked to subscribe").into()),
            };
        };
        let same = match state {
            Some(SubscriptionState::Subscribed) => older.is_subscribed(),
            other => Some(older) == other,
        };
        if !same {
            self.become_state(node, &row, (id, subscriber), state)?;
        }
        Ok(Outcome::Done)
    }

    /// Gives a subscription another state, and tells its subscriber, and owners who want to know.
    pub(super) fn become_state(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        (id, subscriber): (SubscriberId, &Arc<str>),
        state: Option<SubscriptionState>,
    ) -> Result<(), ApplyError> {
        let options = rows::options(self.tx, node, id)?;
        // Who wants nothing at once is subscribed all the same.
        let state = match state {
            Some(SubscriptionState::Subscribed) => Some(options.state()),
            other => other,
        };
        self.end_edge(node, subscriber)?;
        if let Some(state) = state {
            self.put_options(node, row, (id, subscriber), state, &options)?;
            self.put_edge(node, row, (id, subscriber), state)?;
        }
        self.tell(subscriber, &row.name, subscriber, Told::State(state));
        self.tell_of(node, row, subscriber, state)?;
        self.hear_of_options(&row.name, subscriber, Some(&options));
        Ok(())
    }
}
