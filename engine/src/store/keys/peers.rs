//! The keys of what goes to other servers: who follows from there, by node, and what is due to them.
//!
//! Knows no job: those are in `log/apply/peers.rs` and `outbox/peers/`. The golden tests are with the other keys.

use super::log;
use crate::model::{NodeId, PeerId, Seq, SubscriberId};

/// `peer_outbox`: what is due to a peer, in order. [`PeerId::UNSORTED`] holds what no peer was given yet.
pub fn peer_outbox(peer: PeerId, seq: Seq) -> [u8; 12] {
    log(NodeId(peer.0), seq)
}

/// Reads such a key.
pub fn read_peer_outbox(key: &[u8]) -> Option<(PeerId, Seq)> {
    super::read_log(key).map(|(peer, seq)| (PeerId(peer.0), seq))
}

/// `remote`: node, peer, subscriber.
pub fn remote(node: NodeId, peer: PeerId, id: SubscriberId) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&remote_of(node, peer));
    key[8..].copy_from_slice(&id.0.to_be_bytes());
    key
}

/// What the keys of a node's followers at a peer begin with.
pub fn remote_of(node: NodeId, peer: PeerId) -> [u8; 8] {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&node.0.to_be_bytes());
    key[4..].copy_from_slice(&peer.0.to_be_bytes());
    key
}

/// Reads a key of `remote`.
pub fn read_remote(key: &[u8]) -> Option<(NodeId, PeerId, SubscriberId)> {
    let number = |at: usize| Some(u32::from_be_bytes(key.get(at..at + 4)?.try_into().ok()?));
    let read = (NodeId(number(0)?), PeerId(number(4)?), SubscriberId(number(8)?));
    (key.len() == 12).then_some(read)
}

/// `peer`: the peer of a name.
pub fn peer_name(name: &str) -> Vec<u8> {
    [b"n", name.as_bytes()].concat()
}

/// Reads such a key.
pub fn read_peer_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(b"n")?).ok()
}

/// `peer`: the name of a peer.
pub fn peer(peer: PeerId) -> [u8; 5] {
    let [a, b, c, d] = peer.0.to_be_bytes();
    [b'i', a, b, c, d]
}

/// `peer`: how many follow a node from a peer.
pub fn peer_followers(node: NodeId, peer: PeerId) -> [u8; 9] {
    of_two(b'f', node.0, peer.0)
}

/// What such keys of a node begin with.
pub fn peers_of(node: NodeId) -> [u8; 5] {
    let [a, b, c, d] = node.0.to_be_bytes();
    [b'f', a, b, c, d]
}

/// Reads such a key.
pub fn read_peer_followers(key: &[u8]) -> Option<(NodeId, PeerId)> {
    read_two(b'f', key).map(|(node, peer)| (NodeId(node), PeerId(peer)))
}

/// `peer`: that a node has followers at a peer.
pub fn peer_node(peer: PeerId, node: NodeId) -> [u8; 9] {
    of_two(b't', peer.0, node.0)
}

/// What such keys of a peer begin with.
pub fn nodes_of_peer(peer: PeerId) -> [u8; 5] {
    let [a, b, c, d] = peer.0.to_be_bytes();
    [b't', a, b, c, d]
}

/// Reads such a key.
pub fn read_peer_node(key: &[u8]) -> Option<(PeerId, NodeId)> {
    read_two(b't', key).map(|(peer, node)| (PeerId(peer), NodeId(node)))
}

/// `peer`: how many subscriptions there are from a peer, to all nodes.
pub fn peer_total(peer: PeerId) -> [u8; 5] {
    let [a, b, c, d] = peer.0.to_be_bytes();
    [b'c', a, b, c, d]
}

/// `cursor` of a peer: how far it is within what it is being sent.
pub fn peer_cursor(peer: PeerId) -> [u8; 5] {
    let [a, b, c, d] = peer.0.to_be_bytes();
    [b'p', a, b, c, d]
}

/// `meta`: the next peer id.
pub const NEXT_PEER: &[u8] = b"next_peer";

fn of_two(kind: u8, a: u32, b: u32) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..5].copy_from_slice(&a.to_be_bytes());
    key[5..].copy_from_slice(&b.to_be_bytes());
    key
}

fn read_two(kind: u8, key: &[u8]) -> Option<(u32, u32)> {
    let (a, b) = key.strip_prefix(&[kind])?.split_at_checked(4)?;
    Some((
        u32::from_be_bytes(a.try_into().ok()?),
        u32::from_be_bytes(b.try_into().ok()?),
    ))
}
