//! The façade: opens the store, rebuilds what lives in memory, starts the applier and the readers.
//!
//! What a front end holds. Shards are handed out as [`Seat`]s, one for each thread that will drive one.

use crate::clock::Clock;
use crate::error::{Error, StoreError};
use crate::fanout::{Batches, Fanout, Wake};
use crate::index::Index;
use crate::limits::{Limits, READERS, READS_WAITING_MAX};
use crate::load::{self, Loaded, Packer, Packing, Source};
use crate::log::apply::Tables;
use crate::log::{Applier, Gauge, Log, Needed, NoBus, Pressure, RocksLog, RocksSource, Work};
use crate::metrics::Metrics;
use crate::model::{NodeId, PeerId, Seq, SubscriberId, Timestamp};
use crate::outbox::peers::{self, PeerPage, PeerRequest, PeerWake, Sorter};
use crate::outbox::{self, Digest, Page, PageRequest, Readers, Recent, Run};
use crate::publish::{Admission, Rates};
use crate::shard::Shard;
use crate::store::{RocksStore, Store, View, check_format};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

/// How to open an engine.
pub struct Options {
    /// Where the store lies; made if need be.
    pub dir: PathBuf,
    /// The limits in force.
    pub limits: Limits,
    /// Whether an ack follows a sync (`fsync`), or only the write (`os`).
    pub sync: bool,
    /// Other parts' tables.
    pub tables: Arc<dyn Tables>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How to wake each shard's thread; as many as there will be shards.
    pub wakers: Vec<Wake>,
    /// Called first on the applier's thread, for which every publish waits: a front end may tell the kernel so.
    pub applier_starts: fn(),
}

/// A shard and where its batches come from, for the thread that drives it.
pub struct Seat {
    /// The shard.
    pub shard: Shard,
    /// What commits bring, in order.
    pub batches: Batches,
}

/// An open engine. Dropping it stops the applier after what was queued.
pub struct Engine {
    /// The way in.
    pub admission: Admission,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Other parts' tables.
    pub tables: Arc<dyn Tables>,
    /// Where who follows what came from at this start.
    pub source: Source,
    store: Arc<dyn Store>,
    readers: Readers,
    recent: Arc<Recent>,
    peer_wake: Arc<OnceLock<PeerWake>>,
    commit_wake: Arc<OnceLock<Wake>>,
    packer: Mutex<Option<Packer>>,
    applier: Mutex<Option<JoinHandle<()>>>,
    sorter: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the store, refuses one of a newer format, rebuilds the index, and starts.
    ///
    /// # Errors
    /// Why the store cannot be opened; the message says what to do.
    pub fn open(options: Options) -> Result<(Arc<Engine>, Vec<Seat>), StoreError> {
        let store = Arc::new(RocksStore::open(
            &options.dir,
            &options.tables.names(),
            &options.limits,
        )?);
        Engine::over(store, options)
    }

    /// The same over a store that is open; `options.dir` is where the packed copy of its edges lies.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn over(store: Arc<dyn Store>, options: Options) -> Result<(Arc<Engine>, Vec<Seat>), StoreError> {
        check_format(&*store, &|service, jid| options.tables.peer(service, jid))?;
        let (limits, metrics) = (Arc::new(options.limits), Arc::new(Metrics::default()));
        let epoch = outbox::start_epoch(&*store)?;
        let threads = options.wakers.len();
        let dir = load::packed_dir(&options.dir);
        let (last, recent) = load::recent(&*store)?;
        let loaded = edges(&*store, threads, &dir, &limits, &*options.clock)?;
        let (fanout, batches) = Fanout::new(options.wakers);
        let shard = |(number, index)| Shard::new(number, threads, limits.clone(), metrics.clone(), epoch, index, last);
        let shards = loaded.indexes.into_iter().enumerate().map(shard).zip(batches);
        let seats = shards.map(|(shard, batches)| Seat { shard, batches }).collect();
        let (log, source) = RocksLog::new(limits.commit_queue);
        let (gauge, recent) = (Arc::new(Gauge::default()), Arc::new(recent));
        gauge.edge_changes.store(loaded.unpacked, Ordering::Relaxed);
        let (ring, bell) = crossbeam::channel::bounded(1);
        let (peer_wake, commit_wake) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
        let applier = Applier {
            store: store.clone(),
            tables: options.tables.clone(),
            limits: limits.clone(),
            clock: options.clock.clone(),
            fanout,
            bus: Box::new(NoBus),
            recent: recent.clone(),
            metrics: metrics.clone(),
            gauge: gauge.clone(),
            // Full is rung already.
            peers: Arc::new(move || _ = ring.try_send(())),
            committed: ringing(&commit_wake),
            last,
            swept: Timestamp(0),
            minute: 0,
            sync: options.sync,
        };
        let io = |e: std::io::Error| StoreError::Io(e.to_string());
        let thread = start(applier, source, options.applier_starts).map_err(io)?;
        let log: Arc<dyn Log> = Arc::new(log);
        let sorter = Sorter::new(store.clone(), log.clone(), bell, peer_wake.clone());
        let sorter = named("peers", move || sorter.run()).map_err(io)?;
        let packing = Packing::new(store.clone(), log.clone(), gauge.clone(), dir, limits.pack_after);
        let packer = Packer::start(packing).map_err(io)?;
        let admission = Admission {
            log,
            clock: options.clock.clone(),
            limits: limits.clone(),
            gauge,
            rates: Rates::new(&limits),
            metrics: metrics.clone(),
            late: Mutex::default(),
        };
        let readers = Readers::start("reader", READERS, READS_WAITING_MAX).map_err(io)?;
        let engine = Engine {
            admission,
            metrics,
            limits,
            clock: options.clock,
            tables: options.tables,
            source: loaded.source,
            store,
            readers,
            recent,
            peer_wake,
            commit_wake,
            packer: Mutex::new(Some(packer)),
            applier: Mutex::new(Some(thread)),
            sorter: Mutex::new(Some(sorter)),
        };
        Ok((Arc::new(engine), seats))
    }

    /// The store, for who may wait for the disk: readers and tools, never a shard.
    pub fn view(&self) -> &dyn View {
        &*self.store
    }

    /// Rewrites the store without what was removed. Blocks for as long as reading and writing everything takes.
    ///
    /// # Errors
    /// The store's failures.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.store.compact()
    }

    /// Runs a job on a reader thread.
    ///
    /// # Errors
    /// `Busy` where too many wait.
    pub fn read(self: &Arc<Engine>, job: impl FnOnce(&Engine) + Send + 'static) -> Result<(), Error> {
        let engine = self.clone();
        self.readers
            .submit(Box::new(move || job(&engine)))
            .map_err(|_| Error::Busy)
    }

    /// Reads a catch-up page; on a reader thread.
    ///
    /// # Errors
    /// The store's failures.
    pub fn page(&self, request: &PageRequest) -> Result<Page, StoreError> {
        outbox::page(self.view(), &self.recent, request, self.clock.now())
    }

    /// Up to where catching up from `began` leaves items out; on a reader thread.
    ///
    /// # Errors
    /// The store's failures.
    pub fn left_out(&self, subscriber: SubscriberId, began: Seq, upto: Seq) -> Result<Seq, StoreError> {
        let run = Run {
            began,
            most: Some(self.limits.catch_up_posts),
            ..Run::default()
        };
        let request = PageRequest {
            subscriber,
            cursor: began,
            upto,
            run,
            following: None,
        };
        outbox::left_out(self.view(), &self.recent, &request, self.clock.now())
    }

    /// A page of an archive of posts; on a reader thread. `None` where an id is not in it.
    ///
    /// # Errors
    /// The store's failures.
    pub fn archive(&self, of: outbox::Of, wanted: &outbox::Wanted) -> Result<Option<outbox::Archive>, StoreError> {
        outbox::archive(self.view(), &self.recent, of, wanted, self.clock.now())
    }

    /// The next digest of a subscription; on a reader thread.
    ///
    /// # Errors
    /// The store's failures.
    pub fn digest(&self, id: SubscriberId, node: NodeId, frequency_ms: u64) -> Result<Digest, StoreError> {
        outbox::digest(self.view(), &self.recent, id, node, frequency_ms, self.clock.now())
    }

    /// Whom to call when there is something new for peers; the first caller counts.
    pub fn on_peers(&self, wake: PeerWake) {
        let _ = self.peer_wake.set(wake);
    }

    /// Whom to call after each commit: a part that follows the log by a cursor of its own. It must not block; the first
    /// caller counts.
    pub fn on_commit(&self, wake: Wake) {
        let _ = self.commit_wake.set(wake);
    }

    /// The order of this host behind a place: where entries that are still there lie, and of which nodes.
    ///
    /// # Errors
    /// The store's failures.
    pub fn order(&self, after: Seq, most: usize) -> Result<Vec<(Seq, NodeId)>, StoreError> {
        outbox::order(self.view(), after, most)
    }

    /// The next entries that are due to a peer; on a reader thread.
    ///
    /// # Errors
    /// The store's failures.
    pub fn peer_page(&self, request: &PeerRequest) -> Result<PeerPage, StoreError> {
        peers::page(self.view(), &self.recent, request, self.clock.now())
    }

    /// Removes all that waits for a peer; how many entries that were. Blocks: for operators.
    ///
    /// # Errors
    /// The store's failures, or that the engine is closed or busy.
    pub fn forget_due(&self, peer: PeerId) -> Result<u64, Error> {
        peers::forget(self.view(), &*self.admission.log, peer)
    }

    /// What has to be given up now, since there is too much to do.
    pub fn pressure(&self) -> Pressure {
        self.admission.gauge.pressure(self.clock.now(), &self.limits)
    }

    /// Milliseconds that the oldest record in the commit queue waits.
    pub fn commit_queue_age_ms(&self) -> u64 {
        self.admission.gauge.age_ms(self.clock.now())
    }

    /// To be held by a shard's thread while it works: should it panic, [`Engine::failed`] says so.
    pub fn needed(&self) -> Needed {
        self.admission.gauge.needed()
    }

    /// Whether the store failed, or a thread: the process should end, so that a supervisor starts it anew.
    pub fn failed(&self) -> bool {
        self.admission.gauge.failed.load(Ordering::Relaxed)
    }

    /// Commits what is queued and stops the applier; what comes later is refused. Blocks until it is done.
    pub fn close(&self) {
        // What it would have written goes through the applier.
        drop(self.packer.lock().unwrap_or_else(|e| e.into_inner()).take());
        let mut applier = self.applier.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(thread) = applier.take() {
            // Cursors that found the queue full, too.
            while !self.admission.cursors_queued() && !thread.is_finished() {
                std::thread::yield_now();
            }
            while self.admission.log.append(Work::Stop).is_err() && !thread.is_finished() {
                std::thread::yield_now();
            }
            // A panic of the applier was logged where it happened.
            let _ = thread.join();
        }
        // It ends with the applier, which rings it.
        let sorter = self.sorter.lock().unwrap_or_else(|e| e.into_inner()).take();
        sorter.into_iter().for_each(|thread| drop(thread.join()));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// Calls whoever asked for it, once somebody has.
fn ringing(wake: &Arc<OnceLock<Wake>>) -> Wake {
    let wake = wake.clone();
    Arc::new(move || wake.get().into_iter().for_each(|wake| wake()))
}

/// Who follows what, and a line in the log that says how long it took.
fn edges(
    store: &dyn Store,
    threads: usize,
    dir: &Path,
    limits: &Limits,
    clock: &dyn Clock,
) -> Result<Loaded, StoreError> {
    let started = clock.now();
    let loaded = load::edges(store, threads, dir, limits.pack_after)?;
    tracing::info!(
        edges = loaded.indexes.iter().map(Index::edges).sum::<u64>(),
        source = ?loaded.source,
        ms = clock.now().0.saturating_sub(started.0),
        "loaded who follows what"
    );
    Ok(loaded)
}

fn start(applier: Applier, source: RocksSource, starts: fn()) -> std::io::Result<JoinHandle<()>> {
    named("applier", move || {
        starts();
        applier.run(source)
    })
}

#[allow(clippy::disallowed_methods, reason = "the engine's own threads")]
fn named(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}
