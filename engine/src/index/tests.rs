//! The index against a plain set, across all its forms.

use super::*;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

struct Random(u64);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.0 >> 33) % u64::from(n)) as u32
    }
}

fn check(index: &Index, plain: &BTreeMap<u32, BTreeSet<u32>>) {
    let edges: usize = plain.values().map(BTreeSet::len).sum();
    assert_eq!(index.edges(), edges as u64);
    for (node, ids) in plain {
        let ours = index.followers(NodeId(*node)).map_or_else(Vec::new, |f| f.to_vec());
        assert!(ours.iter().eq(ids), "node {node}");
    }
    let with: Vec<u32> = plain
        .iter()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(n, _)| *n)
        .collect();
    assert_eq!(index.nodes().map(|n| n.0).collect::<Vec<_>>(), with);
}

#[test]
fn the_index_is_as_plain_sets_across_its_forms() {
    let (mut index, mut plain) = (Index::default(), BTreeMap::<u32, BTreeSet<u32>>::new());
    let mut random = Random(7);
    for step in 0..400_000_u32 {
        // Few nodes with many followers and many with few; it grows in the first half and shrinks in the second. One node
        // has its followers thin over all ids.
        let node = [1, 2, 3, 4 + random.below(2_000)][random.below(4) as usize];
        let id = match node {
            1 => random.below(30_000) * 100_000,
            _ => random.below(9_000),
        };
        let (node, id) = (NodeId(node), SubscriberId(id));
        let grows = random.below(10) < if step < 200_000 { 9 } else { 1 };
        let set = plain.entry(node.0).or_default();
        if grows {
            assert_eq!(index.follow(node, id), set.insert(id.0));
        } else {
            assert_eq!(index.unfollow(node, id), set.remove(&id.0));
        }
        assert_eq!(index.follows(node, id), grows);
        if step % 50_000 == 0 {
            check(&index, &plain);
        }
    }
    check(&index, &plain);
    index.remove_node(NodeId(1));
    index.remove_node(NodeId(2));
    index.remove_node(NodeId(5));
    for node in [1, 2, 5] {
        plain.remove(&node);
    }
    check(&index, &plain);
}

#[test]
fn an_index_that_is_built_by_appending_is_the_same() {
    let mut random = Random(9);
    let (mut index, mut plain) = (Index::default(), BTreeMap::<u32, BTreeSet<u32>>::new());
    for node in [1, 3, 600, 1_000_000] {
        let ids: BTreeSet<u32> = (0..[1, 40, 3_000, 200_000][random.below(4) as usize])
            .map(|_| random.below(1 << 20))
            .collect();
        let ids: Vec<u32> = ids.into_iter().collect();
        let (first, rest) = ids.split_at(ids.len() / 3);
        index.append(NodeId(node), first);
        index.append(NodeId(node), rest);
        plain.insert(node, ids.into_iter().collect());
    }
    index.compact();
    check(&index, &plain);
    assert!(index.follow(NodeId(600), SubscriberId(u32::MAX)));
}

#[test]
fn those_who_are_online_are_found_in_every_form() {
    let online: RoaringBitmap = (0..90_000).step_by(3).collect();
    for followers in [1, 2, 900, 3_000, 80_000_u32] {
        let ids: Vec<u32> = (0..followers).collect();
        let mut index = Index::default();
        index.append(NodeId(1), &ids);
        let found = index.followers(NodeId(1)).unwrap();
        let wanted = ids.iter().copied().filter(|id| id % 3 == 0);
        assert!(found.among(&online).map(|id| id.0).eq(wanted), "{followers}");
        assert_eq!(found.among(&RoaringBitmap::new()).count(), 0);
        assert_eq!(found.len(), u64::from(followers));
    }
}
