//! A shard: its users' sessions, their edges, and what each must get. A pure struct, driven by a thread.
//!
//! The session thread, the million test and the simulation drive the same code. It does no I/O, knows no clock and no
//! socket: batches come in by [`Shard::apply`], pages by [`Shard::page`], and posts leave by [`Shard::drain`]. Two passes:
//! *expand* puts post numbers on queues in bounded steps, *flush* is the driver's loop over [`Shard::next_dirty`].

mod catch_up;
mod checkpoint;
mod dirty;
mod expand;
mod hot;
mod interest;
mod lists;
mod online;
mod overflow;
mod posts;
mod recent;
mod ring;
mod session;

pub use checkpoint::Parting;
pub use session::Key;

use crate::fanout::Batch;
use crate::index::Index;
use crate::limits::{HOT_HALF_LIFE, HOT_NODES_SHOWN, Limits};
use crate::log::Pressure;
use crate::log::apply::Effect;
use crate::metrics::{Metrics, ShardMetrics};
use crate::model::{Event, Post, Seq, SubscriberId, VShard};
use dirty::{Dirty, Marked};
use hot::Hot;
use interest::Interests;
use online::Online;
use posts::Posts;
use session::{Sessions, State};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// How a post goes to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// To the bare JID: he follows.
    Follower,
    /// To the full JID: presence and caps (XEP-0163 §4).
    Notify,
    /// To the bare JID, with the time of publication: he was away.
    Delayed,
}

/// What [`Shard::drain`] left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing more is due now.
    Empty,
    /// The writer took no more.
    Full,
}

/// A shard.
pub struct Shard {
    number: usize,
    threads: usize,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    own: ShardMetrics,
    /// Posts handed to writers and not yet counted where others see it.
    delivered: u64,
    hot: Hot,
    reports: u32,
    pressure: Pressure,
    catching_up: usize,
    epoch: u32,
    index: Index,
    sessions: Sessions,
    online: Online,
    interests: Interests,
    posts: Posts,
    /// The last post, or the first of its run, while nobody has begun to expand it and who gets it has not changed since.
    run: Option<u32>,
    /// The last posts, so that the final stretch of catching up needs no I/O.
    recent: recent::RecentPosts,
    /// Runs of catching up that were begun.
    runs: u64,
    /// What they follow.
    lists: lists::Lists,
    /// Everything up to here was applied.
    last: Seq,
    /// Have something to write.
    dirty: Dirty,
    /// Have something that their client has not confirmed.
    unsettled: VecDeque<Key>,
    /// Want a page.
    wants: VecDeque<Key>,
    /// Pages being read.
    reading: usize,
    checkpoint: Seq,
    watermark_before: Seq,
    pass: checkpoint::Pass,
    /// Up to where [`Shard::unconfirmed`] has come.
    looked: usize,
}

impl Shard {
    /// The shard `number` of `threads`, with its slice of the edges as they were at `last`.
    pub fn new(
        number: usize,
        threads: usize,
        limits: Arc<Limits>,
        metrics: Arc<Metrics>,
        epoch: u32,
        index: Index,
        last: Seq,
    ) -> Shard {
        let recent = recent::RecentPosts::new(last, limits.shard_recent);
        Shard {
            number,
            threads,
            limits,
            own: metrics.shard(number),
            metrics,
            delivered: 0,
            hot: Hot::default(),
            reports: 0,
            pressure: Pressure::None,
            catching_up: 0,
            epoch,
            index,
            sessions: Sessions::default(),
            online: Online::default(),
            interests: Interests::default(),
            posts: Posts::default(),
            run: None,
            recent,
            runs: 0,
            lists: lists::Lists::default(),
            last,
            dirty: Dirty::default(),
            unsettled: VecDeque::new(),
            wants: VecDeque::new(),
            reading: 0,
            checkpoint: Seq(0),
            watermark_before: Seq(0),
            pass: checkpoint::Pass::default(),
            looked: 0,
        }
    }

    /// Takes a commit's effects, in log order. Small fan-outs are expanded at once, large ones wait for [`Shard::expand`].
    pub fn apply(&mut self, batch: &Batch) {
        for (seq, effect) in &batch.effects {
            match effect {
                Effect::Post(post) => self.post(post),
                Effect::Follow {
                    node,
                    subscriber,
                    vshard,
                } if self.mine(*vshard) => {
                    self.before_edge(*subscriber, *seq);
                    self.index.follow(*node, *subscriber);
                }
                Effect::Follows { node, subscribers } => {
                    for (vshard, subscriber) in subscribers.iter() {
                        if self.mine(*vshard) {
                            self.before_edge(*subscriber, *seq);
                            self.index.follow(*node, *subscriber);
                        }
                    }
                }
                Effect::Unfollow {
                    node,
                    subscriber,
                    vshard,
                } if self.mine(*vshard) => {
                    self.before_edge(*subscriber, *seq);
                    self.index.unfollow(*node, *subscriber);
                }
                Effect::NodeGone(node) => {
                    while self.expand(usize::MAX) {}
                    self.index.remove_node(*node);
                }
                Effect::Follow { .. } | Effect::Unfollow { .. } | Effect::Gone(_) | Effect::Notice(_) => {}
            }
            self.last = self.last.max(*seq);
        }
        self.last = self.last.max(batch.upto);
    }

    /// Everything up to here is expanded.
    pub fn watermark(&self) -> Seq {
        self.posts
            .first_unexpanded()
            .map_or(self.last, |(_, seq)| Seq(seq.0 - 1))
    }

    /// A session of `subscriber` is here; it gets nothing until it is [`Shard::available`]. `device` moves a cursor.
    pub fn attach(&mut self, subscriber: SubscriberId, device: Option<&str>) -> Key {
        self.metrics.sessions.inc();
        self.sessions.insert(subscriber, device.map(Into::into))
    }

    /// Presence came: `cursor` is where it catches up from, `None` for a session of negative priority. Calling it again
    /// changes between the two and keeps its place. What it has confirmed, where it stops following.
    pub fn available(&mut self, key: Key, cursor: Option<Seq>) -> Option<Parting> {
        let last = self.last;
        let session = self.sessions.get_mut(key)?;
        let id = session.subscriber;
        if !session.available {
            session.available = true;
            session.expanded = last;
            session.edges = last;
            self.online.link(&mut self.sessions, key.index, id);
            self.run = None;
        }
        let quiet = self.sessions.get(key).is_some_and(|s| matches!(s.state, State::Quiet));
        match cursor {
            Some(cursor) if quiet => self.catch_up(key, cursor, Some(self.limits.catch_up_posts)),
            None if !quiet => {
                let parting = self.part(key);
                self.let_go(key);
                return parting;
            }
            _ => {}
        }
        None
    }

    /// Presence ended: it gets nothing more until it is available again. What it has confirmed.
    pub fn unavailable(&mut self, key: Key) -> Option<Parting> {
        let parting = self.part(key);
        let id = self.sessions.get(key).filter(|s| s.available)?.subscriber;
        self.online.unlink(&mut self.sessions, key.index, id);
        self.let_go(key);
        if let Some(session) = self.sessions.get_mut(key) {
            session.available = false;
            session.next = session::Link::default();
        }
        parting
    }

    /// The session is gone. What it has confirmed, if it ever followed.
    pub fn detach(&mut self, key: Key) -> Option<Parting> {
        self.sessions.get(key)?;
        let parting = self.part(key);
        self.unavailable(key);
        self.sessions.remove(key.index);
        self.metrics.sessions.dec();
        parting
    }

    /// Which node names the session wants by presence, from its caps.
    pub fn interest(&mut self, key: Key, names: BTreeSet<Arc<str>>) {
        let number = self.interests.number(names);
        if let Some(session) = self.sessions.get_mut(key) {
            session.interest = number;
        }
    }

    /// The next session that has something to write; small fan-outs first.
    pub fn next_dirty(&mut self) -> Option<Key> {
        loop {
            let index = self.dirty.next()?;
            let Some(session) = self.sessions.at_mut(index) else {
                continue;
            };
            // A slot comes once more where its session is gone, or was served already.
            if session.attached && std::mem::take(&mut session.dirty) != Marked::Clean {
                let generation = session.generation;
                return Some(Key { index, generation });
            }
        }
    }

    /// Whether somebody may have something to write.
    pub fn is_dirty(&self) -> bool {
        self.dirty.len() > 0
    }

    /// Touches what draining these sessions needs, so that they need not be waited for one by one; the value says nothing.
    pub fn warm(&self, keys: &[Key]) -> u64 {
        let sessions = keys.iter().filter_map(|key| self.sessions.at(key.index));
        sessions.fold(0, |sum, session| {
            sum ^ session.expanded.0 ^ session.handed.0 ^ session.edges.0
        })
    }

    /// The driver ended its turn with a session that has more: it comes up again.
    pub fn more(&mut self, key: Key) {
        self.mark_dirty(key, false);
    }

    /// Hands what is due to `write`, in order, until it answers false (then that post stays first).
    pub fn drain(&mut self, key: Key, mut write: impl FnMut(&Arc<Post>, Manner) -> bool) -> Drained {
        loop {
            if self.drain_queue(key, &mut write) == Drained::Full || self.drain_page(key, &mut write) == Drained::Full {
                return Drained::Full;
            }
            let more = self.sessions.get(key).is_some_and(|session| session.has_page());
            if !more && !self.turn(key) {
                return Drained::Empty;
            }
        }
    }

    fn drain_queue(&mut self, key: Key, write: &mut impl FnMut(&Arc<Post>, Manner) -> bool) -> Drained {
        let Some(session) = self.sessions.get_mut(key) else {
            return Drained::Empty;
        };
        // While it catches up, what is due by presence alone waits for the pages: posts leave in `Seq` order, by which
        // they are confirmed.
        let upto = match &session.state {
            State::CatchingUp(catch_up) => catch_up.reached(),
            State::Live | State::Quiet => Seq(u64::MAX),
        };
        let (mut drained, mut handed) = (Drained::Empty, 0);
        while let Some(entry) = session.ring.front() {
            if self.posts.get(entry.number).is_some_and(|held| held.seq > upto) {
                break;
            }
            if let Some(held) = self.posts.get(entry.number)
                && !held.retracted
                && let Some(post) = &held.post
            {
                let manner = if entry.notify { Manner::Notify } else { Manner::Follower };
                if !write(post, manner) {
                    drained = Drained::Full;
                    break;
                }
                handed += 1;
                if !matches!(session.state, State::Quiet) {
                    session.hand(held.seq);
                }
            }
            session.ring.pop();
            self.posts.release(entry.number);
        }
        self.delivered += handed;
        drained
    }

    /// What has to be given up for now.
    pub fn press(&mut self, pressure: Pressure) {
        self.pressure = pressure;
    }

    /// Shows how it is doing; about once a second.
    pub fn report(&mut self) {
        self.metrics.deliveries.inc_by(std::mem::take(&mut self.delivered));
        let lag = self.last.0 - self.watermark().0;
        self.own.watermark_lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
        self.own.dirty_sessions.set(self.dirty.len() as i64);
        self.own.catch_ups.set(self.catching_up as i64);
        self.metrics.hottest(self.number, self.hot.top(HOT_NODES_SHOWN));
        self.reports += 1;
        if self.reports.is_multiple_of(HOT_HALF_LIFE) {
            self.hot.halve();
        }
    }

    /// How many sessions are here.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The edges here.
    pub fn index(&self) -> &Index {
        &self.index
    }

    fn mine(&self, vshard: VShard) -> bool {
        vshard.thread(self.threads) == self.number
    }

    /// A retraction stops what it retracts; every post is expanded.
    fn post(&mut self, post: &Arc<Post>) {
        if matches!(post.event, Event::Retract { .. }) {
            self.posts.retract(post);
        }
        self.recent.push(post);
        self.begin(post);
    }
}
