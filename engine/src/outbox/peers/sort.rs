//! From one row for each post to a pointer for each of its peers: behind the commit, so that a post costs its publisher
//! nothing for each server.
//!
//! The rows are written without a sync, in one write with the end of the unsorted one: after a crash what was not done is
//! there to be done. Knows no server. Next: `page.rs`.

use crate::error::StoreError;
use crate::limits::{DELETED_TO_MAX, SORT_POSTS, SORT_RETRY_MS, SORT_ROWS};
use crate::log::{Log, Work};
use crate::model::{Event, NodeId, PeerId, Seq};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Pointer};
use crate::store::{Range, Store, View, Write};
use crossbeam::channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Called with peers that have something new to be sent; it must not block.
pub type PeerWake = Arc<dyn Fn(&[PeerId]) + Send + Sync>;

/// What one step of sorting leads to.
#[derive(Debug, Default)]
pub struct Sorted {
    /// The rows.
    pub writes: Vec<Write>,
    /// Who has more from now on.
    pub peers: BTreeSet<PeerId>,
    /// The last that was looked at.
    pub upto: Seq,
}

/// One step: the unsorted rows behind `after`, up to a bounded number of rows to write.
///
/// # Errors
/// The store's failures.
pub fn sort(view: &dyn View, after: Seq) -> Result<Sorted, StoreError> {
    let mut unsorted = Vec::new();
    let range = Range::between(
        keys::peer_outbox(PeerId::UNSORTED, after.next()),
        keys::peer_outbox(PeerId(1), Seq(0)),
    );
    view.scan(Family::PEER_OUTBOX, &range, &mut |key, value| {
        unsorted.push((key.to_vec(), value.to_vec()));
        match unsorted.len() < SORT_POSTS {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    let mut sorted = Sorted {
        upto: after,
        ..Sorted::default()
    };
    for (key, value) in unsorted {
        let (_, seq) = keys::read_peer_outbox(&key).ok_or(StoreError::Corrupt("peer_outbox"))?;
        let pointer: Pointer = rows::decode(Family::PEER_OUTBOX, &value)?;
        for peer in rows::peers_of(view, pointer.node(), PeerId::UNSORTED, usize::MAX)? {
            sorted.writes.push(Write {
                family: Family::PEER_OUTBOX,
                key: keys::peer_outbox(peer, seq).to_vec(),
                value: Some(for_peer(view, &pointer, peer, &value)?),
            });
            sorted.peers.insert(peer);
        }
        sorted.writes.push(Write {
            family: Family::PEER_OUTBOX,
            key,
            value: None,
        });
        sorted.upto = seq;
        if sorted.writes.len() >= SORT_ROWS {
            break;
        }
    }
    Ok(sorted)
}

/// The pointer as a peer has it: of a node that is gone it says who is to be told.
fn for_peer(view: &dyn View, pointer: &Pointer, peer: PeerId, value: &[u8]) -> Result<Vec<u8>, StoreError> {
    let Pointer::Loose(node, loose) = pointer else {
        return Ok(value.to_vec());
    };
    if !matches!(loose.entry.event, Event::Delete { .. }) {
        return Ok(value.to_vec());
    }
    let mut loose = loose.clone();
    loose.to = followers(view, *node, peer)?;
    Ok(rows::encode(&Pointer::Loose(*node, loose)))
}

fn followers(view: &dyn View, node: NodeId, peer: PeerId) -> Result<Vec<crate::model::SubscriberId>, StoreError> {
    let found = rows::remote_followers(view, (node, peer), 0, DELETED_TO_MAX)?;
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// The thread that sorts.
pub struct Sorter {
    store: Arc<dyn Store>,
    log: Arc<dyn Log>,
    /// Rung by the applier; it ends with it.
    bell: Receiver<()>,
    /// Who wakes the senders, once there are some.
    wake: Arc<OnceLock<PeerWake>>,
}

impl Sorter {
    /// Over this store; `bell` is rung by the applier, `wake` is set once there are senders.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        log: Arc<dyn Log>,
        bell: Receiver<()>,
        wake: Arc<OnceLock<PeerWake>>,
    ) -> Sorter {
        Sorter { store, log, bell, wake }
    }

    /// Runs until the applier ends or the store fails, which the applier says.
    pub fn run(self) {
        let mut after = Seq(0);
        loop {
            match self.step(after) {
                Ok(Some(upto)) if upto > after => after = upto,
                // Nothing to do: wait. The queue was full: wait a little.
                Ok(idle) => {
                    let wait = match idle {
                        Some(_) => Duration::from_secs(3600),
                        None => Duration::from_millis(SORT_RETRY_MS),
                    };
                    if self.bell.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "what is due to other servers cannot be read");
                    return;
                }
            }
        }
    }

    /// Up to where it is done; `None` where the queue was full.
    fn step(&self, after: Seq) -> Result<Option<Seq>, StoreError> {
        let sorted = sort(&*self.store, after)?;
        if sorted.writes.is_empty() {
            return Ok(Some(after));
        }
        let (wake, peers, upto) = (self.wake.clone(), sorted.peers, sorted.upto);
        let done = Box::new(move || {
            if let Some(wake) = wake.get() {
                wake(&peers.into_iter().collect::<Vec<_>>());
            }
        });
        let rows = Work::Rows(sorted.writes, done);
        Ok(self.log.append(rows).ok().map(|()| upto))
    }
}
