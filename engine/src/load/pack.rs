//! Packs the edges anew while the engine runs: the last copy and the journal since, without the shards.
//!
//! A thread of its own looks about once a second whether enough has changed. It reads only what is committed, and the
//! applier writes for it, as for everyone: so no start has more than that much of the journal to read, however the last
//! run ended.

use super::packed::{self, Copy, Writer};
use super::segment::Encoder;
use super::{changes, changes_since, packed_write};
use crate::clock;
use crate::error::StoreError;
use crate::log::{Gauge, Log, Work};
use crate::store::journal::{self, PackedRow};
use crate::store::{Store, View};
use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// What a packer works with.
pub(crate) struct Packing {
    store: Arc<dyn Store>,
    log: Arc<dyn Log>,
    gauge: Arc<Gauge>,
    /// Where the copies lie.
    dir: PathBuf,
    /// Changes after which edges are packed anew, beside a sixteenth of all edges.
    pack_after: u64,
    /// Changes from which it is worth a look.
    due: u64,
    /// The last copy, while its row waits for the applier: until then its file is nobody's.
    queued: Option<PackedRow>,
}

/// The thread. Dropping it ends it, and waits for that.
pub struct Packer {
    stop: Option<Sender<()>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Packer {
    /// Starts it.
    ///
    /// # Errors
    /// The system has no thread to give.
    #[allow(clippy::disallowed_methods, reason = "packing takes seconds: no reader may do it")]
    pub(crate) fn start(mut packing: Packing) -> std::io::Result<Packer> {
        let (stop, stops) = bounded::<()>(0);
        let stopped = Arc::new(AtomicBool::new(false));
        let until = stopped.clone();
        let thread = std::thread::Builder::new().name("packer".into()).spawn(move || {
            while stops.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = packing.look(&until) {
                    tracing::warn!(%error, "the edges cannot be packed: the next start reads more");
                }
            }
        })?;
        Ok(Packer {
            stop: Some(stop),
            stopped,
            thread: Some(thread),
        })
    }

    /// Ends it; what it has not finished is left undone.
    pub(crate) fn stop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic was logged where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Packing {
    /// What is packed, where to, and after how many changes beside a sixteenth of all edges.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        log: Arc<dyn Log>,
        gauge: Arc<Gauge>,
        dir: PathBuf,
        pack_after: u64,
    ) -> Packing {
        Packing {
            store,
            log,
            gauge,
            dir,
            pack_after,
            due: pack_after,
            queued: None,
        }
    }

    fn look(&mut self, stopped: &AtomicBool) -> Result<(), StoreError> {
        let changed = self.gauge.edge_changes.load(Ordering::Relaxed);
        if changed < self.due || (self.queued.is_some() && self.queued != journal::packed(&*self.store)?) {
            return Ok(());
        }
        // Whatever comes of it, it is not tried again at once.
        self.due = changed.saturating_add(self.pack_after.max(1));
        match pack(&*self.store, &self.dir, self.pack_after, stopped)? {
            Packed::Lacking(changes) => self.due = changed + changes,
            Packed::Stopped => {}
            Packed::Done(row, edges) => {
                tracing::info!(edges, "packed the edges");
                while self.log.append(Work::Cursors(vec![packed_write(&row)])).is_err() {
                    if stopped.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    // The queue is full: it drains as fast as the disk goes.
                    std::thread::yield_now();
                }
                self.queued = Some(row);
                self.gauge.edge_changes.fetch_sub(changed, Ordering::Relaxed);
                self.due = self.pack_after + edges / 16;
            }
        }
        Ok(())
    }
}

/// What came of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// So many more changes have to come before it is worth it.
    Lacking(u64),
    /// It was told to stop.
    Stopped,
    /// A new copy: its row, which has yet to be written and makes it the valid one, and its edges.
    Done(PackedRow, u64),
}

/// Writes a new copy: the valid one with what the journal says since, if that is at least `pack_after` and a sixteenth of
/// the edges. The file of the valid one stays, since the new one's row is not yet written.
///
/// # Errors
/// The store's or the file's failures, after which all is as before.
pub fn pack(view: &dyn View, dir: &Path, pack_after: u64, stopped: &AtomicBool) -> Result<Packed, StoreError> {
    let io = |e: std::io::Error| StoreError::Io(e.to_string());
    let base = journal::packed(view)?;
    let extent = journal::extent(view)?;
    let copy = base.map(|row| Copy::open(dir, &row)).transpose().map_err(io)?;
    let parts = copy.as_ref().map_or(&[][..], |copy| &copy.parts);
    let changes = changes_since(view, base.map_or(0, |row| row.journal), extent)?;
    let enough = pack_after + parts.iter().map(|part| part.edges).sum::<u64>() / 16;
    if changes.len() < enough {
        return Ok(Packed::Lacking(enough - changes.len()));
    }
    packed::remove_others(dir, &base.map(|row| row.nonce).into_iter().collect::<Vec<_>>());
    let nonce = u128::from_be_bytes(clock::random().map_err(|e| StoreError::Io(e.to_string()))?);
    let mut writer = Writer::create(dir, nonce).map_err(io)?;
    let mut numbers: Vec<u32> = parts.iter().map(|part| part.number).chain(changes.segments()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (mut bytes, mut edges) = (Vec::new(), 0);
    for number in numbers {
        if stopped.load(Ordering::Relaxed) {
            return Ok(Packed::Stopped);
        }
        bytes.clear();
        let part = parts
            .binary_search_by_key(&number, |part| part.number)
            .ok()
            .and_then(|at| parts.get(at));
        if let (Some(copy), Some(part)) = (&copy, part) {
            copy.read(part, &mut bytes).map_err(io)?;
        }
        let changed = changes.of_segment(number);
        let count = if let (Some(part), []) = (part, changed) {
            writer.put(number, &bytes, part.edges).map_err(io)?;
            part.edges
        } else {
            let mut encoder = Encoder::default();
            changes::decode(&bytes, changed, |node, ids| encoder.node(node, ids))
                .map_err(|_| StoreError::Corrupt("the packed edges"))?;
            let (bytes, count) = encoder.finish();
            writer.put(number, &bytes, count).map_err(io)?;
            count
        };
        edges += count;
    }
    Ok(Packed::Done(writer.finish(extent.last).map_err(io)?, edges))
}
