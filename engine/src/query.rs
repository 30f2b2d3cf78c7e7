//! Retrieval: items, followers and counters, as pages of bounded size.
//!
//! Runs on the reader pool, over a [`View`]; it may wait for the disk. Rights are checked by the caller with `may_read`.

mod created;
mod lists;
mod since;

pub use lists::{
    Followers, affiliations, affiliations_from, followers, followers_before, following, nodes_with_options, pending,
    public_followers, subscribed_nodes,
};
pub use since::items_since;

use crate::error::StoreError;
use crate::limits::LIST_ROWS;
use crate::model::{Event, NodeId, Seq, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, ItemRow, NodeRow, NodeState};
use crate::store::{Range, View};
use bytes::Bytes;
use std::ops::ControlFlow;
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

/// Items of a node, at most `max` and [`LIST_ROWS`]; `None` where the item that a page starts from is unknown.
///
/// # Errors
/// The store's failures.
pub fn items(
    view: &dyn View,
    node: NodeId,
    row: &NodeRow,
    which: &Which<'_>,
    max: usize,
    now: Timestamp,
) -> Result<Option<Items>, StoreError> {
    let state = rows::node_state(view, node)?;
    let reading = Reading {
        view,
        node,
        state,
        alive: alive_from(row, now),
        max: max.min(LIST_ROWS),
    };
    let mut page = Items {
        count: state.items,
        ..Items::default()
    };
    // Where nothing was published again both orders are one.
    let which = match which {
        Which::Created { from, newer } if state.edited.0 == 0 && *newer => &Which::Newer(*from),
        Which::Created { from, .. } if state.edited.0 == 0 => &Which::Older(*from),
        which => which,
    };
    match which {
        Which::Created { from, newer } => {
            let Some(items) = reading.created(*from, *newer)? else {
                return Ok(None);
            };
            page.newest = from.is_none() && !newer;
            page.items = items;
        }
        Which::Ids(ids) => {
            for id in ids.iter().take(reading.max) {
                if let Some(seq) = reading.find(id)? {
                    page.items.extend(reading.item(seq)?);
                }
            }
        }
        Which::Older(from) => {
            let Some(end) = reading.start(*from, Seq(u64::MAX))? else {
                return Ok(None);
            };
            page.newest = from.is_none();
            page.items = reading.page(Range::between(keys::log(node, Seq(0)), keys::log(node, end)).reversed())?;
        }
        Which::Newer(from) => {
            let Some(start) = reading.start(*from, Seq(0))? else {
                return Ok(None);
            };
            let range = Range::between(keys::log(node, start.next()), keys::log(node, Seq(u64::MAX)));
            page.items = reading.page(range)?;
            page.items.reverse();
        }
    }
    Ok(Some(page))
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

struct Reading<'v> {
    view: &'v dyn View,
    node: NodeId,
    state: NodeState,
    alive: Timestamp,
    max: usize,
}

impl Reading<'_> {
    fn find(&self, id: &str) -> Result<Option<Seq>, StoreError> {
        let row: Option<ItemRow> = rows::get(self.view, Family::ITEM, &keys::item(self.node, id))?;
        Ok(row.map(|row| row.seq).filter(|seq| *seq > self.state.purged))
    }

    fn start(&self, from: Option<&str>, end: Seq) -> Result<Option<Seq>, StoreError> {
        from.map_or(Ok(Some(end)), |id| self.find(id))
    }

    fn item(&self, seq: Seq) -> Result<Option<Item>, StoreError> {
        let entry: Option<Entry> = rows::get(self.view, Family::LOG, &keys::log(self.node, seq))?;
        Ok(entry.and_then(|entry| self.shown(seq, entry)))
    }

    fn shown(&self, seq: Seq, entry: Entry) -> Option<Item> {
        if seq <= self.state.purged || (self.alive.0 > 0 && entry.at <= self.alive) {
            return None;
        }
        match entry.event {
            Event::Publish { payload, publisher } => Some(Item {
                id: entry.item,
                seq,
                at: entry.at,
                publisher,
                payload,
            }),
            _ => None,
        }
    }

    fn page(&self, range: Range) -> Result<Vec<Item>, StoreError> {
        let (mut items, mut bad) = (Vec::new(), None);
        if self.max == 0 {
            return Ok(items);
        }
        self.view.scan(Family::LOG, &range, &mut |key, value| {
            let Some((_, seq)) = keys::read_log(key) else {
                return ControlFlow::Break(());
            };
            match rows::decode::<Entry>(Family::LOG, value) {
                Ok(entry) => items.extend(self.shown(seq, entry)),
                Err(error) => bad = Some(error),
            }
            if items.len() < self.max && bad.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        bad.map_or(Ok(items), Err)
    }
}
