//! Stanzas for accounts of other servers that must arrive: kept in order until the other server has them.
//!
//! What people say to each other, and presences that manage subscriptions. They are written in the commit that moves the
//! sender's side, and removed once they were confirmed, or returned. Posts are never here: the log has them. Knows no
//! stream; next: `peer/`, which sends them.

use super::{OUTGOING, key};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::Timestamp;
use reef_engine::store::{Range, View, rows};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A stanza that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outgoing {
    /// Bare JID of who sent it.
    pub(crate) from: Arc<str>,
    /// When.
    pub(crate) at: Timestamp,
    /// Whether he was told that it still waits.
    pub(crate) warned: bool,
    /// The stanza, without a namespace of its own on its root.
    pub(crate) stanza: Vec<u8>,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutgoingLimits {
    /// Stanzas of one account, to all servers.
    pub(crate) per_account: u32,
    /// Stanzas to one server.
    pub(crate) per_peer: u32,
    /// Bytes of those.
    pub(crate) bytes_per_peer: u64,
}

impl OutgoingLimits {
    /// For what must be said whatever waits: that something ended.
    pub(crate) const NONE: OutgoingLimits = OutgoingLimits {
        per_account: u32::MAX,
        per_peer: u32::MAX,
        bytes_per_peer: u64::MAX,
    };
}

/// What is counted, so that nothing is ever counted anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// Stanzas.
    pub(crate) stanzas: u32,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// Behind the name of a peer: what it waits for, by number. A name has no NUL.
fn row_key(peer: &str, number: u64) -> Vec<u8> {
    key(peer, &[&[1][..], &number.to_be_bytes()].concat())
}

/// No peer has an empty name.
fn account_key(user: &str) -> Vec<u8> {
    key("", user.as_bytes())
}

fn counted(view: &dyn View, key: &[u8]) -> Result<Waiting, StoreError> {
    Ok(rows::get(view, OUTGOING, key)?.unwrap_or_default())
}

/// How much waits for a peer.
pub(crate) fn waiting(view: &dyn View, peer: &str) -> Result<Waiting, StoreError> {
    counted(view, &key(peer, &[0]))
}

/// What waits for a peer behind a number, oldest first, at most so many and so many bytes, but for the first.
pub(crate) fn outgoing(
    view: &dyn View,
    peer: &str,
    after: u64,
    (most, most_bytes): (usize, usize),
) -> Result<Vec<(u64, Outgoing)>, StoreError> {
    let prefix = key(peer, &[1]);
    let all = Range::prefix(&prefix);
    let range = Range {
        start: row_key(peer, after.saturating_add(1)),
        ..all
    };
    let (mut found, mut bytes, mut bad) = (Vec::new(), 0, None);
    view.scan(OUTGOING, &range, &mut |key, value| {
        let number = key.get(prefix.len()..).and_then(|number| number.try_into().ok());
        match (number, rows::decode::<Outgoing>(OUTGOING, value)) {
            (Some(number), Ok(row)) => {
                bytes += row.stanza.len();
                found.push((u64::from_be_bytes(number), row));
            }
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("outgoing")),
        }
        match bad.is_none() && found.len() < most && bytes < most_bytes {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    bad.map_or(Ok(found), Err)
}

/// The names of the peers for which something waits.
pub(crate) fn awaited(view: &dyn View) -> Result<Vec<String>, StoreError> {
    let (mut found, mut from) = (Vec::<String>::new(), vec![1]);
    // From name to name: what waits for each is passed over. Also those that are paused alone.
    loop {
        let mut next = None;
        let range = Range {
            start: from,
            end: None,
            reverse: false,
        };
        view.scan(OUTGOING, &range, &mut |key, _| {
            next = key.split(|byte| *byte == 0).next().map(<[u8]>::to_vec);
            ControlFlow::Break(())
        })?;
        let Some(name) = next else { return Ok(found) };
        from = [&name[..], &[1]].concat();
        found.extend(String::from_utf8(name));
    }
}

/// Whether an operator has a peer wait.
pub(crate) fn is_paused(view: &dyn View, peer: &str) -> Result<bool, StoreError> {
    Ok(view.get(OUTGOING, &key(peer, &[2]))?.is_some())
}

/// Since when a peer could not be reached, if it could not the last time, and when that was.
pub(crate) fn down_since(view: &dyn View, peer: &str) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    rows::get(view, OUTGOING, &key(peer, &[3]))
}

/// Notes since when a peer cannot be reached, or that it was.
pub(super) fn down(apply: &mut Apply<'_, '_>, peer: &str, down: Option<(Timestamp, Timestamp)>) {
    match down {
        Some(since) => apply.tx.put(OUTGOING, key(peer, &[3]), rows::encode(&since)),
        None => apply.tx.delete(OUTGOING, key(peer, &[3])),
    }
}

/// Has a peer wait, or no longer.
pub(super) fn pause(apply: &mut Apply<'_, '_>, peer: &str, paused: bool) {
    match paused {
        true => apply.tx.put(OUTGOING, key(peer, &[2]), []),
        false => apply.tx.delete(OUTGOING, key(peer, &[2])),
    }
}

/// Keeps a stanza until its peer has it.
pub(super) fn put(
    apply: &mut Apply<'_, '_>,
    peer: &str,
    row: &Outgoing,
    limits: &OutgoingLimits,
) -> Result<(), ApplyError> {
    let has = waiting(apply.tx, peer)?;
    let of_account = counted(apply.tx, &account_key(&row.from))?;
    let bytes = row.stanza.len() as u64;
    if has.stanzas >= limits.per_peer || has.bytes + bytes > limits.bytes_per_peer {
        return Err(Reject::TooMany("stanzas that wait for this server").into());
    }
    if of_account.stanzas >= limits.per_account {
        return Err(Reject::TooMany("stanzas of yours that wait for other servers").into());
    }
    // One record may send several.
    let mut number = apply.seq.0;
    while apply.exists(OUTGOING, &row_key(peer, number))? {
        number += 1;
    }
    apply.tx.put(OUTGOING, row_key(peer, number), rows::encode(row));
    let more = |has: Waiting| Waiting {
        stanzas: has.stanzas + 1,
        bytes: has.bytes + bytes,
    };
    apply.tx.put(OUTGOING, key(peer, &[0]), rows::encode(&more(has)));
    apply
        .tx
        .put(OUTGOING, account_key(&row.from), rows::encode(&more(of_account)));
    Ok(())
}

/// Forgets stanzas that arrived, or were returned.
pub(super) fn take(apply: &mut Apply<'_, '_>, peer: &str, numbers: &[u64]) -> Result<(), ApplyError> {
    for number in numbers {
        let at = row_key(peer, *number);
        let Some(row) = rows::get::<Outgoing>(apply.tx, OUTGOING, &at)? else {
            continue;
        };
        apply.tx.delete(OUTGOING, at);
        for counter in [key(peer, &[0]), account_key(&row.from)] {
            let has = counted(apply.tx, &counter)?;
            let left = Waiting {
                stanzas: has.stanzas.saturating_sub(1),
                bytes: has.bytes.saturating_sub(row.stanza.len() as u64),
            };
            match left.stanzas {
                0 => apply.tx.delete(OUTGOING, counter),
                _ => apply.tx.put(OUTGOING, counter, rows::encode(&left)),
            }
        }
    }
    Ok(())
}

/// Their senders were told that they still wait.
pub(super) fn warned(apply: &mut Apply<'_, '_>, peer: &str, numbers: &[u64]) -> Result<(), ApplyError> {
    for number in numbers {
        let key = row_key(peer, *number);
        if let Some(row) = rows::get::<Outgoing>(apply.tx, OUTGOING, &key)? {
            let row = Outgoing { warned: true, ..row };
            apply.tx.put(OUTGOING, key, rows::encode(&row));
        }
    }
    Ok(())
}
