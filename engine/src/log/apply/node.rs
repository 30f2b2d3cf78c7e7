//! Making, configuring and deleting nodes, and affiliations (XEP-0060 §8.1, §8.2, §8.4, §8.9).
//!
//! A deletion takes the name and the configuration away at once; items and edges go in the background.

use super::owned;
use super::{Apply, ApplyError, Effect, is_closed};
use crate::config::{Affiliation, ITEMS_MAX, NodeConfig, Setting, SubscriptionState};
use crate::error::{Reject, StoreError};
use crate::limits::{Limits, OWNERS_MAX, RESETTLE_AT_ONCE};
use crate::log::record::Outcome;
use crate::model::{Event, NodeId, NodeName, Seq, SubscriberId};
use crate::store::keys::{self, Family, NodePart};
use crate::store::rows::{self, NodeRow, NodeState};
use crate::store::{Range, View};
use bytes::Bytes;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Whether the service can keep what a configuration asks for.
///
/// # Errors
/// `NotAcceptable`.
pub fn config_bounds(config: &NodeConfig, limits: &Limits) -> Result<(), Reject> {
    if config.max_items != ITEMS_MAX && u64::from(config.max_items) > limits.items_per_node {
        return Err(Reject::NotAcceptable("max_items is above what this service keeps"));
    }
    if config.max_items == 0 {
        return Err(Reject::NotAcceptable("max_items must be at least 1"));
    }
    if config.max_payload_bytes as usize > limits.item_bytes {
        return Err(Reject::NotAcceptable(
            "max_payload_size is above what this service takes",
        ));
    }
    let several = || config.contact.iter().chain(&config.roster_groups);
    if config.title.len() + config.description.len() > 4096
        || config.kind.len() + config.language.len() > 1024
        || several().count() > 256
        || several().map(|text| text.len()).sum::<usize>() > 16_384
    {
        return Err(Reject::NotAcceptable("the configuration is too large"));
    }
    if config.kind.starts_with(SOCIAL_FEED) {
        social_feed(config)?;
    }
    Ok(())
}

/// With what the types of all social feeds begin (XEP-0472 §4), whatever their profile and version.
pub(super) const SOCIAL_FEED: &str = "urn:xmpp:pubsub-social-feed:";

/// What the base profile demands of every social feed, and so of each of its profiles (XEP-0472 §4.1.1).
fn social_feed(config: &NodeConfig) -> Result<(), Reject> {
    if !config.persist_items {
        return Err(Reject::NotAcceptable(
            "a social feed keeps its items: persist_items is true",
        ));
    }
    if config.max_items != ITEMS_MAX {
        return Err(Reject::NotAcceptable(
            "a social feed keeps all that it can: max_items is max",
        ));
    }
    if !config.notify_retract {
        return Err(Reject::NotAcceptable(
            "a social feed tells of what is retracted: notify_retract is true",
        ));
    }
    Ok(())
}

impl Apply<'_, '_> {
    /// The node, if the asker owns it.
    pub(super) fn owned(&self, name: &NodeName) -> Result<(NodeId, NodeRow), ApplyError> {
        let (node, row) = self.node(name)?;
        match rows::affiliation(self.tx, node, &row, self.by)? {
            _ if name.is_kept() => Err(Reject::Kept.into()),
            Affiliation::Owner => Ok((node, row)),
            _ => Err(Reject::Forbidden.into()),
        }
    }

    pub(super) fn create(&mut self, name: &NodeName, config: &NodeConfig) -> Result<(NodeId, NodeRow), ApplyError> {
        if name.is_kept() {
            return Err(Reject::Kept.into());
        }
        if rows::node_id(self.tx, name)?.is_some() {
            return Err(Reject::NodeExists.into());
        }
        // On an account only its owner makes nodes (XEP-0163 §2).
        if name.service.contains('@') && *name.service != *self.by {
            return Err(Reject::Forbidden.into());
        }
        config_bounds(config, self.limits)?;
        self.room_for_node(name)?;
        self.put_node(name, self.by.into(), config)
    }

    /// Writes the rows of a new node.
    pub(super) fn put_node(
        &mut self,
        name: &NodeName,
        owner: Arc<str>,
        config: &NodeConfig,
    ) -> Result<(NodeId, NodeRow), ApplyError> {
        if !name.is_presence() {
            self.count_for_domain(&owner, 1)?;
        }
        let node = rows::next_node(self.tx)?;
        let row = NodeRow {
            name: name.clone(),
            owner,
            created: self.at,
            config: config.clone(),
        };
        self.tx
            .put(Family::NODE_NAME, keys::node_name(name), rows::encode(&node));
        self.tx
            .put(Family::NODE, keys::node(node, NodePart::Config), rows::encode(&row));
        rows::put_state(self.tx, node, &NodeState::default());
        self.own(node, &row)?;
        Ok((node, row))
    }

    pub(super) fn configure(&mut self, name: &NodeName, settings: &[Setting]) -> Result<Outcome, ApplyError> {
        let (node, mut row) = self.owned(name)?;
        let before = row.config.clone();
        row.config = row.config.with(settings);
        config_bounds(&row.config, self.limits)?;
        self.tx
            .put(Family::NODE, keys::node(node, NodePart::Config), rows::encode(&row));
        if row.config.resettles(&before) {
            self.resettle(node, &row)?;
        }
        if row.config.send_last != before.send_last {
            self.greet_anew(node, &row)?;
        }
        if row.config.expires_earlier(&before) {
            self.tx
                .put(Family::SWEEP, keys::sweep_times(node), rows::encode(&Seq(0)));
        }
        if row.config.notify_config {
            let form = match row.config.deliver_payloads {
                true => self.tables.configuration(&row.config),
                false => Bytes::new(),
            };
            self.notify(node, &row, &"".into(), Event::Configure { form })?;
        }
        Ok(Outcome::Done)
    }

    /// Ends the subscriptions of those who may no longer read, and those wait no more who need not. Where they are many that
    /// is the background's, as are items that are too many; until it is done nothing new is published there.
    fn resettle(&mut self, node: NodeId, row: &NodeRow) -> Result<(), ApplyError> {
        // The counts of its items and the list of its followers are for the same readers.
        for kept in [row.name.summary(), row.name.public_subscribers()] {
            if !row.name.is_kept()
                && let Some(kept) = rows::node_id(self.tx, &kept)?
                && let Some(row) = rows::node_row(self.tx, kept)?
            {
                self.resettle(kept, &row)?;
            }
        }
        let mut ids = Vec::new();
        self.tx.scan(
            Family::FOLLOWER,
            &Range::prefix(&node.0.to_be_bytes()),
            &mut |key, _| {
                ids.extend(keys::read_follower(key).map(|(_, id)| id));
                match ids.len() > RESETTLE_AT_ONCE {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            },
        )?;
        let mut seen = SubscriberId(0);
        if ids.len() <= RESETTLE_AT_ONCE {
            for id in ids {
                if let Some(jid) = rows::subscriber_name(self.tx, id)? {
                    self.settle(node, row, &jid)?;
                }
            }
            seen = SubscriberId(u32::MAX);
        }
        self.tx
            .put(Family::SWEEP, keys::sweep_config(node), rows::encode(&seen));
        Ok(())
    }

    /// Notes who gets its last item when he comes, as the node says now; of many followers the background does.
    fn greet_anew(&mut self, node: NodeId, row: &NodeRow) -> Result<(), ApplyError> {
        let key = keys::sweep_coming(node);
        match self.note_coming(node, row, SubscriberId(0), RESETTLE_AT_ONCE)? {
            Some(last) => self.tx.put(Family::SWEEP, key, rows::encode(&last)),
            // A job of an earlier change has nothing to do any more.
            None => self.tx.delete(Family::SWEEP, key),
        }
        Ok(())
    }

    /// Whether followers who may no longer read are still being looked for.
    pub(super) fn resettling(&self, node: NodeId) -> Result<bool, ApplyError> {
        let seen: Option<SubscriberId> = rows::get(self.tx, Family::SWEEP, &keys::sweep_config(node))?;
        Ok(seen.is_some_and(|seen| seen != SubscriberId(u32::MAX)))
    }

    pub(super) fn delete_node(&mut self, name: &NodeName, redirect: Option<Arc<str>>) -> Result<Outcome, ApplyError> {
        let (node, row) = self.owned(name)?;
        if row.config.notify_delete {
            self.notify(node, &row, &"".into(), Event::Delete { redirect })?;
        }
        self.drop_node(node, name)?;
        self.drop_kept(name)?;
        Ok(Outcome::Done)
    }

    /// The counts of a node's items and the list of its followers go with it; what was attached to each goes in the background.
    pub(in crate::log) fn drop_kept(&mut self, name: &NodeName) -> Result<(), StoreError> {
        for kept in [name.summary(), name.public_subscribers()] {
            if let Some(node) = rows::node_id(self.tx, &kept)? {
                self.drop_node(node, &kept)?;
            }
        }
        Ok(())
    }

    /// Takes a node's name away and leaves the rest to the background.
    pub(in crate::log) fn drop_node(&mut self, node: NodeId, name: &NodeName) -> Result<(), StoreError> {
        self.disown(node)?;
        let closed = rows::node_row(self.tx, node)?.is_some_and(|row| is_closed(&row.config));
        self.leave_peers(node)?;
        if let Some(row) = rows::node_row(self.tx, node)?.filter(|row| !row.name.is_presence()) {
            self.count_for_domain(&row.owner, -1).map_err(owned::store)?;
        }
        self.tx.delete(Family::NODE_NAME, keys::node_name(name));
        self.tx.delete(Family::NODE, keys::node(node, NodePart::Config));
        self.tx.delete(Family::NODE, keys::node(node, NodePart::State));
        self.tx.delete(Family::NODE, keys::node(node, NodePart::Owners));
        self.tx.delete(Family::NODE, keys::node(node, NodePart::Target));
        self.tx.delete(Family::SWEEP, keys::sweep_held(node));
        // The background tells those who follow lists on which it was.
        let gone = rows::encode(&(name, closed));
        self.tx.put(Family::SWEEP, keys::sweep_node(node, Seq(u64::MAX)), gone);
        self.effects.push(Effect::NodeGone(node));
        Ok(())
    }

    pub(super) fn affiliate(
        &mut self,
        name: &NodeName,
        jid: &Arc<str>,
        affiliation: Affiliation,
    ) -> Result<Outcome, ApplyError> {
        let (node, row) = self.owned(name)?;
        if *row.owner == **jid && affiliation != Affiliation::Owner {
            return Err(Reject::NotAcceptable("a node keeps its owner").into());
        }
        let id = rows::make_subscriber(self.tx, jid)?;
        let key = keys::follower(node, id);
        let had = rows::get(self.tx, Family::AFFILIATION, &key)?.unwrap_or(Affiliation::None);
        self.count_affiliated(node, had, affiliation)?;
        match affiliation {
            Affiliation::None => self.tx.delete(Family::AFFILIATION, key),
            other => self.tx.put(Family::AFFILIATION, key, rows::encode(&other)),
        }
        self.note_owner(node, &row, jid, affiliation == Affiliation::Owner)?;
        self.affiliated(node, &row, jid, affiliation)?;
        Ok(Outcome::Done)
    }

    fn count_affiliated(&mut self, node: NodeId, had: Affiliation, has: Affiliation) -> Result<(), ApplyError> {
        let change = |had: bool, has: bool| i32::from(has) - i32::from(had);
        let mut state = rows::node_state(self.tx, node)?;
        let none = |is| is == Affiliation::None;
        let affiliated = change(!none(had), !none(has));
        if affiliated > 0 && state.affiliated.0 >= self.limits.affiliations_per_node {
            return Err(Reject::TooMany("affiliations").into());
        }
        let excluded = change(had.excludes(), has.excludes());
        if (affiliated, excluded) != (0, 0) {
            state.affiliated.0 = state.affiliated.0.saturating_add_signed(affiliated);
            state.excluded.0 = state.excluded.0.saturating_add_signed(excluded);
            rows::put_state(self.tx, node, &state);
        }
        Ok(())
    }

    /// Keeps the list of owners beside the first.
    fn note_owner(&mut self, node: NodeId, row: &NodeRow, jid: &Arc<str>, owns: bool) -> Result<(), ApplyError> {
        let mut others = rows::owners(self.tx, node, row)?.split_off(1);
        let known = others.contains(jid) || row.owner == *jid;
        if known == owns {
            return Ok(());
        }
        if owns && others.len() >= OWNERS_MAX {
            return Err(Reject::TooMany("owners").into());
        }
        others.retain(|owner| owner != jid);
        others.extend(owns.then(|| jid.clone()));
        let key = keys::node(node, NodePart::Owners);
        match others.is_empty() {
            true => self.tx.delete(Family::NODE, key),
            false => self.tx.put(Family::NODE, key, rows::encode(&others)),
        }
        Ok(())
    }

    /// What an affiliation means for a subscription: who may read now need not wait any more (§8.7), and who may not
    /// loses it.
    fn affiliated(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        jid: &Arc<str>,
        affiliation: Affiliation,
    ) -> Result<(), ApplyError> {
        let waits = match rows::subscriber_id(self.tx, jid)? {
            Some(id) => rows::subscription(self.tx, node, id)?.filter(|s| s.state == SubscriptionState::Pending),
            None => None,
        };
        match (waits, affiliation) {
            (Some(_), Affiliation::Owner | Affiliation::Publisher | Affiliation::Member) => self
                .set_subscription(&row.name, jid, Some(SubscriptionState::Subscribed))
                .map(drop),
            // Whoever is nobody in particular goes on waiting.
            (Some(_), Affiliation::None) => Ok(()),
            _ => self.settle(node, row, jid),
        }
    }
}
