//! The node of each recent `Seq`, and recent posts as they were decoded (and encoded by the first who wrote them).
//!
//! Written by the applier, read by the reader pool: who catches up scans four bytes a `Seq` and reads only what his user
//! follows. Knows no store: `load.rs` fills it at start.

use crate::limits::{POSTS_CACHED, POSTS_CACHED_BYTES, RECENT_CHUNK, RECENT_MAX};
use crate::model::{NodeId, Post, Seq};
use dashmap::{DashMap, Entry};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};

type Chunk = Arc<[AtomicU32]>;

/// Recent order and posts.
pub struct Recent {
    /// Chunks of node ids by `Seq / RECENT_CHUNK`. Guards the list only; held for a push or a clone of the handles.
    chunks: RwLock<Chunks>,
    posts: DashMap<Seq, Arc<Post>>,
    /// In which order posts were cached, to forget the oldest. Held for a push and a few pops.
    order: Mutex<Order>,
}

#[derive(Default)]
struct Chunks {
    /// Everything above this is known.
    from: Seq,
    /// The number of the first chunk.
    first: u64,
    list: VecDeque<Chunk>,
}

/// What is cached, oldest first, with its cost.
#[derive(Default)]
struct Order {
    posts: VecDeque<(Seq, usize)>,
    bytes: usize,
}

fn split(seq: Seq) -> (u64, usize) {
    (seq.0 / RECENT_CHUNK as u64, (seq.0 % RECENT_CHUNK as u64) as usize)
}

impl Recent {
    /// Empty: nothing up to and with `last` is known.
    pub fn new(last: Seq) -> Recent {
        let chunks = Chunks {
            from: last,
            first: split(last.next()).0,
            list: VecDeque::new(),
        };
        Recent {
            chunks: RwLock::new(chunks),
            posts: DashMap::new(),
            order: Mutex::default(),
        }
    }

    /// Notes the node of a `Seq`, in ascending order.
    pub fn note(&self, seq: Seq, node: NodeId) {
        let (number, at) = split(seq);
        let mut chunks = self.chunks.write().unwrap_or_else(|e| e.into_inner());
        if chunks.list.is_empty() {
            chunks.first = number;
        }
        while chunks.first + (chunks.list.len() as u64) <= number {
            chunks
                .list
                .push_back((0..RECENT_CHUNK).map(|_| AtomicU32::new(0)).collect());
            if chunks.list.len() > RECENT_MAX / RECENT_CHUNK {
                chunks.list.pop_front();
                chunks.first += 1;
                chunks.from = Seq(chunks.first * RECENT_CHUNK as u64 - 1).max(chunks.from);
            }
        }
        let index = (number - chunks.first) as usize;
        if let Some(slot) = chunks.list.get(index).and_then(|c| c.get(at)) {
            slot.store(node.0, Ordering::Release);
        }
    }

    /// The entry at a place is no longer there.
    pub fn forget(&self, seq: Seq) {
        let (number, at) = split(seq);
        let chunks = self.chunks.read().unwrap_or_else(|e| e.into_inner());
        let chunk = number
            .checked_sub(chunks.first)
            .and_then(|index| chunks.list.get(usize::try_from(index).ok()?));
        if let Some(slot) = chunk.and_then(|chunk| chunk.get(at)) {
            slot.store(0, Ordering::Release);
        }
        self.posts.remove(&seq);
    }

    /// Notes a post that was just committed.
    pub fn insert(&self, seq: Seq, post: &Arc<Post>) {
        self.note(seq, post.node);
        self.cache(post.clone());
    }

    /// Keeps a decoded post for others who need the same; answers with the one that is kept.
    pub fn cache(&self, post: Arc<Post>) -> Arc<Post> {
        let (seq, cost) = (post.seq, post.cost());
        match self.posts.entry(seq) {
            Entry::Occupied(kept) => return kept.get().clone(),
            Entry::Vacant(free) => drop(free.insert(post.clone())),
        }
        let mut gone = Vec::new();
        {
            let mut order = self.order.lock().unwrap_or_else(|e| e.into_inner());
            order.posts.push_back((seq, cost));
            order.bytes += cost;
            while (order.posts.len() > POSTS_CACHED || order.bytes > POSTS_CACHED_BYTES)
                && let Some((oldest, cost)) = order.posts.pop_front()
            {
                order.bytes -= cost;
                gone.push(oldest);
            }
        }
        for seq in gone {
            self.posts.remove(&seq);
        }
        post
    }

    /// A decoded post.
    pub fn post(&self, seq: Seq) -> Option<Arc<Post>> {
        self.posts.get(&seq).map(|post| post.value().clone())
    }

    /// Calls `each` for the `Seq`s above `from` up to `upto` that have an entry, ascending or descending, until it
    /// answers false. `None` where `from` lies before what is known: then the store has to be asked by node.
    pub fn scan(&self, from: Seq, upto: Seq, down: bool, mut each: impl FnMut(Seq, NodeId) -> bool) -> Option<()> {
        let (known, first, list) = {
            let chunks = self.chunks.read().unwrap_or_else(|e| e.into_inner());
            let list = chunks.list.iter().cloned().collect::<Vec<_>>();
            (chunks.from, chunks.first, list)
        };
        if from < known {
            return None;
        }
        let look = |seq: u64| {
            let (number, at) = split(Seq(seq));
            let chunk = list.get(usize::try_from(number.checked_sub(first)?).ok()?)?;
            Some(chunk.get(at)?.load(Ordering::Acquire)).filter(|node| *node != 0)
        };
        let mut visit = |seq: u64| look(seq).is_none_or(|node| each(Seq(seq), NodeId(node)));
        let upto = upto.0.min((first + list.len() as u64) * RECENT_CHUNK as u64);
        if down {
            (from.0 + 1..=upto).rev().all(&mut visit);
        } else {
            (from.0 + 1..=upto).all(&mut visit);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(recent: &Recent, from: u64, upto: u64, down: bool) -> Option<Vec<(u64, u32)>> {
        let mut seen = Vec::new();
        recent.scan(Seq(from), Seq(upto), down, |seq, node| {
            seen.push((seq.0, node.0));
            true
        })?;
        Some(seen)
    }

    #[test]
    fn gaps_are_skipped_and_both_ends_are_right() {
        let recent = Recent::new(Seq(9_000));
        for seq in [9_001, 9_003, 20_000] {
            recent.note(Seq(seq), NodeId(seq as u32));
        }
        assert_eq!(
            seen(&recent, 9_000, 30_000, false),
            Some(vec![(9_001, 9_001), (9_003, 9_003), (20_000, 20_000)])
        );
        assert_eq!(seen(&recent, 9_001, 9_003, true), Some(vec![(9_003, 9_003)]));
        recent.forget(Seq(9_003));
        recent.forget(Seq(1));
        assert_eq!(seen(&recent, 9_001, 9_003, true), Some(vec![]));
        assert_eq!(seen(&recent, 10, 9_003, true), None);
    }

    #[test]
    fn what_lies_before_the_start_in_the_same_chunk_is_unknown() {
        let recent = Recent::new(Seq(9_000));
        recent.note(Seq(9_001), NodeId(1));
        assert_eq!(seen(&recent, 8_999, 9_001, false), None);
        assert_eq!(seen(&recent, 9_000, 9_001, false), Some(vec![(9_001, 1)]));
    }
}
