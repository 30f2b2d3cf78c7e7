//! Retrieval: items, followers and counters, as pages of bounded size.
//!
//! Runs on the reader pool, over a [`View`]; it may wait for the disk. Rights are checked by the caller with `may_read`.

mod created;
mod lists;
mod reading;
mod since;

pub use lists::{
    Followers, affiliations, affiliations_from, followers, followers_before, following, nodes_with_options, pending,
    public_followers, subscribed_nodes,
};
pub use since::items_since;

use crate::error::StoreError;
use crate::limits::LIST_ROWS;
use crate::model::{NodeId, Seq, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, NodeRow, NodeState};
use crate::store::{Range, View};
use bytes::Bytes;
use reading::{Filling, Reading};
use std::sync::Arc;

/// An item as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: Arc<str>,
    /// Where it lies.
    pub seq: Seq,
    /// When it was published.
    pub at: Timestamp,
    /// Bare JID of the publisher.
    pub publisher: Arc<str>,
    /// The payload.
    pub payload: Bytes,
}

/// Which items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which<'q> {
    /// These, in this order; unknown ones are left out.
    Ids(&'q [String]),
    /// Older than an item (newest first), or the newest where there is none.
    Older(Option<&'q str>),
    /// Newer than an item (the nearest to it), or the oldest where there is none.
    Newer(Option<&'q str>),
    /// The same by the times of first versions: what was published again stays where it was.
    Created {
        /// Beside this item.
        from: Option<&'q str>,
        /// Made later; else, earlier.
        newer: bool,
    },
}

/// How much a page has, of items or of bytes. What is beyond is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Items that are passed over first.
    pub skip: usize,
    /// Items.
    pub items: usize,
    /// Bytes of their payloads, but for the first.
    pub bytes: usize,
}

impl From<usize> for Most {
    /// So many items, however large: for who takes few, or their ids alone.
    fn from(items: usize) -> Most {
        Most {
            skip: 0,
            items,
            bytes: usize::MAX,
        }
    }
}

/// A page of items, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// The items.
    pub items: Vec<Item>,
    /// How many the node has.
    pub count: u64,
    /// Whether nothing is newer than the first of them.
    pub newest: bool,
}

/// Items of a node, at most `most` and [`LIST_ROWS`], the nearest to where the page starts; `None` where the item that a page starts from is unknown.
///
/// # Errors
/// The store's failures.
pub fn items(
    view: &dyn View,
    node: NodeId,
    row: &NodeRow,
    which: &Which<'_>,
    most: impl Into<Most>,
    now: Timestamp,
) -> Result<Option<Items>, StoreError> {
    let most: Most = most.into();
    // What it kept before it was told to keep nothing is not shown.
    if !row.config.persist_items {
        return Ok(Some(Items::default()));
    }
    let state = rows::node_state(view, node)?;
    let reading = Reading {
        view,
        node,
        state,
        alive: alive_from(row, now),
        most: Most {
            items: most.items.min(LIST_ROWS),
            ..most
        },
    };
    let mut page = Items {
        count: state.items,
        ..Items::default()
    };
    match simplest(which, &state) {
        Which::Created { from, newer } => {
            let Some(items) = reading.created(from, newer)? else {
                return Ok(None);
            };
            page.newest = from.is_none() && !newer;
            page.items = items;
        }
        Which::Ids(ids) => {
            let mut filling = Filling::of(reading.most);
            for id in ids.iter().take(LIST_ROWS) {
                let seq = reading.find(id)?;
                let item = seq.map(|seq| reading.item(seq)).transpose()?.flatten();
                if item.is_some_and(|item| !filling.take(item)) {
                    break;
                }
            }
            page.items = filling.items;
        }
        Which::Older(from) => {
            let Some(end) = reading.start(from, Seq(u64::MAX))? else {
                return Ok(None);
            };
            page.newest = from.is_none();
            page.items = reading.page(Range::between(keys::log(node, Seq(0)), keys::log(node, end)).reversed())?;
        }
        Which::Newer(from) => {
            let Some(start) = reading.start(from, Seq(0))? else {
                return Ok(None);
            };
            let range = Range::between(keys::log(node, start.next()), keys::log(node, Seq(u64::MAX)));
            page.items = reading.page(range)?;
            page.items.reverse();
        }
    }
    Ok(Some(page))
}

/// Where nothing was published again both orders are one.
fn simplest<'q>(which: &Which<'q>, state: &NodeState) -> Which<'q> {
    match which {
        Which::Created { from, newer: true } if state.edited.0 == 0 => Which::Newer(*from),
        Which::Created { from, .. } if state.edited.0 == 0 => Which::Older(*from),
        which => which.clone(),
    }
}

/// When the last entry of a node's log was written; `None` where it is no longer there, or never was.
///
/// # Errors
/// The store's failures.
pub fn changed(view: &dyn View, node: NodeId) -> Result<Option<Timestamp>, StoreError> {
    let last = rows::node_state(view, node)?.last;
    let entry: Option<Entry> = rows::get(view, Family::LOG, &keys::log(node, last))?;
    Ok(entry.map(|entry| entry.at))
}

fn alive_from(row: &NodeRow, now: Timestamp) -> Timestamp {
    match row.config.item_expire_seconds {
        0 => Timestamp(0),
        seconds => Timestamp(now.0.saturating_sub(u64::from(seconds) * 1000)),
    }
}
