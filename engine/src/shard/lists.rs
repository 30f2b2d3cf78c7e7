//! What those who catch up follow, kept from one page to the next: read once a run, not once a page.
//!
//! Bounded, since a slow reader may stay between two pages for long: the oldest go, and are read again. Knows no session;
//! a list is good until an edge of its subscriber changes, which who takes it says by the `Seq` of the last change.

use crate::limits::{LISTS_KEPT_MAX, LISTS_KEPT_NODES_MAX};
use crate::model::Seq;
use crate::outbox::Following;
use std::collections::VecDeque;
use std::sync::Arc;

/// The lists, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Lists {
    kept: VecDeque<List>,
    nodes: usize,
}

#[derive(Debug)]
struct List {
    run: u64,
    /// The last change of an edge that it knows of.
    edges: Seq,
    following: Arc<Following>,
}

impl Lists {
    /// Keeps a run's list, as it was when the last edge of its subscriber had changed at `edges`.
    pub(super) fn keep(&mut self, run: u64, edges: Seq, following: Arc<Following>) {
        self.nodes += following.len();
        self.kept.push_back(List { run, edges, following });
        while (self.kept.len() > LISTS_KEPT_MAX || self.nodes > LISTS_KEPT_NODES_MAX)
            && let Some(gone) = self.kept.pop_front()
        {
            self.nodes -= gone.following.len();
        }
    }

    /// Takes a run's list, if it is there and no edge has changed since.
    pub(super) fn take(&mut self, run: u64, edges: Seq) -> Option<Arc<Following>> {
        let at = self.kept.iter().position(|list| list.run == run)?;
        let list = self.kept.remove(at)?;
        self.nodes -= list.following.len();
        (list.edges == edges).then_some(list.following)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeId;

    fn of(nodes: usize) -> Arc<Following> {
        Arc::new((0..nodes).map(|node| (NodeId(node as u32), Seq(0))).collect())
    }

    #[test]
    fn a_list_is_given_out_once_and_not_after_an_edge_has_changed() {
        let mut lists = Lists::default();
        lists.keep(1, Seq(5), of(3));
        assert_eq!(lists.take(2, Seq(5)), None);
        assert_eq!(lists.take(1, Seq(5)), Some(of(3)));
        assert_eq!(lists.take(1, Seq(5)), None);
        lists.keep(1, Seq(5), of(3));
        assert_eq!(lists.take(1, Seq(6)), None);
        assert_eq!((lists.kept.len(), lists.nodes), (0, 0));
    }

    #[test]
    fn the_oldest_lists_go_where_there_are_too_many_or_too_large_ones() {
        let mut lists = Lists::default();
        (0..=LISTS_KEPT_MAX as u64).for_each(|run| lists.keep(run, Seq(0), of(1)));
        assert_eq!(lists.take(0, Seq(0)), None);
        assert_eq!(lists.take(1, Seq(0)), Some(of(1)));
        lists.keep(100, Seq(0), of(LISTS_KEPT_NODES_MAX));
        assert_eq!(lists.kept.len(), 1, "what is as large as all of them stays alone");
        lists.keep(101, Seq(0), of(LISTS_KEPT_NODES_MAX + 1));
        assert_eq!((lists.kept.len(), lists.nodes), (0, 0), "what is larger is not kept");
    }
}
