//! Acknowledging what comes (XEP-0198 §4): when the peer is answered, and with which number.
//!
//! Must not know stanzas: receipts are counted elsewhere.

use std::collections::VecDeque;

use reef_stanza::ns;

/// What one side of a stream acknowledges.
#[derive(Debug, Default)]
pub(super) struct Acks {
    /// Whether both sides count.
    on: bool,
    /// Receipts before counting began.
    base: u64,
    /// What the peer has been told last.
    told: u64,
    /// Receipts that must be done before the peer is answered, for each question.
    asked: VecDeque<u64>,
}

impl Acks {
    /// Whether both sides count.
    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// Counting begins behind so many receipts.
    pub(super) fn begin(&mut self, given: u64) {
        self.on = true;
        self.base = given;
    }

    /// The peer asks, after so many receipts. Asked again before it is answered, one answer is enough.
    pub(super) fn ask(&mut self, given: u64) {
        if self.asked.back() != Some(&given) {
            self.asked.push_back(given);
        }
    }

    /// Whether the peer waits for an answer.
    pub(super) fn owes(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The answer to its first question, if so much is done.
    pub(super) fn answer(&mut self, done: u64) -> Option<Vec<u8>> {
        self.asked.front().filter(|asked| **asked <= done)?;
        self.asked.pop_front();
        Some(self.tell(done))
    }

    /// What to tell before the end, if the peer does not know it yet.
    pub(super) fn last(&mut self, done: u64) -> Option<Vec<u8>> {
        let news = self.on && done.saturating_sub(self.base) > self.told;
        news.then(|| self.tell(done))
    }

    fn tell(&mut self, done: u64) -> Vec<u8> {
        self.told = done.saturating_sub(self.base);
        // The count wraps (XEP-0198 §4).
        let h = self.told & u64::from(u32::MAX);
        format!("<a xmlns='{}' h='{h}'/>", ns::SM).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_once_all_before_it_is_done() {
        let mut acks = Acks::default();
        acks.begin(3);
        acks.ask(5);
        acks.ask(5);
        acks.ask(6);
        assert_eq!(acks.answer(4), None);
        let says = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
        assert_eq!(says(acks.answer(5)), "<a xmlns='urn:xmpp:sm:3' h='2'/>");
        assert_eq!(acks.answer(5), None);
        assert!(acks.owes());
        assert_eq!(says(acks.answer(6)), "<a xmlns='urn:xmpp:sm:3' h='3'/>");
        assert_eq!(acks.last(6), None);
        assert_eq!(says(acks.last(4 + (1 << 32))), "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    }
}
