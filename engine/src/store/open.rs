//! The format's version: what a store says it is, and what this binary can read.
//!
//! Opening is the only place that knows of old formats; how they are brought to the next one is in `formats.rs`. Version 2 has
//! the journal of edges, so that an older reef would change edges behind its back, and counts of what one follows in rows of
//! their own. Version 3 has options of subscriptions, and silent ones, which are no edges. Version 4 has rows of the first
//! versions of items that were published again, and public subscriptions. Version 5 counts what each account keeps, and
//! who is excluded from a node. Version 6 has rows of what each follows whose last item he gets when he comes. Version 7
//! knows who follows from other servers.

use super::keys::{self, Family};
use super::{Store, formats};
use crate::error::StoreError;

/// The format that this binary writes.
pub const FORMAT_VERSION: u32 = 7;

/// Refuses a store of a newer format; marks a new store with ours, and brings an older one to it, step by step. `peer` says by
/// which peer a bare JID gets what a service sends it.
///
/// # Errors
/// [`StoreError::Newer`], or the store's own failures.
pub fn check_format(store: &dyn Store, peer: formats::Peer<'_>) -> Result<(), StoreError> {
    loop {
        let Some(row) = store.get(Family::META, keys::FORMAT)? else {
            return store.write(vec![formats::format(FORMAT_VERSION)], true);
        };
        let found = row.try_into().map(u32::from_be_bytes);
        match found.map_err(|_| StoreError::Corrupt("meta"))? {
            FORMAT_VERSION => return Ok(()),
            1 => formats::to_second(store)?,
            // What is new in version 3 is in no older store.
            2 | 3 => formats::to_fourth(store)?,
            4 => formats::to_fifth(store)?,
            5 => formats::to_sixth(store)?,
            6 => formats::to_seventh(store, peer)?,
            found => {
                return Err(StoreError::Newer {
                    found,
                    known: FORMAT_VERSION,
                });
            }
        }
    }
}
