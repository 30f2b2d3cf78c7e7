//! What one follower must get: for each author whom it follows the next number, and what is missing below.
//!
//! Exact whatever the order: a number that is skipped is missing until it comes late (out of order), and lost if it never
//! does. Survives reconnects. Knows no bytes and no time.

/// What a sighting means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first time, in order.
    New,
    /// The first time, after a later one.
    Late,
    /// Seen before.
    Doubled,
    /// Of an author whom it does not follow, or from before it followed.
    Unasked,
}

#[derive(Clone, Debug)]
struct Expectation {
    author: u32,
    from: u32,
    next: u32,
    /// Ranges below `next` that have not come: empty nearly always.
    missing: Vec<(u32, u32)>,
}

/// A follower's expectations; 48 bytes an author.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    follows: Vec<Expectation>,
}

impl Ledger {
    /// From now on every post of this author from number `from` on must come.
    pub(crate) fn expect(&mut self, author: u32, from: u32) {
        let expectation = Expectation {
            author,
            from,
            next: from,
            missing: Vec::new(),
        };
        match self.follows.binary_search_by_key(&author, |e| e.author) {
            Ok(_) => {}
            Err(at) => self.follows.insert(at, expectation),
        }
    }

    /// Whether nothing is expected.
    pub(crate) fn is_empty(&self) -> bool {
        self.follows.is_empty()
    }

    /// Judges a post.
    pub(crate) fn see(&mut self, author: u32, number: u32) -> Verdict {
        let found = match self.follows.as_mut_slice() {
            [only] if only.author == author => Some(only),
            many => match many.binary_search_by_key(&author, |e| e.author) {
                Ok(at) => many.get_mut(at),
                Err(_) => None,
            },
        };
        match found {
            Some(expectation) => expectation.see(number),
            None => Verdict::Unasked,
        }
    }

    /// Posts that should have come and have not, where `published` says how many posts an author has made.
    pub(crate) fn lost(&self, published: impl Fn(u32) -> u32) -> u64 {
        let of = |e: &Expectation| {
            let missing: u64 = e.missing.iter().map(|(from, to)| u64::from(to - from)).sum();
            missing + u64::from(published(e.author).saturating_sub(e.next))
        };
        self.follows.iter().map(of).sum()
    }
}

impl Expectation {
    fn see(&mut self, number: u32) -> Verdict {
        if number == self.next {
            self.next += 1;
            return Verdict::New;
        }
        if number > self.next {
            self.missing.push((self.next, number));
            self.next = number + 1;
            return Verdict::New;
        }
        if number < self.from {
            return Verdict::Unasked;
        }
        let Some(at) = self
            .missing
            .iter()
            .position(|(from, to)| (*from..*to).contains(&number))
        else {
            return Verdict::Doubled;
        };
        let (from, to) = self.missing.remove(at);
        if number + 1 < to {
            self.missing.insert(at, (number + 1, to));
        }
        if from < number {
            self.missing.insert(at, (from, number));
        }
        Verdict::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_judged_once_whatever_the_order() {
        let mut ledger = Ledger::default();
        ledger.expect(4, 10);
        ledger.expect(2, 0);
        let verdicts: Vec<Verdict> = [10, 11, 11, 15, 13, 13, 12, 9, 16].map(|n| ledger.see(4, n)).into();
        use Verdict::{Doubled, Late, New, Unasked};
        assert_eq!(verdicts, [New, New, Doubled, New, Late, Doubled, Late, Unasked, New]);
        assert_eq!(ledger.see(3, 0), Unasked);
        // 14 never came, nor 17 and 18; of author 2, nothing did.
        assert_eq!(ledger.lost(|author| if author == 4 { 19 } else { 5 }), 1 + 2 + 5);
    }

    #[test]
    fn expecting_again_forgets_nothing() {
        let mut ledger = Ledger::default();
        ledger.expect(0, 0);
        ledger.see(0, 0);
        ledger.expect(0, 0);
        assert_eq!(ledger.see(0, 0), Verdict::Doubled);
    }
}
