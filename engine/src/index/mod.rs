//! Who follows what, in memory: a shard's slice of the edges, by node.
//!
//! Built at start by `load.rs`, changed in log order by the shard that owns it. Imports no store and no stage: rows come
//! in as plain pairs. Next: `shard.rs` intersects it with who is online.

mod followers;

pub use followers::{Followers, Hits};

use crate::model::{NodeId, SubscriberId};

/// The edges of one shard's subscribers. Dense: node ids are never reused and index a table.
#[derive(Debug, Default)]
pub struct Index {
    nodes: Vec<Option<Box<Followers>>>,
    edges: u64,
}

impl Index {
    /// Adds an edge; false where it was there.
    pub fn follow(&mut self, node: NodeId, subscriber: SubscriberId) -> bool {
        let at = node.0 as usize;
        if at >= self.nodes.len() {
            self.nodes.resize_with(at + 1, || None);
        }
        let added = self
            .nodes
            .get_mut(at)
            .is_some_and(|slot| slot.get_or_insert_default().insert(subscriber));
        self.edges += u64::from(added);
        added
    }

    /// Removes an edge; false where there was none.
    pub fn unfollow(&mut self, node: NodeId, subscriber: SubscriberId) -> bool {
        let Some(slot) = self.nodes.get_mut(node.0 as usize) else {
            return false;
        };
        let Some(followers) = slot else { return false };
        let removed = followers.remove(subscriber);
        if followers.is_empty() {
            *slot = None;
        }
        self.edges -= u64::from(removed);
        removed
    }

    /// Removes all edges of a node.
    pub fn remove_node(&mut self, node: NodeId) {
        if let Some(followers) = self.nodes.get_mut(node.0 as usize).and_then(Option::take) {
            self.edges -= followers.len();
        }
    }

    /// The followers of a node here.
    pub fn followers(&self, node: NodeId) -> Option<&Followers> {
        self.nodes.get(node.0 as usize)?.as_deref()
    }

    /// Whether the edge is there.
    pub fn follows(&self, node: NodeId, subscriber: SubscriberId) -> bool {
        self.followers(node).is_some_and(|f| f.contains(subscriber))
    }

    /// How many edges.
    pub fn edges(&self) -> u64 {
        self.edges
    }
}
