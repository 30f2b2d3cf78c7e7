//! The node of each recent `Seq`, and recent posts as they were decoded (and encoded by the first who wrote them).
//!
//! Written by the applier, read by the reader pool: who catches up scans eight bytes a post and reads only what his user
//! follows. Knows no store: `load.rs` fills it at start.

use crate::limits::{POSTS_CACHED, POSTS_CACHED_BYTES, RECENT_CHUNK, RECENT_MAX};
use crate::model::{NodeId, Post, Seq};
use dashmap::{DashMap, Entry};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// Recent order and posts.
pub struct Recent {
    /// Guards the list only; held for a push or a clone of the handles that are needed.
    chunks: RwLock<Chunks>,
    posts: DashMap<Seq, Arc<Post>>,
    /// In which order posts were cached, to forget the oldest. Held for a push and a few pops.
    order: Mutex<Order>,
}

#[derive(Default)]
struct Chunks {
    /// Everything above this is known.
    from: Seq,
    /// In ascending order.
    list: VecDeque<Arc<Chunk>>,
}

/// Some entries in ascending order. Only `Seq`s that have one take room: most records are no posts.
struct Chunk {
    /// The first entry's `Seq`; the others are counted from it.
    base: Seq,
    /// How far each is from the base, and its node; 0 where it is gone.
    entries: Box<[(AtomicU32, AtomicU32)]>,
    /// How many there are.
    len: AtomicUsize,
}

/// What is cached, oldest first, with its cost.
#[derive(Default)]
struct Order {
    posts: VecDeque<(Seq, usize)>,
    bytes: usize,
}

impl Chunk {
    fn new(base: Seq) -> Chunk {
        Chunk {
            base,
            entries: (0..RECENT_CHUNK).map(|_| Default::default()).collect(),
            len: AtomicUsize::new(0),
        }
    }

    fn entries(&self) -> &[(AtomicU32, AtomicU32)] {
        self.entries.get(..self.len.load(Ordering::Acquire)).unwrap_or_default()
    }

    fn seq(&self, entry: &(AtomicU32, AtomicU32)) -> Seq {
        Seq(self.base.0 + u64::from(entry.0.load(Ordering::Relaxed)))
    }

    /// Adds an entry; false where it is full or too far away.
    fn push(&self, seq: Seq, node: NodeId) -> bool {
        let len = self.len.load(Ordering::Relaxed);
        let (Ok(offset), Some(entry)) = (u32::try_from(seq.0 - self.base.0), self.entries.get(len)) else {
            return false;
        };
        entry.0.store(offset, Ordering::Relaxed);
        entry.1.store(node.0, Ordering::Relaxed);
        self.len.store(len + 1, Ordering::Release);
        true
    }
}

impl Recent {
    /// Empty: nothing up to and with `last` is known.
    pub fn new(last: Seq) -> Recent {
        let chunks = Chunks {
            from: last,
            list: VecDeque::new(),
        };
        Recent {
            chunks: RwLock::new(chunks),
            posts: DashMap::new(),
            order: Mutex::default(),
        }
    }

    /// Notes the node of a `Seq`; in ascending order, by one thread.
    pub fn note(&self, seq: Seq, node: NodeId) {
        let last = {
            let chunks = self.chunks.read().unwrap_or_else(|e| e.into_inner());
            chunks.list.back().cloned()
        };
        if last.is_some_and(|chunk| chunk.push(seq, node)) {
            return;
        }
        let chunk = Chunk::new(seq);
        chunk.push(seq, node);
        let mut chunks = self.chunks.write().unwrap_or_else(|e| e.into_inner());
        chunks.list.push_back(Arc::new(chunk));
        if chunks.list.len() > RECENT_MAX / RECENT_CHUNK
            && let Some(gone) = chunks.list.pop_front()
            && let Some(last) = gone.entries().last()
        {
            chunks.from = gone.seq(last).max(chunks.from);
        }
    }

    /// The chunks that may have entries above `from` up to `upto`; `None` where `from` lies before what is known.
    fn between(&self, from: Seq, upto: Seq) -> Option<Vec<Arc<Chunk>>> {
        let chunks = self.chunks.read().unwrap_or_else(|e| e.into_inner());
        if from < chunks.from {
            return None;
        }
        // The one before the first that begins above `from` may reach beyond it.
        let first = chunks
            .list
            .partition_point(|chunk| chunk.base <= from)
            .saturating_sub(1);
        let within = chunks.list.range(first..).take_while(|chunk| chunk.base <= upto);
        Some(within.cloned().collect())
    }

    /// The entry at a place is no longer there.
    pub fn forget(&self, seq: Seq) {
        let chunk = self.between(seq, seq).and_then(|mut chunks| chunks.pop());
        if let Some(chunk) = chunk {
            let entries = chunk.entries();
            if let Ok(at) = entries.binary_search_by_key(&seq, |entry| chunk.seq(entry))
                && let Some((_, node)) = entries.get(at)
            {
                node.store(0, Ordering::Release);
            }
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
        let chunks = self.between(from, upto)?;
        let mut visit = |chunk: &Chunk, entry: &(AtomicU32, AtomicU32)| {
            let (seq, node) = (chunk.seq(entry), entry.1.load(Ordering::Acquire));
            node == 0 || seq <= from || seq > upto || each(seq, NodeId(node))
        };
        let mut within = |chunk: &Arc<Chunk>| {
            let entries = chunk.entries();
            let first = entries.partition_point(|entry| chunk.seq(entry) <= from);
            let last = entries.partition_point(|entry| chunk.seq(entry) <= upto);
            let entries = entries.get(first..last).unwrap_or_default();
            if down {
                entries.iter().rev().all(|entry| visit(chunk, entry))
            } else {
                entries.iter().all(|entry| visit(chunk, entry))
            }
        };
        if down {
            chunks.iter().rev().all(&mut within);
        } else {
            chunks.iter().all(&mut within);
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
    fn many_chunks_are_walked_in_both_directions() {
        let recent = Recent::new(Seq(0));
        let all: Vec<u64> = (1..=3 * RECENT_CHUNK as u64).map(|n| n * 3).collect();
        for seq in &all {
            recent.note(Seq(*seq), NodeId(*seq as u32));
        }
        let within = |from: u64, upto: u64| all.iter().copied().filter(move |n| *n > from && *n <= upto);
        let ends = [0, 1, 3, 12_287, 12_288, 12_289, 12_290, 12_291, 20_000, 36_864, 90_000];
        for from in ends {
            for upto in ends.into_iter().filter(|upto| *upto >= from) {
                let numbers = |seen: Vec<(u64, u32)>| seen.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
                assert_eq!(
                    seen(&recent, from, upto, false).map(numbers),
                    Some(within(from, upto).collect())
                );
                let mut down: Vec<u64> = within(from, upto).collect();
                down.reverse();
                assert_eq!(seen(&recent, from, upto, true).map(numbers), Some(down));
            }
        }
    }

    #[test]
    fn what_lies_before_the_start_in_the_same_chunk_is_unknown() {
        let recent = Recent::new(Seq(9_000));
        recent.note(Seq(9_001), NodeId(1));
        assert_eq!(seen(&recent, 8_999, 9_001, false), None);
        assert_eq!(seen(&recent, 9_000, 9_001, false), Some(vec![(9_001, 1)]));
    }
}
