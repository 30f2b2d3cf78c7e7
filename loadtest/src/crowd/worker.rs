//! A thread of a crowd: one epoll set, its share of the accounts, the batches that run on it.
//!
//! A turn is: events, commands, new jobs, then all counts given to the others at once. Buffers for reading are the
//! thread's, so that connections are small.

use crate::crowd::account::{Account, Turn};
use crate::crowd::counts::Counts;
use crate::crowd::plan::Batch;
use crate::crowd::shared::Shared;
use crate::crowd::tally::Tally;
use mio::{Events, Poll, Token};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

/// The token of the scenario's waker.
pub(super) const WAKER: Token = Token(usize::MAX);
/// Events of one turn.
const EVENTS: usize = 1024;
/// Bytes of one read.
const READ: usize = 64 << 10;
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(500);

/// What the scenario tells a thread.
pub(super) enum Command {
    /// Jobs for these accounts.
    Start(Arc<Batch>, Vec<u32>),
    /// Text for an account's connection.
    Say(u32, String),
    /// Gives the counts since the last time.
    Collect(SyncSender<Box<Tally>>),
    /// Gives the accounts that miss posts, and how many.
    Lost(SyncSender<Vec<(u32, u64)>>),
    /// Ends the thread.
    Stop,
}

/// A thread's state.
pub(super) struct Worker {
    shared: Arc<Shared>,
    poll: Poll,
    commands: Receiver<Command>,
    index: usize,
    /// By place.
    accounts: Vec<Account>,
    running: Vec<Option<Running>>,
    counts: Counts,
    ended: Vec<usize>,
    raw: Vec<u8>,
    plain: Vec<u8>,
    ticked_us: u64,
}

/// A batch that is being carried out.
struct Running {
    batch: Arc<Batch>,
    waiting: std::vec::IntoIter<u32>,
    at_work: u32,
    parallel: u32,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, poll: Poll, commands: Receiver<Command>, index: usize) -> Worker {
        Worker {
            shared,
            poll,
            commands,
            index,
            accounts: Vec::new(),
            running: Vec::new(),
            counts: Counts::default(),
            ended: Vec::new(),
            raw: vec![0; READ],
            plain: vec![0; READ],
            ticked_us: 0,
        }
    }

    /// Works until told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            // Interrupted or not, the next turn looks again.
            if self.poll.poll(&mut events, Some(TICK)).is_err() {
                events.clear();
            }
            for event in &events {
                if event.token() != WAKER {
                    let ended = event.is_read_closed() || event.is_error();
                    self.with_account(event.token().0, |account, turn| account.drive(ended, turn));
                }
            }
            if self.take_commands().is_none() {
                return;
            }
            self.tick();
            self.start_jobs();
            self.publish_counts();
        }
    }

    fn with_account(&mut self, number: usize, act: impl FnOnce(&mut Account, &mut Turn<'_>)) {
        let local = self
            .shared
            .config
            .shares
            .place(u32::try_from(number).unwrap_or(u32::MAX))
            .1;
        while self.accounts.len() <= local {
            self.accounts.push(Account {
                number: self.shared.config.shares.number(self.index, self.accounts.len()),
                ..Account::default()
            });
        }
        let Some(account) = self.accounts.get_mut(local) else {
            return;
        };
        let mut turn = Turn {
            shared: &self.shared,
            registry: self.poll.registry(),
            raw: &mut self.raw,
            plain: &mut self.plain,
            counts: &mut self.counts,
            ended: &mut self.ended,
        };
        act(account, &mut turn);
    }

    fn take_commands(&mut self) -> Option<()> {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Start(batch, accounts) => self.start(batch, accounts),
                Command::Say(number, text) => self.with_account(number as usize, |account, turn| {
                    let Some(conn) = &mut account.conn else { return };
                    conn.out.extend_from_slice(text.as_bytes());
                    if let Err(error) = conn.write_out() {
                        account.broke(&error, turn);
                    }
                }),
                Command::Collect(answer) => {
                    self.counts.flush(&self.shared);
                    let _ = answer.send(Box::new(std::mem::take(&mut self.counts.tally)));
                }
                Command::Lost(answer) => {
                    let board = self.shared.board();
                    let lost = |account: &Account| account.ledger.lost(|author| board.published(author));
                    let missing = self.accounts.iter().map(|account| (account.number, lost(account)));
                    let _ = answer.send(missing.filter(|(_, lost)| *lost > 0).collect());
                }
                Command::Stop => return None,
            }
        }
        Some(())
    }

    fn start(&mut self, batch: Arc<Batch>, accounts: Vec<u32>) {
        let threads = u32::try_from(self.shared.config.shares.count()).unwrap_or(1);
        let running = Running {
            parallel: batch.parallel.div_ceil(threads),
            batch,
            waiting: accounts.into_iter(),
            at_work: 0,
        };
        match self.running.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(running),
            None => self.running.push(Some(running)),
        }
    }

    fn start_jobs(&mut self) {
        loop {
            for place in self.ended.drain(..) {
                if let Some(Some(running)) = self.running.get_mut(place) {
                    running.at_work = running.at_work.saturating_sub(1);
                }
            }
            for place in 0..self.running.len() {
                self.start_jobs_of(place);
            }
            if self.ended.is_empty() {
                return;
            }
        }
    }

    fn start_jobs_of(&mut self, place: usize) {
        while let Some(Some(running)) = self.running.get_mut(place) {
            if running.at_work >= running.parallel {
                return;
            }
            let Some(number) = running.waiting.next() else {
                if running.at_work == 0
                    && let Some(done) = self.running.get_mut(place)
                {
                    *done = None;
                }
                return;
            };
            let batch = running.batch.clone();
            running.at_work += 1;
            self.with_account(number as usize, |account, turn| account.begin(&batch, place, turn));
        }
    }

    /// Jobs that are over time fail; requests that end with a time are looked at.
    fn tick(&mut self) {
        let now_us = self.shared.clock().micros();
        if now_us.saturating_sub(self.ticked_us) < TICK.as_micros() as u64 {
            return;
        }
        self.ticked_us = now_us;
        for local in 0..self.accounts.len() {
            let Some(job) = self.accounts.get(local).and_then(|account| account.job.as_ref()) else {
                continue;
            };
            let since_us = job
                .begun_us
                .max(self.accounts.get(local).map_or(0, |account| account.heard_us));
            let late = now_us > since_us + self.shared.config.patience_s * 1_000_000;
            let number = self.shared.config.shares.number(self.index, local);
            self.with_account(number as usize, |account, turn| {
                if late {
                    account.broke(&anyhow::anyhow!("no answer in time"), turn);
                } else if let Err(error) = account.advance(turn) {
                    account.broke(&error, turn);
                }
            });
        }
    }

    fn publish_counts(&mut self) {
        self.counts.flush(&self.shared);
        let give = |count: &mut u64, to: &std::sync::atomic::AtomicU64| {
            if *count > 0 {
                to.fetch_add(std::mem::take(count), Ordering::Release);
            }
        };
        give(&mut self.counts.delivered, &self.shared.delivered);
        give(&mut self.counts.bytes, &self.shared.bytes);
        give(&mut self.counts.acked, &self.shared.acked);
        give(&mut self.counts.refused, &self.shared.refused);
        give(&mut self.counts.dropped, &self.shared.dropped);
        if std::mem::take(&mut self.counts.ring) {
            self.shared.bell.ring();
        }
    }
}
