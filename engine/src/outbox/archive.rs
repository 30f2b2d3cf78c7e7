//! Archives of posts (XEP-0442): of one node, or merged from the logs of all that somebody follows. Never written: the logs
//! are the archive.
//!
//! A range of times is a range of the order by the minutes that the applier notes; an id leads to its place by its time.
//! What is retracted or replaced is not in it; what was published again stands where it was last. Knows no rights.

mod walk;

use super::Recent;
use super::page::following;
use crate::error::StoreError;
use crate::limits::LIST_ROWS;
use crate::model::{NodeId, Post, PostId, Seq, SubscriberId, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::{View, rows};
use std::collections::HashMap;
use std::sync::Arc;
use walk::Walk;

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
    /// How many entries of logs are looked at, about, whether they are wanted or not.
    pub most_read: usize,
}

/// A page of an archive.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// The posts, in the order of the log.
    pub posts: Vec<Arc<Post>>,
    /// Whether there are no more in the direction that was asked for.
    pub complete: bool,
    /// Whether it ended since so much was looked at.
    pub spent: bool,
    /// The last that was looked at then, wanted or not: who asks on from there, before or behind it, misses nothing.
    pub reached: Option<PostId>,
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
    let asker = match of {
        Of::Node(_) => SubscriberId(0),
        Of::Followed(id) => id,
    };
    let nodes = match of {
        // What it keeps no more is not shown: nothing to walk over.
        Of::Node(node) => {
            let row = rows::node_row(view, node)?.filter(|row| row.config.persist_items);
            row.map(|_| (node, Seq(0))).into_iter().collect()
        }
        Of::Followed(id) => followed(view, id)?,
    };
    let last = rows::get(view, Family::META, keys::SEQ)?.unwrap_or(Seq(0));
    let walk = Walk {
        view,
        recent,
        nodes: Arc::new(nodes),
        asker,
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
        let Some((seq, _)) = walk.find(*id)? else {
            return Ok(None);
        };
        from = from.max(seq);
    }
    for id in &wanted.before {
        let Some((seq, _)) = walk.find(*id)? else {
            return Ok(None);
        };
        upto = upto.min(Seq(seq.0 - 1));
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
