//! Thousands of connections on a few threads, told what to do by plans. What scenarios are written with.
//!
//! A thread is an epoll set over its accounts (`worker`); an account is a small state machine (`account`, `steps`) with a
//! ledger of what it must get. The scenario's own thread starts batches, publishes and waits at the bell; it is not on
//! the path of a delivery.

mod account;
pub(crate) mod board;
mod conn;
mod counts;
pub(crate) mod faults;
pub(crate) mod ledger;
pub(crate) mod plan;
mod shared;
mod steps;
pub(crate) mod tally;
pub(crate) mod transport;
mod worker;

pub(crate) use conn::request_id;
pub(crate) use shared::{Bell, Config, Roster, Shared, Shares};

use anyhow::{Context, Result, bail, ensure};
use mio::{Poll, Waker};
use plan::{Batch, Plan};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tally::Tally;
use worker::{Command, Worker};

/// The accounts of a run and the threads that drive them.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    threads: Vec<Thread>,
}

struct Thread {
    commands: SyncSender<Command>,
    waker: Waker,
    handle: Option<JoinHandle<()>>,
}

/// Commands that may wait for a thread; the scenario waits beyond.
const COMMANDS: usize = 4096;

impl Crowd {
    /// Starts the threads; nothing connects yet.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where the tool's connections get their threads"
    )]
    pub(crate) fn new(config: Config) -> Result<Crowd> {
        let count = config.shares.count();
        let shared = Arc::new(Shared::new(config));
        let mut threads = Vec::new();
        for index in 0..count {
            let poll = Poll::new().context("epoll")?;
            let waker = Waker::new(poll.registry(), worker::WAKER)?;
            let (commands, receiver) = sync_channel(COMMANDS);
            let worker = Worker::new(shared.clone(), poll, receiver, index);
            let handle = std::thread::Builder::new()
                .name(format!("crowd-{index}"))
                .spawn(move || worker.run())?;
            threads.push(Thread {
                commands,
                waker,
                handle: Some(handle),
            });
        }
        Ok(Crowd { shared, threads })
    }

    /// What all threads share: counters, board, clock.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Starts a job for each of these accounts, `parallel` at once.
    pub(crate) fn start(
        &self,
        accounts: impl IntoIterator<Item = u32>,
        parallel: u32,
        plan: Plan,
    ) -> Result<Arc<Batch>> {
        let mut shares: Vec<Vec<u32>> = vec![Vec::new(); self.threads.len()];
        let mut total = 0;
        for account in accounts {
            total += 1;
            if let Some(share) = shares.get_mut(self.shared.config.shares.place(account).0) {
                share.push(account);
            }
        }
        let batch = Arc::new(Batch::new(plan, total, parallel));
        for (thread, accounts) in self.threads.iter().zip(shares) {
            thread.tell(Command::Start(batch.clone(), accounts))?;
        }
        Ok(batch)
    }

    /// Runs jobs to their end; an error if one fails. `tick` is called now and then with how many are done.
    pub(crate) fn run(
        &self,
        accounts: impl IntoIterator<Item = u32>,
        parallel: u32,
        plan: Plan,
        mut tick: impl FnMut(u64),
    ) -> Result<()> {
        let batch = self.start(accounts, parallel, plan)?;
        self.finish(&batch, &mut tick)
    }

    /// Waits for a batch; an error in the words of the first that failed.
    pub(crate) fn finish(&self, batch: &Batch, tick: &mut dyn FnMut(u64)) -> Result<()> {
        self.shared.bell.wait(None, || {
            tick(u64::from(batch.done()));
            batch.done() >= batch.total
        });
        tick(u64::from(batch.done()));
        let (failed, errors) = batch.failures();
        match errors.first() {
            None => Ok(()),
            Some(first) => bail!("{failed} of {} failed, the first: {first}", batch.total),
        }
    }

    /// Writes text on an account's connection.
    pub(crate) fn say(&self, account: u32, text: String) -> Result<()> {
        let thread = self.threads.get(self.shared.config.shares.place(account).0);
        thread.context("there are threads")?.tell(Command::Say(account, text))
    }

    /// Takes what was counted since the last time.
    pub(crate) fn collect(&self) -> Result<Tally> {
        let mut sum = Tally::default();
        for tally in self.ask(Command::Collect)? {
            sum.add(&tally);
        }
        Ok(sum)
    }

    /// The accounts to which posts should have come that have not, and how many.
    pub(crate) fn lost(&self) -> Result<Vec<(u32, u64)>> {
        Ok(self.ask(Command::Lost)?.concat())
    }

    fn ask<T>(&self, command: impl Fn(SyncSender<T>) -> Command) -> Result<Vec<T>> {
        let mut receivers: Vec<Receiver<T>> = Vec::new();
        for thread in &self.threads {
            let (sender, receiver) = sync_channel(1);
            thread.tell(command(sender))?;
            receivers.push(receiver);
        }
        receivers
            .iter()
            .map(|r| r.recv().context("a thread of the tool ended"))
            .collect()
    }
}

impl Thread {
    fn tell(&self, command: Command) -> Result<()> {
        ensure!(self.commands.send(command).is_ok(), "a thread of the tool ended");
        Ok(self.waker.wake()?)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for thread in &self.threads {
            let _ = thread.tell(Command::Stop);
        }
        for thread in &mut self.threads {
            if let Some(handle) = thread.handle.take() {
                let _ = handle.join();
            }
        }
    }
}
