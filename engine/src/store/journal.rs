//! The journal of edges: what changed since the edges were packed, one row for each commit that changes any.
//!
//! Written in the commit's own write, so that it is as durable as the edges themselves. Rows are numbered without gaps and
//! go when a newer packed copy holds them. Knows no file: that is `load/`, which reads this at start.

use super::keys::{self, Family};
use super::{Range, Tx, View, rows};
use crate::error::StoreError;
use crate::model::{NodeId, SubscriberId};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// A change of edges. Each says how it is from then on, so that doing it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeChange {
    /// These follow a node.
    Follow(NodeId, Vec<SubscriberId>),
    /// One follows it no longer.
    Unfollow(NodeId, SubscriberId),
    /// Nobody follows it any more.
    Gone(NodeId),
}

/// Which copy of the edges is valid: the value of [`keys::PACKED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedRow {
    /// A number that no other copy ever has, which names the file.
    pub nonce: u128,
    /// The last row of the journal that is in it.
    pub journal: u64,
}

/// How far the journal goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Rows up to this number are gone.
    pub trimmed: u64,
    /// The last row.
    pub last: u64,
}

/// How far the journal goes.
///
/// # Errors
/// The store's failures.
pub fn extent(view: &dyn View) -> Result<Extent, StoreError> {
    Ok(Extent {
        trimmed: rows::get(view, Family::META, keys::JOURNAL_TRIMMED)?.unwrap_or(0),
        last: rows::get(view, Family::META, keys::JOURNAL_LAST)?.unwrap_or(0),
    })
}

/// The valid packed copy, if there is one.
///
/// # Errors
/// The store's failures.
pub fn packed(view: &dyn View) -> Result<Option<PackedRow>, StoreError> {
    rows::get(view, Family::META, keys::PACKED)
}

/// Adds a commit's changes as the next row.
///
/// # Errors
/// The store's failures.
pub fn append(tx: &mut Tx<'_>, changes: &[EdgeChange]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let number = rows::get::<u64>(tx, Family::META, keys::JOURNAL_LAST)?.unwrap_or(0) + 1;
    tx.put(Family::META, keys::JOURNAL_LAST, rows::encode(&number));
    tx.put(Family::JOURNAL, keys::journal(number), rows::encode(&changes));
    Ok(())
}

/// Removes rows that the packed copy holds, at most `max` of them.
///
/// # Errors
/// The store's failures.
pub fn trim(tx: &mut Tx<'_>, max: u64) -> Result<(), StoreError> {
    let Some(packed) = packed(tx)? else { return Ok(()) };
    let trimmed = extent(tx)?.trimmed;
    let upto = packed.journal.min(trimmed + max);
    if upto > trimmed {
        for number in trimmed + 1..=upto {
            tx.delete(Family::JOURNAL, keys::journal(number));
        }
        tx.put(Family::META, keys::JOURNAL_TRIMMED, rows::encode(&upto));
    }
    Ok(())
}

/// Calls `each` with all changes of the rows above `from` up to `upto`, in order.
///
/// # Errors
/// The store's failures; [`StoreError::Corrupt`] where a row is missing.
pub fn read(view: &dyn View, from: u64, upto: u64, each: &mut dyn FnMut(EdgeChange)) -> Result<(), StoreError> {
    let range = Range::between(keys::journal(from + 1), keys::journal(upto + 1));
    let (mut next, mut bad) = (from + 1, None);
    view.scan_once(Family::JOURNAL, &range, &mut |key, value| {
        let changes = rows::decode::<Vec<EdgeChange>>(Family::JOURNAL, value);
        match (keys::read_journal(key), changes) {
            (Some(number), Ok(changes)) if number == next => changes.into_iter().for_each(&mut *each),
            _ => {
                bad = Some(StoreError::Corrupt("journal"));
                return ControlFlow::Break(());
            }
        }
        next += 1;
        ControlFlow::Continue(())
    })?;
    match bad {
        Some(error) => Err(error),
        None if next == upto + 1 => Ok(()),
        None => Err(StoreError::Corrupt("journal")),
    }
}
