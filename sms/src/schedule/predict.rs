//! How long what is under way takes: told to the publisher and the operator, before and while.
//!
//! Knows no store. An estimate: each visit takes the segments of its publisher's newest post.

use crate::config::Settings;
use reef_engine::model::Timestamp;

/// What is under way on a route, of one publisher or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Visits that are to be made.
    pub visits: u64,
    /// Segments that these take, uncut.
    pub segments: u64,
    /// When the oldest post is too old.
    pub oldest: Option<Timestamp>,
}

impl Load {
    /// With another's.
    pub(super) fn and(self, other: Load) -> Load {
        Load {
            visits: self.visits + other.visits,
            segments: self.segments + other.segments,
            oldest: self.oldest.into_iter().chain(other.oldest).min(),
        }
    }

    /// Segments that a post may take at this rate: one where the route is behind by half of what a post lives, or where more would
    /// leave the oldest too old before its last follower.
    pub(super) fn most_segments(&self, settings: &Settings, rate: f64, now: Timestamp) -> u8 {
        let seconds = self.visits as f64 / rate.max(0.1);
        let left = self.oldest.map_or(u64::MAX, |oldest| oldest.0.saturating_sub(now.0)) as f64 / 1_000.0;
        let late = seconds * f64::from(settings.segments) > left;
        match late || seconds > settings.post_expiry.as_secs_f64() / 2.0 {
            true => 1,
            false => settings.segments,
        }
    }

    /// What its visits take where a post may take so many segments.
    pub(super) fn cut(&self, most: u8) -> u64 {
        self.segments.min(self.visits * u64::from(most))
    }
}

/// How long, and whether that is too long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drain {
    /// Followers that are still to be visited.
    pub visits: u64,
    /// Segments for them.
    pub segments: u64,
    /// The same for all publishers of the route.
    pub backlog: u64,
    /// Segments a second.
    pub rate: f64,
}

impl Drain {
    /// Seconds until this publisher's are done: he has an equal share of the route, and the others' shares when they are done.
    pub fn seconds(&self, publishers: usize) -> u64 {
        let share = self.segments.saturating_mul(publishers.max(1) as u64);
        (self.backlog.min(share) as f64 / self.rate.max(0.1)).ceil() as u64
    }

    /// How many are reached within so many seconds.
    pub fn reached(&self, seconds: u64, publishers: usize) -> u64 {
        let takes = self.seconds(publishers).max(1);
        match takes <= seconds {
            true => self.visits,
            false => (self.visits as f64 * seconds as f64 / takes as f64) as u64,
        }
    }
}

/// "5 h 33 min".
pub fn duration(seconds: u64) -> String {
    let minutes = seconds.div_ceil(60);
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_million_at_a_hundred_a_second_take_five_hours_and_a_half() {
        let drain = Drain {
            visits: 2_000_000,
            segments: 2_000_000,
            backlog: 2_000_000,
            rate: 100.0,
        };
        assert_eq!(duration(drain.seconds(1)), "5 h 34 min");
        assert_eq!(drain.reached(6 * 3600, 1), 2_000_000);
        assert_eq!(drain.reached(10_000, 1), 1_000_000);
    }

    #[test]
    fn two_segments_take_twice_as_long() {
        let drain = Drain {
            visits: 2_000_000,
            segments: 4_000_000,
            backlog: 4_000_000,
            rate: 100.0,
        };
        assert_eq!(duration(drain.seconds(1)), "11 h 7 min");
        assert_eq!(drain.reached(20_000, 1), 1_000_000);
    }

    #[test]
    fn a_small_publisher_does_not_wait_for_a_large_one() {
        let small = Drain {
            visits: 100,
            segments: 100,
            backlog: 2_000_100,
            rate: 100.0,
        };
        assert_eq!(small.seconds(2), 2);
    }
}
