//! Items that were published since a time (XEP-0312): of each its latest version alone.

use super::reading::Reading;
use super::{Item, Most, alive_from};
use crate::error::StoreError;
use crate::model::{NodeId, Seq, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, NodeRow};
use crate::store::{Range, View};
use std::ops::ControlFlow;

/// The newest items of a node whose places lie behind `places.0` and not behind `places.1`, published after `since`; at most
/// `max`, oldest first. Cost: those, and one more.
///
/// # Errors
/// The store's failures.
pub fn items_since(
    view: &dyn View,
    (node, row): (NodeId, &NodeRow),
    since: Timestamp,
    (behind, upto): (Seq, Seq),
    max: usize,
    now: Timestamp,
) -> Result<Vec<Item>, StoreError> {
    let reading = Reading {
        view,
        node,
        state: rows::node_state(view, node)?,
        alive: alive_from(row, now),
        most: Most::from(max),
    };
    let (mut items, mut bad) = (Vec::new(), None);
    if max == 0 || upto <= behind || !row.config.persist_items {
        return Ok(items);
    }
    let end = Seq(upto.0.saturating_add(1));
    let range = Range::between(keys::log(node, behind.next()), keys::log(node, end)).reversed();
    view.scan(Family::LOG, &range, &mut |key, value| {
        let Some((_, seq)) = keys::read_log(key) else {
            return ControlFlow::Break(());
        };
        match rows::decode::<Entry>(Family::LOG, value) {
            Ok(entry) if entry.at <= since => return ControlFlow::Break(()),
            Ok(entry) => items.extend(reading.shown(seq, entry)),
            Err(error) => bad = Some(error),
        }
        if items.len() < max && bad.is_none() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    items.reverse();
    bad.map_or(Ok(items), Err)
}
