//! How the rows of peers are found and written: their names, who follows from there, and what is due to them.
//!
//! A peer is the outbox of another server, by a name that the front end gives it. Knows no record and no stage.

use super::{Entry, decode, encode, get, number};
use crate::error::StoreError;
use crate::model::{NodeId, NodeName, PeerId, Seq, Shown, SubscriberId};
use crate::store::keys::{self, Family};
use crate::store::{Range, Tx, View};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// How many follow a node from a peer, and which: the exclusive or of the hashes of their bare JIDs, so that two servers can
/// compare what they know without naming anyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerFollowers {
    /// How many.
    pub followers: u64,
    /// Which.
    pub hash: u64,
}

/// What is due to the followers of a node at another server: a pointer, but for what no log keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pointer {
    /// The entry of this node's log, at the same place.
    Log(NodeId),
    /// An event that no log keeps.
    Loose(NodeId, Box<Loose>),
}

/// An event that no log keeps: of a node without items, or of the node itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loose {
    /// The node's name.
    pub name: NodeName,
    /// What receivers are shown.
    pub shown: Shown,
    /// What happened.
    pub entry: Entry,
    /// Who gets it, where the node is gone and with it its followers; else those who follow when it is sent.
    pub to: Vec<SubscriberId>,
}

/// How far a peer is within the entry that it is being sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCursor {
    /// The entry.
    pub seq: Seq,
    /// Its followers up to this one have it.
    pub follower: u32,
}

impl Pointer {
    /// The node.
    pub fn node(&self) -> NodeId {
        match self {
            Pointer::Log(node) | Pointer::Loose(node, _) => *node,
        }
    }
}

/// The peer of this name.
///
/// # Errors
/// The store's failures.
pub fn peer_id(view: &dyn View, name: &str) -> Result<Option<PeerId>, StoreError> {
    get(view, Family::PEER, &keys::peer_name(name))
}

/// A peer's name.
///
/// # Errors
/// The store's failures.
pub fn peer_name(view: &dyn View, peer: PeerId) -> Result<Option<Arc<str>>, StoreError> {
    get(view, Family::PEER, &keys::peer(peer))
}

/// All peers, in the order of their names.
///
/// # Errors
/// The store's failures.
pub fn peers(view: &dyn View) -> Result<Vec<(Arc<str>, PeerId)>, StoreError> {
    let (mut found, mut bad) = (Vec::new(), None);
    view.scan(Family::PEER, &Range::prefix(b"n"), &mut |key, value| {
        match (keys::read_peer_name(key), decode(Family::PEER, value)) {
            (Some(name), Ok(peer)) => found.push((Arc::from(name), peer)),
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("peer")),
        }
        match bad {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    })?;
    bad.map_or(Ok(found), Err)
}

/// The peer of this name, made if need be.
///
/// # Errors
/// The store's failures.
pub fn make_peer(tx: &mut Tx<'_>, name: &str) -> Result<PeerId, StoreError> {
    if let Some(peer) = peer_id(tx, name)? {
        return Ok(peer);
    }
    let next = number(tx, keys::NEXT_PEER)?.unwrap_or(1);
    let peer = PeerId(next);
    tx.put(Family::META, keys::NEXT_PEER, encode(&(next + 1)));
    tx.put(Family::PEER, keys::peer_name(name), encode(&peer));
    tx.put(Family::PEER, keys::peer(peer), encode(&name));
    Ok(peer)
}

/// How many follow a node from a peer, and which.
///
/// # Errors
/// The store's failures.
pub fn peer_followers(view: &dyn View, node: NodeId, peer: PeerId) -> Result<PeerFollowers, StoreError> {
    Ok(get(view, Family::PEER, &keys::peer_followers(node, peer))?.unwrap_or_default())
}

/// How many subscriptions there are from a peer, to all nodes.
///
/// # Errors
/// The store's failures.
pub fn peer_total(view: &dyn View, peer: PeerId) -> Result<u64, StoreError> {
    Ok(get(view, Family::PEER, &keys::peer_total(peer))?.unwrap_or(0))
}

/// Writes that.
pub fn put_peer_total(tx: &mut Tx<'_>, peer: PeerId, total: u64) {
    match total {
        0 => tx.delete(Family::PEER, keys::peer_total(peer)),
        total => tx.put(Family::PEER, keys::peer_total(peer), encode(&total)),
    }
}

/// The peers from which a node is followed, at most `max` behind `after`.
///
/// # Errors
/// The store's failures.
pub fn peers_of(view: &dyn View, node: NodeId, after: PeerId, max: usize) -> Result<Vec<PeerId>, StoreError> {
    let mut found = Vec::new();
    let range = Range {
        start: keys::peer_followers(node, PeerId(after.0.saturating_add(1))).to_vec(),
        end: keys::behind(&keys::peers_of(node)),
        reverse: false,
    };
    view.scan(Family::PEER, &range, &mut |key, _| {
        found.extend(keys::read_peer_followers(key).map(|(_, peer)| peer));
        match found.len() < max {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    Ok(found)
}

/// The nodes that are followed from a peer, at most `max` behind `after`.
///
/// # Errors
/// The store's failures.
pub fn nodes_of_peer(view: &dyn View, peer: PeerId, after: NodeId, max: usize) -> Result<Vec<NodeId>, StoreError> {
    let mut found = Vec::new();
    let range = Range {
        start: keys::peer_node(peer, NodeId(after.0.saturating_add(1))).to_vec(),
        end: keys::behind(&keys::nodes_of_peer(peer)),
        reverse: false,
    };
    view.scan(Family::PEER, &range, &mut |key, _| {
        found.extend(keys::read_peer_node(key).map(|(_, node)| node));
        match found.len() < max {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    Ok(found)
}

/// Who follows a node from a peer, each with the `Seq` from which on, at most `max` behind `after`, in ascending order.
///
/// # Errors
/// The store's failures.
pub fn remote_followers(
    view: &dyn View,
    (node, peer): (NodeId, PeerId),
    after: u32,
    max: usize,
) -> Result<Vec<(SubscriberId, Seq)>, StoreError> {
    let (mut found, mut bad) = (Vec::new(), None);
    let range = Range {
        start: keys::remote(node, peer, SubscriberId(after.saturating_add(1))).to_vec(),
        end: keys::behind(&keys::remote_of(node, peer)),
        reverse: false,
    };
    view.scan(Family::REMOTE, &range, &mut |key, value| {
        match (keys::read_remote(key), decode(Family::REMOTE, value)) {
            (Some((_, _, id)), Ok(since)) => found.push((id, since)),
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("remote")),
        }
        match found.len() < max && bad.is_none() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    bad.map_or(Ok(found), Err)
}
