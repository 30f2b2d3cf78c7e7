//! Messages for accounts without a session (XEP-0160): kept in order, bounded in number and bytes.
//!
//! They leave when they were handed to a client. Posts are never here: the log has them.

use super::{OFFLINE, key};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::store::{Range, View, rows};
use std::ops::ControlFlow;

/// A kept message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offline {
    /// Its number.
    pub(crate) number: u64,
    /// The stanza, as it is delivered.
    pub(crate) stanza: Vec<u8>,
}

fn row_key(user: &str, number: u64) -> Vec<u8> {
    key(user, &[&[1][..], &number.to_be_bytes()].concat())
}

/// The messages of an account, oldest first.
pub(crate) fn offline(view: &dyn View, user: &str) -> Result<Vec<Offline>, StoreError> {
    let prefix = key(user, &[1]);
    let mut kept = Vec::new();
    view.scan(OFFLINE, &Range::prefix(&prefix), &mut |key, value| {
        let number = key
            .get(prefix.len()..)
            .and_then(|k| k.try_into().ok())
            .map(u64::from_be_bytes);
        kept.extend(number.map(|number| Offline {
            number,
            stanza: value.to_vec(),
        }));
        ControlFlow::Continue(())
    })?;
    Ok(kept)
}

/// Number and bytes of what is kept, so that nothing is counted.
fn counters(view: &dyn View, user: &str) -> Result<(u32, u64), StoreError> {
    Ok(rows::get(view, OFFLINE, &key(user, &[0]))?.unwrap_or_default())
}

pub(super) fn put(
    apply: &mut Apply<'_, '_>,
    user: &str,
    stanza: &[u8],
    most: u32,
    most_bytes: u64,
) -> Result<(), ApplyError> {
    if super::account(apply.tx, user)?.is_none() {
        return Err(Reject::ItemNotFound.into());
    }
    let (count, bytes) = counters(apply.tx, user)?;
    let bytes = bytes + stanza.len() as u64;
    if count >= most || bytes > most_bytes {
        return Err(Reject::TooMany("offline messages").into());
    }
    apply.tx.put(OFFLINE, row_key(user, apply.seq.0), stanza);
    apply
        .tx
        .put(OFFLINE, key(user, &[0]), rows::encode(&(count + 1, bytes)));
    Ok(())
}

pub(super) fn take(apply: &mut Apply<'_, '_>, user: &str, upto: u64) -> Result<(), ApplyError> {
    let (mut count, mut bytes) = counters(apply.tx, user)?;
    for kept in offline(apply.tx, user)?.into_iter().filter(|kept| kept.number <= upto) {
        count = count.saturating_sub(1);
        bytes = bytes.saturating_sub(kept.stanza.len() as u64);
        apply.tx.delete(OFFLINE, row_key(user, kept.number));
    }
    match count {
        0 => apply.tx.delete(OFFLINE, key(user, &[0])),
        _ => apply.tx.put(OFFLINE, key(user, &[0]), rows::encode(&(count, bytes))),
    }
    Ok(())
}
