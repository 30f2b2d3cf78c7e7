//! Edges that end in the background: of deleted nodes, of removed users, of reconfigured nodes, and those whose time has come.
//!
//! Knows no record: nobody asked, so nobody is answered, but those whose subscriptions end are told.

use super::{Step, first_keys};
use crate::config::{Expire, SubscriptionState};
use crate::error::StoreError;
use crate::limits::SWEEP_ROWS;
use crate::log::Applier;
use crate::log::apply::{Apply, ApplyError, Effect, is_closed};
use crate::model::{NodeId, NodeName, Origin, PeerId, Seq, SubscriberId, Timestamp, VShard};
use crate::store::keys::{self, Family};
use crate::store::{Range, View, rows};

/// Nothing is refused here, so what is left is the store's failure.
fn fatal(error: ApplyError) -> StoreError {
    match error {
        ApplyError::Store(error) => error,
        ApplyError::Reject(_) => StoreError::Corrupt("sweep"),
    }
}

impl Step<'_> {
    /// Removes subscriptions and affiliations of a deleted node, and tells those who follow lists on which it was; true while there
    /// are more. `gone` is its name, and whether it was closed.
    pub(super) fn edges_of(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        node: NodeId,
        gone: Option<&(NodeName, bool)>,
    ) -> Result<bool, StoreError> {
        let prefix = Range::prefix(&node.0.to_be_bytes());
        let affiliations = first_keys(&self.tx, Family::AFFILIATION, &prefix, SWEEP_ROWS)?;
        let followers = first_keys(&self.tx, Family::FOLLOWER, &prefix, SWEEP_ROWS)?;
        let public = first_keys(&self.tx, Family::PUBLIC, &prefix, SWEEP_ROWS)?;
        for key in &public {
            self.tx.delete(Family::PUBLIC, key.clone());
            let id = keys::read_follower(key).map(|(_, id)| id);
            let jid = id.map(|id| rows::subscriber_name(&self.tx, id)).transpose()?.flatten();
            if let (Some((name, closed)), Some(jid)) = (gone, jid) {
                self.applying(applier, at, |apply| {
                    Ok(apply.public_changed(name, *closed, &jid, false)?)
                })?;
            }
        }
        for key in &affiliations {
            self.tx.delete(Family::AFFILIATION, key.clone());
        }
        for key in &followers {
            if let Some((_, id)) = keys::read_follower(key) {
                self.count_down(id)?;
                self.tx.delete(Family::FOLLOWING, keys::following(id, node));
                self.tx.delete(Family::OPTIONS, keys::following(id, node));
                self.tx.delete(Family::COMING, keys::following(id, node));
            }
            self.tx.delete(Family::FOLLOWER, key.clone());
        }
        Ok([affiliations, followers, public]
            .iter()
            .any(|rows| rows.len() == SWEEP_ROWS))
    }

    /// Forgets who followed a deleted node from other servers, once they are found to be told.
    pub(super) fn remote(&mut self, job: &[u8], node: NodeId) -> Result<(), StoreError> {
        let ended: Seq = rows::get(&self.tx, Family::SWEEP, job)?.unwrap_or_default();
        let unsorted = Range::between(
            keys::peer_outbox(PeerId::UNSORTED, Seq(0)),
            keys::peer_outbox(PeerId::UNSORTED, ended.next()),
        );
        if !first_keys(&self.tx, Family::PEER_OUTBOX, &unsorted, 1)?.is_empty() {
            return Ok(());
        }
        let followers = first_keys(
            &self.tx,
            Family::REMOTE,
            &Range::prefix(&node.0.to_be_bytes()),
            SWEEP_ROWS,
        )?;
        followers
            .iter()
            .for_each(|key| self.tx.delete(Family::REMOTE, key.clone()));
        let peers = rows::peers_of(&self.tx, node, PeerId::UNSORTED, SWEEP_ROWS)?;
        for peer in &peers {
            let gone = rows::peer_followers(&self.tx, node, *peer)?.followers;
            let total = rows::peer_total(&self.tx, *peer)?.saturating_sub(gone);
            rows::put_peer_total(&mut self.tx, *peer, total);
            self.tx.delete(Family::PEER, keys::peer_followers(node, *peer));
            self.tx.delete(Family::PEER, keys::peer_node(*peer, node));
        }
        if followers.len() < SWEEP_ROWS && peers.len() < SWEEP_ROWS {
            self.tx.delete(Family::SWEEP, job);
        }
        Ok(())
    }

    /// A peer is gone for good: who followed from there does no longer, and what waits for it is thrown away.
    pub(super) fn peer(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        job: &[u8],
        peer: PeerId,
    ) -> Result<(), StoreError> {
        let node = rows::nodes_of_peer(&self.tx, peer, NodeId(0), 1)?.into_iter().next();
        let Some(node) = node else {
            let due = first_keys(
                &self.tx,
                Family::PEER_OUTBOX,
                &Range::prefix(&peer.0.to_be_bytes()),
                SWEEP_ROWS,
            )?;
            for key in &due {
                self.tx.delete(Family::PEER_OUTBOX, key.clone());
            }
            if due.len() < SWEEP_ROWS {
                self.tx.delete(Family::SWEEP, job);
            }
            return Ok(());
        };
        let Some(row) = rows::node_row(&self.tx, node)? else {
            // It is being deleted: its own job forgets them.
            return Ok(());
        };
        for (id, _) in rows::remote_followers(&self.tx, (node, peer), 0, SWEEP_ROWS)? {
            if let Some(jid) = rows::subscriber_name(&self.tx, id)? {
                self.applying(applier, at, |apply| apply.end_for(node, &row, &jid).map(drop))?;
            }
        }
        Ok(())
    }

    fn count_down(&mut self, id: SubscriberId) -> Result<(), StoreError> {
        let follows = rows::follows(&self.tx, id)?.saturating_sub(1);
        rows::put_follows(&mut self.tx, id, follows);
        Ok(())
    }

    /// Ends what a removed user follows.
    pub(super) fn subscriber(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        job: &[u8],
        id: SubscriberId,
    ) -> Result<(), StoreError> {
        let prefix = Range::prefix(&id.0.to_be_bytes());
        let edges = first_keys(&self.tx, Family::FOLLOWING, &prefix, SWEEP_ROWS)?;
        // Silent subscriptions are no edges; they have options.
        let others = first_keys(&self.tx, Family::OPTIONS, &prefix, SWEEP_ROWS)?;
        let name = rows::subscriber_name(&self.tx, id)?.unwrap_or_default();
        for key in edges.iter().chain(&others) {
            if let Some((_, node)) = keys::read_following(key) {
                self.forget_follower(applier, at, node, (id, &name))?;
            }
        }
        let owned = self.owned_of(applier, at, id, &name)?;
        if edges.len() + others.len() < SWEEP_ROWS && owned < SWEEP_ROWS {
            let devices = [&b"d"[..], &id.0.to_be_bytes()].concat();
            let digests = [&b"g"[..], &id.0.to_be_bytes()].concat();
            for prefix in [devices, digests] {
                for key in first_keys(&self.tx, Family::CURSOR, &Range::prefix(&prefix), SWEEP_ROWS)? {
                    self.tx.delete(Family::CURSOR, key);
                }
            }
            self.tx.delete(Family::SUBSCRIBER, keys::subscriber(id));
            self.tx.delete(Family::FOLLOWS, keys::subscriber(id));
            self.tx.delete(Family::SWEEP, job);
        }
        Ok(())
    }

    /// Removes what a removed user owned on services; how many rows were looked at.
    fn owned_of(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        id: SubscriberId,
        name: &str,
    ) -> Result<usize, StoreError> {
        let prefix = Range::prefix(&id.0.to_be_bytes());
        let keys = first_keys(&self.tx, Family::OWNED, &prefix, SWEEP_ROWS)?;
        for key in &keys {
            let node = keys::read_following(key).map(|(_, node)| node);
            let row = node.map(|node| rows::node_row(&self.tx, node)).transpose()?.flatten();
            // An id is never given again, but a node may have gone to another owner's list.
            if let (Some(node), Some(row)) = (node, row.filter(|row| *row.owner == *name)) {
                self.applying(applier, at, |apply| {
                    apply.drop_node(node, &row.name)?;
                    Ok(apply.drop_kept(&row.name)?)
                })?;
            }
            self.tx.delete(Family::OWNED, key.clone());
        }
        Ok(keys.len())
    }

    fn forget_follower(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        node: NodeId,
        (id, name): (SubscriberId, &str),
    ) -> Result<(), StoreError> {
        let key = keys::follower(node, id);
        if rows::options(&self.tx, node, id)?.public.0 {
            self.tx.delete(Family::PUBLIC, key);
            if let Some(row) = rows::node_row(&self.tx, node)? {
                self.applying(applier, at, |apply| {
                    Ok(apply.public_changed(&row.name, is_closed(&row.config), name, false)?)
                })?;
            }
        }
        self.tx.delete(Family::FOLLOWING, keys::following(id, node));
        self.tx.delete(Family::OPTIONS, keys::following(id, node));
        self.tx.delete(Family::COMING, keys::following(id, node));
        let row = self.tx.get(Family::FOLLOWER, &key)?;
        let counted = row
            .as_deref()
            .and_then(rows::state_in)
            .is_some_and(SubscriptionState::is_subscribed);
        self.tx.delete(Family::FOLLOWER, key);
        if counted && rows::node_row(&self.tx, node)?.is_some() {
            let mut state = rows::node_state(&self.tx, node)?;
            state.followers = state.followers.saturating_sub(1);
            rows::put_state(&mut self.tx, node, &state);
        }
        if let Some(row) = rows::node_row(&self.tx, node)? {
            self.applying(applier, at, |apply| {
                Ok(apply.edge_at_peer(node, &row, (id, name), false)?)
            })?;
        }
        let effect = Effect::Unfollow {
            node,
            subscriber: id,
            vshard: VShard::of(name),
        };
        self.batch.effects.push((self.batch.upto, effect));
        Ok(())
    }

    /// A subscription's time has come, unless it was given more meanwhile.
    pub(super) fn lapsed(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        job: &[u8],
        (node, id): (NodeId, SubscriberId),
    ) -> Result<(), StoreError> {
        self.tx.delete(Family::SWEEP, job);
        let due = match rows::options(&self.tx, node, id)?.expire {
            Some(Expire::At(due)) => due <= at,
            _ => false,
        };
        let (Some(row), Some(jid)) = (rows::node_row(&self.tx, node)?, rows::subscriber_name(&self.tx, id)?) else {
            return Ok(());
        };
        if due {
            self.applying(applier, at, |apply| apply.end_for(node, &row, &jid).map(drop))?;
        }
        Ok(())
    }

    /// A node began or ceased to send its last item to who comes: its followers are noted so.
    pub(super) fn coming(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        job: &[u8],
        node: NodeId,
    ) -> Result<(), StoreError> {
        let after: Option<SubscriberId> = rows::get(&self.tx, Family::SWEEP, job)?;
        let row = rows::node_row(&self.tx, node)?;
        let last = match (after, row) {
            (Some(after), Some(row)) => self.applying(applier, at, |apply| {
                Ok(apply.note_coming(node, &row, after, SWEEP_ROWS)?)
            })?,
            _ => None,
        };
        match last {
            Some(last) => self.tx.put(Family::SWEEP, job, rows::encode(&last)),
            None => self.tx.delete(Family::SWEEP, job),
        }
        Ok(())
    }

    /// What apply does too, for what nobody asks.
    pub(super) fn applying<T>(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        work: impl FnOnce(&mut Apply<'_, '_>) -> Result<T, ApplyError>,
    ) -> Result<T, StoreError> {
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
            next: &mut self.next,
        };
        let done = work(&mut apply).map_err(fatal)?;
        self.batch.add(seq, effects);
        Ok(done)
    }

    /// A node was reconfigured: followers who may no longer read leave, who waited and may read follows, and items that are too
    /// many go.
    pub(super) fn resettled(
        &mut self,
        applier: &Applier,
        at: Timestamp,
        job: &[u8],
        node: NodeId,
    ) -> Result<(), StoreError> {
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
        let (last, items) = self.applying(applier, at, |apply| {
            let mut last = after;
            for (_, id) in followers.iter().filter_map(|key| keys::read_follower(key)) {
                last = id;
                if let Some(jid) = rows::subscriber_name(apply.tx, id)? {
                    apply.settle(node, &row, &jid)?;
                }
            }
            let mut state = rows::node_state(apply.tx, node)?;
            let items = apply.evict(node, &row, &mut state, SWEEP_ROWS)?;
            rows::put_state(apply.tx, node, &state);
            Ok((last, items))
        })?;
        if followers.len() == SWEEP_ROWS || items {
            self.tx.put(Family::SWEEP, job, rows::encode(&last));
        } else {
            self.tx.delete(Family::SWEEP, job);
        }
        Ok(())
    }
}
