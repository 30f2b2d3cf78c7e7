//! What is rebuilt from the store at start: the index by shard, and the recent order.
//!
//! The bridge between `store/` and `index/`, which know nothing of each other. Cost: one pass over `follower` (0.5 µs a
//! row) and one over the last of `tail`.

use crate::config::SubscriptionState;
use crate::error::StoreError;
use crate::index::Index;
use crate::limits::{BLOCK, RECENT_MAX};
use crate::model::{NodeId, Seq, VShard};
use crate::outbox::Recent;
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Subscription};
use crate::store::{Range, View};
use std::ops::ControlFlow;

/// Whom each block of subscriber ids belongs to.
fn block_owners(view: &dyn View) -> Result<Vec<VShard>, StoreError> {
    let mut owners = Vec::new();
    view.scan(Family::META, &Range::prefix(b"b"), &mut |key, value| {
        if let (Some(block), [vshard]) = (keys::read_block(key), value) {
            owners.resize((block as usize + 1).max(owners.len()), VShard(0));
            if let Some(slot) = owners.get_mut(block as usize) {
                *slot = VShard(*vshard);
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(owners)
}

/// The edges of each of `threads` shards.
///
/// # Errors
/// The store's failures.
pub fn indexes(view: &dyn View, threads: usize) -> Result<Vec<Index>, StoreError> {
    let owners = block_owners(view)?;
    let mut indexes: Vec<Index> = (0..threads).map(|_| Index::default()).collect();
    let mut bad = None;
    let all = Range {
        start: Vec::new(),
        end: None,
        reverse: false,
    };
    view.scan(Family::FOLLOWER, &all, &mut |key, value| {
        let Some((node, id)) = keys::read_follower(key) else {
            bad = Some(StoreError::Corrupt("follower"));
            return ControlFlow::Break(());
        };
        match rows::decode::<Subscription>(Family::FOLLOWER, value) {
            Ok(row) if row.state == SubscriptionState::Subscribed => {
                let owner = owners.get((id.0 / BLOCK) as usize).copied().unwrap_or(VShard(0));
                if let Some(index) = indexes.get_mut(owner.thread(threads)) {
                    index.follow(node, id);
                }
            }
            Ok(_) => {}
            Err(error) => bad = Some(error),
        }
        if bad.is_none() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    bad.map_or(Ok(indexes), Err)
}

/// The last `Seq`, and the order up to it.
///
/// # Errors
/// The store's failures.
pub fn recent(view: &dyn View) -> Result<(Seq, Recent), StoreError> {
    let last = rows::get(view, Family::META, keys::SEQ)?.unwrap_or(Seq(0));
    let from = Seq(last.0.saturating_sub(RECENT_MAX as u64));
    let mut oldest = None;
    let mut bad = None;
    let mut order = Vec::new();
    let range = Range {
        start: keys::tail(from).to_vec(),
        end: None,
        reverse: false,
    };
    view.scan(Family::TAIL, &range, &mut |key, value| match (
        keys::read_tail(key),
        rows::decode::<NodeId>(Family::TAIL, value),
    ) {
        (Some(seq), Ok(node)) => {
            oldest.get_or_insert(seq);
            order.push((seq, node));
            ControlFlow::Continue(())
        }
        _ => {
            bad = Some(StoreError::Corrupt("tail"));
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = bad {
        return Err(error);
    }
    // What lies before the first row was trimmed, or never was.
    let recent = Recent::new(oldest.map_or(last, |seq| Seq(seq.0.saturating_sub(1))));
    for (seq, node) in order {
        recent.note(seq, node);
    }
    Ok((last, recent))
}
