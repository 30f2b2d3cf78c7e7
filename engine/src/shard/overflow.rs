//! Too slow: a session whose queue is full lets go of what it follows, since the log has it, and catches up.
//!
//! What is due by presence alone cannot be caught up and stays, as far as a queue goes.

use super::Shard;
use super::posts::{Held, gets};
use super::session::{Key, State};
use crate::limits::EXPANSIONS_MAX;
use crate::model::Seq;

impl Shard {
    /// A live session's queue is full: what it follows is let go, since the log has it, and it catches up.
    pub(super) fn overflow(&mut self, key: Key, number: u32, notify: bool) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if !matches!(session.state, State::Live) {
            return;
        }
        let id = session.subscriber;
        let follows = |held: Option<&Held>| {
            held.and_then(|h| h.post.as_ref())
                .is_some_and(|post| gets(&self.index, post, id))
        };
        let mut first = follows(self.posts.get(number))
            .then(|| self.posts.get(number).map(|h| h.seq))
            .flatten();
        let mut released = Vec::new();
        let mut kept = super::ring::Ring::default();
        for entry in std::mem::take(&mut session.ring).iter() {
            let held = self.posts.get(entry.number);
            if follows(held) {
                first = [first, held.map(|h| h.seq)].into_iter().flatten().min();
                released.push(entry.number);
            } else {
                kept.push(entry);
            }
        }
        if notify && !follows(self.posts.get(number)) && kept.len() < self.limits.queue_posts {
            kept.push(super::ring::Queued { number, notify });
            if let Some(held) = self.posts.get_mut(number) {
                held.waiting += 1;
            }
        }
        session.ring = kept;
        for number in released {
            self.posts.release(number);
        }
        if let Some(first) = first {
            self.metrics.slow.inc();
            self.catch_up(key, Seq(first.0 - 1), None);
        }
    }

    /// Too many posts are held since somebody does not read: those who wait for the oldest catch up later.
    pub(super) fn shed(&mut self) {
        let oldest = self.posts.oldest();
        let stuck: Vec<u32> = self.sessions.indices().collect();
        for index in stuck {
            let waits = self
                .sessions
                .at(index)
                .and_then(|s| s.ring.front())
                .is_some_and(|front| front.number.wrapping_sub(oldest) % (1 << 31) < (EXPANSIONS_MAX / 2) as u32);
            if waits {
                let key = self.sessions.key(index);
                let number = self
                    .sessions
                    .at(index)
                    .and_then(|s| s.ring.front())
                    .map_or(0, |f| f.number);
                self.overflow(key, number, false);
                self.drop_old_notifications(key, oldest);
            }
        }
    }

    /// What is due by presence alone cannot be caught up: the oldest of it is lost to one who does not read.
    fn drop_old_notifications(&mut self, key: Key, oldest: u32) {
        while let Some(session) = self.sessions.get_mut(key)
            && let Some(front) = session.ring.front()
            && front.number.wrapping_sub(oldest) % (1 << 31) < (EXPANSIONS_MAX / 2) as u32
        {
            session.ring.pop();
            self.posts.release(front.number);
        }
    }
}
