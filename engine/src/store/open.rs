//! The format's version: what a store says it is, and what this binary can read.
//!
//! A later one adds its migration here, so that opening is the only place that knows old formats. Version 2 has the journal
//! of edges, so that an older reef would change edges behind its back, and counts of what one follows in rows of their own.
//! Version 3 has options of subscriptions, and silent ones, which are no edges.

use super::keys::{self, Family};
use super::{Range, Store, Write, rows};
use crate::error::StoreError;
use crate::model::NodeId;
use std::ops::ControlFlow;

/// The format that this binary writes.
pub const FORMAT_VERSION: u32 = 3;

/// Refuses a store of a newer format; marks a new store with ours, and brings an older one to it.
///
/// # Errors
/// [`StoreError::Newer`], or the store's own failures.
pub fn check_format(store: &dyn Store) -> Result<(), StoreError> {
    match store.get(Family::META, keys::FORMAT)? {
        Some(row) => {
            let found = row
                .try_into()
                .map(u32::from_be_bytes)
                .map_err(|_| StoreError::Corrupt("meta"))?;
            match found {
                FORMAT_VERSION => Ok(()),
                1 => from_first(store),
                // What is new in version 3 is in no older store.
                2 => store.write(vec![ours()], true),
                _ => Err(StoreError::Newer {
                    found,
                    known: FORMAT_VERSION,
                }),
            }
        }
        None => store.write(vec![ours()], true),
    }
}

/// From version 1: counts of what one follows lay among his edges, under the node number 0; there was no journal, so ours
/// does not go back to the first edge. One write, so that it is done or not.
fn from_first(store: &dyn Store) -> Result<(), StoreError> {
    let mut writes = Vec::new();
    store.scan_once(Family::FOLLOWING, &Range::all(), &mut |key, value| {
        if let Some((id, NodeId(0))) = keys::read_following(key) {
            writes.push(Write {
                family: Family::FOLLOWS,
                key: keys::subscriber(id).to_vec(),
                value: Some(value.to_vec()),
            });
            writes.push(Write {
                family: Family::FOLLOWING,
                key: key.to_vec(),
                value: None,
            });
        }
        ControlFlow::Continue(())
    })?;
    writes.push(meta(keys::JOURNAL_LAST, rows::encode(&1_u64)));
    writes.push(meta(keys::JOURNAL_TRIMMED, rows::encode(&1_u64)));
    writes.push(ours());
    store.write(writes, true)
}

/// Says which format the store has from now on.
fn ours() -> Write {
    meta(keys::FORMAT, FORMAT_VERSION.to_be_bytes().to_vec())
}

fn meta(key: &[u8], value: Vec<u8>) -> Write {
    Write {
        family: Family::META,
        key: key.to_vec(),
        value: Some(value),
    }
}
