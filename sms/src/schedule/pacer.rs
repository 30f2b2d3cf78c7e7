//! How fast a route sends: tokens by the segment, a rate that halves when the route says "too fast" and creeps back, and a
//! pause of the whole route.
//!
//! Pure: time is given. Knows no message.

use crate::limits::PAUSE_MS;
use reef_engine::model::Timestamp;

/// A bucket of segments.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// Segments a second, as configured.
    full: f64,
    /// As it is now.
    rate: f64,
    /// Segments that may be sent; below nothing after a long message.
    tokens: f64,
    /// When they were counted.
    at: Timestamp,
    /// When the rate last crept up.
    crept: Timestamp,
    /// Nothing is sent before.
    until: Timestamp,
    /// How long the next pause is.
    pause: u64,
}

impl Pacer {
    /// Of so many segments a second.
    pub fn new(rate: f64, now: Timestamp) -> Pacer {
        Pacer {
            full: rate,
            rate,
            tokens: 1.0,
            at: now,
            crept: now,
            until: Timestamp(0),
            pause: PAUSE_MS.0,
        }
    }

    /// The rate now.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The most that may be saved up: a tenth of a second, and at least one.
    fn burst(&self) -> f64 {
        (self.rate / 10.0).max(1.0)
    }

    /// Counts up to now.
    fn count(&mut self, now: Timestamp) {
        let passed = now.0.saturating_sub(self.at.0);
        self.tokens = (self.tokens + self.rate * passed as f64 / 1e3).min(self.burst());
        self.at = now.max(self.at);
        while now.0 >= self.crept.0 + 10_000 {
            self.crept.0 += 10_000;
            self.rate = (self.rate + self.full / 20.0).min(self.full);
            if self.rate >= self.full {
                self.crept = now;
            }
        }
    }

    /// Whether a message may go now.
    pub fn may(&mut self, now: Timestamp) -> bool {
        self.count(now);
        now >= self.until && self.tokens >= 1.0
    }

    /// Whether the route has asked for a pause.
    pub fn is_held(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// When the pause that it has asked for ends.
    pub fn held_until(&self) -> Timestamp {
        self.until
    }

    /// A message goes.
    pub fn take(&mut self, segments: u8) {
        self.tokens -= f64::from(segments);
    }

    /// It does not, after all.
    pub fn give(&mut self, segments: u8) {
        self.tokens += f64::from(segments);
    }

    /// When a message may go, at the earliest.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let missing = (1.0 - self.tokens).max(0.0);
        let wait = (missing / self.rate * 1e3).ceil();
        Timestamp(now.0 + wait as u64).max(self.until)
    }

    /// The route says that it was too fast: it pauses, and goes on with half the rate.
    pub fn throttled(&mut self, now: Timestamp) {
        if now < self.until {
            // Others of the same window.
            return;
        }
        self.rate = (self.rate / 2.0).max(self.full.min(1.0));
        self.tokens = self.tokens.min(0.0);
        self.until = Timestamp(now.0 + self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MS.1);
        self.crept = now;
    }

    /// The route took something.
    pub fn accepted(&mut self, now: Timestamp) {
        if now >= self.until {
            self.pause = PAUSE_MS.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as it may for so many milliseconds; how many in each second.
    fn bins(pacer: &mut Pacer, from: u64, milliseconds: u64) -> Vec<u32> {
        let mut bins = vec![0; (milliseconds / 1000) as usize];
        for ms in from..from + milliseconds {
            while pacer.may(Timestamp(ms)) {
                pacer.take(1);
                bins[((ms - from) / 1000) as usize] += 1;
            }
        }
        bins
    }

    #[test]
    fn the_rate_is_held_and_no_second_has_more_than_rate_and_burst() {
        let bins = bins(&mut Pacer::new(100.0, Timestamp(0)), 0, 10_000);
        let sum: u32 = bins.iter().sum();
        assert!((980..=1_020).contains(&sum), "{bins:?}");
        assert!(bins.iter().all(|bin| *bin <= 110), "{bins:?}");
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut pacer = Pacer::new(100.0, Timestamp(0));
        let bins = bins(&mut pacer, 60_000, 1_000);
        assert!(bins[0] <= 110, "{bins:?}");
    }

    #[test]
    fn a_long_message_costs_its_segments() {
        let mut pacer = Pacer::new(10.0, Timestamp(0));
        assert!(pacer.may(Timestamp(1_000)));
        pacer.take(4);
        assert!(!pacer.may(Timestamp(1_300)));
        assert_eq!(pacer.next(Timestamp(1_300)), Timestamp(1_400));
        assert!(pacer.may(Timestamp(1_400)));
    }

    #[test]
    fn a_route_that_is_too_fast_pauses_goes_on_at_half_and_creeps_back() {
        let mut pacer = Pacer::new(100.0, Timestamp(0));
        let at = Timestamp(10_000);
        pacer.throttled(at);
        pacer.throttled(at);
        assert_eq!(pacer.rate(), 50.0);
        assert!(!pacer.may(Timestamp(10_999)));
        assert!(pacer.may(Timestamp(11_000)));
        pacer.throttled(Timestamp(11_000));
        assert!(!pacer.may(Timestamp(12_999)));
        assert_eq!(pacer.rate(), 25.0);
        assert!(pacer.may(Timestamp(11_000 + 160_000)));
        assert_eq!(pacer.rate(), 100.0);
    }
}
