//! The loop of a shard's thread: mail, batches, sockets, expansions, writes; and once a second what can wait.
//!
//! Nothing in it waits but the poll. The order within a turn: what came in first, then what it caused to be written.

use super::Hub;
use super::batch::Batch;
use super::flush::Room;
use crate::limits::{EXPAND_TURN, EXPAND_TURNS_MERGING, READ_TURN, TICK_MS, WARM};
use crate::router::{Bell, Job, Mail};
use crate::server::Server;
use mio::{Events, Poll, Token};
use reef_engine::Seat;
use reef_engine::log::Pressure;
use reef_engine::outbox::Page;
use reef_engine::queue::Receiver;
use reef_engine::shard::Key;
use reef_stanza::{StreamCondition, StreamFault};
use smallvec::SmallVec;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// The waker's token; slots are below.
pub(crate) const WAKER: Token = Token(usize::MAX);

/// What a shard's thread is made of.
pub(crate) struct Thread {
    /// Its number.
    pub(crate) number: usize,
    /// The engine's side.
    pub(crate) seat: Seat,
    /// Its poll, with the bell's waker registered.
    pub(crate) poll: Poll,
    /// Its bell.
    pub(crate) bell: Bell,
    /// Its box.
    pub(crate) mail: Receiver<Mail>,
}

/// Starts a shard's thread. It ends when it is told to stop and everything is written, or not, in time.
///
/// # Errors
/// The system has no thread or descriptor to give.
#[allow(clippy::disallowed_methods, reason = "the shard's own thread")]
pub(crate) fn start(server: Arc<Server>, thread: Thread) -> io::Result<JoinHandle<()>> {
    let registry = thread.poll.registry().try_clone()?;
    let name = format!("shard-{}", thread.number);
    let hub = Hub {
        server,
        number: thread.number,
        shard: thread.seat.shard,
        batches: thread.seat.batches,
        mail: thread.mail,
        bell: thread.bell,
        registry,
        conns: Vec::new(),
        generations: Vec::new(),
        free: Vec::new(),
        slots: Vec::new(),
        users: HashMap::new(),
        leaving: VecDeque::new(),
        deadlines: BinaryHeap::new(),
        local: VecDeque::new(),
        lines: HashMap::new(),
        readable: VecDeque::new(),
        to_flush: VecDeque::new(),
        digests: BinaryHeap::new(),
        gathered: super::notice::Gathered::default(),
        asking: super::arrived::Asking::default(),
        behalf: super::behalf::Behalf::default(),
        questions: super::question::Questions::default(),
        pushes: super::push::Pushes::default(),
        subscribing: super::elsewhere::Subscribing::default(),
        interest: super::interest::Interest::default(),
        room: Room::default(),
        batch: Batch::default(),
        read_buffer: vec![0; READ_TURN],
        opened: Vec::new(),
        stopping: false,
    };
    std::thread::Builder::new()
        .name(name)
        .spawn(move || hub.run(thread.poll))
}

impl Hub {
    fn run(mut self, mut poll: Poll) {
        if self.server.config.c2s.io_uring {
            self.batch.open();
        }
        // A panic in a session ends that session; one out here leaves nobody to serve any.
        let _needed = self.server.engine.needed();
        let mut events = Events::with_capacity(4096);
        let mut next_tick = self.now() + TICK_MS;
        let mut busy = false;
        let mut stop_by = None;
        loop {
            let wait = if busy {
                0
            } else {
                next_tick.saturating_sub(self.now()).min(TICK_MS)
            };
            if let Err(error) = poll.poll(&mut events, Some(Duration::from_millis(wait)))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a shard cannot poll its sockets");
                return;
            }
            self.bell.heard();
            for event in &events {
                self.event(event);
            }
            busy = self.turn();
            if self.now() >= next_tick {
                next_tick = self.now() + TICK_MS;
                self.tick();
            }
            if self.stopping {
                let by = *stop_by.get_or_insert(self.now() + 2_000);
                // Messages that are being committed are still to be delivered, or kept, here or on another shard.
                let done = self.connections() == 0 && self.lines.is_empty() && self.server.router.is_quiet();
                if done || self.now() >= by {
                    return self.last_checkpoint();
                }
            }
        }
    }

    fn event(&mut self, event: &mio::event::Event) {
        if event.token() == WAKER {
            return;
        }
        let conn = self.conn_ref(event.token().0 as u32);
        if event.is_writable() {
            self.writable(conn);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable.push_back(conn);
        }
    }

    /// One turn of everything; true where more is to be done without waiting.
    fn turn(&mut self) -> bool {
        for _ in 0..self.mail.len() {
            let Some(mail) = self.mail.try_recv() else { break };
            self.open_mail(mail);
        }
        while let Ok(batch) = self.batches.try_recv() {
            self.shard.apply(&batch);
            self.notices(&batch);
            self.notify_elsewhere(&batch);
            self.notice_avatars(&batch);
        }
        for _ in 0..self.readable.len() {
            if let Some(conn) = self.readable.pop_front() {
                self.read(conn);
            }
        }
        self.route_local();
        let pressure = self.server.engine.pressure();
        self.shard.press(pressure);
        let mut expanding = self.shard.expand(EXPAND_TURN);
        if pressure >= Pressure::MergeMore {
            // More posts for each write: who is written next has more of them.
            for _ in 1..EXPAND_TURNS_MERGING {
                expanding = expanding && self.shard.expand(EXPAND_TURN);
            }
        }
        self.flush_queued();
        self.flush_dirty();
        self.read_pages();
        // Also who was written a turn's worth and has more, and who need not wait for a page.
        expanding
            || self.shard.is_dirty()
            || !self.readable.is_empty()
            || !self.to_flush.is_empty()
            || !self.mail.is_empty()
    }

    /// Writes to sessions that have something due, up to a turn's number of them.
    fn flush_dirty(&mut self) {
        let mut written = 0;
        while written < self.batch.turn() {
            let mut keys: SmallVec<[Key; WARM]> = SmallVec::new();
            while keys.len() < WARM
                && let Some(key) = self.shard.next_dirty()
            {
                keys.push(key);
            }
            self.warm(&keys);
            for key in &keys {
                if let Some(slot) = self.slot_of(*key) {
                    self.flush_soon(slot);
                }
            }
            written += keys.len();
            if keys.is_empty() {
                break;
            }
        }
        self.send_batch();
    }

    /// Reads what the next writes need: all of it at once, where each write would wait for its own. Connections are far
    /// more than a cache holds.
    fn warm(&self, keys: &[Key]) {
        let slots = keys.iter().filter_map(|key| self.slots.get(key.index as usize));
        let conns = slots.filter_map(|slot| self.conn(*slot));
        let conns = conns.fold(0, |sum: usize, conn| sum.wrapping_add(conn.warm()));
        std::hint::black_box((conns, self.shard.warm(keys)));
    }

    fn open_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Connection(connection) => self.adopt(*connection),
            Mail::Route(route) => {
                let (to, stanza) = *route;
                self.guarded(Box::new(move |hub| hub.deliver(to, stanza)));
            }
            Mail::Arrived(arrived) => self.guarded(Box::new(move |hub| hub.arrived(*arrived))),
            Mail::Job(job) => self.guarded(job),
        }
        self.route_local();
    }

    /// A job that panics ends alone.
    pub(super) fn guarded(&mut self, job: Job) {
        if catch_unwind(AssertUnwindSafe(|| job(self))).is_err() {
            tracing::error!("a job of a shard has panicked");
        }
    }

    /// Has the pages read that sessions want to catch up with.
    fn read_pages(&mut self) {
        while let Some((key, request)) = self.shard.wanted() {
            let (server, shard) = (self.server.clone(), self.number);
            let read = self.server.engine.read(move |engine| {
                let page = catch_unwind(AssertUnwindSafe(|| engine.page(&request)));
                let page = match page {
                    Ok(Ok(page)) => Some(page),
                    Ok(Err(error)) => {
                        tracing::error!(%error, "a page cannot be read: its session ends");
                        None
                    }
                    Err(_) => None,
                };
                server
                    .router
                    .answer(shard, Box::new(move |hub| hub.page_came(key, page)));
            });
            if read.is_err() {
                self.shard.page(key, None);
                return;
            }
        }
    }

    /// What cannot be read now cannot be read at once either: the session ends, and its cursor stays.
    fn page_came(&mut self, key: Key, page: Option<Page>) {
        let unreadable = page.is_none();
        self.shard.page(key, page);
        if unreadable && let Some(slot) = self.slot_of(key) {
            self.end(slot, Some(StreamFault::new(StreamCondition::InternalServerError)));
        }
    }

    fn tick(&mut self) {
        self.confirm_written();
        self.shard.report();
        let age = i64::try_from(self.server.engine.commit_queue_age_ms()).unwrap_or(i64::MAX);
        self.server.engine.metrics.commit_queue_age_ms.set(age);
        self.checkpoint();
        self.expire();
        self.tell_gathered();
        self.look_for_due_digests();
        self.give_up_questions();
        self.push_gathered();
        self.give_up_subscribing();
        self.forget();
    }

    fn checkpoint(&mut self) {
        let writes = self.shard.checkpoint(self.server.engine.clock.now());
        self.server.engine.admission.cursors(writes);
    }

    fn last_checkpoint(&mut self) {
        let writes = self.shard.whole_checkpoint(self.server.engine.clock.now());
        self.server.engine.admission.cursors(writes);
    }

    /// Begins to stop: everyone is told.
    pub(crate) fn stop(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.end_all();
        }
    }
}
