//! What came on a stream and is not done with: a window of receipts, of which those at its front are acknowledged
//! (XEP-0198 §4) once they and all before them are done.
//!
//! Must not know stanzas. What comes next: `established` reads no more while the window is full.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The receipts of one stream.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// Held for a moment when a receipt is given or dropped.
    window: Mutex<Window>,
    /// Told when the front has moved.
    moved: Notify,
    /// Once the server stops: what is dropped from then on may not have been done with.
    stopped: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Window {
    /// Receipts that are done, with all before them.
    done: u64,
    /// Of those that follow: whether each is done.
    open: VecDeque<bool>,
}

/// Dropped, and so all its clones, when the stanza is done with (for what is kept: after its commit). Order does not matter:
/// what is acknowledged moves over those at the front.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    _given: Arc<Given>,
}

#[derive(Debug)]
struct Given {
    receipts: Arc<Receipts>,
    number: u64,
}

impl Receipts {
    /// None, until `stopped`.
    pub(super) fn until(stopped: Arc<AtomicBool>) -> Self {
        Self {
            stopped,
            ..Self::default()
        }
    }

    /// A receipt for the next stanza.
    pub(super) fn give(self: &Arc<Self>) -> Receipt {
        let mut window = self.window();
        let number = window.done + window.open.len() as u64;
        window.open.push_back(false);
        let receipts = Arc::clone(self);
        Receipt {
            _given: Arc::new(Given { receipts, number }),
        }
    }

    /// How many are done, with all before them.
    pub(super) fn done(&self) -> u64 {
        self.window().done
    }

    /// How many were given.
    pub(super) fn given(&self) -> u64 {
        let window = self.window();
        window.done + window.open.len() as u64
    }

    /// How many are not acknowledged.
    pub(super) fn open(&self) -> usize {
        self.window().open.len()
    }

    /// Done once the front has moved since the last time.
    pub(super) async fn moved(&self) {
        self.moved.notified().await;
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if self.receipts.stopped.load(Ordering::Acquire) {
            return;
        }
        let mut window = self.receipts.window();
        let at = usize::try_from(self.number - window.done).unwrap_or(usize::MAX);
        if let Some(done) = window.open.get_mut(at) {
            *done = true;
        }
        let front = window.open.iter().take_while(|done| **done).count();
        window.open.drain(..front);
        window.done += front as u64;
        drop(window);
        if front > 0 {
            self.receipts.moved.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_moves_over_those_at_the_front() {
        let receipts = Arc::new(Receipts::default());
        let (first, second, third) = (receipts.give(), receipts.give(), receipts.give());
        drop(second);
        assert_eq!((receipts.done(), receipts.open()), (0, 3));
        drop(first);
        assert_eq!((receipts.done(), receipts.open()), (2, 1));
        drop(third);
        let fourth = receipts.give();
        assert_eq!((receipts.done(), receipts.given()), (3, 4));
        drop(fourth);
        assert_eq!(receipts.done(), 4);
    }

    #[test]
    fn what_is_dropped_since_the_server_stops_is_not_done_with() {
        let stopped = Arc::new(AtomicBool::new(false));
        let receipts = Arc::new(Receipts::until(stopped.clone()));
        let (first, second) = (receipts.give(), receipts.give());
        drop(first);
        stopped.store(true, Ordering::Release);
        drop(second);
        assert_eq!((receipts.done(), receipts.open()), (1, 1));
    }
}
