//! What must be zero: counted by the crowd's threads, added up by the scenario, first in every report.

use serde::{Deserialize, Serialize};

/// What must be zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// Posts that did not reach a follower.
    pub(crate) lost: u64,
    /// Posts that reached a follower again.
    pub(crate) doubled: u64,
    /// Posts that reached a follower after a later one of the same author.
    pub(crate) out_of_order: u64,
    /// Posts that reached whom they were not for.
    pub(crate) unasked: u64,
    /// Requests that were refused or not answered.
    pub(crate) refused: u64,
    /// Connections that the server cut.
    pub(crate) dropped: u64,
    /// The first of them in words.
    pub(crate) words: Vec<String>,
}

/// Faults that are kept word for word.
const WORDS_MAX: usize = 8;

impl Faults {
    /// The counts, each with its name.
    pub(crate) fn counts(&self) -> [(u64, &'static str); 6] {
        let Faults {
            lost,
            doubled,
            out_of_order,
            unasked,
            refused,
            dropped,
            words: _,
        } = self;
        [
            (*lost, "lost"),
            (*doubled, "doubled"),
            (*out_of_order, "out of order"),
            (*unasked, "unasked"),
            (*refused, "refused"),
            (*dropped, "dropped"),
        ]
    }

    /// Whether all is well.
    pub(crate) fn is_zero(&self) -> bool {
        self.counts().iter().all(|(count, _)| *count == 0)
    }

    /// Keeps the words of a fault if there is room.
    pub(crate) fn say(&mut self, words: impl FnOnce() -> String) {
        if self.words.len() < WORDS_MAX {
            self.words.push(words());
        }
    }

    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Faults) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.unasked += other.unasked;
        self.refused += other.refused;
        self.dropped += other.dropped;
        for words in &other.words {
            self.say(|| words.clone());
        }
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        let counts = self.counts().map(|(count, name)| format!("{count} {name}")).join(", ");
        match self.words.first() {
            Some(first) => format!("{counts}; the first: {first}"),
            None => counts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_add_up_and_the_first_are_told() {
        let mut sum = Faults::default();
        assert!(sum.is_zero());
        let mut one = Faults {
            unasked: 2,
            ..Faults::default()
        };
        one.say(|| "a post from nowhere".to_owned());
        for _ in 0..20 {
            sum.add(&one);
        }
        assert!(!sum.is_zero());
        assert_eq!((sum.unasked, sum.words.len()), (40, WORDS_MAX));
        assert_eq!(
            sum.line(),
            "0 lost, 0 doubled, 0 out of order, 40 unasked, 0 refused, 0 dropped; the first: a post from nowhere"
        );
    }
}
