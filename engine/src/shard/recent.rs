//! The last posts that came to a shard, so that the final stretch of catching up needs no I/O.
//!
//! Knows no session. What it answers is what the log would tell: replaced and retracted items are left out.

use super::posts::gets;
use crate::index::Index;
use crate::limits::SHARD_RECENT_BYTES;
use crate::model::{Event, Post, Seq, SubscriberId};
use std::collections::VecDeque;
use std::sync::Arc;

/// The last posts that came to a shard, whoever they were for.
pub(super) struct RecentPosts {
    posts: VecDeque<Arc<Post>>,
    /// All posts above this are here.
    from: Seq,
    most: usize,
    bytes: usize,
}

impl RecentPosts {
    pub(super) fn new(last: Seq, most: usize) -> RecentPosts {
        RecentPosts {
            posts: VecDeque::new(),
            from: last,
            most,
            bytes: 0,
        }
    }

    pub(super) fn push(&mut self, post: &Arc<Post>) {
        self.posts.push_back(post.clone());
        self.bytes += post.cost();
        while (self.posts.len() > self.most || self.bytes > SHARD_RECENT_BYTES)
            && let Some(gone) = self.posts.pop_front()
        {
            self.from = gone.seq;
            self.bytes -= gone.cost();
        }
    }

    /// Whether nothing came above `from` up to `upto` to any node that `id` follows now: then there is no page to read,
    /// whenever he began to follow. False also where that is too long ago to tell.
    pub(super) fn nothing_since(&self, index: &Index, id: SubscriberId, from: Seq, upto: Seq) -> bool {
        from >= self.from && !self.within(from, upto).any(|post| gets(index, post, id))
    }

    fn within(&self, from: Seq, upto: Seq) -> impl Iterator<Item = &Arc<Post>> {
        let start = self.posts.partition_point(|post| post.seq <= from);
        self.posts.range(start..).take_while(move |post| post.seq <= upto)
    }

    /// What `id` follows above `from` up to `upto`, as the log would tell it; `None` where that is too long ago.
    pub(super) fn since(&self, index: &Index, id: SubscriberId, from: Seq, upto: Seq) -> Option<VecDeque<Arc<Post>>> {
        if from < self.from {
            return None;
        }
        let mut found: VecDeque<Arc<Post>> = VecDeque::new();
        for post in self.within(from, upto).filter(|post| gets(index, post, id)) {
            match post.event {
                Event::Publish { .. } => found.retain(|p| p.node != post.node || p.item != post.item),
                Event::Retract { first } => {
                    found.retain(|p| p.node != post.node || p.item != post.item);
                    if first > from {
                        continue;
                    }
                }
                Event::Purge => found.retain(|p| p.node != post.node),
                Event::Configure { .. } | Event::Delete { .. } | Event::Again { .. } => {}
            }
            found.push_back(post.clone());
        }
        Some(found)
    }
}
