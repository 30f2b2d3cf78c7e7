//! The walk over the logs of an archive's nodes: from a place to a place, either way, as far as one request may look.

use super::super::Recent;
use super::super::page::{PageRequest, Reading, Run};
use super::{Archive, Wanted};
use crate::error::StoreError;
use crate::limits::PAGE_SCAN;
use crate::model::{Event, NodeId, Post, PostId, Seq, SubscriberId, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry};
use crate::store::{Range, View};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Milliseconds that a post may have waited for its commit: so much later than its time its place may lie.
const LATE_MS: u64 = 5 * 60_000;

/// The logs of some nodes, as one.
pub(super) struct Walk<'v> {
    pub(super) view: &'v dyn View,
    pub(super) recent: &'v Recent,
    pub(super) nodes: Arc<HashMap<NodeId, Seq>>,
    /// Whose archive it is; 0 for that of a node.
    pub(super) asker: SubscriberId,
    pub(super) now: Timestamp,
    /// The last place of all.
    pub(super) last: Seq,
}

/// How a walk ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// At the end, or where it was told to.
    There,
    /// Here, since it had looked at as much as it may.
    Spent(Seq, NodeId),
}

/// What is done with an entry; it answers whether to go on.
type Look<'l> = &'l mut dyn FnMut(&mut Reading<'_>, Seq, NodeId) -> Result<bool, StoreError>;

impl Walk<'_> {
    /// Nothing that was accepted at this time or later lies here or before.
    pub(super) fn before(&self, at: Timestamp) -> Result<Seq, StoreError> {
        let range = Range::between(
            keys::minute(Timestamp(0)),
            keys::minute(Timestamp(at.0.saturating_add(60_000))),
        );
        self.minute(range.reversed()).map(|seq| seq.unwrap_or(Seq(0)))
    }

    /// Nothing that was accepted at this time or before lies behind this, unless its node was paused.
    pub(super) fn behind(&self, at: Timestamp) -> Result<Seq, StoreError> {
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

    /// The place of an id, also of what is not shown. Cost: what was published in the minutes around its time.
    pub(super) fn find(&self, id: PostId) -> Result<Option<(Seq, NodeId)>, StoreError> {
        let (from, upto) = (self.before(id.at)?, self.behind(id.at)?);
        let mut found = None;
        self.each((from, upto), false, 1, usize::MAX, &mut |_, seq, node| {
            if self.id(seq, node)? == Some(id) {
                found = Some((seq, node));
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// By which an entry would be known outside.
    fn id(&self, seq: Seq, node: NodeId) -> Result<Option<PostId>, StoreError> {
        let entry: Option<Entry> = rows::get(self.view, Family::LOG, &keys::log(node, seq))?;
        Ok(entry.map(|Entry { at, origin, .. }| PostId { at, origin }))
    }

    /// Posts by their ids, in the order of the log.
    pub(super) fn these(&self, ids: &[PostId]) -> Result<Option<Archive>, StoreError> {
        let mut posts = Vec::new();
        for id in ids {
            let Some((seq, _)) = self.find(*id)? else {
                return Ok(None);
            };
            let mut shown = None;
            self.each((Seq(seq.0 - 1), seq), false, 1, 1, &mut |reading, seq, node| {
                shown = reading.kept(seq, node)?;
                Ok(false)
            })?;
            match shown.filter(|post| matches!(post.event, Event::Publish { .. })) {
                Some(post) => posts.push(post),
                None => return Ok(None),
            }
        }
        posts.sort_by_key(|post| post.seq);
        posts.dedup_by_key(|post| post.seq);
        Ok(Some(Archive {
            posts,
            complete: true,
            ..Archive::default()
        }))
    }

    pub(super) fn page(&self, from: Seq, upto: Seq, wanted: &Wanted) -> Result<Archive, StoreError> {
        let (mut posts, mut bytes, mut complete) = (Vec::new(), 0, true);
        let within = |post: &Post| {
            wanted.start.is_none_or(|start| post.at >= start) && wanted.end.is_none_or(|end| post.at <= end)
        };
        let (down, most, most_read) = (wanted.backwards, wanted.most, wanted.most_read);
        let ended = self.each((from, upto), down, most, most_read, &mut |reading, seq, node| {
            let Some(post) = reading.kept(seq, node)? else {
                return Ok(true);
            };
            let Event::Publish { payload, publisher } = &post.event else {
                return Ok(true);
            };
            let by = |with: &String| **publisher == **with || *post.name.service == **with;
            if !within(&post) || !wanted.with.as_ref().is_none_or(by) {
                return Ok(true);
            }
            let size = payload.len();
            let full = posts.len() >= wanted.most || (!posts.is_empty() && bytes + size > wanted.most_bytes);
            if full {
                complete = false;
                return Ok(false);
            }
            bytes += size;
            posts.push(post);
            Ok(true)
        })?;
        if wanted.backwards {
            posts.reverse();
        }
        let (spent, reached) = match ended {
            Ended::There => (false, None),
            Ended::Spent(seq, node) => (true, self.id(seq, node)?),
        };
        Ok(Archive {
            posts,
            complete: complete && !spent,
            spent,
            reached,
        })
    }

    /// Calls `look` with the entries above `from` up to `upto`, until it answers false, or about `most_read` were looked at. A
    /// node costs as a quarter of an entry: each step looks at all of them.
    fn each(
        &self,
        (mut from, mut upto): (Seq, Seq),
        down: bool,
        most: usize,
        most_read: usize,
        look: Look<'_>,
    ) -> Result<Ended, StoreError> {
        let mut left = most_read;
        while from < upto {
            let request = PageRequest {
                subscriber: self.asker,
                cursor: from,
                upto,
                run: Run {
                    most: Some(most),
                    ..Run::default()
                },
                following: None,
            };
            let mut reading = Reading::of(self.view, self.recent, self.nodes.clone(), &request, self.now);
            // One node's log is read itself: the recent order has nothing of what was told to nobody.
            let (candidates, complete) = match self.nodes.len() {
                1 => reading.candidates_by_node(upto, down, PAGE_SCAN.min(left))?,
                _ => reading.candidates(upto, down, PAGE_SCAN.min(left))?,
            };
            left = left.saturating_sub(candidates.len() + self.nodes.len() / 4);
            let edge = candidates.last().copied();
            for (seq, node) in candidates {
                if !look(&mut reading, seq, node)? {
                    return Ok(Ended::There);
                }
            }
            match edge.filter(|_| !complete) {
                Some((seq, node)) if left == 0 => return Ok(Ended::Spent(seq, node)),
                Some((seq, _)) if down => upto = Seq(seq.0 - 1),
                Some((seq, _)) => from = seq,
                None => break,
            }
        }
        Ok(Ended::There)
    }
}
