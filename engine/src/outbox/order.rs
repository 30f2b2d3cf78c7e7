//! The order of this host, for a part that follows the log by a cursor of its own: which nodes have entries behind a place.
//!
//! Knows no entry's content. Next: whoever asked reads what concerns him.

use crate::error::StoreError;
use crate::model::{NodeId, Seq};
use crate::store::keys::{self, Family};
use crate::store::{Range, View, rows};
use std::ops::ControlFlow;

/// Entries behind a place that are still there, oldest first, at most so many.
///
/// # Errors
/// The store's failures.
pub fn order(view: &dyn View, after: Seq, most: usize) -> Result<Vec<(Seq, NodeId)>, StoreError> {
    let range = Range {
        start: keys::tail(after.next()).to_vec(),
        end: None,
        reverse: false,
    };
    let (mut found, mut bad) = (Vec::new(), None);
    view.scan(Family::TAIL, &range, &mut |key, value| {
        match (keys::read_tail(key), rows::decode::<NodeId>(Family::TAIL, value)) {
            (Some(seq), Ok(node)) => found.push((seq, node)),
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("tail")),
        }
        match bad.is_none() && found.len() < most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    bad.map_or(Ok(found), Err)
}
