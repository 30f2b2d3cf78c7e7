//! Catching up: the next page of what a subscriber follows, from his cursor, in `Seq` order.
//!
//! Reads the store, on the reader pool. Never beyond the watermark it is given, so that what it leaves is what the live
//! path brings. Retracted, replaced and expired items are skipped; a retraction goes to those who have the item.

use super::Recent;
use crate::error::StoreError;
use crate::limits::{PAGE_BYTES, PAGE_POSTS, PAGE_SCAN};
use crate::log::apply::shown;
use crate::model::{Audience, Event, NodeId, Post, Seq, SubscriberId, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, NodeRow};
use crate::store::{Range, View};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

/// What a run of catching up remembers from page to page.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Which run on its shard: a late page of an earlier one is not for it.
    pub number: u64,
    /// Where it began: who catches up has everything up to here.
    pub began: Seq,
    /// Items up to here are left out, since there were more than he is to get; set by the first page.
    pub skip: Option<Seq>,
    /// The watermark at the first page: what was retracted up to here was never sent in this run.
    pub seen: Seq,
    /// How many items he gets at most; `None` for one who was only slow, who gets all.
    pub most: Option<usize>,
}

/// The nodes that somebody follows, each with the `Seq` from which on.
pub type Following = HashMap<NodeId, Seq>;

/// Which page.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// Who catches up.
    pub subscriber: SubscriberId,
    /// He has everything up to here.
    pub cursor: Seq,
    /// The watermark.
    pub upto: Seq,
    /// The run.
    pub run: Run,
    /// What he follows, where a page before this one has read it and nothing of it has changed.
    pub following: Option<Arc<Following>>,
}

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// The cursor that it was read for.
    pub from: Seq,
    /// What he gets, in `Seq` order.
    pub posts: Vec<Arc<Post>>,
    /// Everything up to here is in this page or before it.
    pub next: Seq,
    /// The run, for the next page.
    pub run: Run,
    /// What he follows, for the next page.
    pub following: Arc<Following>,
}

/// Reads a page. Cost: 4 bytes a `Seq` since the cursor while that is recent, a seek per followed node otherwise, and
/// two reads an entry that is returned; and the list of what he follows where the request has none.
///
/// # Errors
/// The store's failures.
pub fn page(view: &dyn View, recent: &Recent, request: &PageRequest, now: Timestamp) -> Result<Page, StoreError> {
    let following = match &request.following {
        Some(following) => following.clone(),
        None => Arc::new(following(view, request.subscriber)?),
    };
    page_of(view, recent, following, request, now)
}

/// Up to where a run leaves items out that begins with this request, since there are more than its subscriber is to get. Cost:
/// that of a first page.
///
/// # Errors
/// The store's failures.
pub fn left_out(view: &dyn View, recent: &Recent, request: &PageRequest, now: Timestamp) -> Result<Seq, StoreError> {
    let following = Arc::new(following(view, request.subscriber)?);
    let mut reading = Reading::of(view, recent, following, request, now);
    reading.run.seen = request.upto;
    reading.first_wanted()
}

/// The same of these nodes, each from a `Seq` on.
pub(super) fn page_of(
    view: &dyn View,
    recent: &Recent,
    following: Arc<Following>,
    request: &PageRequest,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let mut reading = Reading::of(view, recent, following, request, now);
    if reading.run.skip.is_none() {
        reading.run.seen = request.upto;
        reading.run.skip = Some(reading.first_wanted()?);
    }
    reading.read()
}

pub(super) fn following(view: &dyn View, subscriber: SubscriberId) -> Result<Following, StoreError> {
    let mut following = Following::new();
    let mut bad = None;
    view.scan(
        Family::FOLLOWING,
        &Range::prefix(&subscriber.0.to_be_bytes()),
        &mut |key, value| {
            let Some((_, node)) = keys::read_following(key).filter(|(_, node)| *node != NodeId(0)) else {
                return ControlFlow::Continue(());
            };
            match rows::decode(Family::FOLLOWING, value) {
                Ok(since) => {
                    following.insert(node, since);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    bad = Some(error);
                    ControlFlow::Break(())
                }
            }
        },
    )?;
    bad.map_or(Ok(following), Err)
}

/// Places in order, and whether there are no more.
pub(super) type Candidates = (Vec<(Seq, NodeId)>, bool);

pub(in crate::outbox) struct NodeSeen {
    row: Option<NodeRow>,
    purged: Seq,
}

/// What a page is read from.
pub(super) struct Reading<'v> {
    view: &'v dyn View,
    recent: &'v Recent,
    now: Timestamp,
    following: Arc<Following>,
    nodes: HashMap<NodeId, NodeSeen>,
    request: &'v PageRequest,
    run: Run,
}

impl<'v> Reading<'v> {
    /// For a request about these nodes, each from a `Seq` on.
    pub(super) fn of(
        view: &'v dyn View,
        recent: &'v Recent,
        following: Arc<Following>,
        request: &'v PageRequest,
        now: Timestamp,
    ) -> Reading<'v> {
        Reading {
            view,
            recent,
            now,
            following,
            nodes: HashMap::new(),
            request,
            run: request.run.clone(),
        }
    }
}

impl Reading<'_> {
    /// The `Seq` up to which items are left out, so that at most `most` remain.
    fn first_wanted(&mut self) -> Result<Seq, StoreError> {
        let Some(most) = self.run.most else {
            return Ok(self.request.cursor);
        };
        let (mut left, mut upto) = (most, self.request.upto);
        loop {
            let (candidates, complete) = self.candidates(upto, true, PAGE_SCAN)?;
            let oldest = candidates.last().map(|(seq, _)| Seq(seq.0 - 1));
            for (seq, node) in candidates {
                if let Some(post) = self.post(seq, node)?
                    && matches!(post.event, Event::Publish { .. })
                {
                    if left == 0 {
                        return Ok(seq);
                    }
                    left -= 1;
                }
            }
            // So many were retractions or gone that items are still wanted from before.
            match oldest.filter(|_| !complete) {
                Some(oldest) => upto = oldest,
                None => return Ok(self.request.cursor),
            }
        }
    }

    fn read(mut self) -> Result<Page, StoreError> {
        let (mut posts, mut bytes) = (Vec::new(), 0);
        let (candidates, complete) = self.candidates(self.request.upto, false, PAGE_SCAN)?;
        let mut next = match candidates.last() {
            Some((last, _)) if !complete => *last,
            _ => self.request.upto,
        };
        for (seq, node) in candidates {
            if posts.len() >= PAGE_POSTS || bytes >= PAGE_BYTES {
                next = Seq(seq.0 - 1);
                break;
            }
            let Some(post) = self.post(seq, node)? else { continue };
            if self.wanted(&post) {
                bytes += match &post.event {
                    Event::Publish { payload, .. } => payload.len(),
                    _ => 0,
                } + 256;
                posts.push(post);
            }
        }
        Ok(Page {
            from: self.request.cursor,
            posts,
            next: next.max(self.request.cursor),
            run: self.run,
            following: self.following,
        })
    }

    fn wanted(&self, post: &Post) -> bool {
        match post.event {
            Event::Publish { .. } => self.run.skip.is_none_or(|skip| post.seq > skip),
            Event::Retract { first } => {
                first <= self.run.began || (post.seq > self.run.seen && first <= self.request.cursor)
            }
            Event::Purge | Event::Configure { .. } | Event::Delete { .. } => true,
            // Posts have the item itself.
            Event::Again { .. } => false,
        }
    }

    /// Where followed nodes have something above the cursor up to `upto`, in order; at most `max`, and whether that is
    /// all.
    pub(super) fn candidates(&self, upto: Seq, down: bool, max: usize) -> Result<Candidates, StoreError> {
        let mut found = Vec::new();
        let recent = self.recent.scan(self.request.cursor, upto, down, |seq, node| {
            if self.following.get(&node).is_some_and(|since| seq > *since) {
                found.push((seq, node));
            }
            found.len() < max
        });
        if recent.is_some() {
            let complete = found.len() < max;
            return Ok((found, complete));
        }
        self.candidates_by_node(upto, down, max)
    }

    /// The same from the store, for a cursor that lies before what is recent: one iterator at a time, and never more
    /// kept than are wanted.
    pub(super) fn candidates_by_node(&self, upto: Seq, down: bool, max: usize) -> Result<Candidates, StoreError> {
        let from = self.request.cursor;
        let most = if down {
            self.run.most.unwrap_or(max).saturating_mul(2)
        } else {
            PAGE_POSTS * 4
        };
        let max = max.min(most.max(PAGE_POSTS));
        let mut complete = true;
        let mut kept: BTreeMap<Seq, NodeId> = BTreeMap::new();
        for (node, since) in self.following.iter() {
            if rows::node_state(self.view, *node)?.last <= from {
                continue;
            }
            let start = keys::log(*node, from.max(*since).next());
            let mut range = Range::between(start, keys::log(*node, upto.next()));
            range.reverse = down;
            self.view.scan(Family::LOG, &range, &mut |key, _| {
                let Some((_, seq)) = keys::read_log(key) else {
                    return ControlFlow::Break(());
                };
                kept.insert(seq, *node);
                if kept.len() <= max {
                    return ControlFlow::Continue(());
                }
                complete = false;
                let gone = if down { kept.pop_first() } else { kept.pop_last() };
                // What comes next of this node lies even further out.
                if gone.is_some_and(|(gone, _)| gone == seq) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
        let found = kept.into_iter();
        Ok((if down { found.rev().collect() } else { found.collect() }, complete))
    }

    /// The post at a place, unless its item is gone, or its node says nothing to anyone.
    fn post(&mut self, seq: Seq, node: NodeId) -> Result<Option<Arc<Post>>, StoreError> {
        let post = self.kept(seq, node)?;
        // Who was away gets nothing of a node that delivers to who is available alone (`pubsub#presence_based_delivery`).
        // What came while he was catching up came while he was here.
        let back = self.run.most.is_some() && seq <= self.run.seen;
        let speaks = |seen: &NodeSeen| {
            let config = seen.row.as_ref().map(|row| &row.config);
            config.is_some_and(|config| config.deliver_notifications && !(back && config.presence_based_delivery))
        };
        Ok(post.filter(|_| self.nodes.get(&node).is_some_and(speaks)))
    }

    /// The entry at a place, unless it is for others; where it points to an item, with that.
    fn entry(&self, seq: Seq, node: NodeId) -> Result<Option<Entry>, StoreError> {
        let read = |seq: Seq| rows::get::<Entry>(self.view, Family::LOG, &keys::log(node, seq));
        let Some(mut entry) = read(seq)? else {
            return Ok(None);
        };
        let (only, id) = (&entry.only.0, self.request.subscriber);
        if !only.is_empty() && only.binary_search(&id).is_err() {
            return Ok(None);
        }
        if let Event::Again { of } = entry.event {
            let Some(item) = read(of)? else { return Ok(None) };
            entry.event = item.event;
        }
        Ok(Some(entry))
    }

    /// The post at a place, unless its item is gone.
    pub(super) fn kept(&mut self, seq: Seq, node: NodeId) -> Result<Option<Arc<Post>>, StoreError> {
        let Some(entry) = self.entry(seq, node)? else {
            return Ok(None);
        };
        let seen = match self.nodes.entry(node) {
            std::collections::hash_map::Entry::Occupied(seen) => seen.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                let row = rows::node_row(self.view, node)?;
                free.insert(NodeSeen {
                    row,
                    purged: rows::node_state(self.view, node)?.purged,
                })
            }
        };
        let Some(row) = seen.row.as_ref() else {
            return Ok(None);
        };
        // What a node kept before it was told to keep nothing is not shown.
        if !row.config.persist_items && matches!(entry.event, Event::Publish { .. }) {
            return Ok(None);
        }
        let expire = u64::from(row.config.item_expire_seconds) * 1000;
        if seq <= seen.purged || (expire > 0 && entry.at.0 + expire <= self.now.0) {
            return Ok(None);
        }
        if let Some(post) = self.recent.post(seq) {
            return Ok(Some(post));
        }
        let post = Post {
            seq,
            origin: entry.origin,
            node,
            name: row.name.clone(),
            item: entry.item,
            at: entry.at,
            event: entry.event,
            audience: Audience::None,
            shown: shown(&row.config),
            remote: false,
            only: Some(entry.only.0).filter(|only| !only.is_empty()).map(Arc::from),
            live: OnceLock::new(),
            delayed: OnceLock::new(),
        };
        Ok(Some(self.recent.cache(Arc::new(post))))
    }
}
