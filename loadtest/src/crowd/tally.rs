//! What a thread has counted since the last collection: latencies and faults. Added up when a phase ends.

use crate::crowd::board::CLASSES;
use crate::crowd::faults::Faults;
use hdrhistogram::Histogram;

/// Latencies of posts of one class, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    /// Publish to the first follower.
    pub(crate) first: Histogram<u64>,
    /// Publish to each follower.
    pub(crate) each: Histogram<u64>,
    /// Publish to the last follower.
    pub(crate) last: Histogram<u64>,
}

/// Counts of a thread.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Per class of authors.
    pub(crate) classes: [Latencies; CLASSES],
    /// Request to answer.
    pub(crate) ack: Histogram<u64>,
    /// From the first to the last step of a job.
    pub(crate) job: Histogram<u64>,
    /// From a return to the first post that was missed.
    pub(crate) return_first: Histogram<u64>,
    /// From a return to the last of them.
    pub(crate) return_last: Histogram<u64>,
    /// What went wrong.
    pub(crate) faults: Faults,
}

/// An hour: longer latencies count as an hour.
const MAX_US: u64 = 3_600_000_000;

/// A histogram of microseconds up to an hour, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_US, 3).expect("the bounds are in order")
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies {
            first: histogram(),
            each: histogram(),
            last: histogram(),
        }
    }
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            classes: Default::default(),
            ack: histogram(),
            job: histogram(),
            return_first: histogram(),
            return_last: histogram(),
            faults: Faults::default(),
        }
    }
}

impl Tally {
    /// Adds another's counts.
    pub(crate) fn add(&mut self, other: &Tally) {
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            add(&mut mine.first, &theirs.first);
            add(&mut mine.each, &theirs.each);
            add(&mut mine.last, &theirs.last);
        }
        add(&mut self.ack, &other.ack);
        add(&mut self.job, &other.job);
        add(&mut self.return_first, &other.return_first);
        add(&mut self.return_last, &other.return_last);
        self.faults.add(&other.faults);
    }
}

/// Adds a histogram of the same bounds.
pub(crate) fn add(to: &mut Histogram<u64>, other: &Histogram<u64>) {
    to.add(other).expect("all histograms have the same bounds");
}
