//! Stream management (XEP-0198): what was sent and not acknowledged, and what a resumption sends again.
//!
//! A pure queue: it knows no socket. A post that waits for its ack is a pointer, never a copy of the bytes.

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
    /// `<r/>` was sent and not answered.
    pub(super) asked: bool,
    /// Stanzas sent since the last `<r/>`.
    pub(super) since_asked: u32,
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
            asked: false,
            since_asked: 0,
        }
    }

    /// Notes something that was sent.
    pub(super) fn sent(&mut self, sent: Unacked) {
        self.unacked.push_back(sent);
        self.since_asked += 1;
    }

    /// How much is not acknowledged.
    pub(super) fn waiting(&self) -> usize {
        self.unacked.len()
    }

    /// The client has handled `h` stanzas: the last post among those, if any.
    pub(super) fn acknowledge(&mut self, h: u32) -> Result<Option<Seq>, TooMany> {
        let newly = h.wrapping_sub(self.acked);
        if newly as usize > self.unacked.len() {
            return Err(TooMany {
                sent: self.acked.wrapping_add(self.unacked.len() as u32),
            });
        }
        self.acked = h;
        let mut last = None;
        for gone in self.unacked.drain(..newly as usize) {
            if let Unacked::Post(post, _) = gone {
                last = last.max(Some(post.seq));
            }
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
    fn more_than_was_sent_cannot_be_acknowledged() {
        let mut sm = with(2);
        assert_eq!(sm.acknowledge(3), Err(TooMany { sent: 2 }));
        assert_eq!(sm.waiting(), 2);
    }
}
