//! From a node's followers to the shards that they live on.
//!
//! Blocks of ids belong to virtual shards, threads own virtual shards: the number of threads may change from start to
//! start. Several workers fill the same indexes, each with nodes of its own.

use crate::error::StoreError;
use crate::index::Index;
use crate::limits::BLOCK;
use crate::model::{NodeId, VShard};
use crate::store::keys::{self, Family};
use crate::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// Ids that a worker holds before it gives them to the indexes.
const HELD_MAX: usize = 1 << 16;

/// The indexes that are being filled.
pub(super) struct Indexes {
    /// The thread that each block of ids belongs to.
    blocks: Vec<u16>,
    /// Held for a few thousand appends at a time.
    indexes: Vec<Mutex<Index>>,
}

impl Indexes {
    /// Empty ones for `threads` shards.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn new(view: &dyn View, threads: usize) -> Result<Indexes, StoreError> {
        let mut blocks = Vec::new();
        view.scan(Family::META, &Range::prefix(b"b"), &mut |key, value| {
            if let (Some(block), [vshard]) = (keys::read_block(key), value) {
                blocks.resize((block as usize + 1).max(blocks.len()), 0);
                if let Some(slot) = blocks.get_mut(block as usize) {
                    *slot = VShard(*vshard).thread(threads) as u16;
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(Indexes {
            blocks,
            indexes: (0..threads).map(|_| Mutex::default()).collect(),
        })
    }

    /// What they have become.
    pub(super) fn into_inner(self) -> Vec<Index> {
        let indexes = self.indexes.into_iter();
        let mut indexes: Vec<Index> = indexes
            .map(|index| index.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect();
        indexes.iter_mut().for_each(Index::compact);
        indexes
    }
}

/// Ids of one shard that wait, by node.
#[derive(Default)]
struct Held {
    ids: Vec<u32>,
    /// Nodes, each with the end of its ids.
    nodes: Vec<(u32, usize)>,
}

/// A worker's way to the indexes.
pub(super) struct Placer<'i> {
    to: &'i Indexes,
    held: Vec<Held>,
    waiting: usize,
    /// Where the next round begins, so that workers do not wait for the same index.
    turn: usize,
}

impl<'i> Placer<'i> {
    /// One for a worker.
    pub(super) fn new(to: &'i Indexes, worker: usize) -> Placer<'i> {
        Placer {
            to,
            held: to.indexes.iter().map(|_| Held::default()).collect(),
            waiting: 0,
            turn: worker,
        }
    }

    /// A node with its followers, in ascending order; each node comes once.
    pub(super) fn node(&mut self, node: u32, ids: &[u32]) {
        for same in ids.chunk_by(|a, b| a / BLOCK == b / BLOCK) {
            let block = same.first().map_or(0, |id| (id / BLOCK) as usize);
            let thread = self.to.blocks.get(block).copied().unwrap_or(0);
            if let Some(held) = self.held.get_mut(usize::from(thread)) {
                held.ids.extend_from_slice(same);
            }
        }
        for held in &mut self.held {
            let placed = held.nodes.last().map_or(0, |(_, end)| *end);
            if held.ids.len() > placed {
                held.nodes.push((node, held.ids.len()));
            }
        }
        self.waiting += ids.len();
        if self.waiting >= HELD_MAX {
            self.give();
        }
    }

    /// Gives all that waits to the indexes.
    pub(super) fn give(&mut self) {
        let shards = self.held.len();
        for at in 0..shards {
            let at = (at + self.turn) % shards;
            let (Some(held), Some(index)) = (self.held.get_mut(at), self.to.indexes.get(at)) else {
                continue;
            };
            let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
            let mut from = 0;
            for (node, end) in held.nodes.drain(..) {
                index.append(NodeId(node), held.ids.get(from..end).unwrap_or(&[]));
                from = end;
            }
            held.ids.clear();
        }
        self.turn += 1;
        self.waiting = 0;
    }
}
