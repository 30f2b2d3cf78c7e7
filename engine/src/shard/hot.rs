//! Which nodes a shard has most work with, lately: a bounded table, halved now and then.
//!
//! Counted once a post, not once a delivery: what a post weighs is its followers on the shard, here or away. Knows nobody
//! who asks; `metrics.rs` shows it.

use crate::limits::HOT_NODES;
use crate::model::{NodeId, NodeName};
use std::collections::HashMap;

/// Nodes with their weights.
#[derive(Default)]
pub(super) struct Hot {
    nodes: HashMap<NodeId, (NodeName, u64)>,
}

impl Hot {
    /// A post of a node has so many followers.
    pub(super) fn add(&mut self, node: NodeId, name: &NodeName, weight: u64) {
        if let Some((_, known)) = self.nodes.get_mut(&node) {
            *known += weight;
            return;
        }
        let mut floor = 0;
        if self.nodes.len() >= HOT_NODES
            && let Some((coldest, known)) = self.nodes.iter().map(|(id, (_, w))| (*id, *w)).min_by_key(|(_, w)| *w)
        {
            // The newcomer may have been here before: it takes the place and the count of the one it drives out.
            self.nodes.remove(&coldest);
            floor = known;
        }
        self.nodes.insert(node, (name.clone(), floor + weight));
    }

    /// The hottest, at most so many, with their weights.
    pub(super) fn top(&self, most: usize) -> Vec<(NodeName, u64)> {
        let mut all: Vec<(NodeName, u64)> = self.nodes.values().cloned().collect();
        all.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        all.truncate(most);
        all
    }

    /// What is long ago counts less.
    pub(super) fn halve(&mut self) {
        self.nodes.retain(|_, (_, weight)| {
            *weight /= 2;
            *weight > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_are_found_among_many_more_than_fit() {
        let mut hot = Hot::default();
        for round in 0..50_u32 {
            for node in 0..10 {
                hot.add(NodeId(node), &NodeName::new(format!("hot{node}"), "n"), 1_000);
            }
            for node in 0..HOT_NODES as u32 {
                let id = 1_000 + round * 10_000 + node;
                hot.add(NodeId(id), &NodeName::new(format!("cold{id}"), "n"), 1);
            }
        }
        let top = hot.top(10);
        assert!(top.iter().all(|(name, _)| name.service.starts_with("hot")), "{top:?}");
        (0..40).for_each(|_| hot.halve());
        assert_eq!(hot.top(10), []);
    }
}
