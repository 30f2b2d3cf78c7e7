//! The keys of `sweep`: what the background still has to do, by kind, so that it finds what is due first.
//!
//! Knows no job: those are in `log/sweep.rs`. The golden tests are with the other keys.

use super::{follower, log, read_follower, read_log};
use crate::model::{NodeId, PeerId, Seq, SubscriberId, Timestamp};

fn of_node(kind: u8, node: NodeId) -> Vec<u8> {
    [&[kind][..], &node.0.to_be_bytes()].concat()
}

fn read_of_node(kind: u8, key: &[u8]) -> Option<NodeId> {
    let node = key.strip_prefix(&[kind])?;
    Some(NodeId(u32::from_be_bytes(node.try_into().ok()?)))
}

/// rows of a node up to a `Seq` that the background removes; `u64::MAX` is all of a deleted node.
pub fn sweep_node(node: NodeId, upto: Seq) -> Vec<u8> {
    [&b"n"[..], &log(node, upto)].concat()
}

/// Reads such a key.
pub fn read_sweep_node(key: &[u8]) -> Option<(NodeId, Seq)> {
    read_log(key.strip_prefix(b"n")?)
}

/// all that a removed subscriber follows.
pub fn sweep_subscriber(id: SubscriberId) -> Vec<u8> {
    [&b"u"[..], &id.0.to_be_bytes()].concat()
}

/// Reads such a key.
pub fn read_sweep_subscriber(key: &[u8]) -> Option<SubscriberId> {
    Some(SubscriberId(u32::from_be_bytes(
        key.strip_prefix(b"u")?.try_into().ok()?,
    )))
}

/// a node whose new configuration may leave followers and items out; the value is how far that is looked at.
pub fn sweep_config(node: NodeId) -> Vec<u8> {
    of_node(b'c', node)
}

/// Reads such a key.
pub fn read_sweep_config(key: &[u8]) -> Option<NodeId> {
    read_of_node(b'c', key)
}

/// a node whose items may expire earlier than was noted; the value is how far that is looked at.
pub fn sweep_times(node: NodeId) -> Vec<u8> {
    of_node(b't', node)
}

/// Reads such a key.
pub fn read_sweep_times(key: &[u8]) -> Option<NodeId> {
    read_of_node(b't', key)
}

/// a node that began or ceased to send its last item to who comes online; the value is up to which follower that is
/// noted.
pub fn sweep_coming(node: NodeId) -> Vec<u8> {
    of_node(b'l', node)
}

/// Reads such a key.
pub fn read_sweep_coming(key: &[u8]) -> Option<NodeId> {
    read_of_node(b'l', key)
}

/// a node whose fan-out is paused, or is being resumed.
pub fn sweep_held(node: NodeId) -> Vec<u8> {
    of_node(b'h', node)
}

/// Reads such a key.
pub fn read_sweep_held(key: &[u8]) -> Option<NodeId> {
    read_of_node(b'h', key)
}

/// a deleted node whose followers at other servers are still in rows; the value is the `Seq` of its end.
pub fn sweep_remote(node: NodeId) -> Vec<u8> {
    of_node(b'r', node)
}

/// Reads such a key.
pub fn read_sweep_remote(key: &[u8]) -> Option<NodeId> {
    read_of_node(b'r', key)
}

/// a peer that is gone for good, whose subscriptions end.
pub fn sweep_peer(peer: PeerId) -> Vec<u8> {
    of_node(b'p', NodeId(peer.0))
}

/// Reads such a key.
pub fn read_sweep_peer(key: &[u8]) -> Option<PeerId> {
    read_of_node(b'p', key).map(|id| PeerId(id.0))
}

/// an item that expires at a time.
pub fn sweep_expiry(at: Timestamp, node: NodeId, seq: Seq) -> Vec<u8> {
    [&b"e"[..], &at.0.to_be_bytes(), &log(node, seq)].concat()
}

/// Reads such a key.
pub fn read_sweep_expiry(key: &[u8]) -> Option<(Timestamp, NodeId, Seq)> {
    let (at, rest) = key.strip_prefix(b"e")?.split_at_checked(8)?;
    let (node, seq) = read_log(rest)?;
    Some((Timestamp(u64::from_be_bytes(at.try_into().ok()?)), node, seq))
}

/// a subscription that ends at a time.
pub fn sweep_subscription(at: Timestamp, node: NodeId, id: SubscriberId) -> Vec<u8> {
    [&b"s"[..], &at.0.to_be_bytes(), &follower(node, id)].concat()
}

/// Reads such a key.
pub fn read_sweep_subscription(key: &[u8]) -> Option<(Timestamp, NodeId, SubscriberId)> {
    let (at, rest) = key.strip_prefix(b"s")?.split_at_checked(8)?;
    let (node, id) = read_follower(rest)?;
    Some((Timestamp(u64::from_be_bytes(at.try_into().ok()?)), node, id))
}
