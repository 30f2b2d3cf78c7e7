//! How long answers took: counted by the bounds of a histogram, as OpenMetrics has them.
//!
//! Knows no route. Next: `metrics.rs`.

/// Upper bounds, in milliseconds.
pub(super) const BOUNDS_MS: [u64; 13] = [
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
];

/// So many below each bound and above the one before it, and above all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    counts: [u64; BOUNDS_MS.len() + 1],
    sum_ms: u64,
}

impl Times {
    pub(super) fn add(&mut self, milliseconds: u64) {
        let at = BOUNDS_MS.partition_point(|bound| *bound < milliseconds);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.sum_ms = self.sum_ms.saturating_add(milliseconds);
    }

    /// How many took at most so long, for each bound, in seconds; the last has all.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = BOUNDS_MS.iter().map(|bound| Some(*bound as f64 / 1_000.0));
        let sums = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        bounds.chain([None]).zip(sums)
    }

    /// All of them together, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.sum_ms as f64 / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_below_every_bound_that_it_does_not_exceed() {
        let mut times = Times::default();
        [5, 6, 70_000].into_iter().for_each(|time| times.add(time));
        let all: Vec<_> = times.cumulative().collect();
        assert_eq!(all[..2], [(Some(0.005), 1), (Some(0.01), 2)]);
        assert_eq!(all[12..], [(Some(60.0), 2), (None, 3)]);
        assert_eq!(times.seconds(), 70.011);
    }
}
