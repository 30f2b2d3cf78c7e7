//! Mirrored nodes: what accounts here follow at other servers, kept as if it had been published here.
//!
//! The node is at home elsewhere: its service decides who follows and what is in it, and asks for no right here. An item
//! is appended once, due to those whom the service addressed; who is addressed with the same item later gets an entry that
//! points to it. From there it is as a local post. Knows no stanza; who may speak for a service is the front end's to prove.

use super::publish::shown;
use super::{Apply, ApplyError, Effect};
use crate::config::{Later, NodeConfig, SubscribeOptions, SubscriptionState};
use crate::error::{Reject, StoreError};
use crate::log::record::{Mirrored, Note, Outcome};
use crate::model::{Audience, Event, NodeId, NodeName, Post, Seq, SubscriberId, Told};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, NodeRow};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

impl Apply<'_, '_> {
    /// What a service elsewhere said of its node.
    pub(super) fn mirror(&mut self, name: &NodeName, said: &Mirrored) -> Result<Outcome, ApplyError> {
        match said {
            Mirrored::Follow {
                subscriber,
                state,
                asked,
            } => match *asked || self.is_mirrored(name, subscriber)? {
                true => self.mirror_follow(name, subscriber, *state),
                false => Err(Reject::NotSubscribed.into()),
            },
            Mirrored::Publish {
                item,
                payload,
                publisher,
                to,
                notes,
            } => self.mirror_publish(name, item, (payload, publisher), to, notes),
            Mirrored::Retract { item } => self.mirror_retract(name, item),
            Mirrored::Purge => self.mirror_purge(name),
            Mirrored::Delete => self.mirror_delete(name),
        }
    }

    /// The service says that somebody follows, waits, or does not any more.
    fn mirror_follow(
        &mut self,
        name: &NodeName,
        subscriber: &Arc<str>,
        state: Option<SubscriptionState>,
    ) -> Result<Outcome, ApplyError> {
        let found = match self.node(name) {
            Ok(found) => Some(found),
            Err(ApplyError::Reject(_)) => None,
            Err(failed) => return Err(failed),
        };
        let Some(state) = state else {
            return self.mirror_unfollow(found, subscriber);
        };
        let (node, row) = match found {
            Some(found) => found,
            None => self.mirror_node(name)?,
        };
        let id = rows::make_subscriber(self.tx, subscriber)?;
        match rows::subscription(self.tx, node, id)? {
            Some(older) if older.state == state => return Ok(Outcome::Subscription(state)),
            Some(_) => drop(self.end_edge(node, subscriber)?),
            None => self.quota(id)?,
        }
        if state == SubscriptionState::Pending {
            // By it a subscription that waits is found from its subscriber's side.
            let options = rows::encode(&SubscribeOptions::default());
            self.tx.put(Family::OPTIONS, keys::following(id, node), options);
        }
        self.put_edge(node, &row, (id, subscriber), state)?;
        self.tell(subscriber, name, subscriber, Told::State(Some(state)));
        Ok(Outcome::Subscription(state))
    }

    /// Whether somebody follows a node elsewhere, or waits to.
    fn is_mirrored(&self, name: &NodeName, subscriber: &str) -> Result<bool, StoreError> {
        let (node, id) = (rows::node_id(self.tx, name)?, rows::subscriber_id(self.tx, subscriber)?);
        match (node, id) {
            (Some(node), Some(id)) => Ok(rows::subscription(self.tx, node, id)?.is_some()),
            _ => Ok(false),
        }
    }

    fn mirror_unfollow(
        &mut self,
        found: Option<(NodeId, NodeRow)>,
        subscriber: &Arc<str>,
    ) -> Result<Outcome, ApplyError> {
        let Some((node, row)) = found else {
            return Ok(Outcome::Done);
        };
        if self.end_edge(node, subscriber)? {
            self.tell(subscriber, &row.name, subscriber, Told::State(None));
        }
        // Nobody here follows it any more: nothing of it is kept.
        if rows::node_state(self.tx, node)?.followers == 0 && self.waiting(node)? == 0 {
            self.drop_node(node, &row.name)?;
        }
        Ok(Outcome::Done)
    }

    /// How many wait for approval, as far as it matters: whether there is one.
    fn waiting(&self, node: NodeId) -> Result<usize, StoreError> {
        use crate::store::{Range, View};
        let mut some = 0;
        let followers = Range::prefix(&node.0.to_be_bytes());
        self.tx.scan(Family::FOLLOWER, &followers, &mut |_, _| {
            some += 1;
            std::ops::ControlFlow::Break(())
        })?;
        Ok(some)
    }

    fn mirror_node(&mut self, name: &NodeName) -> Result<(NodeId, NodeRow), ApplyError> {
        let config = NodeConfig::mirror(&name.node, self.limits.mirror_items);
        self.put_node(name, name.service.clone(), &config)
    }

    fn mirror_publish(
        &mut self,
        name: &NodeName,
        item: &Arc<str>,
        (payload, publisher): (&Bytes, &Arc<str>),
        to: &[Arc<str>],
        notes: &[Note],
    ) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        if payload.len() > self.limits.item_bytes {
            return Err(Reject::PayloadTooBig.into());
        }
        let (mut only, missed) = self.addressed(node, to)?;
        if !to.is_empty() && only.is_empty() {
            return Err(Reject::NotSubscribed.into());
        }
        let event = Event::Publish {
            payload: payload.clone(),
            publisher: publisher.clone(),
        };
        let state = rows::node_state(self.tx, node)?;
        let lies = self.item(node, &state, item)?;
        let known = match &lies {
            Some(lies) => self.entry(node, lies.seq)?.filter(|entry| entry.event == event),
            None => None,
        };
        let (Some(lies), Some(known)) = (lies, known) else {
            self.keep_for(node, &row, item, &event, &only)?;
            self.mirrored_post(node, &row, item, event, &only);
            self.acting_as(publisher).notes(name, item, notes)?;
            return Ok(Outcome::Missed(missed));
        };
        // Sent to somebody else before, or to him: then he has it.
        only.retain(|id| known.only.0.binary_search(id).is_err());
        if known.only.0.is_empty() || only.is_empty() {
            return Ok(Outcome::Missed(missed));
        }
        self.append_for(node, item, Event::Again { of: lies.seq }, &only);
        let state = rows::NodeState {
            last: self.seq,
            ..state
        };
        rows::put_state(self.tx, node, &state);
        self.mirrored_post(node, &row, item, event, &only);
        Ok(Outcome::Missed(missed))
    }

    /// Those of these who follow the node, in ascending order, and the others.
    fn addressed(&self, node: NodeId, to: &[Arc<str>]) -> Result<(Vec<SubscriberId>, Vec<Arc<str>>), StoreError> {
        let (mut ids, mut missed) = (Vec::with_capacity(to.len()), Vec::new());
        for jid in to {
            if let Some(id) = rows::subscriber_id(self.tx, jid)?
                && let Some(subscription) = rows::subscription(self.tx, node, id)?
                && subscription.state.is_subscribed()
            {
                ids.push(id);
            } else {
                missed.push(jid.clone());
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok((ids, missed))
    }

    fn mirrored_post(&mut self, node: NodeId, row: &NodeRow, item: &Arc<str>, event: Event, only: &[SubscriberId]) {
        let post = Post {
            seq: self.seq,
            origin: self.origin,
            node,
            name: row.name.clone(),
            item: item.clone(),
            at: self.at,
            event,
            audience: Audience::None,
            shown: shown(&row.config),
            remote: false,
            only: (!only.is_empty()).then(|| only.into()),
            live: OnceLock::new(),
            delayed: OnceLock::new(),
        };
        self.effects.push(Effect::Post(Arc::new(post)));
    }

    fn mirror_retract(&mut self, name: &NodeName, item: &Arc<str>) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        let mut state = rows::node_state(self.tx, node)?;
        let lies = self.item(node, &state, item)?.ok_or(Reject::ItemNotFound)?;
        let entry = self.entry(node, lies.seq)?.ok_or(Reject::ItemNotFound)?;
        self.forget(node, lies.seq, &entry, &mut state)?;
        state.last = self.seq;
        rows::put_state(self.tx, node, &state);
        let event = Event::Retract { first: lies.first };
        self.append(node, item, event.clone());
        self.mirrored_post(node, &row, item, event, &[]);
        Ok(Outcome::Done)
    }

    fn mirror_purge(&mut self, name: &NodeName) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        self.purge_items(node)?;
        self.mirrored_post(node, &row, &"".into(), Event::Purge, &[]);
        Ok(Outcome::Done)
    }

    fn mirror_delete(&mut self, name: &NodeName) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        self.mirrored_post(node, &row, &"".into(), Event::Delete { redirect: None }, &[]);
        self.drop_node(node, name)?;
        Ok(Outcome::Done)
    }

    /// As an item of a local node, but due to some alone.
    fn keep_for(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        item: &Arc<str>,
        event: &Event,
        only: &[SubscriberId],
    ) -> Result<(), ApplyError> {
        self.keep(node, row, item, event)?;
        if !only.is_empty()
            && let Some(entry) = self.entry(node, self.seq)?
        {
            let only = Later(only.to_vec());
            let row = rows::encode(&Entry { only, ..entry });
            self.tx.put(Family::LOG, keys::log(node, self.seq), row);
        }
        Ok(())
    }

    fn append_for(&mut self, node: NodeId, item: &Arc<str>, event: Event, only: &[SubscriberId]) {
        let entry = Entry {
            origin: self.origin,
            at: self.at,
            item: item.clone(),
            event,
            only: Later(only.to_vec()),
        };
        let row = rows::encode(&entry);
        self.tx.put(Family::LOG, keys::log(node, self.seq), row);
        self.tx
            .put(Family::TAIL, keys::tail(self.seq), rows::encode::<NodeId>(&node));
    }

    /// Forgets the entries behind an item by which others have it, as far as they lie close.
    pub(super) fn forget_again(&mut self, node: NodeId, of: Seq) -> Result<(), StoreError> {
        for seq in self.again(node, of)? {
            self.gone(node, seq);
        }
        Ok(())
    }
}
