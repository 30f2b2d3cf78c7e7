//! Stream management (XEP-0198): what was sent and not acknowledged, and what a resumption sends again.
//!
//! A pure queue: it knows no socket. A post that waits for its ack is a pointer, never a copy of the bytes.

use crate::limits::{ACK_EVERY, ROOM_UNACKED};
use reef_engine::model::{Post, Seq};
use reef_engine::shard::Manner;
use std::collections::VecDeque;
use std::sync::Arc;

/// Something sent that the client has not acknowledged.
pub(super) enum Unacked {
    /// A stanza's bytes.
    Stanza(Box<[u8]>),
    /// A post.
    Post(Arc<Post>, Manner),
}

/// The state of a managed stream.
pub(super) struct Sm {
    /// The id by which it is resumed; `None` where the client did not ask for that.
    pub(super) id: Option<String>,
    /// Stanzas that the client sent and that were handled.
    pub(super) handled: u32,
    /// Stanzas that the client has acknowledged.
    acked: u32,
    unacked: VecDeque<Unacked>,
    /// Bytes of the stanzas among them; posts are pointers.
    bytes: usize,
    /// `<r/>` was sent and not answered.
    asked: bool,
    /// Stanzas sent since the last `<r/>`.
    since_asked: u32,
    /// A post or a message is among those: it is asked for at once, or it would be sent again to one who has it.
    urgent: bool,
}

/// The client acknowledged more than was sent (XEP-0198 §4).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) sent: u32,
}

impl Sm {
    pub(super) fn new(id: Option<String>) -> Sm {
        Sm {
            id,
            handled: 0,
            acked: 0,
            unacked: VecDeque::new(),
            bytes: 0,
            asked: false,
            since_asked: 0,
            urgent: false,
        }
    }

    /// Notes something that was sent.
    pub(super) fn sent(&mut self, sent: Unacked) {
        self.urgent |= match &sent {
            Unacked::Stanza(bytes) => {
                self.bytes += bytes.len();
                bytes.starts_with(b"<message")
            }
            Unacked::Post(..) => true,
        };
        if self.unacked.capacity() == 0 {
            // One stanza is what is outstanding for most; a queue that grows by itself begins with room for four.
            self.unacked.reserve_exact(1);
        }
        self.unacked.push_back(sent);
        self.since_asked += 1;
    }

    /// Whether `<r/>` is to be sent now; then it counts as sent. One is outstanding at a time.
    pub(super) fn ask(&mut self) -> bool {
        let ask = !self.asked && (self.urgent || self.since_asked >= ACK_EVERY);
        if ask {
            (self.asked, self.urgent, self.since_asked) = (true, false, 0);
        }
        ask
    }

    /// On a new connection all that is not acknowledged is sent again, and asked for again.
    pub(super) fn resumed(&mut self) {
        (self.asked, self.urgent, self.since_asked) = (false, !self.unacked.is_empty(), 0);
    }

    /// How much is not acknowledged.
    pub(super) fn waiting(&self) -> usize {
        self.unacked.len()
    }

    /// How many bytes of stanzas.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The client has handled `h` stanzas: the last post among those, if any.
    pub(super) fn acknowledge(&mut self, h: u32) -> Result<Option<Seq>, TooMany> {
        let newly = h.wrapping_sub(self.acked);
        if newly as usize > self.unacked.len() {
            return Err(TooMany {
                sent: self.acked.wrapping_add(self.unacked.len() as u32),
            });
        }
        (self.acked, self.asked) = (h, false);
        let mut last = None;
        for gone in self.unacked.drain(..newly as usize) {
            match gone {
                Unacked::Post(post, _) => last = last.max(Some(post.seq)),
                Unacked::Stanza(bytes) => self.bytes -= bytes.len(),
            }
        }
        // What a burst took is given back; what one post takes is kept for the next.
        if self.unacked.is_empty() && self.unacked.capacity() > ROOM_UNACKED {
            self.unacked = VecDeque::new();
        }
        Ok(last)
    }

    /// What is sent again, in order.
    pub(super) fn again(&self) -> impl Iterator<Item = &Unacked> {
        self.unacked.iter()
    }

    /// Takes what was never acknowledged, when the session ends for good.
    pub(super) fn into_unacked(self) -> VecDeque<Unacked> {
        self.unacked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(count: usize) -> Sm {
        let mut sm = Sm::new(None);
        (0..count).for_each(|n| sm.sent(Unacked::Stanza(vec![n as u8].into())));
        sm
    }

    #[test]
    fn acks_take_from_the_front_and_wrap_around() {
        let mut sm = with(5);
        sm.acked = u32::MAX - 1;
        assert_eq!(sm.acknowledge(1), Ok(None));
        assert_eq!(sm.waiting(), 2);
        assert_eq!(sm.acknowledge(1), Ok(None));
        assert_eq!(sm.waiting(), 2);
    }

    #[test]
    fn what_was_sent_while_an_ack_was_awaited_is_asked_for_when_it_comes() {
        let mut sm = Sm::new(None);
        let message = || Unacked::Stanza((*b"<message/>").into());
        sm.sent(message());
        assert!(sm.ask());
        sm.sent(message());
        assert!(!sm.ask());
        assert_eq!(sm.acknowledge(1), Ok(None));
        assert!(sm.ask() && !sm.ask());
    }

    #[test]
    fn answers_alone_are_asked_for_now_and_then() {
        let mut sm = with(ACK_EVERY as usize - 1);
        assert!(!sm.ask());
        sm.sent(Unacked::Stanza((*b"<iq/>").into()));
        assert!(sm.ask());
    }

    #[test]
    fn more_than_was_sent_cannot_be_acknowledged() {
        let mut sm = with(2);
        assert_eq!(sm.acknowledge(3), Err(TooMany { sent: 2 }));
        assert_eq!(sm.waiting(), 2);
    }
}
