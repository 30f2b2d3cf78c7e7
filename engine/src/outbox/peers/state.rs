//! How far each peer is: what its sender confirmed, and what operators are shown.
//!
//! Confirmed entries are removed, unsynced: after a crash a few may be sent again, none is lost. Knows no stanza.

use crate::error::{Error, StoreError};
use crate::limits::{PEER_DEPTH_COUNTED, SORT_ROWS};
use crate::log::{Log, Work};
use crate::model::{PeerId, Seq, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Entry, PeerCursor, Pointer};
use crate::store::{Range, View, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What a peer has to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// The peer.
    pub peer: PeerId,
    /// Its name.
    pub name: Arc<str>,
    /// Entries that wait, as far as they are counted.
    pub entries: u64,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
}

/// Where a sender begins: what was confirmed before.
///
/// # Errors
/// The store's failures.
pub fn begin(view: &dyn View, peer: PeerId) -> Result<PeerCursor, StoreError> {
    Ok(rows::get(view, Family::CURSOR, &keys::peer_cursor(peer))?.unwrap_or_default())
}

/// The rows that say that these entries were delivered whole, and that a peer is this far within the next.
pub fn delivered(peer: PeerId, whole: &[Seq], at: PeerCursor) -> Vec<Write> {
    let gone = whole.iter().map(|seq| Write {
        family: Family::PEER_OUTBOX,
        key: keys::peer_outbox(peer, *seq).to_vec(),
        value: None,
    });
    let cursor = Write {
        family: Family::CURSOR,
        key: keys::peer_cursor(peer).to_vec(),
        value: (at.follower > 0).then(|| rows::encode(&at)),
    };
    gone.chain([cursor]).collect()
}

/// The peers, in the order of their names. Cost: a row for each entry that waits, up to a bound for each peer.
///
/// # Errors
/// The store's failures.
pub fn states(view: &dyn View) -> Result<Vec<PeerState>, StoreError> {
    rows::peers(view)?
        .into_iter()
        .map(|(name, peer)| state(view, peer, name))
        .collect()
}

fn state(view: &dyn View, peer: PeerId, name: Arc<str>) -> Result<PeerState, StoreError> {
    let (mut entries, mut first) = (0, None);
    let range = Range::prefix(&peer.0.to_be_bytes());
    view.scan(Family::PEER_OUTBOX, &range, &mut |key, value| {
        if entries == 0 {
            first = keys::read_peer_outbox(key).map(|(_, seq)| (seq, value.to_vec()));
        }
        entries += 1;
        match entries < PEER_DEPTH_COUNTED {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    let oldest = match first {
        Some((seq, value)) => accepted(view, seq, &rows::decode(Family::PEER_OUTBOX, &value)?)?,
        None => None,
    };
    Ok(PeerState {
        peer,
        name,
        entries,
        oldest,
    })
}

fn accepted(view: &dyn View, seq: Seq, pointer: &Pointer) -> Result<Option<Timestamp>, StoreError> {
    match pointer {
        Pointer::Loose(_, loose) => Ok(Some(loose.entry.at)),
        Pointer::Log(node) => {
            let entry: Option<Entry> = rows::get(view, Family::LOG, &keys::log(*node, seq))?;
            Ok(entry.map(|entry| entry.at))
        }
    }
}

/// Removes all that waits for a peer, a bounded number of rows at a time; how many entries that were. Waits for each write.
///
/// # Errors
/// The store's failures, or that the engine is closed or busy.
pub fn forget(view: &dyn View, log: &dyn Log, peer: PeerId) -> Result<u64, Error> {
    let mut gone = 0;
    loop {
        let mut writes = Vec::new();
        view.scan(
            Family::PEER_OUTBOX,
            &Range::prefix(&peer.0.to_be_bytes()),
            &mut |key, _| {
                writes.push(Write {
                    family: Family::PEER_OUTBOX,
                    key: key.to_vec(),
                    value: None,
                });
                match writes.len() < SORT_ROWS {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            },
        )?;
        if writes.is_empty() {
            return Ok(gone);
        }
        gone += writes.len() as u64;
        let (done, waits) = crossbeam::channel::bounded(1);
        let rows = Work::Rows(writes, Box::new(move || _ = done.send(())));
        log.append(rows).map_err(|_| Error::Busy)?;
        waits.recv().map_err(|_| Error::Closed)?;
    }
}
