//! A pool of threads that may wait for the disk, so that no shard has to; also used for what takes long to compute.
//!
//! Jobs are short (a page, a listing, a login's rows); the queue is bounded, and a full one is an answer, not a wait.

use crate::queue::{Sender, bounded};

/// A job: runs once on a reader thread. It must not wait for another job.
pub(super) type Read = Box<dyn FnOnce() + Send>;

/// The pool. Dropping it lets the threads end when they have done what was queued.
pub struct Readers(Sender<Read>);

impl Readers {
    /// Starts `threads`, named after what they do, for whom `waiting` jobs may wait.
    ///
    /// # Errors
    /// The system has no thread to give.
    #[allow(clippy::disallowed_methods, reason = "the pool's own threads")]
    pub fn start(name: &str, threads: usize, waiting: usize) -> std::io::Result<Readers> {
        let (sender, receiver) = bounded::<Read>(waiting);
        for number in 0..threads {
            let jobs = receiver.clone();
            std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    while let Some(job) = jobs.recv() {
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
        self.0.try_send(job)
    }
}
