//! Expand: from a post to the queues of the live sessions that must get it.
//!
//! In `Seq` order per session, not per shard: a small post goes to its followers at once, each first getting the older
//! pending posts that he follows (*expand-ahead*); the large pass skips whom it finds served. Nothing here allocates,
//! locks or encodes per delivery.

use super::Shard;
use super::posts::{Walk, gets};
use super::ring::{Queued, Ring};
use super::session::{Key, Session, State};
use crate::index::Hits;
use crate::limits::{EXPAND_STEP, EXPANSIONS_MAX, RUN_MAX, WARM};
use crate::model::{Audience, Post, Seq, SubscriberId};
use smallvec::SmallVec;
use std::sync::Arc;

impl Shard {
    /// A post came: notes whom to look at, and expands it now where they are few.
    pub(super) fn begin(&mut self, post: &Arc<Post>) {
        let followers = self.index.followers(post.node);
        if followers.is_none() && matches!(post.audience, Audience::None) {
            return;
        }
        let followed = match &post.only {
            Some(only) => only.len() as u64,
            None => followers.map_or(0, |f| f.len()),
        };
        let size = followed + self.audience_size(post);
        self.hot.add(post.node, &post.name, size);
        match self.run.filter(|head| self.joins(*head, post)) {
            Some(head) => self.posts.join(head, post.clone()),
            None => {
                let hits = self.followers_here(post);
                let by_presence = false;
                let number = self.posts.push(post.clone(), Walk { hits, by_presence });
                self.run = Some(number);
                if size <= self.limits.expand_at_once as u64 {
                    self.walk(number, usize::MAX, true);
                }
            }
        }
        if self.posts.len() > EXPANSIONS_MAX {
            self.shed();
        }
    }

    /// Whether a post is due to the same sessions as the last ones, with which nobody has begun: those of `head`'s run.
    fn joins(&self, head: u32, post: &Post) -> bool {
        self.posts.get(head).is_some_and(|held| {
            held.run < RUN_MAX
                && held.post.as_ref().is_some_and(|first| {
                    first.node == post.node
                        && first.only.is_none()
                        && post.only.is_none()
                        && match (&first.audience, &post.audience) {
                            (Audience::None, Audience::None) => true,
                            (Audience::Presence { node, but, .. }, Audience::Presence { node: n, but: b, .. }) => {
                                (node, but) == (n, b)
                            }
                            _ => false,
                        }
                })
        })
    }

    /// Those here who get a post since they follow.
    fn followers_here(&self, post: &Post) -> Hits {
        let (followers, online) = (self.index.followers(post.node), self.online.ids());
        match (&post.only, followers) {
            (_, None) => Hits::Slice(Vec::new().into_iter()),
            (None, Some(followers)) => followers.among(online),
            (Some(only), Some(followers)) => {
                let here = |id: &&SubscriberId| online.contains(id.0) && followers.contains(**id);
                let ids: Vec<u32> = only.iter().filter(here).map(|id| id.0).collect();
                Hits::Slice(ids.into_iter())
            }
        }
    }

    fn audience_size(&self, post: &Post) -> u64 {
        match &post.audience {
            Audience::None => 0,
            Audience::Presence { node, .. } => node.and_then(|n| self.index.followers(n)).map_or(1, |f| f.len() + 1),
            Audience::Only(ids) => ids.len() as u64,
        }
    }

    /// Expands older large fan-outs a little: looks at up to `budget` subscribers. True while there is more to do.
    pub fn expand(&mut self, budget: usize) -> bool {
        match self.posts.first_unexpanded() {
            Some((number, _)) => {
                self.walk(number, budget.min(EXPAND_STEP), false);
                self.posts.first_unexpanded().is_some()
            }
            None => false,
        }
    }

    fn walk(&mut self, number: u32, budget: usize, small: bool) {
        self.run = None;
        let run: SmallVec<[(u32, Seq); 4]> = self.posts.run(number).map(|(n, held)| (n, held.seq)).collect();
        let Some(held) = self.posts.get_mut(number) else { return };
        let (Some(post), Some(mut walk)) = (held.post.clone(), held.hits.take()) else {
            return;
        };
        let mut left = budget;
        loop {
            while left > 0 {
                // Sessions are more than a cache holds: some are fetched together, so that none is waited for alone.
                let ids: SmallVec<[SubscriberId; WARM]> = walk.hits.by_ref().take(left.min(WARM)).collect();
                if ids.is_empty() {
                    break;
                }
                left -= ids.len();
                let first: SmallVec<[Option<u32>; WARM]> = ids.iter().map(|id| self.online.first(*id)).collect();
                let fetched = first.iter().flatten().filter_map(|index| self.sessions.at(*index));
                std::hint::black_box(fetched.fold(0, |sum, session| sum ^ session.expanded.0));
                for mut at in first {
                    while let Some(index) = at {
                        at = self.sessions.at(index).and_then(|s| s.next.get());
                        self.offer(index, &post, &run, small, !walk.by_presence);
                    }
                }
            }
            if left == 0 {
                if let Some(held) = self.posts.get_mut(number) {
                    held.hits = Some(walk);
                }
                return;
            }
            if walk.by_presence {
                return run.iter().for_each(|(number, _)| self.posts.expanded(*number));
            }
            walk = Walk {
                hits: self.by_presence(&post),
                by_presence: true,
            };
        }
    }

    /// Those here who may get the post by presence and caps.
    fn by_presence(&self, post: &Post) -> Hits {
        let online = self.online.ids();
        let mut ids: Vec<u32> = match &post.audience {
            Audience::None => Vec::new(),
            Audience::Only(ids) => ids.iter().map(|id| id.0).filter(|id| online.contains(*id)).collect(),
            Audience::Presence { node, owner, .. } => {
                let followers = node.and_then(|n| self.index.followers(n));
                if !online.contains(owner.0) {
                    return followers.map_or(Hits::Slice(Vec::new().into_iter()), |f| f.among(online));
                }
                let mut ids: Vec<u32> = followers
                    .map(|f| f.among(online).map(|id| id.0).collect())
                    .unwrap_or_default();
                ids.push(owner.0);
                ids
            }
        };
        ids.sort_unstable();
        Hits::Slice(ids.into_iter())
    }

    /// Puts a run of posts, of which `post` is the first, on a session's queue: those that are due and were not looked at
    /// before, after older ones that are due. A `follower` is known to be one: he stood in the set that is walked, and a
    /// change of it has him looked at first.
    fn offer(&mut self, index: u32, post: &Arc<Post>, run: &[(u32, Seq)], small: bool, follower: bool) {
        let (Some(session), Some((_, last))) = (self.sessions.at(index), run.last()) else {
            return;
        };
        let from = session.expanded;
        if from >= *last {
            return;
        }
        self.serve_ahead(index, post.seq, small);
        if let Some(session) = self.sessions.at(index)
            && let Some(notify) = self.due(session, post, follower)
        {
            let new = run.partition_point(|(_, seq)| *seq <= from);
            self.enqueue_all(index, run.get(new..).unwrap_or_default(), notify, small);
        }
        if let Some(session) = self.sessions.at_mut(index) {
            session.expanded = session.expanded.max(*last);
        }
    }

    /// Whether a post is due to a session now, and if so whether by presence. Who catches up gets it from the log.
    fn due(&self, session: &Session, post: &Post, follower: bool) -> Option<bool> {
        let follows =
            !matches!(session.state, State::Quiet) && (follower || gets(&self.index, post, session.subscriber));
        if follows && matches!(session.state, State::CatchingUp(_)) {
            return None;
        }
        if self.notified(session, post) {
            return Some(true);
        }
        follows.then_some(false)
    }

    /// Whether a session wants the node by its caps, and may have it.
    fn notified(&self, session: &Session, post: &Post) -> bool {
        self.interests.wants(session.interest, &post.name.node)
            && match &post.audience {
                Audience::None => false,
                Audience::Only(ids) => ids.binary_search(&session.subscriber).is_ok(),
                Audience::Presence { node, owner, but } => {
                    let gets = || node.is_some_and(|n| self.index.follows(n, session.subscriber));
                    *owner == session.subscriber || (gets() && but.binary_search(&session.subscriber).is_err())
                }
            }
    }

    /// Gives a session the pending posts below `before` that are due to it and that it was not looked at for.
    fn serve_ahead(&mut self, index: u32, before: Seq, small: bool) {
        let Some(from) = self.sessions.at(index).map(|s| s.expanded) else {
            return;
        };
        let mut due = Vec::new();
        for (number, held) in self.posts.above_watermark() {
            if held.seq >= before {
                break;
            }
            if held.seq > from
                && held.hits.is_some()
                && let (Some(post), Some(session)) = (&held.post, self.sessions.at(index))
                && let Some(notify) = self.due(session, post, false)
            {
                due.push((number, notify));
            }
        }
        for (number, notify) in due {
            self.enqueue(index, number, notify, small);
        }
    }

    /// A subscriber's edges are about to change: his sessions are looked at for all that came before.
    pub(super) fn before_edge(&mut self, id: SubscriberId, seq: Seq) {
        self.run = None;
        let mut at = self.online.first(id);
        while let Some(index) = at {
            self.serve_ahead(index, seq, true);
            let Some(session) = self.sessions.at_mut(index) else {
                return;
            };
            session.expanded = session.expanded.max(seq);
            session.edges = seq;
            at = session.next.get();
        }
    }

    /// Goes live at the watermark, with everything up to `cursor` handed out: what lies above and is due comes to the
    /// queue now, in order with what was held back there. False, and nothing is changed, where that is more than a queue
    /// takes.
    pub(super) fn serve_live(&mut self, index: u32, cursor: Seq) -> bool {
        let Some(session) = self.sessions.at(index) else {
            return false;
        };
        let mut due: Vec<Queued> = session.ring.iter().collect();
        let held_back = due.len();
        for (number, held) in self.posts.above_watermark() {
            let Some(post) = &held.post else { continue };
            let follows = held.seq > cursor && gets(&self.index, post, session.subscriber);
            let notify = self.notified(session, post);
            // By presence alone it was offered already, or came before this session's presence.
            if follows || (notify && held.seq > cursor.max(session.expanded) && held.hits.is_some()) {
                due.push(Queued { number, notify });
                if due.len() > self.limits.queue_posts {
                    return false;
                }
            }
        }
        for entry in due.iter().skip(held_back) {
            if let Some(held) = self.posts.get_mut(entry.number) {
                held.waiting += 1;
            }
        }
        due.sort_by_key(|entry| self.posts.age(entry.number));
        let last = self.last;
        let Some(session) = self.sessions.at_mut(index) else {
            return false;
        };
        session.ring = Ring::default();
        due.into_iter().for_each(|entry| session.ring.push(entry));
        self.catching_up -= usize::from(matches!(session.state, State::CatchingUp(_)));
        session.state = State::Live;
        session.expanded = last;
        // Not dirty: it is being drained, and its driver goes on with it.
        self.mark_unsettled(self.sessions.key(index));
        true
    }

    fn enqueue_all(&mut self, index: u32, run: &[(u32, Seq)], notify: bool, small: bool) {
        let most = self.limits.queue_posts;
        let Some(session) = self.sessions.at_mut(index) else {
            return;
        };
        if matches!(session.state, State::CatchingUp(_)) || session.ring.len() + run.len() > most {
            let all = run.iter();
            return all.for_each(|(number, _)| self.enqueue(index, *number, notify, small));
        }
        for (number, _) in run {
            session.ring.push(Queued {
                number: *number,
                notify,
            });
            if let Some(held) = self.posts.get_mut(*number) {
                held.waiting += 1;
            }
        }
        let key = self.sessions.key(index);
        self.mark_dirty(key, small);
        self.mark_unsettled(key);
    }

    fn enqueue(&mut self, index: u32, number: u32, notify: bool, small: bool) {
        let key = self.sessions.key(index);
        let most = self.limits.queue_posts;
        let Some(session) = self.sessions.at_mut(index) else {
            return;
        };
        if matches!(session.state, State::CatchingUp(_)) {
            // Its queue overflowed while older posts were put on it: the log brings what it follows.
            let post = self.posts.get(number).and_then(|held| held.post.as_ref());
            if post.is_some_and(|post| gets(&self.index, post, session.subscriber)) {
                return;
            }
        }
        if session.ring.len() >= most {
            return self.overflow(key, number, notify);
        }
        session.ring.push(Queued { number, notify });
        if let Some(held) = self.posts.get_mut(number) {
            held.waiting += 1;
        }
        self.mark_dirty(key, small);
        self.mark_unsettled(key);
    }

    pub(super) fn mark_dirty(&mut self, key: Key, small: bool) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.dirty = self.dirty.mark(key.index, session.dirty, small);
    }
}
