//! Followers at other servers: who follows what from where, counted, and what is due to them.
//!
//! A post leaves one row, whoever follows; which peers have a pointer to it is found behind the commit
//! (`outbox/peers/`), so that this is O(1) in servers too. Knows no server's name but as the tables say it.

use super::{Apply, ApplyError, publish::shown};
use crate::config::Later;
use crate::error::{Reject, StoreError};
use crate::log::record::Outcome;
use crate::model::{Event, NodeId, PeerId, Seq, SubscriberId, fnv1a};
use crate::store::View;
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, Loose, NodeRow, PeerFollowers, Pointer};
use std::sync::Arc;

impl Apply<'_, '_> {
    /// An edge began or ended: where its follower lives at another server, that is noted there.
    pub(in crate::log) fn edge_at_peer(
        &mut self,
        node: NodeId,
        of: &NodeRow,
        (id, jid): (SubscriberId, &str),
        follows: bool,
    ) -> Result<(), StoreError> {
        if of.name.is_presence() {
            return Ok(());
        }
        let Some(name) = self.tables.peer(&of.name.service, jid) else {
            return Ok(());
        };
        let peer = rows::make_peer(self.tx, &name)?;
        let key = keys::remote(node, peer, id);
        let had = self.tx.get(Family::REMOTE, &key)?.is_some();
        match follows {
            true => self.tx.put(Family::REMOTE, key, rows::encode(&self.seq)),
            false => self.tx.delete(Family::REMOTE, key),
        }
        if had == follows {
            return Ok(());
        }
        let total = rows::peer_total(self.tx, peer)?;
        let total = match follows {
            true => total + 1,
            false => total.saturating_sub(1),
        };
        rows::put_peer_total(self.tx, peer, total);
        let mut count = rows::peer_followers(self.tx, node, peer)?;
        count.hash ^= fnv1a(jid.as_bytes());
        count.followers = match follows {
            true => count.followers + 1,
            false => count.followers.saturating_sub(1),
        };
        self.put_count(node, peer, &count)
    }

    /// Whether one more may follow from where this one lives.
    pub(super) fn room_at_peer(&self, of: &NodeRow, jid: &str) -> Result<(), ApplyError> {
        let most = self.limits.subscriptions_per_peer;
        let Some(name) = self.tables.peer(&of.name.service, jid).filter(|_| most != 0) else {
            return Ok(());
        };
        let total = match rows::peer_id(self.tx, &name)? {
            Some(peer) => rows::peer_total(self.tx, peer)?,
            None => 0,
        };
        match total < most {
            true => Ok(()),
            false => Err(Reject::TooMany("subscriptions").into()),
        }
    }

    fn put_count(&mut self, node: NodeId, peer: PeerId, count: &PeerFollowers) -> Result<(), StoreError> {
        let key = keys::peer_followers(node, peer);
        let known = self.tx.get(Family::PEER, &key)?.is_some();
        let some = count.followers > 0;
        match some {
            true => self.tx.put(Family::PEER, key, rows::encode(count)),
            false => self.tx.delete(Family::PEER, key),
        }
        if known == some {
            return Ok(());
        }
        let mut state = rows::node_state(self.tx, node)?;
        if some {
            self.tx.put(Family::PEER, keys::peer_node(peer, node), []);
            state.peers.0 += 1;
        } else {
            self.tx.delete(Family::PEER, keys::peer_node(peer, node));
            state.peers.0 = state.peers.0.saturating_sub(1);
        }
        rows::put_state(self.tx, node, &state);
        Ok(())
    }

    /// Notes what is due to those who follow from other servers; whether there are some.
    pub(super) fn point(
        &mut self,
        node: NodeId,
        row: &NodeRow,
        item: &Arc<str>,
        event: &Event,
    ) -> Result<bool, StoreError> {
        if rows::node_state(self.tx, node)?.peers.0 == 0 {
            return Ok(false);
        }
        let logged = match event {
            Event::Publish { .. } => row.config.persist_items,
            Event::Retract { .. } | Event::Purge => true,
            Event::Configure { .. } | Event::Delete { .. } | Event::Again { .. } => false,
        };
        let pointer = match logged {
            true => Pointer::Log(node),
            false => Pointer::Loose(
                node,
                Box::new(Loose {
                    name: row.name.clone(),
                    shown: shown(&row.config),
                    entry: Entry {
                        origin: self.origin,
                        at: self.at,
                        item: item.clone(),
                        event: event.clone(),
                        only: Later::default(),
                    },
                    to: Vec::new(),
                }),
            ),
        };
        let key = keys::peer_outbox(PeerId::UNSORTED, self.seq);
        self.tx.put(Family::PEER_OUTBOX, key, rows::encode(&pointer));
        Ok(true)
    }

    /// A peer is gone for good: the background ends what it has here.
    pub(super) fn retire_peer(&mut self, name: &str) -> Result<Outcome, ApplyError> {
        if !self.by.is_empty() {
            return Err(Reject::Forbidden.into());
        }
        let peer = rows::peer_id(self.tx, name)?.ok_or(Reject::ItemNotFound)?;
        self.tx.put(Family::SWEEP, keys::sweep_peer(peer), []);
        Ok(Outcome::Done)
    }

    /// A node ends: its followers at other servers are forgotten in the background, once they are found to be told.
    pub(super) fn leave_peers(&mut self, node: NodeId) -> Result<(), StoreError> {
        if rows::node_state(self.tx, node)?.peers.0 > 0 {
            let key = keys::sweep_remote(node);
            self.tx.put(Family::SWEEP, key, rows::encode::<Seq>(&self.seq));
        }
        Ok(())
    }
}
