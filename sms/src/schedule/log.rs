//! The gateway follows the log by a cursor: posts of nodes that phones get are found behind the commit.
//!
//! So a post costs its commit nothing for phones. Knows no route's pace. Next: `Op::Posts` writes one row for each route.

use crate::limits::TAIL_STEP;
use crate::tables::read::Rows;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::model::{Event, NodeId, Seq};
use reef_engine::store::View;
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
/// post yet gets its newest words, also where it was edited before this looked.
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
        let item = match rows::get::<Entry>(view, Family::LOG, &keys::log(node, seq))? {
            Some(entry) if matches!(entry.event, Event::Publish { .. }) => Some(entry.item),
            Some(_) => None,
            None => edited(view, node, seq)?,
        };
        let Some(item) = item else { continue };
        let row = rows::get::<ItemRow>(view, Family::ITEM, &keys::item(node, &item))?;
        let first = row.map_or(seq, |row| row.first);
        if first == seq || first > after {
            found.push(NewPost { node, seq: first, item });
        }
    }
    // One that was edited lies with its newest version, and begins in its own place.
    found.sort_by_key(|post| post.seq);
    Ok((upto, found))
}

/// The item that was first published there, where it was edited while this looks: its first entry is gone.
fn edited(view: &dyn View, node: NodeId, first: Seq) -> Result<Option<Arc<str>>, StoreError> {
    let Some(item) = view.get(Family::CREATED, &keys::log(node, first))? else {
        return Ok(None);
    };
    let item = std::str::from_utf8(&item).map_err(|_| StoreError::Corrupt("created"))?;
    Ok(Some(item.into()))
}
