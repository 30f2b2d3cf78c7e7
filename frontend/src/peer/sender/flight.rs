//! What is on its way to a peer and not confirmed: in the order in which it was sent.
//!
//! Pure. Confirmed by the peer's acknowledgements (XEP-0198), which count all stanzas of the stream, or where it has none by
//! the answer to a ping that was sent behind them. Next: `mod.rs` moves cursors by what is confirmed.

use reef_engine::model::Seq;
use std::collections::VecDeque;

/// What a stanza is, for who confirms it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A stored stanza, by its number.
    Stored(u64),
    /// A post, to its followers up to this one; `last` where these were all.
    Post {
        /// The entry.
        seq: Seq,
        /// The last follower of this stanza.
        follower: u32,
        /// Whether no other stanza of the entry follows.
        last: bool,
    },
}

struct Sent {
    /// The number of the stanza on its stream.
    number: u32,
    what: What,
    bytes: usize,
}

/// The flight.
#[derive(Default)]
pub(super) struct Flight {
    entries: VecDeque<Sent>,
    /// Stanzas put on the stream, of any kind; wraps.
    sent: u32,
    bytes: usize,
    /// Up to which stanza the peer was asked.
    asked: Option<u32>,
}

impl Flight {
    /// A stanza of the moment was sent: it counts, and is not confirmed.
    pub(super) fn pass(&mut self, count: u32) {
        self.sent = self.sent.wrapping_add(count);
    }

    /// A stanza was sent that is to be confirmed.
    pub(super) fn push(&mut self, what: What, bytes: usize) {
        self.sent = self.sent.wrapping_add(1);
        self.bytes += bytes;
        let number = self.sent;
        self.entries.push_back(Sent { number, what, bytes });
    }

    /// What was sent completes an entry: confirmed with the stanza before.
    pub(super) fn mark(&mut self, what: What) {
        let number = self.sent;
        self.entries.push_back(Sent { number, what, bytes: 0 });
    }

    /// The peer has so many stanzas of the stream; what is confirmed by that.
    pub(super) fn acknowledged(&mut self, h: u32) -> Vec<What> {
        let mut confirmed = Vec::new();
        // Within the half of the numbers that lies behind it.
        while let Some(first) = self.entries.front()
            && h.wrapping_sub(first.number) < u32::MAX / 2
        {
            self.bytes -= first.bytes;
            confirmed.extend(self.entries.pop_front().map(|sent| sent.what));
        }
        if self.asked.is_some_and(|asked| h.wrapping_sub(asked) < u32::MAX / 2) {
            self.asked = None;
        }
        confirmed
    }

    /// A question was asked behind all that was sent; its answer confirms that.
    pub(super) fn ask(&mut self) -> u32 {
        self.asked = Some(self.sent);
        self.sent
    }

    /// Whether something waits to be confirmed, and nothing was asked that would tell.
    pub(super) fn wants_asking(&self) -> bool {
        self.asked.is_none() && !self.entries.is_empty()
    }

    /// Whether something was asked that is not answered.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether nothing waits to be confirmed.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many stanzas wait to be confirmed, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    /// The first that is not confirmed.
    pub(super) fn head(&self) -> Option<What> {
        self.entries.front().map(|sent| sent.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_confirms_what_was_sent_before_it_and_nothing_else() {
        let mut flight = Flight::default();
        flight.pass(2);
        flight.push(What::Stored(7), 10);
        flight.pass(1);
        flight.push(What::Stored(8), 10);
        assert_eq!(flight.acknowledged(2), []);
        assert_eq!(flight.acknowledged(3), [What::Stored(7)]);
        assert_eq!(flight.head(), Some(What::Stored(8)));
        assert!(flight.wants_asking());
        assert_eq!(flight.ask(), 5);
        assert!(!flight.wants_asking());
        flight.push(What::Stored(9), 10);
        assert_eq!(flight.acknowledged(5), [What::Stored(8)]);
        assert!(flight.wants_asking());
        assert_eq!(flight.size(), (1, 10));
    }

    #[test]
    fn numbers_wrap() {
        let mut flight = Flight::default();
        flight.pass(u32::MAX);
        flight.push(What::Stored(1), 1);
        flight.push(What::Stored(2), 1);
        assert_eq!(flight.acknowledged(u32::MAX), []);
        assert_eq!(flight.acknowledged(0), [What::Stored(1)]);
        assert_eq!(flight.acknowledged(1), [What::Stored(2)]);
        assert!(flight.is_empty());
    }
}
