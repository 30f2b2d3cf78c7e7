//! Archives of posts (XEP-0442): of one node, or merged from the logs of all that somebody follows. Never written: the logs
//! are the archive.
//!
//! A range of times is a range of the order by the minutes that the applier notes; an id leads to its place by its time.
//! What is retracted or replaced is not in it; what was published again stands where it was last. Knows no rights.

use super::Recent;
use super::page::{PageRequest, Reading, Run, following};
use crate::error::StoreError;
use crate::limits::{LIST_ROWS, PAGE_SCAN};
use crate::model::{Event, NodeId, Post, PostId, Seq, SubscriberId, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::{Range, View, rows};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Milliseconds that a post may have waited for its commit: so much later than its time its place may lie.
const LATE_MS: u64 = 5 * 60_000;

/// Which nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// One.
    Node(NodeId),
    /// All that somebody follows.
    Followed(SubscriberId),
}

/// Which posts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Bare JID of who published them, or in whose nodes they are.
    pub with: Option<String>,
    /// Not before this.
    pub start: Option<Timestamp>,
    /// Not after this.
    pub end: Option<Timestamp>,
    /// Behind these: of the filter and of the page.
    pub after: Vec<PostId>,
    /// Before these.
    pub before: Vec<PostId>,
    /// These alone.
    pub ids: Option<Vec<PostId>>,
    /// The last of them rather than the first.
    pub backwards: bool,
    /// At most so many.
    pub most: usize,
    /// At most so many bytes of payload, but for the first.
    pub most_bytes: usize,
}

/// A page of an archive.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// The posts, in the order of the log.
    pub posts: Vec<Arc<Post>>,
    /// Whether there are no more in the direction that was asked for.
    pub complete: bool,
}

/// Reads a page; `None` where an id is not in the archive.
///
/// # Errors
/// The store's failures.
pub fn archive(
    view: &dyn View,
    recent: &Recent,
    of: Of,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Option<Archive>, StoreError> {
    let nodes = match of {
        Of::Node(node) => HashMap::from([(node, Seq(0))]),
        Of::Followed(id) => followed(view, id)?,
    };
    let last = rows::get(view, Family::META, keys::SEQ)?.unwrap_or(Seq(0));
    let walk = Walk {
        view,
        recent,
        nodes: Arc::new(nodes),
        now,
        last,
    };
    if let Some(ids) = &wanted.ids {
        return walk.these(ids);
    }
    let (mut from, mut upto) = (Seq(0), last);
    if let Some(start) = wanted.start {
        from = walk.before(start)?;
    }
    if let Some(end) = wanted.end {
        upto = walk.behind(end)?;
    }
    for id in &wanted.after {
        let Some(post) = walk.find(*id)? else { return Ok(None) };
        from = from.max(post.seq);
    }
    for id in &wanted.before {
        let Some(post) = walk.find(*id)? else { return Ok(None) };
        upto = upto.min(Seq(post.seq.0 - 1));
    }
    walk.page(from, upto, wanted).map(Some)
}

/// All that he follows, whenever he began to: also what he is not delivered.
fn followed(view: &dyn View, id: SubscriberId) -> Result<HashMap<NodeId, Seq>, StoreError> {
    let mut nodes: HashMap<NodeId, Seq> = following(view, id)?.into_keys().map(|node| (node, Seq(0))).collect();
    let mut after = None;
    loop {
        let page = rows::options_of(view, id, after)?;
        let waits = |node: NodeId| -> Result<bool, StoreError> {
            let row = rows::subscription(view, node, id)?;
            Ok(row.is_some_and(|row| !row.state.is_subscribed()))
        };
        for (node, _) in &page {
            if !waits(*node)? {
                nodes.insert(*node, Seq(0));
            }
        }
        match page.last() {
            Some((last, _)) if page.len() == LIST_ROWS => after = Some(*last),
            _ => return Ok(nodes),
        }
    }
}

struct Walk<'v> {
    view: &'v dyn View,
    recent: &'v Recent,
    nodes: Arc<HashMap<NodeId, Seq>>,
    now: Timestamp,
    last: Seq,
}

impl Walk<'_> {
    /// Nothing that was accepted at this time or later lies here or before.
    fn before(&self, at: Timestamp) -> Result<Seq, StoreError> {
        let range = Range::between(
            keys::minute(Timestamp(0)),
            keys::minute(Timestamp(at.0.saturating_add(60_000))),
        );
        self.minute(range.reversed()).map(|seq| seq.unwrap_or(Seq(0)))
    }

    /// Nothing that was accepted at this time or before lies behind this, unless its node was paused.
    fn behind(&self, at: Timestamp) -> Result<Seq, StoreError> {
        let late = Timestamp(at.0.saturating_add(LATE_MS));
        let range = Range::between(keys::minute(late), keys::minute(Timestamp(u64::MAX)));
        self.minute(range).map(|seq| seq.unwrap_or(self.last).min(self.last))
    }

    fn minute(&self, range: Range) -> Result<Option<Seq>, StoreError> {
        let mut found = None;
        self.view.scan(Family::META, &range, &mut |_, value| {
            found = Some(rows::decode(Family::META, value));
            ControlFlow::Break(())
        })?;
        found.transpose()
    }

    /// The post of an id. Cost: what was published in the minutes around its time.
    fn find(&self, id: PostId) -> Result<Option<Arc<Post>>, StoreError> {
        let (from, upto) = (self.before(id.at)?, self.behind(id.at)?);
        let mut found = None;
        self.each(from, upto, false, 1, &mut |post| {
            if post.id() != id {
                return true;
            }
            found = Some(post);
            false
        })?;
        Ok(found)
    }

    /// Posts by their ids, in the order of the log.
    fn these(&self, ids: &[PostId]) -> Result<Option<Archive>, StoreError> {
        let mut posts = Vec::new();
        for id in ids {
            match self.find(*id)? {
                Some(post) => posts.push(post),
                None => return Ok(None),
            }
        }
        posts.sort_by_key(|post| post.seq);
        posts.dedup_by_key(|post| post.seq);
        Ok(Some(Archive { posts, complete: true }))
    }

    fn page(&self, from: Seq, upto: Seq, wanted: &Wanted) -> Result<Archive, StoreError> {
        let (mut posts, mut bytes, mut complete) = (Vec::new(), 0, true);
        let within = |post: &Post| {
            wanted.start.is_none_or(|start| post.at >= start) && wanted.end.is_none_or(|end| post.at <= end)
        };
        let by = |post: &Post| match (&wanted.with, &post.event) {
            (None, _) => true,
            (Some(with), Event::Publish { publisher, .. }) => **publisher == **with || *post.name.service == **with,
            _ => false,
        };
        self.each(from, upto, wanted.backwards, wanted.most, &mut |post| {
            if !within(&post) || !by(&post) {
                return true;
            }
            let size = match &post.event {
                Event::Publish { payload, .. } => payload.len(),
                _ => 0,
            };
            let full = posts.len() >= wanted.most || (!posts.is_empty() && bytes + size > wanted.most_bytes);
            if full {
                complete = false;
                return false;
            }
            bytes += size;
            posts.push(post);
            true
        })?;
        if wanted.backwards {
            posts.reverse();
        }
        Ok(Archive { posts, complete })
    }

    /// Calls `each` with what is published above `from` up to `upto`, until it answers false.
    fn each(
        &self,
        mut from: Seq,
        mut upto: Seq,
        down: bool,
        most: usize,
        each: &mut dyn FnMut(Arc<Post>) -> bool,
    ) -> Result<(), StoreError> {
        while from < upto {
            let request = PageRequest {
                subscriber: SubscriberId(0),
                cursor: from,
                upto,
                run: Run {
                    most: Some(most),
                    ..Run::default()
                },
                following: None,
            };
            let mut reading = Reading::of(self.view, self.recent, self.nodes.clone(), &request, self.now);
            let (candidates, complete) = reading.candidates(upto, down, PAGE_SCAN)?;
            let edge = candidates.last().map(|(seq, _)| *seq);
            for (seq, node) in candidates {
                if let Some(post) = reading.kept(seq, node)?
                    && matches!(post.event, Event::Publish { .. })
                    && !each(post)
                {
                    return Ok(());
                }
            }
            match edge.filter(|_| !complete) {
                Some(seq) if down => upto = Seq(seq.0 - 1),
                Some(seq) => from = seq,
                None => return Ok(()),
            }
        }
        Ok(())
    }
}
