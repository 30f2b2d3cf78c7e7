//! How long what is under way takes: told to the publisher and the operator, before and while.
//!
//! Knows no store. An estimate: one segment a visit.

/// How long, and whether that is too long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drain {
    /// Followers that are still to be visited.
    pub visits: u64,
    /// Of all publishers of the route.
    pub backlog: u64,
    /// Segments a second.
    pub rate: f64,
}

impl Drain {
    /// Seconds until this publisher's are done: he has an equal share of the route, and the others' shares when they are done.
    pub fn seconds(&self, publishers: usize) -> u64 {
        let share = self.visits.saturating_mul(publishers.max(1) as u64);
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
            backlog: 2_000_000,
            rate: 100.0,
        };
        assert_eq!(duration(drain.seconds(1)), "5 h 34 min");
        assert_eq!(drain.reached(6 * 3600, 1), 2_000_000);
        assert_eq!(drain.reached(10_000, 1), 1_000_000);
    }

    #[test]
    fn a_small_publisher_does_not_wait_for_a_large_one() {
        let small = Drain {
            visits: 100,
            backlog: 2_000_100,
            rate: 100.0,
        };
        assert_eq!(small.seconds(2), 2);
    }
}
