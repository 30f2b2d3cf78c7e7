//! Who has got what, over all threads: how many followers a post has reached, and when that is all of them.
//!
//! A ring of slots per author, each a post's number and its arrivals in one atomic word. Knows no follower by name; that
//! each got it once and in order is the ledgers' business.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Classes of authors, whose latencies are kept apart.
pub(crate) const CLASSES: usize = 2;

/// The arrivals of all posts that are under way.
#[derive(Debug)]
pub(crate) struct Board {
    authors: Vec<Author>,
    completed: [AtomicU64; CLASSES],
}

#[derive(Debug)]
struct Author {
    class: AtomicU32,
    audience: AtomicU32,
    published: AtomicU32,
    /// The number in the upper half, arrivals in the lower.
    slots: Box<[AtomicU64]>,
}

/// What an arrival made of its post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// It is the first that this post has reached.
    pub(crate) first: bool,
    /// All have it now.
    pub(crate) all: bool,
}

impl Board {
    /// A board for so many authors, of each of whom at most `under_way` posts are on their way at once.
    pub(crate) fn new(authors: u32, under_way: u32) -> Board {
        let slots = (under_way.max(1) * 2).next_power_of_two();
        let author = || Author {
            class: AtomicU32::new(0),
            audience: AtomicU32::new(0),
            published: AtomicU32::new(0),
            slots: (0..slots).map(|_| AtomicU64::new(u64::MAX)).collect(),
        };
        Board {
            authors: (0..authors).map(|_| author()).collect(),
            completed: Default::default(),
        }
    }

    /// How many followers a post of this author must reach to be complete; only between posts.
    pub(crate) fn set_audience(&self, author: u32, audience: u32) {
        if let Some(author) = self.author(author) {
            author.audience.store(audience, Ordering::Relaxed);
        }
    }

    /// Puts an author into a class.
    pub(crate) fn set_class(&self, author: u32, class: u32) {
        if let Some(author) = self.author(author) {
            author.class.store(class, Ordering::Relaxed);
        }
    }

    /// The author's class, an index below `CLASSES`.
    pub(crate) fn class(&self, author: u32) -> usize {
        let class = self
            .author(author)
            .map_or(0, |author| author.class.load(Ordering::Relaxed));
        (class as usize).min(CLASSES - 1)
    }

    /// Takes the number of the author's next post.
    pub(crate) fn next_number(&self, author: u32) -> u32 {
        self.author(author)
            .map_or(0, |author| author.published.fetch_add(1, Ordering::Relaxed))
    }

    /// Posts of an author so far.
    pub(crate) fn published(&self, author: u32) -> u32 {
        self.author(author)
            .map_or(0, |author| author.published.load(Ordering::Relaxed))
    }

    /// Posts of this class that have reached everyone.
    pub(crate) fn completed(&self, class: usize) -> u64 {
        self.completed
            .get(class)
            .map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Notes that `count` more followers have a post.
    pub(crate) fn arrived(&self, author: u32, number: u32, count: u32) -> Arrived {
        const NOTHING: Arrived = Arrived {
            first: false,
            all: false,
        };
        let Some(author) = self.author(author) else {
            return NOTHING;
        };
        let Some(slot) = author.slots.get(number as usize & (author.slots.len() - 1)) else {
            return NOTHING;
        };
        let mut seen = slot.load(Ordering::Relaxed);
        loop {
            let (held, before) = ((seen >> 32) as u32, seen as u32);
            let before = match () {
                () if seen == u64::MAX || held < number => 0,
                () if held == number => before,
                // A later post has taken the slot: this one is a straggler's.
                () => return NOTHING,
            };
            let now = before + count;
            let word = u64::from(number) << 32 | u64::from(now);
            match slot.compare_exchange_weak(seen, word, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    let audience = author.audience.load(Ordering::Relaxed);
                    let all = before < audience && now >= audience;
                    if all {
                        let class = author.class.load(Ordering::Relaxed) as usize;
                        if let Some(count) = self.completed.get(class) {
                            count.fetch_add(1, Ordering::Release);
                        }
                    }
                    return Arrived {
                        first: before == 0,
                        all,
                    };
                }
                Err(other) => seen = other,
            }
        }
    }

    fn author(&self, author: u32) -> Option<&Author> {
        self.authors.get(author as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_complete_when_its_audience_has_it_and_slots_are_used_again() {
        let board = Board::new(1, 2);
        board.set_audience(0, 3);
        let arrived = |number, count| {
            let Arrived { first, all } = board.arrived(0, number, count);
            (first, all)
        };
        assert_eq!(arrived(0, 1), (true, false));
        assert_eq!(arrived(1, 3), (true, true));
        assert_eq!(arrived(0, 2), (false, true));
        assert_eq!(arrived(4, 2), (true, false), "the slot of 0 again");
        assert_eq!(arrived(0, 1), (false, false), "a straggler changes nothing");
        assert_eq!(arrived(4, 1), (false, true));
        assert_eq!(board.completed(0), 3);
    }
}
