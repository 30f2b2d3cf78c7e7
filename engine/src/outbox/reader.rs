//! The reader pool: the threads that may wait for the disk, so that no shard has to.
//!
//! Jobs are short (a page, a listing, a login's rows); the queue is bounded, and a full one is an answer, not a wait.

use crate::limits::{READERS, READS_WAITING_MAX};
use crossbeam::channel::{Sender, TrySendError, bounded};

/// A job: runs once on a reader thread. It must not wait for another job.
pub(super) type Read = Box<dyn FnOnce() + Send>;

/// The pool. Dropping it lets the threads end when they have done what was queued.
pub struct Readers(Sender<Read>);

impl Readers {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system has no thread to give.
    #[allow(clippy::disallowed_methods, reason = "the pool's own threads")]
    pub fn start() -> std::io::Result<Readers> {
        let (sender, receiver) = bounded::<Read>(READS_WAITING_MAX);
        for number in 0..READERS {
            let jobs = receiver.clone();
            std::thread::Builder::new()
                .name(format!("reader-{number}"))
                .spawn(move || {
                    for job in jobs {
                        // A job that panics ends alone: whoever waits for it is told by its own drop guard.
                        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                    }
                })?;
        }
        Ok(Readers(sender))
    }

    /// Queues a job; gives it back where the queue is full.
    ///
    /// # Errors
    /// The job, unrun.
    pub fn submit(&self, job: Read) -> Result<(), Read> {
        self.0.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }
}
