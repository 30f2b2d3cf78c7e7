//! What was sent on a stream and is not acknowledged (XEP-0198 §4), and by which of its links: a stream counts all that
//! passes, a link what it has sent itself.
//!
//! Must not know stanzas or sockets.

use std::collections::VecDeque;

/// Stanzas of a stream, in order, by link.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Whose stanzas, and how many in a row.
    runs: VecDeque<(u64, u32)>,
    /// Acknowledged, as the peer counts.
    acked: u32,
    /// Sent and not acknowledged.
    open: u32,
}

/// The peer acknowledges more than was sent (XEP-0198 §4).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Sent {
    /// A link has sent so many.
    pub(super) fn push(&mut self, link: u64, count: u32) {
        self.open += count;
        match self.runs.back_mut() {
            Some((last, run)) if *last == link => *run += count,
            _ => self.runs.push_back((link, count)),
        }
    }

    /// The peer has `h`; tells each link how many more of its own that are.
    pub(super) fn ack(&mut self, h: u32, mut tell: impl FnMut(u64, u32)) -> Result<(), TooMany> {
        let mut more = h.wrapping_sub(self.acked);
        if more > self.open {
            return Err(TooMany);
        }
        self.acked = h;
        self.open -= more;
        while more > 0 {
            let Some((link, run)) = self.runs.front_mut() else {
                break;
            };
            let taken = more.min(*run);
            tell(*link, taken);
            more -= taken;
            *run -= taken;
            if *run == 0 {
                self.runs.pop_front();
            }
        }
        Ok(())
    }

    /// Sent and not acknowledged.
    pub(super) fn open(&self) -> u32 {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_link_hears_of_its_own() {
        let mut sent = Sent::default();
        sent.push(1, 3);
        sent.push(1, 1);
        sent.push(2, 2);
        sent.push(1, 1);
        let mut heard = Vec::new();
        sent.ack(5, |link, count| heard.push((link, count))).unwrap();
        assert_eq!(heard, [(1, 4), (2, 1)]);
        assert_eq!(sent.ack(8, |_, _| ()), Err(TooMany));
        assert_eq!(sent.ack(4, |_, _| ()), Err(TooMany));
        heard.clear();
        sent.ack(7, |link, count| heard.push((link, count))).unwrap();
        assert_eq!(heard, [(2, 1), (1, 1)]);
        assert_eq!(sent.open(), 0);
    }

    #[test]
    fn counting_goes_on_over_the_end_of_its_numbers() {
        let mut sent = Sent {
            acked: u32::MAX - 1,
            ..Sent::default()
        };
        sent.push(1, 4);
        let mut heard = 0;
        sent.ack(2, |_, count| heard += count).unwrap();
        assert_eq!(heard, 4);
    }
}
