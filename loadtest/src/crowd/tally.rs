//! What a thread has counted since the last collection: latencies and faults. Added up when a phase ends.

use crate::crowd::board::CLASSES;
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
    /// Deliveries of what had been delivered.
    pub(crate) doubled: u64,
    /// Deliveries after a later one of the same author.
    pub(crate) out_of_order: u64,
    /// Deliveries that nobody asked for.
    pub(crate) unasked: u64,
    /// Requests that were refused.
    pub(crate) refused: u64,
    /// Connections that ended and should not have.
    pub(crate) dropped: u64,
    /// The first refusals and ends in words.
    pub(crate) words: Vec<String>,
}

/// Refusals that are kept word for word.
const WORDS_MAX: usize = 8;
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
            doubled: 0,
            out_of_order: 0,
            unasked: 0,
            refused: 0,
            dropped: 0,
            words: Vec::new(),
        }
    }
}

impl Tally {
    /// Keeps the words of a fault if there is room.
    pub(crate) fn say(&mut self, words: impl FnOnce() -> String) {
        if self.words.len() < WORDS_MAX {
            self.words.push(words());
        }
    }

    /// Adds another's counts.
    pub(crate) fn add(&mut self, other: &Tally) {
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            add(&mut mine.first, &theirs.first);
            add(&mut mine.each, &theirs.each);
            add(&mut mine.last, &theirs.last);
        }
        add(&mut self.ack, &other.ack);
        add(&mut self.job, &other.job);
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.unasked += other.unasked;
        self.refused += other.refused;
        self.dropped += other.dropped;
        for words in &other.words {
            self.say(|| words.clone());
        }
    }
}

/// Adds a histogram of the same bounds.
pub(crate) fn add(to: &mut Histogram<u64>, other: &Histogram<u64>) {
    to.add(other).expect("all histograms have the same bounds");
}
