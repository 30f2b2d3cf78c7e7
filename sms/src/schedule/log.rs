//! The gateway follows the log by a cursor: posts of nodes that phones get are found behind the commit.
//!
//! So a post costs its commit nothing for phones. Knows no route's pace. Next: `Op::Posts` writes one row for each route.

use crate::limits::TAIL_STEP;
use crate::tables::read::Rows;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::model::{Event, NodeId, Seq};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, Entry, ItemRow};
use std::sync::Arc;

/// A post that goes to phones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPost {
    /// Whose.
    pub node: NodeId,
    /// Its place.
    pub seq: Seq,
    /// The item.
    pub item: Arc<str>,
}

/// Posts behind a place, of nodes that phones get, and up to where that was looked at; an edit is none: who has not got the
/// post yet gets its newest words.
///
/// # Errors
/// The store's failures.
pub fn new_posts(engine: &Engine, rows_of: &Rows<'_>, after: Seq) -> Result<(Seq, Vec<NewPost>), StoreError> {
    let (mut upto, mut found) = (after, Vec::new());
    let view = engine.view();
    for (seq, node) in engine.order(after, TAIL_STEP)? {
        upto = seq;
        if rows_of.routes_of(node)?.is_empty() {
            continue;
        }
        let Some(entry) = rows::get::<Entry>(view, Family::LOG, &keys::log(node, seq))? else {
            continue;
        };
        if !matches!(entry.event, Event::Publish { .. }) {
            continue;
        }
        let item = rows::get::<ItemRow>(view, Family::ITEM, &keys::item(node, &entry.item))?;
        if item.is_none_or(|item| item.first == seq) {
            found.push(NewPost {
                node,
                seq,
                item: entry.item,
            });
        }
    }
    Ok((upto, found))
}
