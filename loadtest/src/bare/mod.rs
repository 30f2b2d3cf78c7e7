//! The ruler: a loop of `send` of as many bytes to as many sockets, in the same run as the server; or the same sends
//! through io_uring.
//!
//! Sender and drain are child processes of the tool, so that the sender's CPU is read apart and their descriptors are
//! not the tool's. They are told what to do by lines on their standard input. The drain receives by the same code as the
//! followers, so that both rulers carry the same client.

pub(crate) mod control;
pub(crate) mod drain;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(not(target_os = "linux"))]
#[path = "no_ring.rs"]
mod ring;
pub(crate) mod sender;
pub(crate) mod setup;
mod socket;

pub(crate) use control::Bare;

use serde::{Deserialize, Serialize};
use setup::Setup;

/// What is sent in a phase, by the server's author or by the bare loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Posts that may be on their way at once.
    pub(crate) outstanding: u32,
    /// Posts that are made in one go; the next when all of them have arrived. 0 or 1: none.
    pub(crate) burst: u32,
    /// Posts of one `send`: only the bare loop knows them together.
    pub(crate) merge: u32,
    /// Posts a second, whether the others have arrived or not. 0: as `outstanding` or `burst` says.
    pub(crate) rate: f64,
    /// Seconds. 0: as `posts` says.
    pub(crate) seconds: f64,
    /// Posts. 0: as `seconds` says.
    pub(crate) posts: u64,
    /// The ring that the bare loop sends through, instead of `send`.
    pub(crate) ring: Option<Setup>,
}

impl Load {
    /// Whether no more is to be begun.
    pub(crate) fn is_over(&self, elapsed_us: u64, posts: u64) -> bool {
        let by_time = self.seconds > 0.0 && elapsed_us as f64 >= self.seconds * 1e6;
        by_time || self.posts > 0 && posts >= self.posts
    }

    /// How many posts may be begun now, of which none or all are begun together.
    pub(crate) fn may_begin(&self, sent: u64, arrived: u64, elapsed_us: u64) -> u64 {
        let step = u64::from(self.merge.max(1));
        if self.rate > 0.0 {
            let due = (elapsed_us as f64 * self.rate / 1e6) as u64 + 1;
            return if due.saturating_sub(sent) >= step { step } else { 0 };
        }
        let under_way = sent - arrived;
        if self.burst > 1 {
            return if under_way == 0 { u64::from(self.burst) } else { 0 };
        }
        if under_way + step <= u64::from(self.outstanding.max(1)).max(step) {
            step
        } else {
            0
        }
    }

    /// When the next post is due in microseconds, where there is a rate.
    pub(crate) fn due_us(&self, sent: u64) -> Option<u64> {
        (self.rate > 0.0).then(|| (sent as f64 * 1e6 / self.rate) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_begin_posts_as_they_say() {
        let closed = Load {
            outstanding: 4,
            ..Load::default()
        };
        assert_eq!([0, 3, 4].map(|sent| closed.may_begin(sent, 0, 0)), [1, 1, 0]);
        let merged = Load { merge: 4, ..closed };
        assert_eq!([0, 1, 4].map(|sent| merged.may_begin(sent, 0, 0)), [4, 0, 0]);
        let burst = Load { burst: 100, ..closed };
        assert_eq!(
            [(0, 0), (100, 99), (100, 100)].map(|(s, a)| burst.may_begin(s, a, 0)),
            [100, 0, 100]
        );
        let paced = Load { rate: 10.0, ..closed };
        assert_eq!(
            [(0, 0), (1, 0), (1, 100_000)].map(|(s, us)| paced.may_begin(s, 0, us)),
            [1, 0, 1]
        );
        assert_eq!(paced.due_us(5), Some(500_000));
        let bounded = Load {
            seconds: 1.0,
            posts: 5,
            ..closed
        };
        assert_eq!(
            [(0, 4), (0, 5), (1_000_000, 0)].map(|(us, n)| bounded.is_over(us, n)),
            [false, true, true]
        );
    }
}
