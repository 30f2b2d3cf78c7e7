//! Operations on their way through the log: submitted, tried again where the queue is full, and looked for.
//!
//! Knows no operation's meaning. Nothing waits here: whoever asks is rung when an answer is there.

use crate::tables::{Op, Outcome};
use bytes::Bytes;
use crossbeam::channel::{Receiver, TryRecvError, bounded};
use reef_engine::Engine;
use reef_engine::error::Error;
use reef_engine::log::record::{Applied, Change, Outcome as Answer};
use std::sync::Arc;

/// How the binary marks the gateway's operations among those of other tables.
pub type Wrap = fn(Vec<u8>) -> Bytes;

/// Called when something has happened; must not block.
pub type Ring = Arc<dyn Fn() + Send + Sync>;

/// Who the gateway's own records are of.
const OWNER: &str = "sms";

/// The way into the log.
#[derive(Clone)]
pub struct Commits {
    /// The engine.
    pub engine: Arc<Engine>,
    /// How operations are marked.
    pub wrap: Wrap,
    /// Rung when one is done.
    pub ring: Ring,
}

/// An operation that is being committed.
pub enum Pending {
    /// The queue was full: it is submitted again.
    Again(Op),
    /// It is under way.
    Waits(Receiver<Result<Applied, Error>>),
}

impl Commits {
    /// Submits; `done` is called once, on the applier's thread, when it is durable or refused; at once where it cannot be queued.
    pub fn submit(&self, op: &Op, done: impl FnOnce(Result<Outcome, Error>) + Send + 'static) {
        let change = Change::Table {
            owner: OWNER.into(),
            op: (self.wrap)(op.encode()),
        };
        let slot = Arc::new(std::sync::Mutex::new(Some(done)));
        let call = slot.clone();
        let ticket = Box::new(move |fate: Result<Applied, Error>| {
            let done = call.lock().unwrap_or_else(|e| e.into_inner()).take();
            if let Some(done) = done {
                done(fate.map(|applied| outcome(&applied)));
            }
        });
        if let Err(error) = self.engine.admission.submit(OWNER, change, ticket)
            && let Some(done) = slot.lock().unwrap_or_else(|e| e.into_inner()).take()
        {
            done(Err(error));
        }
    }

    /// Begins to commit.
    ///
    /// # Errors
    /// The engine is closed.
    pub fn begin(&self, op: Op) -> Result<Pending, Error> {
        let (answer, waits) = bounded(1);
        let ring = self.ring.clone();
        let ticket = Box::new(move |fate| {
            // Whoever asked may be gone.
            let _ = answer.send(fate);
            ring();
        });
        let change = Change::Table {
            owner: OWNER.into(),
            op: (self.wrap)(op.encode()),
        };
        match self.engine.admission.submit(OWNER, change, ticket) {
            Ok(()) => Ok(Pending::Waits(waits)),
            Err(Error::Busy) => Ok(Pending::Again(op)),
            Err(error) => Err(error),
        }
    }

    /// Looks whether it is done: its outcome, or that it still waits.
    ///
    /// # Errors
    /// It was refused, or the engine is closed.
    pub fn look(&self, pending: Pending) -> Result<Looked, Error> {
        match pending {
            Pending::Again(op) => self.begin(op).map(Looked::Waits),
            Pending::Waits(waits) => match waits.try_recv() {
                Ok(fate) => fate.map(|applied| Looked::Done(outcome(&applied))),
                Err(TryRecvError::Empty) => Ok(Looked::Waits(Pending::Waits(waits))),
                Err(TryRecvError::Disconnected) => Err(Error::Closed),
            },
        }
    }

    /// Commits and waits: for the beginning, and for operators.
    ///
    /// # Errors
    /// It was refused, or the engine is busy or closed.
    pub fn wait(&self, op: &Op) -> Result<Outcome, Error> {
        let change = Change::Table {
            owner: OWNER.into(),
            op: (self.wrap)(op.encode()),
        };
        let applied = self.engine.admission.submit_and_wait(OWNER, change)?;
        Ok(outcome(&applied))
    }
}

/// What became of it.
pub enum Looked {
    /// It is committed.
    Done(Outcome),
    /// Not yet.
    Waits(Pending),
}

fn outcome(applied: &Applied) -> Outcome {
    match &applied.outcome {
        Answer::Table(bytes) => Outcome::decode(bytes),
        _ => Outcome::default(),
    }
}
