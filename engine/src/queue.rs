//! A bounded queue that takes memory for what waits in it, not for what could.
//!
//! crossbeam's own bounded channel allocates every slot when it is made, and walks through all of them as it is used: a
//! queue of 65,536 records is 22 MB that an idle server holds. This is its unbounded channel, in blocks of 31, and a
//! count. Knows nothing of what it carries.

use crossbeam::channel::{self, RecvTimeoutError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug)]
struct Room {
    most: usize,
    taken: AtomicUsize,
    /// Senders that wait for room; the lock is held for nothing but the count.
    waiting: AtomicUsize,
    lock: Mutex<()>,
    freed: Condvar,
}

/// The side that sends.
#[derive(Debug)]
pub struct Sender<T> {
    items: channel::Sender<T>,
    room: Arc<Room>,
}

/// The side that receives; clones share what comes.
#[derive(Debug)]
pub struct Receiver<T> {
    items: channel::Receiver<T>,
    room: Arc<Room>,
}

/// A queue in which at most `most` wait.
#[allow(clippy::disallowed_methods, reason = "the count is its bound")]
pub fn bounded<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::unbounded();
    let room = Arc::new(Room {
        most,
        taken: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        lock: Mutex::default(),
        freed: Condvar::new(),
    });
    let sender = Sender {
        items: sender,
        room: room.clone(),
    };
    (sender, Receiver { items: receiver, room })
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver {
            items: self.items.clone(),
            room: self.room.clone(),
        }
    }
}

impl<T> Sender<T> {
    /// Sends without waiting.
    ///
    /// # Errors
    /// The item, where the queue is full or nobody receives any more.
    pub fn try_send(&self, item: T) -> Result<(), T> {
        if !self.room.take() {
            return Err(item);
        }
        self.items.send(item).map_err(|error| error.0)
    }

    /// Sends, and waits for room.
    ///
    /// # Errors
    /// The item, where nobody receives any more.
    pub fn send(&self, item: T) -> Result<(), T> {
        while !self.room.take() {
            self.room.wait();
        }
        self.items.send(item).map_err(|error| error.0)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.room.taken.load(Ordering::Relaxed)
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Receiver<T> {
    /// What is there.
    pub fn try_recv(&self) -> Option<T> {
        let item = self.items.try_recv().ok()?;
        self.room.give_back();
        Some(item)
    }

    /// Waits for the next; `None` where nobody sends any more.
    pub fn recv(&self) -> Option<T> {
        let item = self.items.recv().ok()?;
        self.room.give_back();
        Some(item)
    }

    /// Waits for the next, not for ever.
    ///
    /// # Errors
    /// Nothing came in time, or nobody sends any more.
    pub fn recv_timeout(&self, wait: Duration) -> Result<T, RecvTimeoutError> {
        let item = self.items.recv_timeout(wait)?;
        self.room.give_back();
        Ok(item)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl Room {
    fn take(&self) -> bool {
        let taken = self.taken.fetch_add(1, Ordering::AcqRel);
        if taken >= self.most {
            self.taken.fetch_sub(1, Ordering::AcqRel);
        }
        taken < self.most
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.freed.notify_one();
        }
    }

    /// Until something was taken out. Looks again now and then: the other side may be gone.
    fn wait(&self) {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.taken.load(Ordering::SeqCst) >= self.most {
            // Whether it was told or not, `take` decides.
            drop(self.freed.wait_timeout(lock, Duration::from_millis(100)));
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_gives_the_item_back_and_takes_it_once_there_is_room() {
        let (sender, receiver) = bounded(2);
        assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Ok(())));
        assert_eq!(sender.try_send(3), Err(3));
        assert_eq!(receiver.try_recv(), Some(1));
        assert_eq!(sender.try_send(3), Ok(()));
        assert_eq!((receiver.recv(), receiver.recv()), (Some(2), Some(3)));
        assert_eq!((receiver.try_recv(), sender.len()), (None, 0));
    }

    #[test]
    fn a_sender_that_waits_for_room_goes_on_when_there_is_some() {
        let (sender, receiver) = bounded(1);
        std::thread::scope(|threads| {
            let sending = threads.spawn(move || (0..1000).all(|n| sender.send(n).is_ok()));
            let received: Vec<i32> = std::iter::from_fn(|| receiver.recv()).collect();
            assert_eq!(received, (0..1000).collect::<Vec<_>>());
            assert!(sending.join().is_ok_and(|all| all));
        });
    }

    #[test]
    fn sending_to_nobody_gives_the_item_back() {
        let (sender, receiver) = bounded(1);
        drop(receiver);
        assert_eq!(sender.send(7), Err(7));
    }
}
