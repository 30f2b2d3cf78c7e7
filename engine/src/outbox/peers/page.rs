//! The next entries that are due to a peer, with who follows there: read when they are sent.
//!
//! On the reader pool. What is gone is passed over: an item published and retracted while a peer was away is not sent, nor is
//! its retraction; an item that was edited comes in its latest version, at its latest place. Knows no stanza.

use crate::error::StoreError;
use crate::limits::{PEER_PAGE_BYTES, PEER_PAGE_SCAN};
use crate::model::{Audience, Event, NodeId, PeerId, Post, Seq, SubscriberId, Timestamp};
use crate::outbox::Recent;
use crate::outbox::page::{Following, PageRequest, Reading, Run};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Loose, PeerCursor, Pointer};
use crate::store::{Range, View};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

/// Which page.
#[derive(Clone, Copy, Debug)]
pub struct PeerRequest {
    /// Whose.
    pub peer: PeerId,
    /// What was read up to here.
    pub after: PeerCursor,
    /// Set by the first page of a connection.
    pub backlog: Option<Backlog>,
    /// What lies up to here may have been sent before.
    pub sent: Seq,
    /// How many followers it names at most, of all entries together.
    pub most: usize,
    /// The bytes of the copies that it names them for, about; one copy may be longer.
    pub bytes: usize,
    /// Whether an open node is told to the peer as a whole, which knows itself who follows.
    pub whole: bool,
    /// What was accepted before this is too old to be sent.
    pub oldest: Timestamp,
}

/// What waited when a connection began: what was published within it and retracted within it is gone, and was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The first entry that was never sent.
    pub began: Seq,
    /// The last.
    pub ended: Seq,
}

/// One entry, and who gets it.
#[derive(Clone, Debug)]
pub struct PeerDue {
    /// The entry.
    pub post: Arc<Post>,
    /// Bare JIDs with their ids, in ascending order; none where the peer is told as a whole, or where all were on the page
    /// before.
    pub to: Vec<(SubscriberId, Arc<str>)>,
    /// Whether it is for all who follow there.
    pub whole: bool,
    /// Whether no follower is behind these.
    pub last: bool,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct PeerPage {
    /// What is due.
    pub due: Vec<PeerDue>,
    /// Up to here nothing was left out but what is gone.
    pub upto: PeerCursor,
    /// Whether there may be more at once.
    pub more: bool,
    /// What is too old: how many entries by the node.
    pub expired: HashMap<crate::model::NodeName, u64>,
    /// Pointers that lead to nothing more: to be removed.
    pub empty: Vec<Seq>,
    /// For the next page of this connection.
    pub backlog: Option<Backlog>,
}

struct Reader<'v> {
    view: &'v dyn View,
    reading: Reading<'v>,
    request: &'v PeerRequest,
    left: usize,
    /// Bytes of copies that there is room for.
    room: usize,
    bytes: usize,
    page: PeerPage,
    /// Nodes that may be told as a whole, or not.
    open: HashMap<NodeId, bool>,
}

/// Reads a page. Cost: a read for each entry and follower.
///
/// # Errors
/// The store's failures.
pub fn page(view: &dyn View, recent: &Recent, request: &PeerRequest, now: Timestamp) -> Result<PeerPage, StoreError> {
    let plain = PageRequest {
        subscriber: SubscriberId(0),
        cursor: Seq(0),
        upto: Seq(u64::MAX),
        run: Run::default(),
        following: None,
    };
    let mut reader = Reader {
        view,
        reading: Reading::of(view, recent, Arc::new(Following::new()), &plain, now),
        request,
        left: request.most,
        room: request.bytes,
        bytes: 0,
        page: PeerPage {
            upto: request.after,
            ..PeerPage::default()
        },
        open: HashMap::new(),
    };
    let pointers = pointers(view, request)?;
    reader.page.backlog = match (request.backlog, pointers.first()) {
        (None, Some((first, _))) => Some(Backlog {
            began: request.sent.next().max(*first),
            ended: rows::get(view, Family::META, keys::SEQ)?.unwrap_or(*first),
        }),
        (backlog, _) => backlog,
    };
    reader.page.more = pointers.len() == PEER_PAGE_SCAN;
    for (seq, pointer) in pointers {
        if reader.left == 0 || reader.room == 0 || reader.bytes >= PEER_PAGE_BYTES {
            reader.page.more = true;
            break;
        }
        if !reader.entry(seq, pointer)? {
            reader.page.more = true;
            break;
        }
    }
    Ok(reader.page)
}

/// Whether something lies behind a place.
///
/// # Errors
/// The store's failures.
pub fn has_more(view: &dyn View, peer: PeerId, after: PeerCursor) -> Result<bool, StoreError> {
    let mut some = false;
    view.scan(Family::PEER_OUTBOX, &behind(peer, after), &mut |_, _| {
        some = true;
        ControlFlow::Break(())
    })?;
    Ok(some)
}

/// What lies behind a place; an entry that was begun with is read once more.
fn behind(peer: PeerId, after: PeerCursor) -> Range {
    let from = if after.follower > 0 {
        after.seq
    } else {
        after.seq.next()
    };
    let end = keys::peer_outbox(peer, Seq(u64::MAX));
    Range::between(keys::peer_outbox(peer, from), end)
}

fn pointers(view: &dyn View, request: &PeerRequest) -> Result<Vec<(Seq, Pointer)>, StoreError> {
    let range = behind(request.peer, request.after);
    let (mut found, mut bad) = (Vec::new(), None);
    view.scan(Family::PEER_OUTBOX, &range, &mut |key, value| {
        match (keys::read_peer_outbox(key), rows::decode(Family::PEER_OUTBOX, value)) {
            (Some((_, seq)), Ok(pointer)) => found.push((seq, pointer)),
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("peer_outbox")),
        }
        match bad.is_none() && found.len() < PEER_PAGE_SCAN {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    bad.map_or(Ok(found), Err)
}

impl Reader<'_> {
    /// Adds an entry, if it is still there; false where there was no room for all of its followers.
    fn entry(&mut self, seq: Seq, pointer: Pointer) -> Result<bool, StoreError> {
        let begun = match self.request.after {
            PeerCursor { seq: at, follower } if at == seq => follower,
            _ => 0,
        };
        let node = pointer.node();
        let (post, to) = match pointer {
            Pointer::Log(node) => (self.reading.kept(seq, node)?, Vec::new()),
            Pointer::Loose(node, loose) => (Some(loose_post(seq, node, &loose)), loose.to),
        };
        let Some(post) = post.filter(|post| self.wanted(post)) else {
            return Ok(self.nothing(seq));
        };
        if post.at < self.request.oldest {
            *self.page.expired.entry(post.name.clone()).or_default() += 1;
            return Ok(self.nothing(seq));
        }
        self.bytes += post.cost();
        if self.request.whole && to.is_empty() && self.is_open(node)? {
            self.left = self.left.saturating_sub(1);
            self.room = self.room.saturating_sub(post.cost());
            self.page.upto = PeerCursor { seq, follower: 0 };
            self.page.due.push(PeerDue {
                post,
                to: Vec::new(),
                whole: true,
                last: true,
            });
            return Ok(true);
        }
        let max = self.left.min(self.room / post.cost().max(1)).max(1);
        let followers = match to.is_empty() {
            true => rows::remote_followers(self.view, (node, self.request.peer), begun, max)?,
            false => {
                let behind = to.iter().filter(|id| id.0 > begun).take(max);
                behind.map(|id| (*id, Seq(0))).collect()
            }
        };
        let last = followers.len() < max;
        self.followers((seq, begun), post, &followers, last)
    }

    fn followers(
        &mut self,
        (seq, begun): (Seq, u32),
        post: Arc<Post>,
        followers: &[(SubscriberId, Seq)],
        last: bool,
    ) -> Result<bool, StoreError> {
        let ids: Vec<SubscriberId> = followers.iter().map(|(id, _)| *id).collect();
        let names = rows::subscriber_names(self.view, &ids)?;
        let named = followers.iter().zip(names);
        let due = named.filter(|((_, since), _)| *since < seq);
        let to: Vec<_> = due.filter_map(|((id, _), name)| Some((*id, name?))).collect();
        self.left = self.left.saturating_sub(followers.len());
        self.room = self.room.saturating_sub(post.cost() * followers.len());
        self.page.upto = match (last, ids.last()) {
            (false, Some(id)) => PeerCursor { seq, follower: id.0 },
            _ => PeerCursor { seq, follower: 0 },
        };
        if to.is_empty() && last && begun == 0 {
            return Ok(self.nothing(seq));
        }
        // Nobody of these is due it, and others may be behind them.
        if !to.is_empty() || last {
            let whole = false;
            self.page.due.push(PeerDue { post, to, whole, last });
        }
        Ok(last)
    }

    /// A pointer that leads to nothing.
    fn nothing(&mut self, seq: Seq) -> bool {
        self.page.upto = PeerCursor { seq, follower: 0 };
        self.page.empty.push(seq);
        true
    }

    /// A retraction of what this peer cannot have is nothing to it.
    fn wanted(&self, post: &Post) -> bool {
        match post.event {
            Event::Retract { first } => {
                let before = |backlog: Backlog| first < backlog.began || post.seq > backlog.ended;
                self.page.backlog.is_none_or(before)
            }
            _ => true,
        }
    }

    /// Whether everybody may read the node, so that whoever follows may be told.
    fn is_open(&mut self, node: NodeId) -> Result<bool, StoreError> {
        if let Some(open) = self.open.get(&node) {
            return Ok(*open);
        }
        let row = rows::node_row(self.view, node)?;
        let excluded = rows::node_state(self.view, node)?.excluded.0 > 0;
        let open = row.is_some_and(|row| row.config.access == crate::config::AccessModel::Open) && !excluded;
        self.open.insert(node, open);
        Ok(open)
    }
}

fn loose_post(seq: Seq, node: NodeId, loose: &Loose) -> Arc<Post> {
    Arc::new(Post {
        seq,
        origin: loose.entry.origin,
        node,
        name: loose.name.clone(),
        item: loose.entry.item.clone(),
        at: loose.entry.at,
        event: loose.entry.event.clone(),
        audience: Audience::None,
        shown: loose.shown,
        remote: true,
        only: None,
        live: OnceLock::new(),
        delayed: OnceLock::new(),
    })
}
