//! What edges take in memory: an index per shard, built as a start builds it, or by single follows.
//!
//! Counts what the process has, with all that the allocator adds.

use crate::graph::{Graph, Random};
use reef_engine::index::Index;
use reef_engine::limits::{BLOCK, VSHARDS};
use reef_engine::model::{NodeId, SubscriberId, VShard};

/// Bytes of this process that are in memory.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// Processor seconds that this process has used, of all its threads.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// A user's id as the store gives them: those of a virtual shard fill blocks of their own.
pub fn subscriber(user: u32) -> (SubscriberId, VShard) {
    let (vshards, vshard) = (VSHARDS as u32, user % VSHARDS as u32);
    let number = user / vshards;
    let block = number / BLOCK * vshards + vshard;
    (SubscriberId(block * BLOCK + number % BLOCK + 1), VShard(vshard as u8))
}

/// The edges of each of so many shards, placed in the order of the ids, as a start does.
pub fn appended(graph: &Graph, shards: usize) -> Vec<Index> {
    let mut indexes: Vec<Index> = (0..shards).map(|_| Index::default()).collect();
    let mut ids: Vec<Vec<u32>> = vec![Vec::new(); shards];
    graph.each_node(|node, followers| {
        for user in followers {
            let (id, vshard) = subscriber(*user);
            if let Some(ids) = ids.get_mut(vshard.thread(shards)) {
                ids.push(id.0);
            }
        }
        for (index, ids) in indexes.iter_mut().zip(&mut ids) {
            ids.sort_unstable();
            index.append(NodeId(node + 1), ids);
            ids.clear();
        }
    });
    indexes.iter_mut().for_each(Index::compact);
    indexes
}

/// The same edges, one follow after the other in no order, and how many seconds the follows took.
#[allow(clippy::disallowed_methods, reason = "it measures wall time")]
pub fn followed(graph: &Graph, shards: usize) -> (Vec<Index>, f64) {
    let mut indexes: Vec<Index> = (0..shards).map(|_| Index::default()).collect();
    let mut edges: Vec<(u32, u32)> = Vec::with_capacity(graph.edges as usize * 6 / 5);
    graph.each_node(|node, followers| edges.extend(followers.iter().map(|user| (node + 1, *user))));
    let mut random = Random::new(2);
    for at in (1..edges.len()).rev() {
        edges.swap(at, (random.next_u64() % (at as u64 + 1)) as usize);
    }
    let started = std::time::Instant::now();
    for (node, user) in &edges {
        let (id, vshard) = subscriber(*user);
        if let Some(index) = indexes.get_mut(vshard.thread(shards)) {
            index.follow(NodeId(*node), id);
        }
    }
    (indexes, started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_lead_to_the_same_edges() {
        let graph = Graph {
            nodes: 300,
            users: 5_000,
            edges: 40_000,
        };
        let (one, other) = (appended(&graph, 3), followed(&graph, 3).0);
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one.edges(), other.edges());
            for node in one.nodes() {
                let (one, other) = (one.followers(node).unwrap(), other.followers(node).unwrap());
                assert_eq!(one.to_vec(), other.to_vec());
            }
        }
        assert!(resident_bytes() > 0 && cpu_seconds() >= 0.0);
    }
}
