//! A histogram as it is reported: percentiles in milliseconds, and points of the curve for a plot.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Percentiles of a latency, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// Values counted.
    pub(crate) count: u64,
    /// The mean.
    pub(crate) mean_ms: f64,
    /// Half are below.
    pub(crate) p50_ms: f64,
    /// 90 of 100 are below.
    pub(crate) p90_ms: f64,
    /// 99 of 100 are below.
    pub(crate) p99_ms: f64,
    /// 999 of 1,000 are below.
    pub(crate) p999_ms: f64,
    /// The longest.
    pub(crate) max_ms: f64,
    /// Points (quantile from 0 to 1, milliseconds), ever closer towards 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Latency {
    /// Of a histogram of microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Latency {
        if histogram.is_empty() {
            return Latency::default();
        }
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Latency {
            count: histogram.len(),
            mean_ms: histogram.mean() / 1000.0,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: histogram.max() as f64 / 1000.0,
            curve: quantiles(histogram.len())
                .map(|quantile| (quantile, at(quantile)))
                .collect(),
        }
    }
}

/// Quantiles 0, 0.05, … with steps that halve, up to the last value that can be told apart.
fn quantiles(count: u64) -> impl Iterator<Item = f64> {
    const STEPS_PER_HALF: u32 = 5;
    let last = 1.0 - 1.0 / count as f64;
    let steps = (0..STEPS_PER_HALF * 24).map(|step| 1.0 - 0.5f64.powf(f64::from(step) / f64::from(STEPS_PER_HALF)));
    steps.take_while(move |quantile| *quantile < last).chain([1.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crowd::tally::histogram;

    #[test]
    fn percentiles_are_of_the_values() {
        let mut values = histogram();
        (1..=1000).for_each(|value| values.record(value * 1000).unwrap());
        let latency = Latency::of(&values);
        assert_eq!(
            (latency.count, latency.p50_ms.round(), latency.p99_ms.round()),
            (1000, 500.0, 990.0)
        );
        assert!(
            latency
                .curve
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
        );
        assert_eq!(Latency::of(&histogram()), Latency::default());
    }
}
