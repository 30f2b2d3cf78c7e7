//! When a peer that cannot be reached is tried again: twice as late each time, up to a limit, and never with all others.
//!
//! Pure but for the random numbers.

use reef_engine::clock::random;
use std::time::Duration;

/// The pauses.
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    tries: u32,
}

impl Backoff {
    pub(super) fn new(least: Duration, most: Duration) -> Backoff {
        Backoff {
            least,
            most: most.max(least),
            tries: 0,
        }
    }

    /// The next pause: between a half and all of what it is due to be.
    pub(super) fn next(&mut self) -> Duration {
        let due = self.least.saturating_mul(1 << self.tries.min(20)).min(self.most);
        self.tries = self.tries.saturating_add(1);
        // Without randomness all would come at once: no harm for one.
        let dice = random::<1>().map_or(255, |[byte]| byte);
        due / 2 + due / 2 * u32::from(dice) / 255
    }

    /// The shortest pause.
    pub(super) fn least(&self) -> Duration {
        self.least
    }

    /// The peer was reached.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_begin_anew() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(300));
        for due in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let pause = backoff.next();
            assert!(
                pause >= seconds(due) / 2 && pause <= seconds(due),
                "{pause:?} for {due}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= seconds(1));
    }
}
