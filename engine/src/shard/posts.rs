//! The posts that a shard holds: those not yet expanded, and those that wait in some session's queue.
//!
//! Numbered in `Seq` order. A post is let go when nobody waits for it and everything before it is expanded.

use crate::index::{Hits, Index};
use crate::model::{Event, Post, Seq, SubscriberId};
use std::collections::VecDeque;
use std::sync::Arc;

/// Whether somebody gets a post since he follows its node.
pub(super) fn gets(index: &Index, post: &Post, id: SubscriberId) -> bool {
    index.follows(post.node, id) && post.is_for(id)
}

/// A post on a shard.
pub(super) struct Held {
    /// Its place; also of one that was let go.
    pub(super) seq: Seq,
    /// `None` once nobody waits for it.
    pub(super) post: Option<Arc<Post>>,
    /// Queue entries that name it.
    pub(super) waiting: u32,
    /// Who has still to be looked at; `None` when it is expanded.
    pub(super) hits: Option<Walk>,
    /// How many behind it are expanded with it: of the same node, to the same followers.
    pub(super) run: u32,
    /// Retracted before it was written to everyone.
    pub(super) retracted: bool,
}

/// The rest of an expansion: first the followers, then those who get it by presence.
pub(super) struct Walk {
    /// What is being walked.
    pub(super) hits: Hits,
    /// Whether the followers are done.
    pub(super) by_presence: bool,
}

/// All of them, oldest first.
#[derive(Default)]
pub(super) struct Posts {
    held: VecDeque<Held>,
    /// The number of the first.
    base: u32,
    /// How many of the first are expanded.
    expanded: usize,
}

const NUMBERS: u32 = 1 << 31;

impl Posts {
    /// Adds a post that is not expanded yet; its number.
    pub(super) fn push(&mut self, post: Arc<Post>, walk: Walk) -> u32 {
        let number = self.base.wrapping_add(self.held.len() as u32) % NUMBERS;
        self.held.push_back(Held {
            seq: post.seq,
            post: Some(post),
            waiting: 0,
            hits: Some(walk),
            run: 0,
            retracted: false,
        });
        number
    }

    /// Adds a post to the run of `head`, which is the last but those of its run and was not begun with.
    pub(super) fn join(&mut self, head: u32, post: Arc<Post>) {
        let nobody = Walk {
            hits: Hits::Slice(Vec::new().into_iter()),
            by_presence: true,
        };
        self.push(post, nobody);
        if let Some(head) = self.get_mut(head) {
            head.run += 1;
        }
    }

    /// A post and those that are expanded with it, with their numbers.
    pub(super) fn run(&self, head: u32) -> impl Iterator<Item = (u32, &Held)> {
        let count = self.get(head).map_or(0, |held| held.run as usize + 1);
        let behind = self.held.iter().skip(self.at(head)).take(count);
        (0u32..)
            .zip(behind)
            .map(move |(n, held)| (head.wrapping_add(n) % NUMBERS, held))
    }

    fn at(&self, number: u32) -> usize {
        (number.wrapping_sub(self.base) % NUMBERS) as usize
    }

    /// A post.
    pub(super) fn get(&self, number: u32) -> Option<&Held> {
        self.held.get(self.at(number))
    }

    /// A post.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Held> {
        let at = self.at(number);
        self.held.get_mut(at)
    }

    /// One queue entry less.
    pub(super) fn release(&mut self, number: u32) {
        let below_watermark = self.at(number) < self.expanded;
        if let Some(held) = self.get_mut(number) {
            held.waiting = held.waiting.saturating_sub(1);
            // Above the watermark it is kept: whoever goes live there still needs it.
            if held.waiting == 0 && below_watermark {
                held.post = None;
            }
        }
        self.trim();
    }

    /// Notes that a post's expansion is done.
    pub(super) fn expanded(&mut self, number: u32) {
        if let Some(held) = self.get_mut(number) {
            held.hits = None;
        }
        while self.held.get(self.expanded).is_some_and(|held| held.hits.is_none()) {
            if let Some(held) = self.held.get_mut(self.expanded).filter(|held| held.waiting == 0) {
                held.post = None;
            }
            self.expanded += 1;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.expanded > 0 && self.held.front().is_some_and(|held| held.waiting == 0) {
            self.held.pop_front();
            self.base = self.base.wrapping_add(1) % NUMBERS;
            self.expanded -= 1;
        }
    }

    /// The first that is not expanded.
    pub(super) fn first_unexpanded(&self) -> Option<(u32, Seq)> {
        let held = self.held.get(self.expanded)?;
        Some((self.base.wrapping_add(self.expanded as u32) % NUMBERS, held.seq))
    }

    /// Those above the watermark, in order: whoever goes live must look at them.
    pub(super) fn above_watermark(&self) -> impl Iterator<Item = (u32, &Held)> {
        let base = self.base;
        let above = self.held.iter().enumerate().skip(self.expanded);
        above.map(move |(at, held)| (base.wrapping_add(at as u32) % NUMBERS, held))
    }

    /// How many posts came before this one, of those that are held.
    pub(super) fn age(&self, number: u32) -> usize {
        self.at(number)
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The number of the first and of the one behind the last.
    pub(super) fn oldest(&self) -> u32 {
        self.base
    }

    /// A retraction came: the item is not written to those who have not got it yet.
    pub(super) fn retract(&mut self, retraction: &Post) {
        for held in self.held.iter_mut().rev().take(1024) {
            let same = held.post.as_ref().is_some_and(|post| {
                post.node == retraction.node
                    && post.item == retraction.item
                    && matches!(post.event, Event::Publish { .. })
                    && post.seq < retraction.seq
            });
            held.retracted |= same;
        }
    }
}
