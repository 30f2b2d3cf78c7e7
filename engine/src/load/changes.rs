//! What the journal changes, by node, and edges with these changes made.
//!
//! Of several changes of one edge the last counts, and what came before a node was gone counts no more. So a packed copy
//! and the journal behind it lead to what the rows say. Knows no store and no file.

use super::segment::{self, Damaged};
use crate::store::journal::EdgeChange;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Follow,
    Unfollow,
    Gone,
}

/// One change of one edge, or of all of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    node: u32,
    id: u32,
    kind: Kind,
}

/// Changes, by node, and of each node in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<Change>);

impl Changes {
    /// Adds one that came after all before it.
    pub(super) fn push(&mut self, change: EdgeChange) {
        let one = |node: u32, id: u32, kind| Change { node, id, kind };
        match change {
            EdgeChange::Follow(node, ids) => self.0.extend(ids.into_iter().map(|id| one(node.0, id.0, Kind::Follow))),
            EdgeChange::Unfollow(node, id) => self.0.push(one(node.0, id.0, Kind::Unfollow)),
            EdgeChange::Gone(node) => self.0.push(one(node.0, 0, Kind::Gone)),
        }
    }

    /// To be called once, when all are in.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|change| change.node);
    }

    /// How many.
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Those of a segment's nodes.
    pub(super) fn of_segment(&self, number: u32) -> &[Change] {
        let from = self.0.partition_point(|change| change.node / segment::NODES < number);
        let upto = self.0.partition_point(|change| change.node / segment::NODES <= number);
        self.0.get(from..upto).unwrap_or(&[])
    }

    /// The segments that they change, in ascending order.
    pub(super) fn segments(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.0.iter().map(|change| change.node / segment::NODES).collect();
        numbers.dedup();
        numbers
    }
}

/// Reads a segment with its changes made: `each` gets every node with its followers, both in ascending order.
pub(super) fn decode(bytes: &[u8], changes: &[Change], mut each: impl FnMut(u32, &[u32])) -> Result<(), Damaged> {
    let mut groups = changes.chunk_by(|a, b| a.node == b.node).peekable();
    let mut ids = Vec::new();
    let first = |group: &[Change]| group.first().map_or(0, |change| change.node);
    segment::decode(bytes, |node, base| {
        while let Some(new) = groups.next_if(|group| first(group) < node) {
            merge(&[], new, &mut ids);
            each(first(new), &ids);
        }
        match groups.next_if(|group| first(group) == node) {
            Some(group) => {
                merge(base, group, &mut ids);
                each(node, &ids);
            }
            None => each(node, base),
        }
    })?;
    for new in groups {
        merge(&[], new, &mut ids);
        each(first(new), &ids);
    }
    Ok(())
}

/// The followers of one node after its changes, in ascending order.
fn merge(base: &[u32], changes: &[Change], ids: &mut Vec<u32>) {
    let gone = changes.iter().rposition(|change| change.kind == Kind::Gone);
    let (base, changes) = match gone {
        Some(at) => (&[][..], changes.get(at + 1..).unwrap_or(&[])),
        None => (base, changes),
    };
    let mut last: Vec<&Change> = changes.iter().collect();
    last.sort_by_key(|change| change.id);
    ids.clear();
    ids.reserve(base.len() + last.len());
    let mut base = base.iter().copied().peekable();
    for same in last.chunk_by(|a, b| a.id == b.id) {
        let Some(change) = same.last() else { continue };
        while let Some(id) = base.next_if(|id| *id < change.id) {
            ids.push(id);
        }
        let _ = base.next_if_eq(&change.id);
        if change.kind == Kind::Follow {
            ids.push(change.id);
        }
    }
    ids.extend(base);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodeId, SubscriberId};
    use crate::store::journal::EdgeChange::{Follow, Gone, Unfollow};

    #[test]
    fn changes_are_made_in_their_order() {
        let mut encoder = segment::Encoder::default();
        encoder.node(10, &[1, 5, 9]);
        encoder.node(20, &[3]);
        let (bytes, _) = encoder.finish();
        let mut changes = Changes::default();
        let ids = |ids: &[u32]| ids.iter().copied().map(SubscriberId).collect::<Vec<_>>();
        for change in [
            Follow(NodeId(10), ids(&[7, 5, 6])),
            Follow(NodeId(5), ids(&[2])),
            Unfollow(NodeId(10), SubscriberId(6)),
            Unfollow(NodeId(10), SubscriberId(9)),
            Follow(NodeId(20), ids(&[8])),
            Gone(NodeId(20)),
            Follow(NodeId(20), ids(&[4])),
            Follow(NodeId(5000), ids(&[1])),
            Unfollow(NodeId(30), SubscriberId(1)),
        ] {
            changes.push(change);
        }
        changes.sort();
        assert_eq!(changes.segments(), [0, 1]);
        let mut read = Vec::new();
        decode(&bytes, changes.of_segment(0), |node, ids| {
            read.push((node, ids.to_vec()))
        })
        .unwrap();
        assert_eq!(read, [(5, vec![2]), (10, vec![1, 5, 7]), (20, vec![4]), (30, vec![])]);
    }
}
