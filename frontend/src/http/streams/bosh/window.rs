//! Requests by their numbers: which is next, which came early, which waits, and what was answered (XEP-0124 §11, §14).
//!
//! Knows no stream and no time but that which it is given.

use super::Polled;
use super::body::{Asked, Ended};
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A request that waits for its answer.
pub(super) struct Waiting {
    pub(super) rid: u64,
    answer: oneshot::Sender<String>,
    /// When it is answered although there is nothing to say.
    pub(super) until: Instant,
}

/// What was answered, for who did not get it.
struct Answered {
    rid: u64,
    body: String,
    /// Bytes of the stream up to its end.
    given: u64,
}

/// The requests of one session.
pub(super) struct Window {
    /// The number that comes next.
    next: u64,
    /// How many may be under way.
    requests: usize,
    early: BTreeMap<u64, Polled>,
    pub(super) waiting: VecDeque<Waiting>,
    answered: VecDeque<Answered>,
}

impl Window {
    /// For a session whose first request has this number.
    pub(super) fn new(first: u64, requests: usize) -> Window {
        Window {
            next: first,
            requests,
            early: BTreeMap::new(),
            waiting: VecDeque::new(),
            answered: VecDeque::new(),
        }
    }

    /// Takes a request; those whose turn it is come back by [`Self::turn`].
    ///
    /// # Errors
    /// Its number is none that could come.
    pub(super) fn take(&mut self, polled: Polled) -> Result<(), Ended> {
        let rid = polled.asked.rid;
        if rid >= self.next {
            if rid - self.next >= self.requests as u64 {
                return Err(Ended::NOT_FOUND);
            }
            self.early.insert(rid, polled);
            return Ok(());
        }
        // Its connection broke: it is said once more, to where it is asked now.
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.rid == rid) {
            waiting.answer = polled.answer;
            return Ok(());
        }
        let known = self
            .answered
            .iter()
            .find(|answered| answered.rid == rid)
            .ok_or(Ended::NOT_FOUND)?;
        // Who asked may be gone once more.
        let _ = polled.answer.send(known.body.clone());
        Ok(())
    }

    /// The next request in order.
    pub(super) fn turn(&mut self, until: Instant) -> Option<Asked> {
        let Polled { asked, answer } = self.early.remove(&self.next)?;
        self.next += 1;
        let rid = asked.rid;
        self.waiting.push_back(Waiting { rid, answer, until });
        Some(asked)
    }

    /// Answers the oldest that waits; what is said ends there in the stream.
    pub(super) fn answer(&mut self, body: String, given: u64) {
        let Some(waiting) = self.waiting.pop_front() else {
            return;
        };
        // Where its connection is gone, it is asked for again.
        let _ = waiting.answer.send(body.clone());
        let rid = waiting.rid;
        self.answered.push_back(Answered { rid, body, given });
        while self.answered.len() > self.requests + 1 {
            self.answered.pop_front();
        }
    }

    /// Up to where in the stream the client has everything: more requests than may be under way came behind an answer, or
    /// it says so itself.
    pub(super) fn confirmed(&self, ack: Option<u64>) -> Option<u64> {
        let last = self.next.saturating_sub(1 + self.requests as u64).max(ack.unwrap_or(0));
        let arrived = self.answered.iter().rev().find(|answered| answered.rid <= last);
        arrived.map(|answered| answered.given)
    }

    /// The highest number up to which all requests came.
    pub(super) fn came(&self) -> u64 {
        self.next.saturating_sub(1)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any instant will do")]
mod tests {
    use super::*;
    use reef_stanza::Budget;

    fn polled(rid: u64) -> (Polled, oneshot::Receiver<String>) {
        let body = format!("<body xmlns='http://jabber.org/protocol/httpbind' sid='s' rid='{rid}'/>");
        let asked = Asked::read(body.as_bytes(), Budget::AFTER_AUTH).expect("a request");
        let (answer, answered) = oneshot::channel();
        (Polled { asked, answer }, answered)
    }

    #[test]
    fn requests_are_taken_in_order_and_answers_are_kept() {
        let mut window = Window::new(10, 2);
        let now = Instant::now();
        let (second, _second) = polled(11);
        window.take(second).expect("it is early");
        assert!(window.turn(now).is_none());
        let (first, mut heard) = polled(10);
        window.take(first).expect("it is next");
        assert_eq!(window.turn(now).map(|asked| asked.rid), Some(10));
        assert_eq!(window.turn(now).map(|asked| asked.rid), Some(11));
        window.answer("one".to_owned(), 5);
        assert_eq!(heard.try_recv().as_deref(), Ok("one"));
        assert_eq!(window.confirmed(None), None);
        let (again, mut heard) = polled(10);
        window.take(again).expect("it was answered");
        assert_eq!(heard.try_recv().as_deref(), Ok("one"));
        assert_eq!(window.confirmed(Some(10)), Some(5));
        for bad in [9, 14] {
            assert_eq!(window.take(polled(bad).0), Err(Ended::NOT_FOUND), "{bad}");
        }
        window.take(polled(12).0).expect("it is next");
        assert!(window.turn(now).is_some());
        assert_eq!(window.confirmed(None), Some(5));
    }
}
