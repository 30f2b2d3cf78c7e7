//! The edges from their rows, all cores at once; on the way they are packed, where the next start is to be faster.
//!
//! Reads 4,096 nodes at a time, in the order of the keys, so that each list of followers is placed once. A node that was
//! deleted has rows until the background has removed them: it has no edges.

use super::packed::Writer;
use super::place::{Indexes, Placer};
use super::segment::{Encoder, NODES};
use super::workers::in_parallel;
use crate::config::SubscriptionState;
use crate::error::StoreError;
use crate::model::{NodeId, Seq};
use crate::store::keys::{self, Family};
use crate::store::{Range, View, rows};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// Reads all rows into `indexes`; with `packed`, also into that file.
///
/// # Errors
/// The store's failures. What the file refuses is told by [`Packing::into_inner`].
pub(super) fn read(view: &dyn View, indexes: &Indexes, packing: &Packing) -> Result<(), StoreError> {
    let gone = gone(view)?;
    let nodes: u32 = rows::get(view, Family::META, keys::NEXT_NODE)?.unwrap_or(0);
    let segments = nodes.div_ceil(NODES) as usize;
    let placers = in_parallel(
        segments,
        |worker| Placer::new(indexes, worker),
        |placer, number| segment(view, number as u32, &gone, placer, packing),
    )?;
    for mut placer in placers {
        placer.give();
    }
    Ok(())
}

/// The file that is written on the way, if any.
#[derive(Debug)]
pub(super) struct Packing(Mutex<Option<std::io::Result<Writer>>>);

impl Packing {
    /// Into this file; a failure to write it ends the packing, not the start.
    pub(super) fn new(writer: Option<Writer>) -> Packing {
        Packing(Mutex::new(writer.map(Ok)))
    }

    /// The file, with all segments in it.
    pub(super) fn into_inner(self) -> Option<std::io::Result<Writer>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_wanted(&self) -> bool {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*file, Some(Ok(_)))
    }

    fn put(&self, number: u32, encoder: Encoder) {
        let (bytes, edges) = encoder.finish();
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(writer)) = &mut *file
            && let Err(error) = writer.put(number, &bytes, edges)
        {
            *file = Some(Err(error));
        }
    }
}

/// Nodes whose rows the background is removing.
fn gone(view: &dyn View) -> Result<HashSet<NodeId>, StoreError> {
    let mut gone = HashSet::new();
    view.scan(Family::SWEEP, &Range::prefix(b"n"), &mut |key, _| {
        if let Some((node, Seq(u64::MAX))) = keys::read_sweep_node(key) {
            gone.insert(node);
        }
        ControlFlow::Continue(())
    })?;
    Ok(gone)
}

fn segment(
    view: &dyn View,
    number: u32,
    gone: &HashSet<NodeId>,
    placer: &mut Placer<'_>,
    packing: &Packing,
) -> Result<(), StoreError> {
    let range = Range {
        start: (number * NODES).to_be_bytes().to_vec(),
        end: (number + 1).checked_mul(NODES).map(|node| node.to_be_bytes().to_vec()),
        reverse: false,
    };
    let mut encoder = packing.is_wanted().then(Encoder::default);
    let mut done = |node: u32, ids: &mut Vec<u32>| {
        if !ids.is_empty() && !gone.contains(&NodeId(node)) {
            placer.node(node, ids);
            if let Some(encoder) = &mut encoder {
                encoder.node(node, ids);
            }
        }
        ids.clear();
    };
    let (mut node, mut ids, mut bad) = (0, Vec::new(), false);
    view.scan_once(Family::FOLLOWER, &range, &mut |key, value| {
        let (Some((of, id)), Some(state)) = (keys::read_follower(key), rows::state_in(value)) else {
            bad = true;
            return ControlFlow::Break(());
        };
        if of.0 != node {
            done(node, &mut ids);
            node = of.0;
        }
        if state == SubscriptionState::Subscribed {
            ids.push(id.0);
        }
        ControlFlow::Continue(())
    })?;
    done(node, &mut ids);
    if bad {
        return Err(StoreError::Corrupt("follower"));
    }
    if let Some(encoder) = encoder {
        packing.put(number, encoder);
    }
    Ok(())
}
