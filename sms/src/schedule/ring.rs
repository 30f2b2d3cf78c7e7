//! One publisher's followers on one route, visited round and round while posts are under way ("elevator", `sms.md` §5.4).
//!
//! Everybody is visited once a lap, so that nobody is always last and nobody gets two while others got none. What is
//! pending for a follower is what lies above his mark; the newest goes out, the others are told of. Knows no pace. Next:
//! `visit.rs` says what becomes of one visit.

use super::past::Missed;
use super::{Context, Load, render};
use crate::config::Links;
use crate::limits::{EDGES_READ, POSTS_PER_RING};
use crate::network::Said;
use crate::tables::read::Rows;
use crate::tables::rows::{Edge, Fanout, NumberId, Ring, RouteId};
use crate::tables::{Plan, RingMove};
use reef_engine::config::AccessModel;
use reef_engine::error::StoreError;
use reef_engine::model::{Event, NodeId, NodeName, Seq, Timestamp};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, Entry, ItemRow};
use std::collections::VecDeque;
use std::sync::Arc;

/// A ring with posts under way.
pub(super) struct Turning {
    /// Whose.
    pub node: NodeId,
    /// The publisher's node.
    pub name: NodeName,
    /// How texts call him.
    pub author: String,
    /// Whether everybody may read it.
    pub open: bool,
    /// Where it is.
    pub ring: Ring,
    /// Posts under way, oldest first.
    pub posts: VecDeque<Live>,
    /// Segments of the newest post as it would go out uncut, once that was looked at.
    pub segments: Option<u8>,
    /// What it may send before others' turn; below nothing after a long message.
    pub credit: i32,
    /// The newest post that ever was.
    newest: Seq,
    /// Posts that some may not have got.
    missed: Missed,
    /// Followers that were read ahead.
    ahead: VecDeque<(NumberId, Edge)>,
    visits: u32,
    /// Where it was before the last visit.
    before: NumberId,
}

/// A post under way.
#[derive(Debug)]
pub(super) struct Live {
    /// Its place in the log, by which marks are set.
    pub seq: Seq,
    /// How far it is.
    pub fanout: Fanout,
    /// What it says, as it was looked at in that turn.
    content: Option<(u64, Arc<Content>)>,
}

/// What a post says.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    /// Its words.
    pub said: Said,
    /// Whom it repeats, as texts call him.
    pub repeats: Option<String>,
    /// Where it can be read.
    pub link: Option<String>,
}

impl Live {
    /// A post that begins to go round.
    pub(super) fn new(seq: Seq, fanout: Fanout) -> Live {
        Live {
            seq,
            fanout,
            content: None,
        }
    }

    /// One that goes round no more.
    pub(super) fn gone(seq: Seq, item: Arc<str>) -> Live {
        let fanout = Fanout {
            lap: 0,
            at: NumberId(0),
            visits: 0,
            deadline: Timestamp(0),
            item,
        };
        Live::new(seq, fanout)
    }
}

impl Turning {
    /// As it lies in the store; `None` where the node is gone.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn load(cx: &Context<'_>, route: RouteId, node: NodeId) -> Result<Option<Turning>, StoreError> {
        let Some(row) = rows::node_row(cx.rows.view, node)? else {
            return Ok(None);
        };
        Ok(Some(Turning {
            node,
            author: cx.network.short(&row.name.service),
            open: row.config.access == AccessModel::Open,
            name: row.name,
            ring: cx.rows.ring(route, node)?,
            posts: VecDeque::new(),
            segments: None,
            credit: 0,
            newest: Seq(0),
            missed: Missed::default(),
            ahead: VecDeque::new(),
            visits: 0,
            before: NumberId(0),
        }))
    }

    /// Adds a post; the oldest is let go where there are too many: who did not get it is told of it with the next.
    pub(super) fn add(&mut self, live: Live, route: RouteId, plan: &mut Plan) {
        if self.posts.iter().any(|post| post.seq == live.seq) {
            return;
        }
        debug_assert_eq!(plan.route, route);
        self.newest = self.newest.max(live.seq);
        self.posts.push_back(live);
        self.segments = None;
        while self.posts.len() > POSTS_PER_RING {
            if let Some(gone) = self.posts.pop_front() {
                self.missed = Missed::default();
                plan.done.push((self.node, gone.seq));
            }
        }
    }

    /// The next follower, with the ring moved onto him; `None` where there are none at all, or no posts any more.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn next(&mut self, rows: &Rows<'_>, plan: &mut Plan) -> Result<Option<(NumberId, Edge)>, StoreError> {
        if self.ahead.is_empty() {
            self.ahead = rows.edges(plan.route, self.node, self.ring.at, EDGES_READ)?.into();
            if self.ahead.is_empty() {
                let whole_lap = self.ring.at == NumberId(0);
                (self.ring.at, self.ring.lap) = (NumberId(0), self.ring.lap + 1);
                self.let_go(plan);
                if whole_lap || self.posts.is_empty() {
                    let rest = self.posts.drain(..).map(|post| (self.node, post.seq));
                    plan.done.extend(rest);
                    return Ok(None);
                }
                self.ahead = rows.edges(plan.route, self.node, self.ring.at, EDGES_READ)?.into();
            }
        }
        let Some((id, edge)) = self.ahead.pop_front() else {
            return Ok(None);
        };
        self.before = self.ring.at;
        self.ring.at = id;
        self.ring.visits += 1;
        self.visits += 1;
        Ok(Some((id, edge)))
    }

    /// The last visit was none: the same follower is the next.
    pub(super) fn back(&mut self, follower: (NumberId, Edge)) {
        self.ring.at = self.before;
        self.ring.visits -= 1;
        self.visits = self.visits.saturating_sub(1);
        self.ahead.push_front(follower);
    }

    /// Lets go of posts that everybody was visited for.
    pub(super) fn let_go(&mut self, plan: &mut Plan) {
        let (ring, node, before) = (self.ring, self.node, self.posts.len());
        self.posts.retain(|post| {
            let done = post.fanout.is_done(&ring);
            if done {
                plan.done.push((node, post.seq));
            }
            !done
        });
        if self.posts.len() < before {
            self.missed = Missed::default();
        }
    }

    /// Lets go of what is too old; how many visits that leaves out.
    pub(super) fn expire(&mut self, now: Timestamp, plan: &mut Plan) -> u64 {
        if self.posts.front().is_none_or(|oldest| oldest.fanout.deadline > now) {
            return 0;
        }
        self.missed = Missed::default();
        let (node, ring, mut left) = (self.node, self.ring, 0);
        self.posts.retain(|post| {
            let old = post.fanout.deadline <= now;
            if old {
                left += remaining(&ring, &post.fanout);
                plan.done.push((node, post.seq));
            }
            !old
        });
        left
    }

    /// Whether it was moved since that was noted.
    pub(super) fn moved(&self) -> bool {
        self.visits > 0
    }

    /// Notes in a plan where it is.
    pub(super) fn note(&mut self, plan: &mut Plan) {
        let to = RingMove {
            at: self.ring.at,
            lap: self.ring.lap,
            visits: std::mem::take(&mut self.visits),
            newest: self.newest,
        };
        plan.rings.push((self.node, to));
    }

    /// Notes in a plan where it ends.
    pub(super) fn end(&mut self, plan: &mut Plan) -> Ring {
        self.note(plan);
        self.ring
    }

    /// What is still to be done for the newest post; when the oldest is too old.
    pub(super) fn left(&self) -> Load {
        let visits = self.posts.back().map_or(0, |post| remaining(&self.ring, &post.fanout));
        Load {
            visits,
            segments: visits * u64::from(self.segments.unwrap_or(1)),
            oldest: self.posts.front().map(|post| post.fanout.deadline),
        }
    }

    /// Looks how many segments the newest post takes, in the first country: others' links and words may differ a little.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn weigh(&mut self, cx: &Context<'_>, turn: u64) -> Result<(), StoreError> {
        let Some(seq) = self
            .posts
            .back()
            .map(|post| post.seq)
            .filter(|_| self.segments.is_none())
        else {
            return Ok(());
        };
        let Some(content) = self.content(cx, seq, turn)? else {
            return Ok(());
        };
        let country = cx.settings.country.first();
        let post = render::Post {
            author: &self.author,
            said: &content.said,
            repeats: content.repeats.as_deref(),
            more: 0,
            link: content.link.as_deref(),
            links: country.map_or(Links::Own, |country| country.links),
            opt_out: country.map_or("", |country| &country.opt_out),
        };
        self.segments = Some(render::post(&post, cx.settings.segments, cx.form).1);
        Ok(())
    }

    /// What a post says now: it may have been edited, and `None` where it is gone. Looked at once a turn.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn content(
        &mut self,
        cx: &Context<'_>,
        seq: Seq,
        turn: u64,
    ) -> Result<Option<Arc<Content>>, StoreError> {
        let live = self.posts.iter_mut().find(|post| post.seq == seq);
        let Some(post) = live.or_else(|| self.missed.get(seq)) else {
            return Ok(None);
        };
        if let Some((looked, content)) = &post.content
            && *looked == turn
        {
            return Ok(Some(content.clone()));
        }
        let found = content(cx, (self.node, &self.name), seq, &post.fanout.item)?.map(Arc::new);
        post.content = found.clone().map(|content| (turn, content));
        Ok(found)
    }

    /// Posts above a mark, oldest first: those that go round, and older ones that some did not get in time.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn above(&mut self, cx: &Context<'_>, mark: Seq) -> Result<Vec<Seq>, StoreError> {
        let mut seqs: Vec<Seq> = self.missed.above(cx, self.node, mark, &self.posts)?.collect();
        seqs.extend(self.posts.iter().map(|post| post.seq).filter(|seq| *seq > mark));
        seqs.sort_unstable();
        Ok(seqs)
    }

    /// When a post is too old; `None` where it goes round no more.
    pub(super) fn deadline(&self, seq: Seq) -> Option<Timestamp> {
        let live = self.posts.iter().find(|post| post.seq == seq)?;
        Some(live.fanout.deadline)
    }

    /// Forgets a post that is gone.
    pub(super) fn forget(&mut self, seq: Seq, plan: &mut Plan) {
        self.posts.retain(|post| post.seq != seq);
        plan.done.push((self.node, seq));
    }
}

/// Visits that a post still needs.
pub(super) fn remaining(ring: &Ring, fanout: &Fanout) -> u64 {
    u64::from(ring.followers).saturating_sub(ring.visits.saturating_sub(fanout.visits))
}

/// What the item that was published at `seq` says now.
///
/// # Errors
/// The store's failures.
pub fn content(
    cx: &Context<'_>,
    (node, name): (NodeId, &NodeName),
    seq: Seq,
    item: &Arc<str>,
) -> Result<Option<Content>, StoreError> {
    let view = cx.rows.view;
    let entry = match rows::get::<Entry>(view, Family::LOG, &keys::log(node, seq))? {
        Some(entry) => Some(entry),
        // An older version: the newest stands for it.
        None => match rows::get::<ItemRow>(view, Family::ITEM, &keys::item(node, item))? {
            Some(row) if row.first <= seq => rows::get(view, Family::LOG, &keys::log(node, row.seq))?,
            _ => None,
        },
    };
    let Some(Entry {
        event: Event::Publish { payload, .. },
        item,
        ..
    }) = entry
    else {
        return Ok(None);
    };
    let Some(said) = cx.network.said(&payload) else {
        return Ok(None);
    };
    Ok(Some(Content {
        repeats: said.repeats.as_deref().map(|jid| cx.network.short(jid)),
        link: cx.network.web_link(&name.service, &item),
        said,
    }))
}
