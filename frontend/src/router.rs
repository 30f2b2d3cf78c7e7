//! The way between shards: mail, in bounded boxes, and a waker that is rung once per batch of it.
//!
//! A user lives on the shard of his bare JID; who wants something of him sends mail there. Knows no stanza's meaning.
//! Next: `session/`, which opens the mail.

use crate::limits::MAILBOX;
use crate::session::{Arrived, Hub};
use crate::stream::Authenticated;
use jid::Jid;
use minidom::Element;
use reef_engine::fanout::Wake;
use reef_engine::model::VShard;
use reef_engine::queue::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a shard is sent.
pub(crate) enum Mail {
    /// A client that has logged in.
    Connection(Box<Authenticated>),
    /// A stanza for somebody who lives there.
    Route(Box<(Jid, Element)>),
    /// A stanza of another server.
    Arrived(Box<Arrived>),
    /// Anything else that is to happen there.
    Job(Job),
}

/// Runs on a shard's thread; it must not block.
pub(crate) type Job = Box<dyn FnOnce(&mut Hub) + Send>;

/// A shard's bell: however often it is rung, the thread is woken once until it has looked.
#[derive(Clone)]
pub(crate) struct Bell {
    waker: Arc<mio::Waker>,
    rung: Arc<AtomicBool>,
}

impl Bell {
    /// For a poll's waker.
    pub(crate) fn new(waker: mio::Waker) -> Bell {
        Bell {
            waker: Arc::new(waker),
            rung: Arc::default(),
        }
    }

    /// Wakes the shard, unless it is about to look.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a shard cannot be woken");
        }
    }

    /// The shard looks now: from here on it has to be woken again.
    pub(crate) fn heard(&self) {
        self.rung.store(false, Ordering::Release);
    }

    /// As the engine rings it.
    pub(crate) fn wake(&self) -> Wake {
        let bell = self.clone();
        Arc::new(move || bell.ring())
    }
}

/// All shards' boxes.
pub(crate) struct Router {
    shards: Vec<(Sender<Mail>, Bell)>,
    /// Messages that go from shard to shard by way of the log: while there are some, no shard ends.
    under_way: AtomicUsize,
    stopping: AtomicBool,
}

impl Router {
    /// A box for each bell.
    pub(crate) fn new(bells: Vec<Bell>) -> (Router, Vec<Receiver<Mail>>) {
        let (senders, receivers): (Vec<_>, Vec<_>) = bells.iter().map(|_| bounded(MAILBOX)).unzip();
        (
            Router {
                shards: senders.into_iter().zip(bells).collect(),
                under_way: AtomicUsize::new(0),
                stopping: AtomicBool::new(false),
            },
            receivers,
        )
    }

    /// Where a bare JID lives.
    pub(crate) fn shard_of(&self, bare: &str) -> usize {
        VShard::of(bare).thread(self.shards.len())
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// A message begins its way through the log to another shard.
    pub(crate) fn departs(&self) {
        self.under_way.fetch_add(1, Ordering::SeqCst);
    }

    /// It is where it was to go, or will never be. To be called on the thread of its shard, before it is handled.
    pub(crate) fn arrives(&self) {
        let last = self.under_way.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.stopping.load(Ordering::SeqCst) {
            self.shards.iter().for_each(|(_, bell)| bell.ring());
        }
    }

    /// Whether nothing is on such a way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }

    /// From here on shards wait for each other's messages to end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Sends without waiting: between shards, none of which may wait for another.
    ///
    /// # Errors
    /// The mail, where the box is full or the shard is gone.
    pub(crate) fn send(&self, shard: usize, mail: Mail) -> Result<(), Mail> {
        let Some((sender, bell)) = self.shards.get(shard) else {
            return Err(mail);
        };
        sender.try_send(mail)?;
        bell.ring();
        Ok(())
    }

    /// Sends an answer that somebody waits for; waits itself while the box is full. For readers and the applier, for
    /// which no shard waits, so that this ends.
    pub(crate) fn answer(&self, shard: usize, job: Job) {
        if let Some((sender, bell)) = self.shards.get(shard) {
            bell.ring();
            // A shard that is gone has nobody left who waits.
            if sender.send(Mail::Job(job)).is_ok() {
                bell.ring();
            }
        }
    }
}
