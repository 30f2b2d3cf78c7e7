//! What somebody published, as it lies in his log: for phones that did not get it as it came.
//!
//! Nothing of this is kept for a phone: what lies above its mark is what it may be told of. Knows no phone. Next: `due.rs`.

use super::Context;
use reef_engine::error::StoreError;
use reef_engine::model::{Event, NodeId, Seq};
use reef_engine::store::Range;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, Entry, ItemRow};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A post.
pub(super) struct Past {
    /// Its place, where it was first published.
    pub seq: Seq,
    /// The item.
    pub item: Arc<str>,
    /// Whether it answers another.
    pub replies: bool,
}

/// Posts of a node above a place, the newest of them, oldest first; one that was edited stands where it first stood.
///
/// # Errors
/// The store's failures.
pub(super) fn published(cx: &Context<'_>, node: NodeId, above: Seq, most: usize) -> Result<Vec<Past>, StoreError> {
    let mut posts = Vec::new();
    for (seq, entry) in newest(cx, node, above, most)? {
        let Event::Publish { payload, .. } = &entry.event else {
            continue;
        };
        let row = rows::get::<ItemRow>(cx.rows.view, Family::ITEM, &keys::item(node, &entry.item))?;
        let seq = row.map_or(seq, |row| row.first);
        let Some(said) = cx.network.said(payload) else { continue };
        if seq > above {
            posts.push(Past {
                seq,
                item: entry.item,
                replies: said.replies,
            });
        }
    }
    posts.sort_by_key(|post| post.seq);
    Ok(posts)
}

/// The newest entries of a log that publish something.
fn newest(cx: &Context<'_>, node: NodeId, above: Seq, most: usize) -> Result<Vec<(Seq, Entry)>, StoreError> {
    let range = Range {
        start: keys::log(node, above.next()).to_vec(),
        ..Range::prefix(&node.0.to_be_bytes())
    };
    let (mut found, mut bad) = (Vec::new(), None);
    cx.rows.view.scan(Family::LOG, &range.reversed(), &mut |key, value| {
        match (keys::read_log(key), rows::decode::<Entry>(Family::LOG, value)) {
            (Some((_, seq)), Ok(entry)) => {
                if matches!(entry.event, Event::Publish { .. }) {
                    found.push((seq, entry));
                }
            }
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("log")),
        }
        match bad.is_none() && found.len() < most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    bad.map_or(Ok(found), Err)
}
